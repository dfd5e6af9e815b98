"""What simple-salesforce reads of an org, over TLS; the job is read from stdin."""

import json
import sys
from collections.abc import Callable
from typing import Any

from simple_salesforce import Salesforce  # type: ignore[import-not-found]
from simple_salesforce.exceptions import SalesforceError  # type: ignore[import-not-found]


def refusal(ask: Callable[[], Any]) -> list[Any]:
    """The status and the code of what is refused."""
    try:
        ask()
    except SalesforceError as error:
        first = error.content[0] if isinstance(error.content, list) else error.content
        return [error.status, first["errorCode"]]
    return [0, "none"]


def main() -> None:
    job: dict[str, Any] = json.load(sys.stdin)
    org = Salesforce(instance_url=job["url"], session_id=job["token"], version="67.0")
    stale = Salesforce(instance_url=job["url"], session_id="no-session", version="67.0")
    first = org.query(job["soql"])
    every = org.query_all(job["soql"])
    told = {
        "total": first["totalSize"],
        "firstPage": len(first["records"]),
        "people": [
            [
                row["Care_Key__c"],
                row["LastName"],
                row["Engagement_Score__c"],
                row["Owner"]["Name"] if row["Owner"] else None,
            ]
            for row in every["records"]
        ],
        "iterated": len(list(org.query_all_iter(job["soql"]))),
        "byId": org.Account.get(every["records"][0]["Id"])["Care_Key__c"],
        "byKey": org.Account.get_by_custom_id("Care_Key__c", job["key"])["Care_Key__c"],
        "described": org.Account.describe()["name"],
        "objects": sorted(each["name"] for each in org.describe()["sobjects"]),
        "usage": org.api_usage["api-usage"].total,
        "refusals": [
            refusal(lambda: org.query("SELECT Nothing__c FROM Account")),
            refusal(lambda: org.Account.get("001000000009999AAA")),
            refusal(lambda: stale.query(job["soql"])),
        ],
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()

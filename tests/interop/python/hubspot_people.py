"""What HubSpot's own client for Python reads of an account; the job is read from stdin."""

import json
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from hubspot import HubSpot  # type: ignore[import-not-found]
from hubspot.crm.contacts import (  # type: ignore[import-not-found]
    ApiException,
    BatchReadInputSimplePublicObjectId,
    PublicObjectSearchRequest,
)


def client_at(url: str, token: str) -> Any:
    """The interfaces of its contacts, each at *url*: the client makes another one whenever it is asked."""
    contacts = HubSpot(access_token=token).crm.contacts
    apis = {name: getattr(contacts, name) for name in ("batch_api", "search_api", "basic_api")}
    for api in apis.values():
        api.api_client.configuration.host = url
    return SimpleNamespace(**apis)


def refusal(ask: Callable[[], Any]) -> list[Any]:
    """The status and the category of what is refused."""
    try:
        ask()
    except ApiException as error:
        return [error.status, json.loads(error.body)["category"]]
    return [0, "none"]


def told(row: Any) -> list[Any]:
    return [row.properties["care_key"], row.properties["lastname"], row.properties["engagement_score"]]


def main() -> None:
    job: dict[str, Any] = json.load(sys.stdin)
    contacts, properties = client_at(job["url"], job["token"]), job["properties"]

    def read(of: Any, keys: list[str]) -> Any:
        asked = BatchReadInputSimplePublicObjectId(
            inputs=[{"id": key} for key in keys],
            id_property="care_key",
            properties=properties,
            properties_with_history=[],
        )
        return of.batch_api.read(asked)

    found, after, pages = list[Any](), None, 0
    while pages == 0 or after:
        filters = [{"propertyName": "care_key", "operator": "HAS_PROPERTY"}]
        search = PublicObjectSearchRequest(
            filter_groups=[{"filters": filters}], properties=properties, limit=7, after=after
        )
        page = contacts.search_api.do_search(search)
        found += page.results
        after = page.paging.next.after if page.paging else None
        pages += 1
    batch, partly = read(contacts, job["keys"]), read(contacts, [job["keys"][0], "nobody"])
    one = contacts.basic_api.get_by_id(job["keys"][0], properties=properties, id_property="care_key")
    stale = client_at(job["url"], "no-token")
    answer = {
        "batch": [told(row) for row in batch.results],
        "status": batch.status,
        "partly": [
            [told(row) for row in partly.results],
            partly.num_errors,
            partly.errors[0].category,
        ],
        "found": [told(row) for row in found],
        "pages": pages,
        "one": told(one),
        "refusals": [
            refusal(lambda: contacts.basic_api.get_by_id("0")),
            refusal(lambda: read(stale, job["keys"][:1])),
        ],
    }
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()

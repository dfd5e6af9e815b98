"""Owns the CRM adapters in the matrix: HubSpot, Salesforce, and Dynamics by both ways to ask it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from sources.crm.dynamics import DynamicsEngagements, DynamicsSettings
from sources.crm.hubspot import HubSpotEngagements, HubSpotSettings
from sources.crm.salesforce import SalesforceEngagements, SalesforceSettings, meant
from sources.model import CareKey
from tests.sources.matrix.over_http import OverHttp, Row, Sent
from tests.sources.stub import Asked, answer, json_answer

KEYS = ("a" * 40, "b" * 40, "c" * 40)
ODD = b'{"vendor": "Jane"}'


async def _ask(crm: Any) -> Mapping[Any, Any]:
    found: Mapping[Any, Any] = await crm.engagements([CareKey(key) for key in KEYS[:2]], frozenset({"score"}))
    return found


def _hubspot(asked: Asked, sent: Sent) -> bytes:
    results = [
        {
            "id": row.id,
            "properties": {"care_key": row.key, "hs_object_id": row.id, "engagement_score": "5"},
            "archived": False,
            **row.more,
        }
        for row in sent.rows
    ]
    return json_answer({"status": "COMPLETE", "results": results})


HUBSPOT = OverHttp(
    KEYS,
    lambda _, upstream: HubSpotEngagements(HubSpotSettings("it"), upstream),
    _ask,
    _hubspot,
    (b'{"status": "COMPLETE", "results": "Jane"}', b'{"status": "COMPLETE", "results": ["Jane"]}', ODD),
)


def _salesforce(asked: Asked, sent: Sent) -> bytes:
    attributes = {"type": "Account", "url": "/services/data/v67.0/sobjects/Account/001000000000001AAA"}
    records = [
        {"attributes": attributes, "Care_Key__c": row.key, "Engagement_Score__c": 5, **row.more}
        for row in sent.rows
    ]
    if sent.following is None:
        return json_answer({"totalSize": len(records), "done": True, "records": records})
    following = f"/services/data/v67.0/query/01gxx0000001-{sent.following}"
    return json_answer({"totalSize": 9_999, "done": False, "records": records, "nextRecordsUrl": following})


SALESFORCE = OverHttp(
    KEYS,
    lambda _, upstream: SalesforceEngagements(SalesforceSettings("it"), upstream),
    _ask,
    _salesforce,
    (b'{"totalSize": 0, "done": true, "records": "Jane"}', ODD),
    meant,
)

_TABLE = "/api/data/v9.2/contacts"


def _contact(row: Row) -> dict[str, Any]:
    return {
        "@odata.etag": 'W/"1"',
        "contactid": row.id,
        "cg_carekey": row.key,
        "cg_engagementscore": 5,
    } | row.more


def _filtered(asked: Asked, sent: Sent) -> bytes:
    link = f"http://{asked.headers['host']}{_TABLE}?$skiptoken={sent.following}"
    more = {} if sent.following is None else {"@odata.nextLink": link}
    return json_answer({"@odata.context": "x", "value": [_contact(row) for row in sent.rows], **more})


def _batched(asked: Asked, sent: Sent) -> bytes:
    """Each key's record; a record nobody asked for stands in the place of the first key's."""
    stray = next((row for row in sent.rows if row.key == KEYS[2]), None)
    rows = {row.key: row for row in sent.rows} | ({KEYS[0]: stray} if stray is not None else {})
    parts = b"".join(_part(rows.get(key.decode())) for key in re.findall(rb"cg_carekey='(\w+)'", asked.body))
    return answer(parts + b"--b--\r\n", type_="multipart/mixed; boundary=b")


def _part(row: Row | None) -> bytes:
    absent = {"error": {"code": "0x80060891", "message": "Jane"}}
    status, body = (404, absent) if row is None else (200, {"@odata.context": "x"} | _contact(row))
    return (
        "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\n\r\n{json.dumps(body)}\r\n"
    ).encode()


def dynamics(lookup: Literal["filter", "batch"]) -> OverHttp:
    """The adapter that looks keys up so."""
    return OverHttp(
        KEYS,
        lambda _, upstream: DynamicsEngagements(DynamicsSettings("it", lookup=lookup), upstream),
        _ask,
        _filtered if lookup == "filter" else _batched,
        (b'{"value": "Jane"}', b'{"value": ["Jane"]}', ODD),
    )

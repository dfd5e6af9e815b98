"""Hearth, the made-up CRM of docs/write-a-source.md, as a stand-in that holds the sandbox's people."""

from typing import Any

from sandbox.dataset import Dataset
from sources.model import Engagement
from tests.sources.practice import engagements
from tests.sources.stub import Asked, Behaviour, json_answer


def hearth_of(dataset: Dataset) -> Behaviour:
    """It gives the fields that are asked for, of the people whose keys it is given."""
    people = {row.care_key: _person(row) for row in engagements(dataset)}

    def behaviour(asked: Asked) -> bytes:
        found = [people[key] for key in asked.json["keys"] if key in people]
        fields = {"key", *asked.json["fields"]}
        return json_answer({"people": [{name: it[name] for name in it.keys() & fields} for it in found]})

    return behaviour


def _person(row: Engagement) -> dict[str, Any]:
    consents, owner = row.consents, row.owner
    return {
        "key": row.care_key,
        "stage": row.lifecycle_stage,
        "score": row.score,
        "attendance": row.attendance_rate,
        "satisfaction": row.satisfaction,
        "may_email": consents and consents.email,
        "may_text": consents and consents.sms,
        "may_call": consents and consents.phone,
        "touched": row.last_touch,
        "owner_id": owner and owner.id,
        "owner_name": owner and owner.name,
    }

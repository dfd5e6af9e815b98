"""The CRM port over HubSpot: the opaque key and nothing else leaves, and what a wrong answer costs."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.calling import Limits, Nonconforming, Upstream
from sources.crm.care_key import CareKeys
from sources.crm.hubspot import HubSpotEngagements, HubSpotSettings, PropertyNames
from sources.crm.hubspot.normalise import TextParts
from sources.crm.parts import engagement
from sources.errors import SourceMisread, SourceUnavailable
from sources.model import CareKey, Consents, Engagement, Owner, PatientId
from tests.sources.faults import NAME
from tests.sources.stub import Answer, Asked, json_answer, stub

pytestmark = pytest.mark.anyio

K1, K2, K3 = CareKey("a" * 40), CareKey("b" * 40), CareKey("c" * 40)
SCORE = frozenset({"score"})
ALL = frozenset(Engagement.__struct_fields__)
NAMES = PropertyNames()


@asynccontextmanager
async def crm_at(
    url: str, limits: Limits | None = None, **settings: Any
) -> AsyncIterator[HubSpotEngagements]:
    upstream = Upstream("crm", "crm", url, limits=limits or Limits(timeout_s=20))
    crm = HubSpotEngagements(HubSpotSettings("crm", **settings), upstream)
    yield crm
    await crm.close()


def contact(key: str, **properties: str | None) -> dict[str, Any]:
    return {
        "id": "90001",
        "properties": {"care_key": key, "hs_object_id": "90001", **properties},
        "createdAt": "2026-01-01T00:00:00Z",
        "updatedAt": "2026-01-01T00:00:00Z",
        "archived": False,
    }


def batch(*contacts: Any, status: int = 200, **more: Any) -> bytes:
    body = {"status": "COMPLETE", "results": contacts, "startedAt": "x", "completedAt": "y", **more}
    return json_answer(body, status)


async def test_only_the_key_and_the_names_of_wanted_properties_leave_the_house() -> None:
    wanted = frozenset({"score", "consents", "care_key"})
    async with stub(lambda asked: batch()) as source, crm_at(source.url) as crm:
        await crm.engagements([K1, K2, K1], wanted)

    (asked,) = source.asked
    assert (asked.method, asked.target) == ("POST", "/crm/v3/objects/contacts/batch/read")
    assert asked.json == {
        "idProperty": "care_key",
        "inputs": [{"id": K1}, {"id": K2}],
        "properties": ["care_key", "engagement_score", "email_consent", "sms_consent", "phone_consent"],
    }


async def test_an_engagement_is_read_by_its_key_whatever_its_place() -> None:
    full = contact(
        K1,
        lifecyclestage="customer",
        engagement_score="82",
        attendance_rate="0.86",
        satisfaction_score="4.6",
        email_consent="true",
        sms_consent="false",
        phone_consent=None,
        last_touch_at="2026-11-18T21:55:00.000Z",
        hubspot_owner_id="701",
        owner_name="Jamie Park",
    )
    empty = contact(K2, **dict.fromkeys(NAMES.behind(ALL), ""))
    async with stub(lambda asked: batch(empty, full)) as source, crm_at(source.url) as crm:
        found = await crm.engagements([K1, K2], ALL)

    assert found == {
        K1: Engagement(
            care_key=K1,
            lifecycle_stage="customer",
            score=82.0,
            attendance_rate=0.86,
            satisfaction=4.6,
            consents=Consents(email=True, sms=False, phone=None),
            last_touch="2026-11-18T21:55:00.000Z",
            owner=Owner(id="701", name="Jamie Park"),
        ),
        K2: Engagement(care_key=K2, consents=Consents()),
    }


async def test_what_was_not_asked_for_is_absent() -> None:
    async with (
        stub(lambda asked: batch(contact(K1, engagement_score="7"))) as source,
        crm_at(source.url) as crm,
    ):
        found = await crm.engagements([K1], SCORE)

    assert found == {K1: Engagement(care_key=K1, score=7.0)}


async def test_a_property_nobody_asked_for_is_refused() -> None:
    body = batch(contact(K1, engagement_score="7", email="jane@example.com"), contact(K2))
    async with stub(lambda asked: body) as source, crm_at(source.url) as crm:
        found = await crm.engagements([K1, K2], SCORE)

    assert str(found[K1]) == "source `crm`: contact.properties: unknown field `email`"
    assert found[K2] == Engagement(care_key=K2)


MISSING = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "Jane", "context": {"ids": [K2]}}


async def test_contacts_that_are_missing_are_absent() -> None:
    body = batch(contact(K1, engagement_score="1"), status=207, numErrors=1, errors=[MISSING])
    async with stub(lambda asked: body) as source, crm_at(source.url) as crm:
        found = await crm.engagements([K1, K2], SCORE)

    assert list(found) == [K1]


@pytest.mark.parametrize(
    "partial",
    [
        pytest.param({"numErrors": 1, "errors": [{"category": "RATE_LIMITS"}]}, id="another reason"),
        pytest.param({"numErrors": 1, "errors": [MISSING, {}]}, id="one of no reason"),
        pytest.param({"numErrors": 1}, id="no reason at all"),
        pytest.param({"status": "PENDING"}, id="not done yet"),
    ],
)
async def test_contacts_that_are_missing_for_another_reason_are_not_said_to_be_absent(
    partial: dict[str, Any],
) -> None:
    results = [contact(K1, engagement_score="1")]
    body = json_answer({"status": "COMPLETE", "results": results, **partial}, 207)
    async with stub(lambda asked: body) as source, crm_at(source.url) as crm:
        found = await crm.engagements([K1, K2], SCORE)

    assert found[K1] == Engagement(care_key=K1, score=1.0)
    assert isinstance(found[K2], SourceUnavailable)


@pytest.mark.parametrize(
    "foreign",
    [
        pytest.param(contact(K3, engagement_score="1"), id="another's"),
        pytest.param(contact(K3) | {"vendor": 1}, id="another's, unreadable"),
        pytest.param({"id": "1", "properties": {"engagement_score": "1"}}, id="nobody's"),
        pytest.param({"id": "1", "properties": {"care_key": None}}, id="nobody's, said so"),
    ],
)
async def test_somebody_elses_contact_is_dropped_and_an_answer_of_such_is_not_trusted(foreign: Any) -> None:
    body = batch(contact(K1), foreign)
    async with stub(lambda asked: body) as source, crm_at(source.url) as crm:
        found = await crm.engagements([K1], SCORE)
    async with stub(lambda asked: batch(foreign)) as source, crm_at(source.url) as crm:
        with pytest.raises(SourceMisread, match="contact: most rows are not what was asked for"):
            await crm.engagements([K1], SCORE)

    assert list(found) == [K1]


UNREADABLE = [
    ({"engagement_score": "lots"}, "contact.engagement_score: not a number from 0 to 100"),
    ({"engagement_score": "101"}, "contact.engagement_score: not a number from 0 to 100"),
    ({"engagement_score": "nan"}, "contact.engagement_score: not a number from 0 to 100"),
    ({"engagement_score": "1_0"}, "contact.engagement_score: not a number from 0 to 100"),
    ({"engagement_score": "٣"}, "contact.engagement_score: not a number from 0 to 100"),
    ({"attendance_rate": "92"}, "contact.attendance_rate: not a number from 0 to 1"),
    ({"satisfaction_score": "0.9"}, "contact.satisfaction_score: not a number from 1 to 5"),
    ({"email_consent": "yes"}, "contact.email_consent: neither `true` nor `false`"),
    ({"last_touch_at": "1795356000000"}, "contact.last_touch_at: not an instant"),
    ({"last_touch_at": "2026-11-18T21:55:00"}, "contact.last_touch_at: not an instant"),
    ({"last_touch_at": "2026-11-38T21:55:00Z"}, "contact.last_touch_at: not an instant"),
]


@pytest.mark.parametrize(("change", "why"), UNREADABLE)
async def test_a_bad_property_costs_its_own_contact(change: dict[str, str], why: str) -> None:
    body = batch(contact(K1, engagement_score="5"), contact(K2, **change))
    async with stub(lambda asked: body) as source, crm_at(source.url) as crm:
        found = await crm.engagements([K1, K2], ALL)

    assert isinstance(found[K1], Engagement)
    assert str(found[K2]) == f"source `crm`: {why}"


async def test_an_unknown_field_costs_its_own_contact() -> None:
    body = batch(contact(K1), contact(K2) | {"vendor": "Jane"})
    async with stub(lambda asked: body) as source, crm_at(source.url) as crm:
        found = await crm.engagements([K1, K2], SCORE)

    assert isinstance(found[K1], Engagement)
    assert str(found[K2]) == "source `crm`: contact: unknown field `vendor`"


async def test_more_contacts_than_hubspot_takes_are_read_in_several_calls() -> None:
    keys = [CareKey(f"{n:040x}") for n in range(250)]

    def behaviour(asked: Asked) -> Answer:
        return batch(*(contact(one["id"]) for one in reversed(asked.json["inputs"])))

    async with stub(behaviour) as source, crm_at(source.url) as crm:
        found = await crm.engagements(keys, SCORE)

    assert sorted(len(asked.json["inputs"]) for asked in source.asked) == [50, 100, 100]
    assert found.keys() == set(keys)


async def test_the_names_of_an_accounts_properties_can_be_set() -> None:
    body = json_answer(
        {"status": "COMPLETE", "results": [{"id": "1", "properties": {"key": K1, "hot": "9"}}]}
    )
    names: dict[str, Any] = {"id_property": "key", "properties": PropertyNames(score="hot")}
    async with stub(lambda asked: body) as source, crm_at(source.url, **names) as crm:
        found = await crm.engagements([K1], SCORE)

    assert found == {K1: Engagement(care_key=K1, score=9.0)}
    assert (source.asked[0].json["idProperty"], source.asked[0].json["properties"]) == ("key", ["key", "hot"])


def test_an_attribute_an_engagement_does_not_have_is_an_error() -> None:
    with pytest.raises(ValueError, match="no such attribute"):
        NAMES.behind(frozenset({"email"}))


async def test_an_unknown_field_of_the_batch_is_misread() -> None:
    async with stub(lambda asked: batch(vendor=NAME)) as source, crm_at(source.url) as crm:
        with pytest.raises(SourceMisread) as raised:
            await crm.engagements([K1], SCORE)

    assert NAME not in str(raised.value)


@given(st.dictionaries(st.sampled_from(NAMES.behind(ALL)), st.none() | st.text(max_size=10)))
def test_whatever_properties_hold_it_is_an_engagement_or_a_refusal(properties: dict[str, str | None]) -> None:
    try:
        read = engagement(K1, TextParts(properties), NAMES)
    except Nonconforming:
        read = Engagement(care_key=K1)

    assert read.score is None or 0 <= read.score <= 100
    assert read.attendance_rate is None or 0 <= read.attendance_rate <= 1
    assert read.satisfaction is None or 1 <= read.satisfaction <= 5


@given(st.binary(min_size=16, max_size=64), st.text(min_size=1, max_size=64))
def test_a_care_key_is_a_keyed_hash_of_the_patients_id(secret: bytes, patient: str) -> None:
    expected = hmac.new(secret, patient.encode(), hashlib.sha256).hexdigest()[:40]

    assert CareKeys(secret)(PatientId(patient)) == expected


def test_the_care_key_of_the_sandboxs_first_patient_is_known() -> None:
    key = CareKeys(b"sandbox-care-key")(PatientId("pat-000001"))

    assert key == "5203394de0de0f1f13a59cdfab738ef6bdebdbc5"


def test_a_secret_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        CareKeys(b"secret")

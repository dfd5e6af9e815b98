"""The CRM port over Salesforce: what it asks, what a wrong answer costs, and how it signs in."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from sandbox.crm.salesforce import ConnectedApp, salesforce_app
from sandbox.serving import one
from sources.calling import Limits, Nonconforming, Reply, Upstream
from sources.crm.parts import TypedParts, engagement
from sources.crm.salesforce import (
    FieldNames,
    SalesforceEngagements,
    SalesforceSettings,
    client_credentials,
    jwt_bearer,
    meant,
)
from sources.crm.salesforce.soql import by_key, literal
from sources.errors import SourceMisread, SourceRejected, SourceUnavailable
from sources.model import CareKey, Consents, Engagement, Owner
from tests.sources.faults import NAME, Fault, fails_as, table
from tests.sources.practice import Served, end_sessions, engagements, forget, received
from tests.sources.stub import Answer, Asked, json_answer, stub

pytestmark = pytest.mark.anyio

K1, K2, K3 = CareKey("a" * 40), CareKey("b" * 40), CareKey("c" * 40)
SCORE = frozenset({"score"})
ALL = frozenset(Engagement.__struct_fields__)
NAMES = FieldNames()
ATTRIBUTES = {"type": "Account", "url": "/services/data/v67.0/sobjects/Account/001000000000001AAA"}
UNHURRIED = Limits(timeout_s=30)


@asynccontextmanager
async def crm_at(
    url: str, limits: Limits = UNHURRIED, authorizer: Any = None, **settings: Any
) -> AsyncIterator[SalesforceEngagements]:
    upstream = Upstream("crm", "crm", url, limits=limits, authorizer=authorizer, meant=meant)
    crm = SalesforceEngagements(SalesforceSettings("crm", **settings), upstream)
    yield crm
    await crm.close()


def account(key: str | None, **fields: Any) -> dict[str, Any]:
    return {"attributes": ATTRIBUTES, "Care_Key__c": key, **fields}


def page(*records: Any, next: str | None = None, total: int | None = None, **more: Any) -> bytes:
    body = {"totalSize": len(records) if total is None else total, "done": next is None, "records": records}
    return json_answer({**body, **({} if next is None else {"nextRecordsUrl": next}), **more})


def error(code: str, status: int) -> bytes:
    return json_answer([{"message": NAME, "errorCode": code, "fields": []}], status)


def soql(asked: Asked) -> str:
    return parse_qs(urlsplit(asked.target).query)["q"][0]


async def test_one_query_asks_for_the_wanted_fields_of_the_persons_who_bear_the_keys() -> None:
    wanted = frozenset({"score", "owner", "care_key"})
    async with stub(lambda asked: page()) as source, crm_at(source.url) as crm:
        await crm.engagements([K1, K2, K1], wanted)

    (asked,) = source.asked
    assert (asked.method, urlsplit(asked.target).path) == ("GET", "/services/data/v67.0/query")
    assert asked.body == b""
    assert asked.headers["sforce-query-options"] == "batchSize=2000"
    selected, _, passing = soql(asked).partition(" WHERE ")
    assert selected == "SELECT Care_Key__c, Engagement_Score__c, OwnerId, Owner.Name FROM Account"
    assert passing == f"Care_Key__c IN ('{K1}','{K2}') AND IsPersonAccount = true"


async def test_nothing_leaves_but_opaque_keys_and_names_of_fields(
    salesforce: SalesforceEngagements, salesforce_at: str, served: Served
) -> None:
    keys = [row.care_key for row in engagements(served.dataset)]
    await forget(salesforce_at)

    await salesforce.engagements(keys, ALL)

    seen = await received(salesforce_at)
    queries = [
        unquote_plus(one["query"]).removeprefix("q=") for one in seen if one["path"].endswith("/query")
    ]
    assert len(queries) == 1
    words = set(re.findall(r"[A-Za-z0-9_.]+", queries[0]))
    assert words == {
        *("SELECT", "FROM", "WHERE", "IN", "AND", "Account", "IsPersonAccount", "true", "Care_Key__c"),
        *NAMES.behind(ALL),
        *keys,
    }
    later = [one for one in seen if "/query/" in one["path"]]
    assert len(later) >= 3  # the stand-in gives seven rows a page
    assert {one["query"] + one["body"] for one in later} == {""}


FULL = {
    "Lifecycle_Stage__c": "customer",
    "Engagement_Score__c": 82,
    "Attendance_Rate__c": 0.86,
    "Satisfaction__c": 4.6,
    "Email_Consent__c": True,
    "Sms_Consent__c": False,
    "Phone_Consent__c": None,
    "Last_Touch__c": "2026-11-18T21:55:00.000+0000",
    "OwnerId": "005000000000701AAA",
    "Owner": {"attributes": {"type": "User", "url": "/x"}, "Name": "Jamie Park"},
}
EMPTY = {name: None for name in FULL}


async def test_an_engagement_is_read_by_its_key_whatever_its_place() -> None:
    body = page(account(K2, **EMPTY), account(K1, **FULL))
    async with stub(lambda asked: body) as source, crm_at(source.url) as crm:
        found = await crm.engagements([K1, K2, K3], ALL)

    assert found == {
        K1: Engagement(
            care_key=K1,
            lifecycle_stage="customer",
            score=82.0,
            attendance_rate=0.86,
            satisfaction=4.6,
            consents=Consents(email=True, sms=False, phone=None),
            last_touch="2026-11-18T21:55:00.000+00:00",
            owner=Owner(id="005000000000701AAA", name="Jamie Park"),
        ),
        K2: Engagement(care_key=K2, consents=Consents()),
    }


async def test_a_field_that_says_the_opposite_is_turned_round() -> None:
    names = FieldNames(email_consent="!HasOptedOutOfEmail", sms_consent="Sms__c", phone_consent="!DoNotCall")
    body = page(account(K1, HasOptedOutOfEmail=True, Sms__c=True, DoNotCall=None))
    async with stub(lambda asked: body) as source, crm_at(source.url, fields=names) as crm:
        found = await crm.engagements([K1], frozenset({"consents"}))

    assert "SELECT Care_Key__c, HasOptedOutOfEmail, Sms__c, DoNotCall FROM" in soql(source.asked[0])
    assert found == {K1: Engagement(care_key=K1, consents=Consents(email=False, sms=True, phone=None))}


async def test_the_stages_of_an_org_are_given_their_meaning_and_others_are_refused() -> None:
    stages = {"Hot": "customer"}
    body = page(account(K1, Lifecycle_Stage__c="Hot"), account(K2, Lifecycle_Stage__c=NAME))
    async with stub(lambda asked: body) as source, crm_at(source.url, stages=stages) as crm:
        found = await crm.engagements([K1, K2], frozenset({"lifecycle_stage"}))

    assert found[K1] == Engagement(care_key=K1, lifecycle_stage="customer")
    assert str(found[K2]) == (
        "source `crm`: Account.Lifecycle_Stage__c: a choice whose meaning is not configured"
    )


async def test_the_pages_of_a_query_are_followed_at_our_own_address() -> None:
    def behaviour(asked: Asked) -> Answer:
        if "?" in asked.target:
            first = account(K1, Engagement_Score__c=1)
            return page(first, next="/services/data/v67.0/query/01gxx0000001-2000", total=2)
        return page(account(K2, Engagement_Score__c=2), total=2)

    async with stub(behaviour) as source, crm_at(source.url) as crm:
        found = await crm.engagements([K1, K2], SCORE)

    assert [asked.target for asked in source.asked[1:]] == ["/services/data/v67.0/query/01gxx0000001-2000"]
    assert found == {K1: Engagement(care_key=K1, score=1.0), K2: Engagement(care_key=K2, score=2.0)}


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/services/data/v67.0/query/01g-1",
        "//evil.example/services/data/v67.0/query/01g-1",
        "/services/data/v67.0/query/../sobjects/HealthCondition",
        "/services/data/v67.0/query/01g-1?q=SELECT",
        "@evil.example",
        "",
    ],
)
async def test_a_next_page_that_is_no_page_is_not_followed(elsewhere: str) -> None:
    body = page(account(K1, Engagement_Score__c=1), next=elsewhere, total=2)
    async with stub(lambda asked: body) as source, crm_at(source.url) as crm:
        with pytest.raises(SourceMisread, match=r"query.nextRecordsUrl: no path of a query"):
            await crm.engagements([K1], SCORE)

    assert len(source.asked) == 1


async def test_pages_without_end_are_left_after_twenty() -> None:
    body = page(next="/services/data/v67.0/query/01gxx0000001-2000", total=9_999)
    async with stub(lambda asked: body) as source, crm_at(source.url) as crm:
        with pytest.raises(SourceMisread, match="pages without end"):
            await crm.engagements([K1], SCORE)

    assert len(source.asked) == 20


async def test_rows_that_were_counted_and_did_not_come_are_not_said_to_be_absent() -> None:
    body = page(account(K1, Engagement_Score__c=1), total=2)
    async with stub(lambda asked: body) as source, crm_at(source.url) as crm:
        with pytest.raises(SourceMisread, match="totalSize: not the number of its records"):
            await crm.engagements([K1, K2], SCORE)


async def test_several_records_of_one_key_cost_that_key_alone() -> None:
    twice = [account(K1, Engagement_Score__c=n) for n in (1, 2)]
    body = page(*twice, account(K2, Engagement_Score__c=3))
    async with stub(lambda asked: body) as source, crm_at(source.url) as crm:
        found = await crm.engagements([K1, K2], SCORE)

    assert str(found[K1]) == "source `crm`: Account.Care_Key__c: several records bear one value"
    assert found[K2] == Engagement(care_key=K2, score=3.0)


MISREAD = [
    ({"Engagement_Score__c": "82"}, "Account.Engagement_Score__c: not a number from 0 to 100"),
    ({"Engagement_Score__c": True}, "Account.Engagement_Score__c: not a number from 0 to 100"),
    ({"Engagement_Score__c": 101}, "Account.Engagement_Score__c: not a number from 0 to 100"),
    ({"Attendance_Rate__c": 92}, "Account.Attendance_Rate__c: not a number from 0 to 1"),
    ({"Satisfaction__c": 0.9}, "Account.Satisfaction__c: not a number from 1 to 5"),
    ({"Lifecycle_Stage__c": 7}, "Account.Lifecycle_Stage__c: not text"),
    ({"Email_Consent__c": "yes"}, "Account.Email_Consent__c: neither true nor false"),
    ({"Last_Touch__c": "2026-11-18"}, "Account.Last_Touch__c: not an instant"),
    ({"Last_Touch__c": "2026-11-38T21:55:00.000+0000"}, "Account.Last_Touch__c: not an instant"),
    ({"OwnerId": 5}, "Account.OwnerId: not text"),
    ({"Owner": {"Name": {"First": NAME}}}, "query.records: a field that holds more than one value"),
    ({"Owner": {"Name": NAME, "Email": NAME}}, "Account: unknown field `Owner.Email`"),
    ({"PersonBirthdate": "1990-01-01"}, "Account: unknown field `PersonBirthdate`"),
    ({"Owner": [NAME]}, "query.records: a field that holds more than one value"),
]


@pytest.mark.parametrize(("change", "why"), MISREAD)
async def test_a_bad_field_costs_its_own_record(change: dict[str, Any], why: str) -> None:
    body = page(account(K1, **FULL), account(K2, **(FULL | change)))
    async with stub(lambda asked: body) as source, crm_at(source.url) as crm:
        found = await crm.engagements([K1, K2], ALL)

    assert isinstance(found[K1], Engagement)
    assert str(found[K2]) == f"source `crm`: {why}"


async def test_a_field_that_was_asked_for_and_did_not_come_costs_its_record() -> None:
    body = page(account(K1, Engagement_Score__c=5), account(K2))
    async with stub(lambda asked: body) as source, crm_at(source.url) as crm:
        found = await crm.engagements([K1, K2], SCORE)

    assert isinstance(found[K1], Engagement)
    assert str(found[K2]) == "source `crm`: Account: `Engagement_Score__c` is missing"


@pytest.mark.parametrize(
    "foreign", [account(K3, Engagement_Score__c=1), account(None, Engagement_Score__c=1)]
)
async def test_an_answer_of_mostly_somebody_elses_rows_is_not_trusted(foreign: Any) -> None:
    async with stub(lambda asked: page(foreign)) as source, crm_at(source.url) as crm:
        with pytest.raises(SourceMisread, match="Account: most rows are not what was asked for"):
            await crm.engagements([K1], SCORE)


async def test_a_row_of_somebody_else_is_dropped() -> None:
    body = page(account(K1, Engagement_Score__c=5), account(K3, Engagement_Score__c=6))
    async with stub(lambda asked: body) as source, crm_at(source.url) as crm:
        assert await crm.engagements([K1], SCORE) == {K1: Engagement(care_key=K1, score=5.0)}


async def test_more_keys_than_a_query_has_room_for_are_asked_in_several() -> None:
    keys = [CareKey(f"{n:040x}") for n in range(450)]

    def behaviour(asked: Asked) -> Answer:
        found = re.findall(r"'([0-9a-f]{40})'", soql(asked))
        return page(*(account(key, Engagement_Score__c=1) for key in reversed(found)))

    async with stub(behaviour) as source, crm_at(source.url) as crm:
        found = await crm.engagements(keys, SCORE)

    assert len(source.asked) == 3
    assert found.keys() == set(keys)


async def test_the_longest_query_there_can_be_fits_in_a_url() -> None:
    keys = [CareKey(f"{n:040x}") for n in range(250)]
    async with stub(lambda asked: page()) as source, crm_at(source.url, keys_per_call=250) as crm:
        await crm.engagements(keys, ALL)

    (asked,) = source.asked
    assert len(asked.target) < 13_000


FAULTS = table(
    Fault("unknown field of the page", lambda asked: page(vendor=NAME), SourceMisread),
    Fault("too many requests", lambda asked: error("REQUEST_LIMIT_EXCEEDED", 403), SourceUnavailable),
    Fault("out of service", lambda asked: error("SERVER_UNAVAILABLE", 503), SourceUnavailable),
    Fault("query timed out", lambda asked: error("QUERY_TIMEOUT", 400), SourceUnavailable),
    Fault("unreadable field", lambda asked: error("INVALID_FIELD", 400), SourceRejected),
    Fault("unreadable object", lambda asked: error("INVALID_TYPE", 400), SourceRejected),
    Fault("ended session", lambda asked: error("INVALID_SESSION_ID", 401), SourceRejected),
    Fault("interface switched off", lambda asked: error("API_DISABLED_FOR_ORG", 403), SourceRejected),
)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_of_the_org_is_one_error(fault: Fault) -> None:
    async with stub(fault.behaviour) as source, crm_at(source.url) as crm:
        await fails_as(fault, lambda: crm.engagements([K1], SCORE))


async def test_nothing_found_is_absence_and_no_failure() -> None:
    async with stub(lambda asked: page()) as source, crm_at(source.url) as crm:
        assert await crm.engagements([K1], SCORE) == {}


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"object": "HealthCondition"}, "clinical object"),
        ({"object": "HealthCloudGA__EhrCondition__c"}, "clinical object"),
        ({"object": "Case"}, "not on the list"),
        ({"object": "Account WHERE"}, "not on the list"),
        ({"key_field": "Care_Key__c, PersonBirthdate"}, "no field"),
        ({"fields": FieldNames(score="(SELECT Name FROM HealthConditions)")}, "no field"),
        ({"fields": FieldNames(score="HealthCondition.Name")}, "no field"),
        ({"fields": FieldNames(email_consent="!!X")}, "no field"),
        ({"api_version": "latest"}, "version"),
        ({"keys_per_call": 2_000}, "keys a call"),
        ({"keys_per_call": 0}, "keys a call"),
    ],
)
def test_what_must_not_or_cannot_be_asked_is_refused_at_the_start(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        SalesforceSettings("crm", **settings)


@pytest.mark.parametrize("object", ["Account", "Contact", "Task", "CareProgramEnrollee", "Engagement__c"])
async def test_only_accounts_are_asked_whether_they_are_persons(object: str) -> None:
    async with stub(lambda asked: page()) as source, crm_at(source.url, object=object) as crm:
        await crm.engagements([K1], SCORE)

    assert ("IsPersonAccount" in soql(source.asked[0])) is (object == "Account")


@given(st.text())
def test_a_literal_ends_where_its_value_ends(value: str) -> None:
    written = literal(value)

    assert re.fullmatch(r"'(?:[^'\\]|\\.)*'", written, re.DOTALL)
    assert by_key("Contact", "Care_Key__c", [], [value]).endswith(f" WHERE Care_Key__c IN ({written})")


ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)


@given(st.dictionaries(st.sampled_from(NAMES.behind(ALL)), ANYTHING))
def test_whatever_fields_hold_it_is_an_engagement_or_a_refusal(fields: dict[str, object]) -> None:
    try:
        read = engagement(K1, TypedParts("Account", fields, {}), NAMES)
    except Nonconforming:
        read = Engagement(care_key=K1)

    assert read.score is None or 0 <= read.score <= 100
    assert read.attendance_rate is None or 0 <= read.attendance_rate <= 1
    assert read.satisfaction is None or 1 <= read.satisfaction <= 5


@given(st.binary())
def test_a_refusal_that_cannot_be_read_keeps_its_status(body: bytes) -> None:
    assert meant(Reply(403, {}, body)).status in (403, 429)
    assert meant(Reply(403, {}, b'[{"errorCode": "REQUEST_LIMIT_EXCEEDED"}]')).status == 429
    assert meant(Reply(200, {}, b'[{"errorCode": "REQUEST_LIMIT_EXCEEDED"}]')).status == 200


async def test_a_session_that_ended_is_begun_anew_once(
    salesforce: SalesforceEngagements, salesforce_at: str, served: Served
) -> None:
    keys = [row.care_key for row in engagements(served.dataset)][:3]
    before = await salesforce.engagements(keys, SCORE)
    await end_sessions(salesforce_at)
    await forget(salesforce_at)

    assert await salesforce.engagements(keys, SCORE) == before

    seen = await received(salesforce_at)
    assert [(one["path"].rpartition("/")[2], one["status"]) for one in seen] == [
        ("query", 401),
        ("token", 200),
        ("query", 200),
    ]


async def test_a_secret_that_is_not_taken_is_a_refusal(salesforce_at: str) -> None:
    authorizer = client_credentials("crm", salesforce_at, "caregraph", "wrong")
    async with crm_at(salesforce_at, authorizer=authorizer) as crm:
        with pytest.raises(SourceRejected, match="authorization server refuses our client"):
            await crm.engagements([K1], SCORE)


async def test_an_assertion_signed_for_a_user_signs_in() -> None:
    key = RSAKey.generate_key(2048, private=True)
    app = ConnectedApp(key=key.as_dict(private=False))
    pem = key.as_pem(private=True).decode()
    with one(salesforce_app([], app=app)) as url:
        for username, admitted in ((app.username, True), ("somebody@else.example", False)):
            authorizer = jwt_bearer("crm", url, app.client_id, username, pem)
            async with crm_at(url, authorizer=authorizer) as crm:
                if admitted:
                    assert (await crm.check()).ok
                else:
                    with pytest.raises(SourceRejected):
                        await crm.check()


@pytest.mark.parametrize("pem", ["not a key", RSAKey.generate_key(2048).as_pem(private=False).decode()])
def test_a_key_that_cannot_sign_is_refused_without_being_shown(pem: str) -> None:
    with pytest.raises(ValueError, match="RSA") as raised:
        jwt_bearer("crm", "https://acme.my.salesforce.com", "id", "user", pem)

    assert pem not in str(raised.value)


@pytest.mark.parametrize(
    "instance", ["https://evil.example", "https://acme.my.salesforce.com.evil.example", 7]
)
async def test_a_token_of_another_org_is_not_used(instance: Any) -> None:
    body = {"access_token": "t", "token_type": "Bearer", "instance_url": instance}
    async with stub(lambda asked: json_answer(body)) as source:
        authorizer = client_credentials("crm", source.url, "caregraph", "secret")
        async with crm_at(source.url, authorizer=authorizer) as crm:
            with pytest.raises(SourceMisread, match=r"token response") as raised:
                await crm.engagements([K1], SCORE)

    assert "evil" not in str(raised.value)
    assert [asked.target for asked in source.asked] == ["/services/oauth2/token"]


async def test_the_secret_goes_to_the_orgs_own_token_endpoint_in_the_form() -> None:
    def behaviour(asked: Asked) -> Answer:
        if asked.target.endswith("/token"):
            return json_answer({"access_token": "t", "token_type": "Bearer", "instance_url": source.url})
        return page()

    async with stub(behaviour) as source:
        authorizer = client_credentials("crm", source.url, "caregraph", "s3cret")
        async with crm_at(source.url, authorizer=authorizer) as crm:
            await crm.engagements([K1], SCORE)

    first, second = source.asked
    assert first.form == {
        "grant_type": ["client_credentials"],
        "client_id": ["caregraph"],
        "client_secret": ["s3cret"],
    }
    assert second.headers["authorization"] == "Bearer t"
    assert "s3cret" not in json.dumps(dict(second.headers)) + second.target

"""The CRM port over Dataverse: what it asks, what a wrong answer costs, and how it signs in."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from sandbox.crm.dynamics import AppRegistration, dynamics_app
from sandbox.crm.dynamics.sign_in import TENANT
from sandbox.serving import one
from sources.calling import Limits, Nonconforming, Upstream
from sources.crm.dynamics import (
    ColumnNames,
    DynamicsEngagements,
    DynamicsSettings,
    client_certificate,
    client_secret,
)
from sources.crm.dynamics.asking import literal
from sources.crm.dynamics.multipart import Part, parts, written
from sources.errors import SourceError, SourceMisread, SourceRejected, SourceUnavailable
from sources.model import CareKey, Consents, Engagement, Owner
from tests.sources.faults import NAME, Fault, fails_as, table
from tests.sources.practice import Served, end_sessions, engagements, forget, received
from tests.sources.stub import Answer, Asked, answer, json_answer, stub

pytestmark = pytest.mark.anyio

K1, K2, K3 = CareKey("a" * 40), CareKey("b" * 40), CareKey("c" * 40)
SCORE = frozenset({"score"})
ALL = frozenset(Engagement.__struct_fields__)
NAMES = ColumnNames()
SHOWN = "OData.Community.Display.V1.FormattedValue"
PATH = "/api/data/v9.2/contacts"
UNHURRIED = Limits(timeout_s=30)


@asynccontextmanager
async def crm_at(
    url: str, limits: Limits = UNHURRIED, authorizer: Any = None, **settings: Any
) -> AsyncIterator[DynamicsEngagements]:
    upstream = Upstream("crm", "crm", url, limits=limits, authorizer=authorizer)
    crm = DynamicsEngagements(DynamicsSettings("crm", **settings), upstream)
    yield crm
    await crm.close()


def contact(key: str | None, **columns: Any) -> dict[str, Any]:
    return {"@odata.etag": 'W/"1"', "contactid": "0000", "cg_carekey": key, **columns}


def page(*records: Any, **more: Any) -> bytes:
    return json_answer({"@odata.context": "https://x/$metadata#contacts", "value": records, **more})


def error(code: str, status: int, **headers: str) -> bytes:
    return json_answer({"error": {"code": code, "message": NAME}}, status, **headers)


def options(asked: Asked) -> Mapping[str, list[str]]:
    return parse_qs(urlsplit(asked.target).query)


async def test_a_filter_asks_for_the_wanted_columns_of_those_who_bear_the_keys() -> None:
    async with stub(lambda asked: page()) as source, crm_at(source.url) as crm:
        await crm.engagements([K1, K2, K1], frozenset({"score", "care_key"}))

    (asked,) = source.asked
    assert (asked.method, urlsplit(asked.target).path, asked.body) == ("GET", PATH, b"")
    assert options(asked) == {
        "$select": ["cg_carekey,cg_engagementscore"],
        "$filter": [f"Microsoft.Dynamics.CRM.In(PropertyName='cg_carekey',PropertyValues=['{K1}','{K2}'])"],
    }
    sent = {name: asked.headers[name] for name in ("odata-maxversion", "odata-version", "accept", "prefer")}
    assert sent == {
        "odata-maxversion": "4.0",
        "odata-version": "4.0",
        "accept": "application/json",
        "prefer": "odata.maxpagesize=1000",
    }


async def test_what_is_shown_for_a_value_is_asked_for_only_if_it_is_wanted() -> None:
    async with stub(lambda asked: page()) as source, crm_at(source.url) as crm:
        await crm.engagements([K1], frozenset({"owner"}))

    (asked,) = source.asked
    assert options(asked)["$select"] == ["cg_carekey,_ownerid_value"]
    assert asked.headers["prefer"] == f'odata.maxpagesize=1000,odata.include-annotations="{SHOWN}"'


async def test_nothing_leaves_but_opaque_keys_and_names_of_columns(
    dynamics: DynamicsEngagements,
    dynamics_in_batches: DynamicsEngagements,
    dynamics_at: str,
    served: Served,
) -> None:
    keys = [row.care_key for row in engagements(served.dataset)]
    await forget(dynamics_at)

    assert len(await dynamics.engagements(keys, ALL)) == len(keys)
    assert len(await dynamics_in_batches.engagements(keys, ALL)) == len(keys)

    seen = [one for one in await received(dynamics_at) if one["path"].startswith("/api/")]
    sent = " ".join(unquote(f"{one['query']} {one['body']}") for one in seen)
    opaque = re.compile(r"\b[0-9a-f]{40}\b")
    assert set(opaque.findall(sent)) == set(keys)
    words = set(re.findall(r"[A-Za-z_]\w*", opaque.sub("", sent)))
    assert words - {name.removesuffix("@label") for name in NAMES.behind(ALL)} == set(GRAMMAR.split())


GRAMMAR = """
cg_carekey contacts api data v9 select filter skiptoken Microsoft Dynamics CRM In PropertyName PropertyValues
batch_caregraph Content Type Transfer Encoding binary application http json GET HTTP Accept If None Match null
OData MaxVersion Version Prefer odata include annotations Community Display V1 FormattedValue
"""
"""All that is said of columns and keys, by filter and in batches."""

FULL = {
    "cg_lifecyclestage": "customer",
    "cg_engagementscore": 82,
    "cg_attendancerate": 0.86,
    "cg_satisfaction": 4.6,
    "cg_emailconsent": True,
    "cg_smsconsent": False,
    "cg_phoneconsent": None,
    "cg_lasttouch": "2026-11-18T21:55:00Z",
    "_ownerid_value": "0000-0001",
    f"_ownerid_value@{SHOWN}": "Jamie Park",
    "_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "systemuser",
    f"cg_engagementscore@{SHOWN}": "82.00",
}
EMPTY = {name: None for name in FULL if "@" not in name}
JAMIES = Engagement(
    care_key=K1,
    lifecycle_stage="customer",
    score=82.0,
    attendance_rate=0.86,
    satisfaction=4.6,
    consents=Consents(email=True, sms=False, phone=None),
    last_touch="2026-11-18T21:55:00Z",
    owner=Owner(id="0000-0001", name="Jamie Park"),
)


async def test_an_engagement_is_read_by_its_key_whatever_its_place() -> None:
    body = page(contact(K2, **EMPTY), contact(K1, **FULL))
    async with stub(lambda asked: body) as source, crm_at(source.url) as crm:
        found = await crm.engagements([K1, K2, K3], ALL)

    assert found == {K1: JAMIES, K2: Engagement(care_key=K2, consents=Consents())}


async def test_a_choice_is_given_its_meaning_and_others_are_refused() -> None:
    stages = {"100000002": "customer"}
    values = {K1: 100000002, K2: 100000009, K3: True}
    body = page(*(contact(key, cg_lifecyclestage=value) for key, value in values.items()))
    async with stub(lambda asked: body) as source, crm_at(source.url, stages=stages) as crm:
        found = await crm.engagements([K1, K2, K3], frozenset({"lifecycle_stage"}))

    assert found[K1] == Engagement(care_key=K1, lifecycle_stage="customer")
    why = "source `crm`: contacts.cg_lifecyclestage: a choice whose meaning is not configured"
    assert (str(found[K2]), str(found[K3])) == (why, why)


async def test_the_label_of_a_choice_may_be_its_meaning_and_its_number_is_left_out() -> None:
    columns = ColumnNames(lifecycle_stage="cg_stage@label")
    mine = contact(K1, **{"cg_stage": 100000002, f"cg_stage@{SHOWN}": "Customer"})
    body = page(mine, contact(K2, cg_stage=None), contact(K3, cg_stage=100000002))
    async with stub(lambda asked: body) as source, crm_at(source.url, columns=columns) as crm:
        found = await crm.engagements([K1, K2, K3], frozenset({"lifecycle_stage"}))

    assert options(source.asked[0])["$select"] == ["cg_carekey,cg_stage"]
    assert found[K1] == Engagement(care_key=K1, lifecycle_stage="Customer")
    assert found[K2] == Engagement(care_key=K2)
    assert str(found[K3]) == "source `crm`: contacts: `cg_stage@label` is missing"


async def test_pages_are_followed_with_the_same_preferences() -> None:
    def behaviour(asked: Asked) -> Answer:
        if "skiptoken" in asked.target:
            return page(contact(K2, cg_engagementscore=2))
        link = f"{source.url}{PATH}?$select=cg_carekey&$skiptoken=1"
        return page(contact(K1, cg_engagementscore=1), **{"@odata.nextLink": link})

    async with stub(behaviour) as source, crm_at(source.url) as crm:
        found = await crm.engagements([K1, K2], SCORE)

    assert [asked.headers["prefer"] for asked in source.asked] == ["odata.maxpagesize=1000"] * 2
    assert found == {K1: Engagement(care_key=K1, score=1.0), K2: Engagement(care_key=K2, score=2.0)}


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/api/data/v9.2/contacts?$skiptoken=1",
        "//evil.example/api/data/v9.2/contacts",
        "/api/data/v9.2/contacts?$skiptoken=1",
        "{url}/api/data/v9.2/msemr_conditions",
        "{url}/api/data/v9.2/contacts/../msemr_conditions",
        "{url}",
        "",
    ],
)
async def test_a_next_page_elsewhere_is_not_followed(elsewhere: str) -> None:
    def behaviour(asked: Asked) -> Answer:
        return page(**{"@odata.nextLink": elsewhere.replace("{url}", source.url)})

    async with stub(behaviour) as source, crm_at(source.url) as crm:
        with pytest.raises(SourceMisread, match="nextLink: another address than the table's"):
            await crm.engagements([K1], SCORE)

    assert len(source.asked) == 1


async def test_pages_without_end_are_left_after_twenty() -> None:
    def behaviour(asked: Asked) -> Answer:
        return page(**{"@odata.nextLink": f"{source.url}{PATH}?$skiptoken=1"})

    async with stub(behaviour) as source, crm_at(source.url) as crm:
        with pytest.raises(SourceMisread, match="pages without end"):
            await crm.engagements([K1], SCORE)

    assert len(source.asked) == 20


MISREAD = [
    ({"cg_engagementscore": "82"}, "contacts.cg_engagementscore: not a number from 0 to 100"),
    ({"cg_attendancerate": 92}, "contacts.cg_attendancerate: not a number from 0 to 1"),
    ({"cg_emailconsent": 1}, "contacts.cg_emailconsent: neither true nor false"),
    ({"cg_lifecyclestage": 100000002}, "contacts.cg_lifecyclestage: not text"),
    ({"cg_lasttouch": "2026-11-18"}, "contacts.cg_lasttouch: not an instant"),
    ({"cg_satisfaction": {"Name": NAME}}, "record: a column that holds more than one value"),
    ({f"_ownerid_value@{SHOWN}": 7}, "contacts._ownerid_value@label: not text"),
    ({"birthdate": "1990-01-01"}, "contacts: unknown field `birthdate`"),
]


@pytest.mark.parametrize(("change", "why"), MISREAD)
async def test_a_bad_column_costs_its_own_record(change: dict[str, Any], why: str) -> None:
    body = page(contact(K1, **FULL), contact(K2, **(FULL | change)))
    async with stub(lambda asked: body) as source, crm_at(source.url) as crm:
        found = await crm.engagements([K1, K2], ALL)

    assert found[K1] == JAMIES
    assert str(found[K2]) == f"source `crm`: {why}"


async def test_several_records_of_one_key_cost_that_key_alone() -> None:
    twice = [contact(K1, cg_engagementscore=n) for n in (1, 2)]
    body = page(*twice, contact(K2, cg_engagementscore=3))
    async with stub(lambda asked: body) as source, crm_at(source.url) as crm:
        found = await crm.engagements([K1, K2], SCORE)

    assert str(found[K1]) == "source `crm`: contacts.cg_carekey: several records bear one value"
    assert found[K2] == Engagement(care_key=K2, score=3.0)


async def test_a_row_of_somebody_else_is_dropped_and_mostly_such_rows_are_not_trusted() -> None:
    mine, foreign = contact(K1, cg_engagementscore=5), contact(K3, cg_engagementscore=6)
    async with stub(lambda asked: page(mine, foreign)) as source, crm_at(source.url) as crm:
        assert await crm.engagements([K1], SCORE) == {K1: Engagement(care_key=K1, score=5.0)}
    async with stub(lambda asked: page(foreign)) as source, crm_at(source.url) as crm:
        with pytest.raises(SourceMisread, match="contacts: most rows are not what was asked for"):
            await crm.engagements([K1], SCORE)


FAULTS = table(
    Fault("unknown field of the page", lambda asked: page(vendor=NAME), SourceMisread),
    Fault("service protection", lambda asked: error("0x80072321", 429, Retry_After="300"), SourceUnavailable),
    Fault("unknown column", lambda asked: error("0x80060888", 400), SourceRejected),
    Fault("no application user", lambda asked: error("0x80072560", 401), SourceRejected),
    Fault("no right to the table", lambda asked: error("0x80040220", 403), SourceRejected),
)


@pytest.mark.parametrize("lookup", ["filter", "batch"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_of_the_organisation_is_one_error(fault: Fault, lookup: str) -> None:
    async with stub(fault.behaviour) as source, crm_at(source.url, lookup=lookup) as crm:
        await fails_as(fault, lambda: crm.engagements([K1], SCORE))


def batch(*answers: tuple[int, bytes], boundary: str = "batchresponse_1", end: bytes | None = None) -> bytes:
    body = b"".join(
        f"--{boundary}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        f"HTTP/1.1 {status} -\r\nContent-Type: application/json; odata.metadata=minimal\r\n\r\n".encode()
        + inner
        + b"\r\n"
        for status, inner in answers
    )
    closing = f"--{boundary}--\r\n".encode() if end is None else end
    return answer(body + closing, type_=f"multipart/mixed; boundary={boundary}")


def told(code: str) -> bytes:
    return f'{{"error": {{"code": "{code}", "message": "{NAME}"}}}}'.encode()


ABSENT = (404, told("0x80060891"))


async def test_a_batch_asks_for_one_record_a_key_and_goes_on_after_a_refusal() -> None:
    async with stub(lambda asked: batch(ABSENT, ABSENT)) as source, crm_at(source.url, lookup="batch") as crm:
        assert await crm.engagements([K1, K2], SCORE) == {}

    (asked,) = source.asked
    assert (asked.method, asked.target) == ("POST", "/api/data/v9.2/$batch")
    assert asked.headers["content-type"] == 'multipart/mixed; boundary="batch_caregraph"'
    assert asked.headers["prefer"] == "odata.continue-on-error"
    assert re.findall(rb"GET (\S+) HTTP/1\.1\r\n", asked.body) == [
        f"{PATH}(cg_carekey='{key}')?$select=cg_carekey,cg_engagementscore".encode() for key in (K1, K2)
    ]
    assert asked.body.endswith(b"\r\n\r\n--batch_caregraph--\r\n")


async def test_each_answer_of_a_batch_counts_for_its_own_key() -> None:
    keys = [CareKey(f"{n:040x}") for n in range(6)]
    mine = f'{{"@odata.context": "x", "contactid": "1", "cg_carekey": "{keys[0]}", "cg_engagementscore": 5}}'
    answers = [
        (200, mine.encode()),
        ABSENT,
        (404, told("0x80060888")),
        (429, told("0x80072322")),
        (200, b'{"cg_carekey": "Ja'),
        (500, b"<html>Jane"),
    ]
    async with stub(lambda asked: batch(*answers)) as source, crm_at(source.url, lookup="batch") as crm:
        found = await crm.engagements(keys, SCORE)

    assert found[keys[0]] == Engagement(care_key=keys[0], score=5.0)
    assert [type(found.get(key)) for key in keys[1:]] == [
        type(None),
        SourceRejected,
        SourceUnavailable,
        SourceMisread,
        SourceUnavailable,
    ]
    assert NAME not in "".join(str(each) for each in found.values() if isinstance(each, SourceError))


WHOLE = (200, f'{{"cg_carekey": "{K1}", "cg_engagementscore": 5}}'.encode())


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (batch(WHOLE, WHOLE), "not as many answers as requests"),
        (batch(), "not as many answers as requests"),
        (batch(WHOLE, end=b""), "it is not whole"),
        (batch(WHOLE, end=b"--batchresponse_1--more"), "it is not whole"),
        (answer(b"{}"), "not multipart/mixed with a boundary"),
        (answer(b"{}", type_="multipart/mixed"), "not multipart/mixed with a boundary"),
        (
            batch(WHOLE).replace(b"application/http", b"multipart/mixed "),
            "a part that is not application/http",
        ),
        (
            batch(WHOLE).replace(b"\r\n\r\nHTTP/1.1 200", b"\r\n\r\nHTTP/1.1 2xx"),
            "a part without a status line",
        ),
    ],
)
async def test_a_batch_that_is_not_as_it_must_be_is_refused(behaviour: bytes, why: str) -> None:
    async with stub(lambda asked: behaviour) as source, crm_at(source.url, lookup="batch") as crm:
        with pytest.raises(SourceMisread, match=why):
            await crm.engagements([K1], SCORE)


async def test_an_organisation_that_refuses_the_filter_is_asked_by_batches_from_then_on() -> None:
    def behaviour(asked: Asked) -> Answer:
        return batch(WHOLE) if asked.method == "POST" else error("0x80060888", 400)

    async with stub(behaviour) as source, crm_at(source.url) as crm:
        found = [await crm.engagements([K1], SCORE) for _ in range(2)]

    assert found == [{K1: Engagement(care_key=K1, score=5.0)}] * 2
    assert [asked.method for asked in source.asked] == ["GET", "POST", "POST"]


async def test_one_that_refuses_more_than_the_filter_is_not() -> None:
    def behaviour(asked: Asked) -> Answer:
        refused = (400, told("0x80060888"))
        return batch(refused) if asked.method == "POST" else error("0x80060888", 400)

    async with stub(behaviour) as source, crm_at(source.url) as crm:
        for _ in range(2):
            with pytest.raises(SourceRejected, match="HTTP 400"):
                await crm.engagements([K1], SCORE)

    assert [asked.method for asked in source.asked] == ["GET", "POST"] * 2


@given(st.lists(st.tuples(st.sampled_from([200, 404, 500]), st.binary(max_size=40)), max_size=5))
def test_what_was_put_into_a_batch_comes_out_of_it(answers: list[tuple[int, bytes]]) -> None:
    _, _, body = batch(*answers, boundary="b").partition(b"\r\n\r\n")
    if any(b"\r\n--b" in b"\r\n" + inner for _, inner in answers):
        return

    assert parts("multipart/mixed; boundary=b", body, len(answers)) == [Part(*each) for each in answers]


@given(st.binary(max_size=200), st.integers(0, 3))
def test_any_bytes_are_a_batch_or_a_refusal(body: bytes, count: int) -> None:
    try:
        read = parts("multipart/mixed; boundary=b", body, count)
    except Nonconforming as fault:
        read = [Part(200, b"")] * count
        assert str(fault).startswith("batch: ")  # noqa: PT017

    assert len(read) == count


@given(st.lists(st.text(alphabet="abcdef0123456789", min_size=1, max_size=8), max_size=5))
def test_the_stand_in_finds_as_many_requests_as_were_written(keys: list[str]) -> None:
    body = written([f"/x('{key}')" for key in keys], {"Accept": "application/json"})

    assert body.count(b"GET /x(") == len(keys)
    assert body.count(b"--batch_caregraph\r\n") == len(keys)


@given(st.text())
def test_a_literal_ends_where_its_value_ends(value: str) -> None:
    assert re.fullmatch(r"'(?:[^']|'')*'", literal(value), re.DOTALL)
    assert literal(value)[1:-1].replace("''", "'") == value


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"table": "msemr_conditions"}, "clinical table"),
        ({"table": "incidents"}, "not on the list"),
        ({"table": "contacts?$expand=x"}, "not on the list"),
        ({"key_column": "cg_key,birthdate"}, "no column"),
        ({"columns": ColumnNames(score="cg_x/birthdate")}, "no column"),
        ({"columns": ColumnNames(score="Score")}, "no column"),
        ({"api_version": "v9.2/x"}, "version"),
        ({"keys_per_call": 401}, "keys a call"),
        ({"keys_per_call": 1_001, "lookup": "batch"}, "keys a call"),
    ],
)
def test_what_must_not_or_cannot_be_asked_is_refused_at_the_start(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        DynamicsSettings("crm", **settings)


async def test_the_longest_filter_there_can_be_fits_in_a_url() -> None:
    keys = [CareKey(f"{n:040x}") for n in range(400)]
    async with stub(lambda asked: page()) as source, crm_at(source.url, keys_per_call=400) as crm:
        await crm.engagements(keys, ALL)

    (asked,) = source.asked
    assert len(asked.target) < 24_000


async def test_a_session_that_ended_is_begun_anew_once(
    dynamics: DynamicsEngagements, dynamics_at: str, served: Served
) -> None:
    keys = [row.care_key for row in engagements(served.dataset)][:3]
    before = await dynamics.engagements(keys, SCORE)
    await end_sessions(dynamics_at)
    await forget(dynamics_at)

    assert await dynamics.engagements(keys, SCORE) == before

    seen = [(one["path"].rpartition("/")[2], one["status"]) for one in await received(dynamics_at)]
    assert seen == [("contacts", 401), ("token", 200), ("contacts", 200)]


async def test_a_check_says_how_the_organisation_is_asked(
    dynamics: DynamicsEngagements, dynamics_in_batches: DynamicsEngagements
) -> None:
    assert (await dynamics.check()).said == ("10 columns of `contacts` can be read", "asks by a filter")
    assert (await dynamics_in_batches.check()).said[1] == "asks by a batch of alternate keys"


async def test_a_check_finds_a_column_that_cannot_be_read(dynamics_at: str) -> None:
    authorizer = client_secret(
        "crm", dynamics_at, TENANT, "caregraph", "sandbox-dynamics-secret", authority=dynamics_at
    )
    async with crm_at(dynamics_at, authorizer=authorizer, columns=ColumnNames(score="cg_shoesize")) as crm:
        with pytest.raises(SourceRejected, match="HTTP 400"):
            await crm.check()


async def test_a_secret_that_is_not_taken_is_a_refusal(dynamics_at: str) -> None:
    authorizer = client_secret("crm", dynamics_at, TENANT, "caregraph", "wrong", authority=dynamics_at)
    async with crm_at(dynamics_at, authorizer=authorizer) as crm:
        with pytest.raises(SourceRejected, match="authorization server refuses our client"):
            await crm.engagements([K1], SCORE)


async def test_the_secret_goes_to_the_tenant_and_not_to_the_organisation() -> None:
    token = json_answer({"access_token": "t", "token_type": "Bearer", "expires_in": 3599})
    async with stub(lambda asked: token) as tenant, stub(lambda asked: page()) as organisation:
        authorizer = client_secret("crm", organisation.url, "t1", "me", "s3cret", authority=tenant.url)
        async with crm_at(organisation.url, authorizer=authorizer) as crm:
            await crm.engagements([K1], SCORE)

    assert [asked.target for asked in tenant.asked] == ["/t1/oauth2/v2.0/token"]
    assert tenant.asked[0].form == {
        "grant_type": ["client_credentials"],
        "client_id": ["me"],
        "client_secret": ["s3cret"],
        "scope": [f"{organisation.url}/.default"],
    }
    assert [asked.headers["authorization"] for asked in organisation.asked] == ["Bearer t"]


def key_and_certificate() -> tuple[str, str]:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CareGraph")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), made.public_bytes(serialization.Encoding.PEM).decode()


async def test_a_certificate_signs_in() -> None:
    private, certificate = key_and_certificate()
    public = RSAKey.import_key(private).as_dict(private=False)
    with one(dynamics_app([], app=AppRegistration(key=public))) as url:
        for pem in (private + certificate, certificate + private):
            authorizer = client_certificate("crm", url, TENANT, "caregraph", pem, authority=url)
            async with crm_at(url, authorizer=authorizer) as crm:
                assert (await crm.check()).ok


def test_a_certificate_of_another_key_is_refused_without_being_shown() -> None:
    (private, _), (_, other) = key_and_certificate(), key_and_certificate()
    for pem in (private, other, private + other, "nonsense"):
        with pytest.raises(ValueError, match="private RSA key and its certificate") as raised:
            client_certificate("crm", "https://clinic.crm.dynamics.com", TENANT, "id", pem)

        assert pem not in str(raised.value)

"""What a FHIR server remarks on its answers: what is cut, expired or withheld never passes for whole."""

from typing import Any

import pytest

from sources.calling import tallied
from sources.errors import SourceError, SourceMisread, SourceRejected
from sources.model import Encounter, Patient, PatientId
from sources.ports import Listed, Narrowing, PatientQuery
from tests.sources.fhir_servers import records_of
from tests.sources.stub import Answer, Asked, Behaviour, json_answer, stub
from tests.sources.test_fhir_strategies import asking, bundle, encounter, outcome

pytestmark = pytest.mark.anyio

STATUS = frozenset({"status"})
P1, P2 = PatientId("p1"), PatientId("p2")
LISTS: dict[str, Any] = {"strategy": "or-list"}
EPIC: dict[str, Any] = {"vendor": "epic", **LISTS}
E1 = encounter("e1", "p1")
ALL = Narrowing()


async def listed(behaviour: Behaviour, narrowing: Narrowing = ALL, **settings: Any) -> Any:
    async with asking(behaviour, **settings) as (records, _):
        return await records.of_patients(Encounter, [P1, P2], narrowing, STATUS)


def always(body: dict[str, Any], status: int = 200) -> Behaviour:
    return lambda asked: json_answer(body, status)


def warned(*codes: str, severity: str = "warning") -> Behaviour:
    return always(bundle("patient=p1", E1, outcome(*codes, severity=severity)))


@pytest.mark.parametrize("code", ["4119", "4118", "4127", "59133"])
async def test_a_warning_that_there_may_be_more_makes_every_list_incomplete(code: str) -> None:
    found = await listed(warned(code), **EPIC)

    assert {key: (len(mine.rows), mine.complete) for key, mine in found.items()} == {
        P1: (1, False),
        P2: (0, False),
    }


async def test_ids_that_a_cut_answer_does_not_hold_are_not_said_to_be_absent() -> None:
    body = bundle("_id=", {"resourceType": "Patient", "id": "p1"}, outcome("4119", severity="warning"))
    async with asking(always(body), **EPIC) as (records, _):
        found = await records.read(Patient, ["p1", "p2"], frozenset())

    assert {key: type(row).__name__ for key, row in found.items()} == {"p1": "Patient", "p2": "SourceMisread"}


@pytest.mark.parametrize("severity", ["warning", "error"])
async def test_a_remark_that_nothing_was_found_is_an_empty_answer(severity: str) -> None:
    assert await listed(always(bundle("patient=", outcome("4101", severity=severity))), **EPIC) == {}


@pytest.mark.parametrize("severity", ["information", "warning"])
async def test_remarks_of_other_vendors_mean_nothing(severity: str) -> None:
    found = await listed(warned("4119", "4130", "4122", severity=severity), **LISTS)

    assert {key: (len(mine.rows), mine.complete) for key, mine in found.items()} == {P1: (1, True)}


async def test_an_error_among_the_rows_is_a_refusal() -> None:
    with pytest.raises(SourceRejected, match="an error instead of rows"):
        await listed(warned("MSG_X", severity="fatal"), **LISTS, elements=False)


async def test_a_parameter_that_epic_does_not_know_is_misread() -> None:
    with pytest.raises(SourceMisread, match=r"ignored \(code 4122\)"):
        await listed(warned("4122"), **EPIC)


def expiring(times: int, refusal: dict[str, Any], status: int) -> Behaviour:
    """The second page is refused so many times."""
    left = [times]

    def behaviour(asked: Asked) -> Answer:
        if asked.method == "POST":
            return json_answer(bundle("patient=p1", E1, next_="/page/2"))
        left[0] -= 1
        if left[0] >= 0:
            return json_answer(refusal, status)
        return json_answer(bundle("", encounter("e2", "p2")))

    return behaviour


EXPIRED = [
    pytest.param(outcome("4113"), 400, id="400 with 4113"),
    pytest.param({}, 410, id="410"),
    pytest.param(bundle("", outcome("4113")), 200, id="4113 among the rows"),
]


@pytest.mark.parametrize(("refusal", "status"), EXPIRED)
async def test_a_search_whose_pages_expired_is_made_once_more(refusal: dict[str, Any], status: int) -> None:
    with tallied() as tally:
        found = await listed(expiring(1, refusal, status), **EPIC)

    assert {key: [row.id for row in mine.rows] for key, mine in found.items()} == {P1: ["e1"], P2: ["e2"]}
    assert tally.total == 4


@pytest.mark.parametrize(("refusal", "status"), EXPIRED)
async def test_pages_that_expire_again_are_an_error(refusal: dict[str, Any], status: int) -> None:
    with tallied() as tally, pytest.raises(SourceRejected, match="have expired"):
        await listed(expiring(2, refusal, status), **EPIC)

    assert tally.total == 4


async def test_a_bookmark_that_expired_asks_to_start_again() -> None:
    def behaviour(asked: Asked) -> Answer:
        if asked.method == "GET":
            return json_answer({}, 410)
        return json_answer(
            bundle("family=Doe", {"resourceType": "Patient", "id": "p1"}, next_="/Patient?p=2")
        )

    async with stub(behaviour) as source:
        records = records_of(source.url, **LISTS)
        page = await records.search_patients(PatientQuery(family="Doe"), 1, None, frozenset())
        with pytest.raises(SourceRejected, match="start again without the bookmark"):
            await records.search_patients(PatientQuery(family="Doe"), 1, page.next, frozenset())
        await records.close()


DATES = Narrowing((("date", ("ge2026",)), ("date", ("lt2027",)), ("status:not", ("planned",))))
SELF_LINKS = [
    pytest.param("patient=p1,p2&date=ge2026&date=lt2027&status:not=planned", None, id="all"),
    pytest.param("patient%3AGroup=&date=a&status%3Anot=planned&date=b", None, id="escaped, in another order"),
    pytest.param(
        "patient=p1,p2&date=ge2026&status:not=planned", "`date` was not used", id="one of two dates"
    ),
    pytest.param("date=ge2026&date=lt2027&status:not=planned", "`patient` was not used", id="no patient"),
    pytest.param("patient=p1,p2&date=ge2026&date=lt2027", "`status` was not used", id="no status"),
    pytest.param("_count=9", "`date` was not used", id="none"),
    pytest.param("", None, id="no parameter at all"),
]


@pytest.mark.parametrize(("query", "why"), SELF_LINKS)
async def test_an_answer_that_dropped_a_filter_is_misread(query: str, why: str | None) -> None:
    body = always(bundle(query, E1))
    if why is None:
        assert set(await listed(body, DATES, **LISTS)) == {P1}
        return
    with pytest.raises(SourceMisread, match=why):
        await listed(body, DATES, **LISTS)


async def test_a_self_link_is_demanded_or_ignored_as_the_settings_say() -> None:
    body = bundle("", E1) | {"link": []}
    for silent in (body, bundle("", E1)):
        with pytest.raises(SourceMisread, match="set self_link to false"):
            await listed(always(silent), **LISTS, self_link=True)
        assert set(await listed(always(silent), **LISTS)) == {P1}
    wrong = always(bundle("status=x", E1))
    assert set(await listed(wrong, **LISTS, self_link=False)) == {P1}


async def test_rows_that_are_cut_though_all_was_asked_for_are_misread() -> None:
    system = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
    cut = {**E1, "meta": {"tag": [{"system": system, "code": "SUBSETTED"}]}}
    with pytest.raises(SourceMisread, match="SUBSETTED"):
        await listed(always(bundle("patient=", cut)), **LISTS, elements=False)

    assert set(await listed(always(bundle("patient=", cut)), **LISTS)) == {P1}


async def test_a_note_that_says_subsetted_is_no_mark() -> None:
    noted = {**E1, "text": {"div": '"code":"SUBSETTED"'}}

    assert set(await listed(always(bundle("patient=", noted)), **LISTS, elements=False)) == {P1}


async def test_a_server_without_links_is_paged_by_offset_and_never_in_a_url() -> None:
    def behaviour(asked: Asked) -> Answer:
        start = int(asked.form.get("_offset", ["0"])[0])
        rows = [encounter(f"e{n}", "p1") for n in range(start, min(start + 2, 5))]
        return json_answer(
            {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in rows]}
        )

    async with asking(behaviour, vendor="medplum", page_size=2) as (records, source):
        found = await records.of_patients(Encounter, [P1, P2], Narrowing(), STATUS)

    mine = found[P1]
    assert isinstance(mine, Listed)
    assert ([row.id for row in mine.rows], mine.complete) == (["e0", "e1", "e2", "e3", "e4"], True)
    assert [(asked.method, asked.target) for asked in source.asked] == [("POST", "/Encounter/_search")] * 3


async def test_a_full_page_without_a_link_or_an_offset_is_incomplete() -> None:
    body = always(bundle("", E1, encounter("e2", "p1")) | {"link": []})
    found = await listed(body, **LISTS, self_link=False, page_size=2)

    assert {key: mine.complete for key, mine in found.items()} == {P1: False, P2: False}


@pytest.mark.parametrize(("total", "complete"), [(1, True), (2, True), (3, False)])
async def test_fewer_rows_than_the_server_counts_and_no_further_page_are_incomplete(
    total: int, complete: bool
) -> None:
    body = always(bundle("", E1, encounter("e2", "p1")) | {"total": total})
    found = await listed(body, **LISTS, self_link=False)

    assert found[P1].complete is complete
    assert [row.id for row in found[P1].rows] == ["e1", "e2"]


async def test_an_id_among_rows_that_the_server_counts_and_does_not_give_is_not_said_to_be_absent() -> None:
    body = bundle("", {"resourceType": "Patient", "id": "p1"}) | {"total": 2}
    async with asking(always(body), **LISTS, self_link=False) as (records, _):
        found = await records.read(Patient, ["p1", "p2"], frozenset({"gender"}))

    assert {key: type(row).__name__ for key, row in found.items()} == {"p1": "Patient", "p2": "SourceMisread"}


def statement(version: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "CapabilityStatement", "fhirVersion": version, **more}


def checking(metadata: Answer, search: Answer) -> Behaviour:
    return lambda asked: metadata if asked.target == "/metadata" else search


NOBODY = json_answer(bundle("_id=caregraph-check"))
CHECKS = [
    pytest.param(json_answer(statement("5.0.0")), NOBODY, "neither R4", id="R5"),
    pytest.param(json_answer(statement("4.1.0")), NOBODY, "neither R4", id="a draft of R4B"),
    pytest.param(json_answer(statement("3.0.2")), NOBODY, "neither R4", id="STU3"),
    pytest.param(json_answer(statement("4.0.1-x")), NOBODY, "neither R4", id="not a version"),
    pytest.param(json_answer({}), NOBODY, "`fhirVersion` is missing", id="no statement"),
    pytest.param(json_answer({}, 404), NOBODY, "check the base URL", id="another server"),
    pytest.param(json_answer(statement("4.0.1")), json_answer({}, 401), "credentials", id="no credentials"),
    pytest.param(json_answer(statement("4.0.1")), json_answer({}, 403), "scopes", id="no rights"),
]


@pytest.mark.parametrize(("metadata", "search", "why"), CHECKS)
async def test_a_check_says_what_is_wrong(metadata: Answer, search: Answer, why: str) -> None:
    async with asking(checking(metadata, search)) as (records, _):
        with pytest.raises(SourceError, match=why):
            await records.check()


async def test_a_check_says_which_server_it_is_and_how_it_will_be_asked() -> None:
    rest = {
        "mode": "server",
        "interaction": [{"code": "batch"}],
        "resource": [
            {"type": "Patient", "searchParam": [{"name": "_id"}, {"name": "identifier"}]},
            {"type": "Practitioner", "searchParam": [{"name": "name"}]},
        ],
    }
    software = {"name": "Acme <b>FHIR", "version": "7.2.0"}
    metadata = json_answer(statement("4.3.0", software=software, rest=[rest]))
    async with asking(checking(metadata, NOBODY), keeps_consents=False) as (records, source):
        found = await records.check()

    assert found.ok
    assert found.said[:2] == ("software: 7.2.0", "FHIR 4.3.0, vendor profile `generic`")
    assert found.said[2].startswith("or-list: AllergyIntolerance by _id, AllergyIntolerance by patient, ")
    assert found.said[3:] == (
        "batch: Practitioner by _id",
        "not among the searches it names: Practitioner by _id, Practitioner by identifier,"
        " Patient by name, Patient by family, Patient by given, Patient by birthdate, Patient by gender",
        "consents: none are kept, and nobody is refused for one",
        'changes are not told: it names no search by `_lastUpdated`; if it has one, set changes = "poll"',
    )
    assert "Jane" not in str(found)
    assert [asked.target for asked in source.asked] == ["/metadata", "/Patient/_search"]

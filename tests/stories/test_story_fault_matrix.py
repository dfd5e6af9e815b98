"""What a GraphQL client sees of each fault of the matrix: data, codes, paths, and how the sources did."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from msgspec.structs import replace

from gateway.settings import Settings
from sandbox.addresses import Addresses
from sandbox.dataset import generate
from sandbox.knobs.rows import FOREIGN_CARE_KEY, FOREIGN_MRN, FOREIGN_PATIENT
from tests.sources.authority import Authority
from tests.sources.matrix.cells import FAULTS, Sees
from tests.sources.matrix.table import MATRIX
from tests.sources.matrix.trying import HURRIED_S, SAID
from tests.sources.stub import Asked
from tests.stories.conftest import TODAY
from tests.stories.faulty_line import ODD_FIELD, Line, line
from tests.stories.house import BUSY_S, NEVER_S, House, running

HURRY_S = min(HURRIED_S.values())
SLACK_S = 15.0
"""For a busy machine. What does not end by itself, ends a minute later at the earliest."""

WELL_AGAIN_S = 30.0


class Place(NamedTuple):
    """Where a source stands: its row of the matrix, its field in the graph, which part of it has faults."""

    row: str
    field: str
    selection: str
    part: str


PLACES = {
    "ehr": Place("EHR: FHIR, lists", "encounters", "{ nodes { id status } complete }", "Encounter"),
    "pms": Place("PMS: REST", "appointments", "{ nodes { id status } complete }", "/v1/appointments"),
    "crm": Place("CRM: HubSpot", "engagement", "{ score lifecycleStage }", "/contacts"),
}
QUESTION = "query ($a: ID!, $b: ID!) { a: patient(id: $a) { id %s } b: patient(id: $b) { id %s } }"
WHO = {"a": "pat-000001", "b": "pat-000004"}

CODES = {
    Sees.UNAVAILABLE: ("SOURCE_UNAVAILABLE", True),
    Sees.TIMEOUT: ("SOURCE_TIMEOUT", True),
    Sees.REJECTED: ("SOURCE_REJECTED", False),
    Sees.MISREAD: ("SOURCE_MISREAD", False),
    Sees.MISREAD_ALONE: ("SOURCE_MISREAD", False),
}
STATUS = {
    Sees.UNAVAILABLE: "unavailable",
    Sees.TIMEOUT: "timeout",
    Sees.REJECTED: "rejected",
    Sees.MISREAD: "misread",
    Sees.MISREAD_ALONE: "misread",
}
"""What `extensions.sources` says; of all else, `ok`."""

UNREACHED = ("refused", "TLS failure")
"""Faults of a source as a whole; the others are of one kind of its rows."""

INCOMPLETE = ("wrong patient's row", "endless paging")
"""Faults that leave no error, and of which `extensions` tells all the same."""

CELLS = [
    pytest.param(source, fault, id=f"{source}: {fault}")
    for source, place in PLACES.items()
    for fault in FAULTS
    if MATRIX[place.row][fault].sees is not Sees.NO_MATTER
]


@dataclass
class Faulty:
    """A house whose sources are behind lines."""

    house: House
    lines: Mapping[str, Line]
    impostor: Authority
    timeout_s: float

    def ask(self, source: str) -> httpx.Response:
        place = PLACES[source]
        field = f"{place.field} {place.selection}"
        return self.house.client.post(
            self.house.url,
            json={"query": QUESTION % (field, field), "variables": WHO},
            headers={"Authorization": f"Bearer {self.house.token('clinician')}"},
            timeout=60,
        )

    def well(self, source: str) -> dict[str, Any]:
        """The answer while nothing is wrong, once that is so."""
        deadline = time.monotonic() + WELL_AGAIN_S
        while "errors" in (answer := self.ask(source).json()):
            assert time.monotonic() < deadline, answer["errors"]
            time.sleep(0.1)
        found: dict[str, Any] = answer
        return found


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[bool, Faulty]]:
    """A house with time enough, and one in a hurry, for faults that show only when the time is over."""
    folders = [tmp_path_factory.mktemp(name) for name in ("unhurried", "hurried")]
    with _faulty(folders[0], BUSY_S) as unhurried, _faulty(folders[1], HURRY_S) as hurried:
        yield {False: unhurried, True: hurried}


@pytest.mark.parametrize(("source", "fault"), CELLS)
def test_a_client_sees_of_a_fault_what_its_cell_says(
    houses: Mapping[bool, Faulty], source: str, fault: str
) -> None:
    faulty = houses[fault in HURRIED_S]
    cell = MATRIX[PLACES[source].row][fault]
    well = faulty.well(source)

    with faulty.lines[source].under(fault, faulty.impostor):
        begun = time.monotonic()
        response = faulty.ask(source)
        took = time.monotonic() - begun
    answer = response.json()

    assert response.status_code == 200
    assert _sees(answer, well["data"], PLACES[source].field) is cell.sees
    assert took < faulty.timeout_s + SLACK_S
    _errors_are_told(answer, source, cell.sees)
    _sources_are_told(answer, source, fault, cell.sees)
    for said in (SAID, ODD_FIELD, FOREIGN_CARE_KEY, FOREIGN_MRN, FOREIGN_PATIENT, "127.0.0.1"):
        assert said not in response.text
    assert faulty.well(source)["data"] == well["data"]


def _sees(answer: dict[str, Any], well: dict[str, Any], field: str) -> Sees:
    """What the client sees. All that is not of the source is there, but where the fault takes the patient."""
    data, errors = answer["data"], answer.get("errors", [])
    if not errors:
        if data == well:
            return Sees.ANSWER
        found = [data[who][field] for who in WHO]
        if all(one is None or (one["nodes"] == [] and one["complete"]) for one in found):
            return Sees.NOTHING
        assert all(one["complete"] is False and one["nodes"] for one in found), (
            "neither an answer nor an error"
        )
        return Sees.CUT
    paths = sorted(tuple(error["path"]) for error in errors)
    if len(paths) == 1:
        ((who, *_),) = paths
        (other,) = set(WHO) - {who}
        assert paths == [(who, field)]
        assert data == {who: {**well[who], field: None}, other: well[other]}, "it cost others their rows"
        return Sees.MISREAD_ALONE
    if paths == [("a",), ("b",)]:
        assert data == {"a": None, "b": None}
    else:
        assert paths == [("a", field), ("b", field)]
        assert data == {who: {**well[who], field: None} for who in WHO}
    (code,) = {error["extensions"]["code"] for error in errors}
    return next(sees for sees, (known, _) in CODES.items() if known == code)


def _errors_are_told(answer: dict[str, Any], source: str, sees: Sees) -> None:
    for error in answer.get("errors", []):
        code, retryable = CODES[sees]
        told = error["extensions"]
        assert (told["code"], told["source"], told["retryable"]) == (code, source, retryable)
        assert error["message"].startswith("A system this comes from")


def _sources_are_told(answer: dict[str, Any], source: str, fault: str, sees: Sees) -> None:
    told = {one["name"]: one for one in answer["extensions"]["sources"]}
    is_complete = sees in (Sees.ANSWER, Sees.NOTHING) and fault not in INCOMPLETE
    status = STATUS.get(sees, "ok")
    if source == "ehr" and (fault == "redirect" or status in ("unavailable", "timeout", "rejected")):
        status = status if fault in UNREACHED else "degraded"  # the patients themselves came
    assert told[source]["complete"] is answer["extensions"]["complete"] is is_complete
    assert told[source]["status"] == status
    assert all(one["status"] == "ok" for name, one in told.items() if name != source)


@contextmanager
def _faulty(folder: Path, timeout_s: float) -> Iterator[Faulty]:
    ours, impostor = Authority(folder), Authority(folder, "impostor")
    lines: dict[str, Line] = {}
    with ExitStack() as opened:

        def rewired(addresses: Addresses, settings: Settings) -> Settings:
            """The settings with every source behind a line of its own."""
            origins = {"ehr": addresses.ehr.removesuffix("/fhir"), "pms": addresses.pms, "crm": addresses.crm}
            for source, origin in origins.items():
                lines[source] = opened.enter_context(line(origin, ours, _meets(PLACES[source].part)))
            # Found through the line, it would have to be https, as the line is.
            ehr: Any = settings.ehr["ehr"]
            ehr = replace(ehr, auth=replace(ehr.auth, token_url=f"{addresses.idp}/token"))
            sections = {"ehr": ehr, "pms": settings.pms["pms"], "crm": settings.crm["crm"]}
            behind = {
                source: {source: _behind(section, origins[source], lines[source].url, ours)}
                for source, section in sections.items()
            }
            return replace(settings, **behind)

        with running(
            generate(5, today=TODAY), poll_seconds=NEVER_S, source_timeout_s=timeout_s, rewired=rewired
        ) as house:
            yield Faulty(house, lines, impostor, timeout_s)


def _meets(part: str) -> Any:
    def meets(asked: Asked) -> bool:
        return part in asked.target or part.encode() in asked.body

    return meets


def _behind(section: Any, origin: str, url: str, authority: Authority) -> Any:
    """The section of a source, led through a line."""
    http = replace(section.http, ca_file=str(authority.certificate))
    return replace(section, url=section.url.replace(origin, url), http=http)


def test_the_answer_of_each_source_has_something_to_lose(houses: Mapping[bool, Faulty]) -> None:
    for source, place in PLACES.items():
        data = houses[False].well(source)["data"]
        assert all(data[who][place.field] for who in WHO)
        assert json.dumps(data).count("null") == 0

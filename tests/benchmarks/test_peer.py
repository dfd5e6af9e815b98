"""The entry for the rig answers with the rig's data, by the fewest calls, and refuses what it cannot know."""

import copy
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import processes
from benchmarks.comparison import difference
from benchmarks.peer import bodies, equivalence
from benchmarks.peer.bookings import RigPms
from benchmarks.peer.compare import first_difference, post
from benchmarks.peer.crosswalk import Crosswalk
from sources.calling import Upstream
from sources.errors import SourceRejected
from sources.model import CareKey, Mrn
from sources.ports import AppointmentQuery
from tests.benchmarks.peer_upstream import EVERYBODY, Rig, Row, expected

CORE = min(os.sched_getaffinity(0))
QUERIES = ("q1", "q2", "q3", "q4")


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Entry:
    """The entry as the rig runs it: started by `start.sh`, asked with what `headers.sh` prints."""

    def __init__(self, rig: Rig, port: int, headers: dict[str, str]) -> None:
        self.rig = rig
        self.port = port
        self.headers = headers

    def ask(self, query: str, patient: str = EVERYBODY[0]) -> Row:
        lines = bodies.file(query).read_text().splitlines()
        line = lines[0] if query == "q3" else lines[bodies.PATIENTS.index(patient)]
        self.rig.calls.clear()
        status, answer = post(self.port, line, self.headers)
        assert status == 200
        return answer


@pytest.fixture(scope="module")
def entry(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Entry]:
    home = tmp_path_factory.mktemp("rig")
    port = free_port()
    upstream = f"http://127.0.0.1:{rig.server_port}"
    env = os.environ | {
        "PORT": str(port),
        "UPSTREAM": upstream,
        "BENCH_HOME": str(home),
        "PEER_PYTHON": sys.executable,
    }
    log = home / "entry.out"
    with processes.child([str(bodies.HERE / "start.sh")], core=CORE, log=log, env=env) as pid:
        deadline = time.monotonic() + 45
        while not processes.is_taken(port):
            assert not processes.has_ended(pid), log.read_text()
            assert time.monotonic() < deadline, "it did not come up"
            time.sleep(0.05)
        yield Entry(rig, port, printed_headers(env))


def printed_headers(env: dict[str, str]) -> dict[str, str]:
    said = subprocess.run([str(bodies.HERE / "headers.sh")], env=env, capture_output=True, check=True)
    headers: dict[str, str] = json.loads(said.stdout)
    return headers


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("query", QUERIES)
def test_the_bodies_are_those_of_the_queries(query: str) -> None:
    assert bodies.file(query).read_text().splitlines() == bodies.lines(query)


@pytest.mark.parametrize("patient", EVERYBODY)
@pytest.mark.parametrize("query", ["q1", "q2", "q4"])
def test_an_answer_holds_what_the_rig_expects(entry: Entry, query: str, patient: str) -> None:
    answer = entry.ask(query, patient)

    wanted = equivalence.expected({"patient": expected(query, patient)})
    assert difference(wanted, equivalence.ours(answer["data"])) == ""


def test_the_worklist_holds_what_the_rig_expects(entry: Entry) -> None:
    answer = entry.ask("q3")

    wanted = equivalence.expected({"patients": [expected("q3", patient) for patient in EVERYBODY]})
    assert difference(wanted, equivalence.ours(answer["data"])) == ""


@pytest.mark.parametrize(
    ("query", "calls"),
    [
        ("q1", ["/fhir/Patient/pat-00000001"]),
        ("q2", ["/crm", "/fhir/Encounter", "/fhir/Patient/pat-00000001", "/pms/v1/appointments"]),
        ("q3", ["/crm", "/fhir/Encounter", "/fhir/Patient", "/pms/v1/appointments"]),
        (
            "q4",
            ["/fhir/Encounter", "/fhir/Observation", "/fhir/Patient/pat-00000001", "/pms/v1/appointments"],
        ),
    ],
)
def test_each_system_is_asked_once(entry: Entry, query: str, calls: list[str]) -> None:
    entry.ask(query)

    assert sorted(call.removesuffix("/v3/objects/contacts/batch/read") for call in entry.rig.calls) == calls


@pytest.mark.parametrize(
    ("kind", "name", "other"),
    [
        ("appointments", "status", "arrived"),
        ("appointments", "startsAt", "2026-05-02T09:00:00+00:00"),
        ("encounters", "practitionerName", "Dr. Hannah Weiss"),
        ("encounters", "id", "enc-00000002-1"),
    ],
)
def test_one_other_value_is_found(entry: Entry, kind: str, name: str, other: str) -> None:
    data = entry.ask("q2")["data"]
    wrong = copy.deepcopy(expected("q2", EVERYBODY[0]))
    wrong[kind][0][name] = other

    found = difference(equivalence.expected({"patient": wrong}), equivalence.ours(data))

    assert found.startswith(f"answer.patient.{kind}[")


def test_the_comparison_reads_what_the_rig_left(entry: Entry, tmp_path: Path) -> None:
    file = tmp_path / "data" / "expected" / "q3.jsonl"
    file.parent.mkdir(parents=True)
    rows = [expected("q3", patient) for patient in EVERYBODY]
    file.write_text(json.dumps({"data": {"patients": rows}}) + "\n")
    assert first_difference(tmp_path, "q3", entry.port, entry.headers) == ""

    rows[2]["crmProfile"]["ownerId"] = "4712"
    file.write_text(json.dumps({"data": {"patients": rows}}) + "\n")
    found = first_difference(tmp_path, "q3", entry.port, entry.headers)
    assert found == "line 1: answer.patients[2].crmProfile.ownerId is '4711', expected '4712'"


def test_a_patient_the_server_does_not_have_is_no_patient(entry: Entry) -> None:
    status, answer = post(entry.port, bodies.body("q1", {"id": "Patient/pat-00000099"}), entry.headers)

    assert (status, answer["data"], "errors" in answer) == (200, {"patient": None}, False)


def test_somebody_elses_booking_is_shown_to_nobody(entry: Entry) -> None:
    well = entry.ask("q2")
    entry.rig.stranger = EVERYBODY[1]
    try:
        answer = entry.ask("q2")
    finally:
        entry.rig.stranger = None

    assert len(answer["data"]["patient"]["appointments"]["nodes"]) == 2
    assert answer["data"] == well["data"]


@pytest.mark.parametrize("ends_at", ["2026-04-02T09:15:00", "2026-02-30T09:15:00Z", "at a quarter past nine"])
def test_a_time_that_is_no_instant_costs_the_patients_bookings(entry: Entry, ends_at: str) -> None:
    entry.rig.ends_at = ends_at
    try:
        answer = entry.ask("q2")
    finally:
        entry.rig.ends_at = None

    assert answer["data"]["patient"]["appointments"] is None
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["SOURCE_MISREAD"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer e30.e30.e30"}])
def test_without_its_token_nothing_is_answered(entry: Entry, headers: dict[str, str]) -> None:
    entry.rig.calls.clear()

    status, answer = post(entry.port, bodies.body("q1", {"id": "Patient/pat-00000001"}), headers)

    assert (status, "data" in answer, entry.rig.calls) == (401, False, [])


@pytest.mark.anyio
async def test_the_pms_refuses_what_it_cannot_answer() -> None:
    upstream = Upstream("pms", "pms/rig", "http://127.0.0.1:1")
    pms = RigPms("pms", upstream, Crosswalk(CareKey))
    narrowed = AppointmentQuery(statuses=("booked",))

    try:
        for asked in (
            pms.appointments(["1"], frozenset()),
            pms.appointments_of([Mrn("MRN1")], narrowed, frozenset()),
            pms.appointments_by_visit(["1"], frozenset()),
            pms.search_appointments(AppointmentQuery(), 1, None, frozenset()),
            pms.locations(["1"], frozenset()),
            pms.coverages_of([Mrn("MRN1")], frozenset()),
            pms.balances([Mrn("MRN1")], frozenset()),
        ):
            with pytest.raises(SourceRejected, match="only tells which appointments a patient has"):
                await asked
    finally:
        await upstream.close()

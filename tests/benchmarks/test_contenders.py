"""The textbook service and the floor give the same, right answer; one that is not there is said so."""

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from benchmarks import contenders, run
from benchmarks.comparison import canonical, difference
from benchmarks.contenders import NotRunning
from benchmarks.upstream.records import care_key, population
from benchmarks.upstream.worlds import World, answers

CORE = min(os.sched_getaffinity(0))


COSTA = {
    "id": "pat-000001",
    "name": [{"family": "Costa", "given": ["Farah", "Ada"]}, {"family": "Costa", "given": ["Farah"]}],
    "birthDate": "1993-05-25",
    "gender": "female",
    "engagement": {"lifecycleStage": "lead", "score": 5, "attendanceRate": 0.85},
}
HER_APPOINTMENTS = [
    {
        "id": "5010",
        "status": "booked",
        "start": "2026-03-03T20:30:00+00:00",
        "end": "2026-03-03T21:00:00+00:00",
        "serviceType": [{"text": "Video visit"}],
    },
    {
        "id": "5011",
        "status": "cancelled",
        "start": "2026-04-02T18:00:00+00:00",
        "end": "2026-04-02T18:30:00+00:00",
        "serviceType": [{"text": "Video visit"}],
    },
    {
        "id": "5012",
        "status": "booked",
        "start": "2026-05-02T17:30:00+00:00",
        "end": "2026-05-02T18:15:00+00:00",
        "serviceType": [{"text": "Physical"}],
    },
]
HER_FIRST_ENCOUNTER = {
    "id": "enc-000001-1",
    "status": "finished",
    "class": {"code": "AMB"},
    "period": {"start": "2026-03-03T16:45:00+00:00", "end": "2026-03-03T17:15:00+00:00"},
    "reasonCode": [{"text": "Hypertension follow-up"}],
}

both = pytest.mark.parametrize("name", ["floor", "textbook"])


@both
def test_one_patient_is_put_together_from_three_systems(name: str, tmp_path: Path) -> None:
    patient = ask(name, "patient", tmp_path)["patient"]

    assert nodes(patient.pop("appointments")) == HER_APPOINTMENTS
    encounters = nodes(patient.pop("encounters"))
    assert encounters[0] == HER_FIRST_ENCOUNTER
    assert [each["id"] for each in encounters] == [f"enc-000001-{number}" for number in (1, 2, 3, 4)]
    assert patient == COSTA


@both
def test_every_patient_of_the_worklist_has_their_own_rows(name: str, tmp_path: Path) -> None:
    patients = nodes(ask(name, "worklist", tmp_path)["patients"])

    rates = {row["properties"]["care_key"]: row["properties"] for row in population(50).contacts}
    assert [patient["id"] for patient in patients] == [f"pat-{number:06}" for number in range(1, 51)]
    for number, patient in enumerate(patients, 1):
        booked = [row["id"] for row in nodes(patient["appointments"])]
        assert booked == [str(5000 + 10 * number + index) for index in range(3)]
        met = [row["id"] for row in nodes(patient["encounters"])]
        assert met == [f"enc-{number:06}-{index}" for index in (1, 2, 3, 4)]
        rate = rates[care_key(patient["id"])]["attendance_rate"]
        assert patient["engagement"]["attendanceRate"] == float(rate)


def test_the_textbook_service_and_the_floor_agree(tmp_path: Path) -> None:
    floor, textbook = (ask(name, "worklist", tmp_path) for name in ("floor", "textbook"))

    assert difference(floor, textbook) == ""


def test_a_contender_without_a_start_script_is_not_running(tmp_path: Path) -> None:
    nowhere = World("patient", 1)

    with (
        pytest.raises(NotRunning, match=r"^nobody: benchmarks/nobody/start.sh is missing$"),
        contenders.running("nobody", nowhere, tmp_path, port=free_port(), core=CORE),
    ):
        pass


def test_an_unknown_contender_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run.main(["--only", "nobody"])

    assert "`nobody` is none of floor, gateway, textbook" in capsys.readouterr().err


def free_port() -> int:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return server.server_port


def ask(name: str, query: str, work: Path) -> Any:
    """The canonical answer of a contender that was started for this one question."""
    with (
        served(query) as world,
        contenders.running(name, world, work, port=free_port(), core=CORE) as contender,
    ):
        return canonical(contender.ask())


def nodes(connection: Any) -> list[Any]:
    return [edge["node"] for edge in connection["edges"]]


@contextlib.contextmanager
def served(query: str) -> Iterator[World]:
    """A world on a free port, served by the standard library."""
    bodies: dict[str, tuple[str, bytes]] = {}

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            media_type, body = bodies[self.path.partition("?")[0]]
            self.send_response(200)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        world = World(query, server.server_port)
        for answer in answers(world, {"keys": []}):
            bodies[answer.path] = (answer.media_type, json.dumps(answer.content).encode())
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield world
        finally:
            server.shutdown()
            thread.join()

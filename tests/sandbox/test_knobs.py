"""The knobs of the stand-ins, over real sockets: what was asked of them, and every way to misbehave."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.knobs.rows import (
    FOREIGN_CARE_KEY,
    FOREIGN_MRN,
    FOREIGN_PATIENT,
    ODD_FIELD,
    with_foreign_row,
    with_unknown_field,
)
from sandbox.records import Contact, Dataset, Json, Pms
from sandbox.serve import Addresses, background

MRN = "MRN-000001"


def records() -> Dataset:
    dataset = Dataset(
        pms=Pms(
            practitioners=[{"id": 7, "npi": "1234567893", "name": "Ana Reyes"}],
            balances=[{"patient_mrn": MRN, "amount_due": "120.50", "currency": "USD"}],
        ),
        contacts=[
            Contact(
                id="90001",
                properties={"care_key": "a" * 40, "email": None},
                createdAt="2026-01-01T00:00:00.000Z",
                updatedAt="2026-01-01T00:00:00.000Z",
                archived=False,
            )
        ],
    )
    dataset.add(
        {
            "resourceType": "Encounter",
            "id": "enc-1",
            "status": "finished",
            "subject": {"reference": "Patient/pat-1"},
        }
    )
    return dataset


class Sandbox:
    """A sandbox and a client that is signed in to each of its systems."""

    def __init__(self, at: Addresses, http: httpx.Client) -> None:
        self.at = at
        self.http = http
        self._tokens = {
            "ehr": self.http.post(f"{at.idp}/sandbox/token", json={"system": "ehr"}).json()["access_token"],
            "pms": self._by_secret(f"{at.pms}/oauth/token", "sandbox-pms-secret"),
            "crm": self._by_secret(f"{at.crm}/oauth/v1/token", "sandbox-crm-secret"),
        }

    def _by_secret(self, url: str, secret: str) -> str:
        form = {"grant_type": "client_credentials", "client_id": "caregraph", "client_secret": secret}
        token: str = self.http.post(url, data=form).json()["access_token"]
        return token

    def break_(self, system: str, mode: str, **others: Any) -> None:
        answer = self.http.put(f"{self.at.knobs(system)}/faults", json={"mode": mode, **others})
        assert answer.status_code == 200, answer.text

    def ask(self, system: str) -> httpx.Response:
        """A search of the system's rows, of which there is one."""
        url, body = {
            "ehr": (f"{self.at.ehr}/Encounter/_search", {"data": {"patient": "pat-1"}}),
            "pms": (f"{self.at.pms}/v1/balances/search", {"json": {"patient_mrns": [MRN]}}),
            "crm": (
                f"{self.at.crm}/crm/v3/objects/contacts/batch/read",
                {"json": {"idProperty": "care_key", "inputs": [{"id": "a" * 40}]}},
            ),
        }[system]
        headers = {"Authorization": f"Bearer {self._tokens[system]}"}
        return self.http.post(url, headers=headers, **body)  # type: ignore[arg-type]

    def requests(self, system: str) -> list[Json]:
        seen: list[Json] = self.http.get(f"{self.at.knobs(system)}/requests").json()["requests"]
        return seen


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with background(records()) as at, httpx.Client() as http:
        yield Sandbox(at, http)


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    """A sandbox with nothing broken and nothing remembered."""
    for system in ("ehr", "pms", "crm"):
        running.break_(system, "none")
        running.http.delete(f"{running.at.knobs(system)}/requests")
    return running


SYSTEMS = pytest.mark.parametrize("system", ["ehr", "pms", "crm"])


@SYSTEMS
def test_with_no_fault_the_row_comes(sandbox: Sandbox, system: str) -> None:
    answer = sandbox.ask(system)

    assert answer.status_code == 200
    assert ODD_FIELD not in answer.text


def test_requests_are_recorded_as_they_came(sandbox: Sandbox) -> None:
    sandbox.ask("ehr")
    sandbox.http.get(f"{sandbox.at.ehr}/Encounter?_elements=status&_count=2")

    first, second = sandbox.requests("ehr")
    assert {name: first[name] for name in ("method", "path", "query", "body", "status")} == {
        "method": "POST",
        "path": "/fhir/Encounter/_search",
        "query": "",
        "body": "patient=pat-1",
        "status": 200,
    }
    assert (second["query"], second["status"]) == ("_elements=status&_count=2", 401)
    assert first["headers"]["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in first["headers"]


def test_requests_are_forgotten_on_demand(sandbox: Sandbox) -> None:
    sandbox.ask("pms")

    sandbox.http.delete(f"{sandbox.at.knobs('pms')}/requests")

    assert sandbox.requests("pms") == []


def test_a_token_request_is_recorded_without_its_secret(sandbox: Sandbox) -> None:
    form = {"grant_type": "client_credentials", "client_secret": "a secret of mine"}
    sandbox.http.post(f"{sandbox.at.pms}/oauth/token", data=form)

    assert [(seen["path"], seen["body"]) for seen in sandbox.requests("pms")] == [("/oauth/token", "")]


def test_only_the_last_thousand_requests_are_kept(sandbox: Sandbox) -> None:
    for number in range(1_001):
        sandbox.http.get(f"{sandbox.at.crm}/none?n={number}")

    seen = sandbox.requests("crm")
    assert len(seen) == 1_000
    assert (seen[0]["query"], seen[-1]["query"]) == ("n=1", "n=1000")


@SYSTEMS
def test_a_status_is_answered_in_the_words_of_the_vendor(sandbox: Sandbox, system: str) -> None:
    sandbox.break_(system, "status", value=503)

    answer = sandbox.ask(system)

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    key = {"ehr": "resourceType", "pms": "error", "crm": "category"}[system]
    assert key in answer.json()


def test_a_status_without_a_value_is_500_and_never_reaches_the_stand_in(sandbox: Sandbox) -> None:
    sandbox.break_("pms", "status")

    assert sandbox.ask("pms").status_code == 500
    assert "X-RateLimit-Limit" not in sandbox.ask("pms").headers


@SYSTEMS
def test_html_comes_with_200(sandbox: Sandbox, system: str) -> None:
    sandbox.break_(system, "html")

    answer = sandbox.ask(system)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.text.startswith("<!doctype html>")


@SYSTEMS
def test_cut_json_is_the_first_half(sandbox: Sandbox, system: str) -> None:
    # The EHR's answer holds the instant it was made and the CRM's how long it took: only lengths agree.
    whole = sandbox.ask(system).content
    sandbox.break_(system, "cut")

    half = sandbox.ask(system)

    assert half.status_code == 200
    assert len(half.content) == len(whole) // 2
    assert half.content[:10] == whole[:10]


def test_a_cut_may_claim_the_full_length_and_hang_up(sandbox: Sandbox) -> None:
    sandbox.break_("pms", "cut", value=1)

    with pytest.raises(httpx.RemoteProtocolError, match="peer closed connection"):
        sandbox.ask("pms")

    assert sandbox.requests("pms")[-1]["status"] == 200


@SYSTEMS
def test_a_reset_connection_gives_no_answer(sandbox: Sandbox, system: str) -> None:
    sandbox.break_(system, "reset")

    with pytest.raises(httpx.ReadError, match=r"Connection reset|\[Errno 104\]"):
        sandbox.ask(system)

    assert sandbox.requests(system)[-1]["status"] is None


def test_latency_delays_the_answer(sandbox: Sandbox) -> None:
    sandbox.break_("pms", "latency", value=0.3)
    begun = time.monotonic()

    answer = sandbox.ask("pms")

    assert answer.json() == {"balances": records().pms.balances}
    assert time.monotonic() - begun >= 0.3


def test_a_slow_body_sends_its_head_at_once(sandbox: Sandbox) -> None:
    whole = sandbox.ask("pms")
    sandbox.break_("pms", "slow_body", value=0.5)

    answer = sandbox.http.send(whole.request, stream=True)
    head_came = time.monotonic()
    body = answer.read()

    assert body == whole.content
    assert time.monotonic() - head_came >= 0.25


@SYSTEMS
def test_an_unknown_field_stands_in_every_record(sandbox: Sandbox, system: str) -> None:
    sandbox.break_(system, "unknown_field")

    answer = sandbox.ask(system).json()

    row = {
        "ehr": lambda: answer["entry"][0]["resource"],
        "pms": lambda: answer["balances"][0],
        "crm": lambda: answer["results"][0],
    }[system]()
    assert row[ODD_FIELD] == "sandbox"


@SYSTEMS
def test_a_foreign_row_comes_last_and_is_another_patients(sandbox: Sandbox, system: str) -> None:
    sandbox.break_(system, "foreign_row")

    answer = sandbox.ask(system).json()

    mine, foreign = {
        "ehr": lambda: [entry["resource"]["subject"]["reference"] for entry in answer["entry"]],
        "pms": lambda: [row["patient_mrn"] for row in answer["balances"]],
        "crm": lambda: [row["properties"]["care_key"] for row in answer["results"]],
    }[system]()
    assert (mine, foreign) == {
        "ehr": ("Patient/pat-1", f"Patient/{FOREIGN_PATIENT}"),
        "pms": (MRN, FOREIGN_MRN),
        "crm": ("a" * 40, FOREIGN_CARE_KEY),
    }[system]


def test_errors_are_not_rewritten(sandbox: Sandbox) -> None:
    sandbox.break_("ehr", "unknown_field")

    answer = sandbox.http.get(f"{sandbox.at.ehr}/Encounter")

    assert answer.status_code == 401
    assert ODD_FIELD not in answer.text


def test_a_fault_ends_after_so_many_times(sandbox: Sandbox) -> None:
    sandbox.break_("pms", "status", value=429, times=2)

    assert [sandbox.ask("pms").status_code for _ in range(3)] == [429, 429, 200]
    assert sandbox.http.get(f"{sandbox.at.knobs('pms')}/faults").json()["times"] == 0


def test_a_fault_may_be_for_some_paths_only(sandbox: Sandbox) -> None:
    sandbox.break_("ehr", "status", path="/fhir/Encounter")

    assert sandbox.ask("ehr").status_code == 500
    assert sandbox.http.get(f"{sandbox.at.ehr}/metadata").status_code == 200


@pytest.mark.parametrize(("path", "status"), [(None, 400), ("/oauth", 500)])
def test_token_endpoints_are_spared_unless_named(sandbox: Sandbox, path: str | None, status: int) -> None:
    sandbox.break_("crm", "status", **({"path": path} if path else {}))

    assert sandbox.http.post(f"{sandbox.at.crm}/oauth/v1/token", data={}).status_code == status


@pytest.mark.parametrize(
    "fault",
    [
        {"mode": "explode"},
        {"mode": "status", "value": 200},
        {"mode": "status", "value": 600},
        {"mode": "latency", "value": -1},
        {"mode": "latency", "times": 0},
        {"mode": "html", "path": "fhir"},
        {"mode": "html", "status": 500},
        {},
    ],
)
def test_a_fault_it_does_not_know_is_refused_and_changes_nothing(
    sandbox: Sandbox, fault: dict[str, Any]
) -> None:
    answer = sandbox.http.put(f"{sandbox.at.knobs('pms')}/faults", json=fault)

    assert answer.status_code == 400
    assert sandbox.http.get(f"{sandbox.at.knobs('pms')}/faults").json()["mode"] == "none"


def test_a_patient_among_the_rows_becomes_another_one() -> None:
    bundle = {
        "resourceType": "Bundle",
        "entry": [
            {"fullUrl": "http://x/Patient/pat-1", "resource": {"resourceType": "Patient", "id": "pat-1"}}
        ],
    }

    assert with_foreign_row(bundle)["entry"][1:] == [
        {"resource": {"resourceType": "Patient", "id": FOREIGN_PATIENT}}
    ]


def test_references_to_the_patient_are_found_however_deep_and_others_are_left() -> None:
    participant = [
        {"actor": {"reference": "Practitioner/prac-1"}},
        {"actor": {"reference": "http://x/fhir/Patient/pat-1"}},
    ]
    entry = {"resource": {"resourceType": "Appointment", "id": "a", "participant": participant}}

    foreign = with_foreign_row({"resourceType": "Bundle", "entry": [entry]})["entry"][1]["resource"]

    assert [one["actor"]["reference"] for one in foreign["participant"]] == [
        "Practitioner/prac-1",
        f"Patient/{FOREIGN_PATIENT}",
    ]


@pytest.mark.parametrize(
    "answer",
    [
        {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Location", "id": "l"}}]},
        {"practitioners": [{"id": 7, "npi": "1"}]},
        {"results": [], "errors": [{"context": {"ids": ["x"]}}]},
        {"resourceType": "Patient", "id": "p"},
    ],
)
def test_what_is_no_list_of_patients_rows_stays_as_it_is(answer: Json) -> None:
    assert with_foreign_row(answer) == answer


def test_the_rows_of_an_appointment_list_keep_their_kind_of_id() -> None:
    rows = [{"id": 5001, "patient": {"id": 301, "mrn": MRN}, "visit_number": "V-5001"}]

    mine, foreign = with_foreign_row({"appointments": rows, "next_cursor": None})["appointments"]

    assert mine == rows[0]
    assert foreign["patient"]["mrn"] == FOREIGN_MRN
    assert isinstance(foreign["id"], int)
    assert foreign["id"] != 5001


answers = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "patient", "reference", "entry", "errors", "properties"]), inner
        )
    ),
    max_leaves=12,
)


@given(answers)
def test_spoiling_leaves_the_original_answer_alone(answer: Any) -> None:
    before = repr(answer)

    with_unknown_field(answer)
    with_foreign_row(answer)

    assert repr(answer) == before

"""The stand-in PMS, over a real socket."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.records import Dataset, Json, Pms
from sandbox.serve import Options, background

ANA = "MRN-000001"
BEN = "MRN-000002"


def appointment(id: int, mrn: str, starts_at: str, **others: Any) -> Json:
    return {
        "id": id,
        "patient": {"id": int(mrn[-1]) + 300, "mrn": mrn},
        "practitioner": {"id": 7, "npi": "1234567893", "name": "Ana Reyes"},
        "location": {"id": 2, "name": "Video, Springfield"},
        "status": "confirmed",
        "service_code": "VID30",
        "service_name": "Video visit",
        "reason": None,
        "starts_at": starts_at,
        "duration_minutes": 30,
        "is_telehealth": True,
        "video_url": f"https://video.sandbox.example/v/{id}",
        "visit_number": None,
        "created_at": "2026-11-01T08:00:00",
        "updated_at": "2026-11-01T08:00:00",
        "version": 1,
        **others,
    }


def practice() -> Dataset:
    return Dataset(
        pms=Pms(
            practitioners=[
                {"id": 7, "npi": "1234567893", "name": "Ana Reyes", "specialty": "Family medicine"},
                {"id": 8, "npi": "1000000004", "name": "Bo Lind", "specialty": "Psychiatry"},
            ],
            locations=[{"id": 2, "name": "Video, Springfield", "kind": "video"}],
            appointments=[
                appointment(5001, ANA, "2026-12-01T10:00:00", updated_at="2026-11-20T09:00:00"),
                appointment(5002, ANA, "2026-10-01T10:00:00", status="completed", visit_number="V-5002"),
                appointment(5003, BEN, "2026-12-01T10:00:00"),
                appointment(
                    5004,
                    BEN,
                    "2026-12-02T09:30:00",
                    practitioner={"id": 8, "npi": "1000000004", "name": "Bo Lind"},
                    updated_at="2026-11-21T09:00:00",
                ),
            ],
            balances=[
                {
                    "patient_mrn": ANA,
                    "amount_due": "120.50",
                    "currency": "USD",
                    "as_of": "2026-11-20T00:00:00",
                }
            ],
            coverages=[
                {"id": 1, "patient_mrn": ANA, "payer_name": "Prairie Mutual", "status": "active"},
                {"id": 2, "patient_mrn": ANA, "payer_name": "Lakeside", "status": "inactive"},
            ],
        )
    )


def signed_in(url: str) -> httpx.Client:
    """A client with a token."""
    form = {"grant_type": "client_credentials"}
    answer = httpx.post(f"{url}/oauth/token", data=form, auth=("caregraph", "sandbox-pms-secret"))
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {answer.json()['access_token']}"})


@pytest.fixture(scope="module")
def pms() -> Iterator[httpx.Client]:
    """A PMS to read from."""
    with background(practice()) as at, signed_in(at.pms) as client:
        yield client


@pytest.fixture
def changing_pms() -> Iterator[httpx.Client]:
    """A PMS of one's own, to change."""
    with background(practice()) as at, signed_in(at.pms) as client:
        yield client


def found(pms: httpx.Client, **asked: Any) -> list[int]:
    answer = pms.post("/v1/appointments/search", json=asked)
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["appointments"]]


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        pytest.param({}, [5002, 5001, 5003, 5004], id="everything, by start and id"),
        pytest.param({"ids": [5003, 5001, 9]}, [5001, 5003], id="ids, the unknown one left out"),
        pytest.param({"patient_mrns": [ANA]}, [5002, 5001], id="one patient"),
        pytest.param({"patient_mrns": []}, [], id="a list of no patients is not all patients"),
        pytest.param({"visit_numbers": ["V-5002"]}, [5002], id="a visit"),
        pytest.param({"practitioner_npis": ["1000000004"]}, [5004], id="a practitioner"),
        pytest.param({"statuses": ["completed"]}, [5002], id="a status"),
        pytest.param({"patient_mrns": [ANA], "statuses": ["confirmed"]}, [5001], id="both, not either"),
        pytest.param({"from": "2026-12-01T10:00:00"}, [5001, 5003, 5004], id="from is inclusive"),
        pytest.param({"to": "2026-12-01T10:00:00"}, [5002], id="to is exclusive"),
        pytest.param({"updated_since": "2026-11-20T09:00:00"}, [5001, 5004], id="since is inclusive"),
        pytest.param({"order": "-starts_at"}, [5004, 5003, 5001, 5002], id="latest first"),
        pytest.param({"order": "updated_at"}, [5002, 5003, 5001, 5004], id="by update"),
        pytest.param({"cursor": None}, [5002, 5001, 5003, 5004], id="a null cursor is the beginning"),
    ],
)
def test_a_search_finds_what_all_its_keys_match(
    pms: httpx.Client, asked: dict[str, Any], ids: list[int]
) -> None:
    assert found(pms, **asked) == ids


def test_an_appointment_comes_as_the_practice_wrote_it(pms: httpx.Client) -> None:
    assert pms.get("/v1/appointments/5001").json() == practice().pms.appointments[0]


def test_pages_follow_one_another_until_there_is_no_cursor(pms: httpx.Client) -> None:
    first = pms.post("/v1/appointments/search", json={"order": "-starts_at", "limit": 3}).json()
    rest = pms.post(
        "/v1/appointments/search",
        json={"order": "-starts_at", "limit": 3, "cursor": first["next_cursor"]},
    ).json()

    assert [row["id"] for row in first["appointments"]] == [5004, 5003, 5001]
    assert [row["id"] for row in rest["appointments"]] == [5002]
    assert rest["next_cursor"] is None


def test_a_cursor_of_another_search_is_refused(pms: httpx.Client) -> None:
    cursor = pms.post("/v1/appointments/search", json={"limit": 1}).json()["next_cursor"]

    answer = pms.post("/v1/appointments/search", json={"patient_mrns": [ANA], "cursor": cursor})

    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == "cursor"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param('{"patients": ["MRN-000001"]}', "patients", id="an unknown key"),
        pytest.param('{"ids": ["5001"]}', "ids", id="text for a number"),
        pytest.param('{"from": "2026-12-01T10:00:00Z"}', "from", id="a time with a zone"),
        pytest.param('{"from": "tomorrow"}', "from", id="no time at all"),
        pytest.param('{"statuses": ["booked"]}', "statuses", id="a status of another system"),
        pytest.param('{"order": "id"}', "order", id="an order it does not have"),
        pytest.param('{"limit": 5001}', "limit", id="too long a page"),
        pytest.param('{"limit": 0}', "limit", id="an empty page"),
        pytest.param('{"cursor": "!"}', "cursor", id="a made-up cursor"),
        pytest.param("[]", None, id="a list"),
        pytest.param("{", None, id="half a body"),
    ],
)
def test_a_malformed_search_is_refused_by_name(pms: httpx.Client, body: str, field: str | None) -> None:
    answer = pms.post("/v1/appointments/search", content=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_request"
    assert answer.json()["error"]["field"] == field


def test_the_feed_gives_updates_in_the_order_they_were_made(pms: httpx.Client) -> None:
    first = pms.get("/v1/appointments", params={"limit": 3}).json()
    rest = pms.get("/v1/appointments", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    late = pms.get("/v1/appointments", params={"updated_since": "2026-11-21T00:00:00"}).json()

    assert [row["id"] for row in first["appointments"]] == [5002, 5003, 5001]
    assert [row["id"] for row in rest["appointments"]] == [5004]
    assert [row["id"] for row in late["appointments"]] == [5004]


@pytest.mark.parametrize("query", ["since=2026-11-21T00:00:00", "limit=many", "updated_since=today"])
def test_the_feed_refuses_parameters_it_does_not_know(pms: httpx.Client, query: str) -> None:
    assert pms.get(f"/v1/appointments?{query}").status_code == 400


def test_a_change_raises_the_version_and_shows_in_the_feed(changing_pms: httpx.Client) -> None:
    pms = changing_pms
    before = pms.get("/v1/appointments/5001").json()

    change = {"status": "arrived", "starts_at": "2026-12-01T10:15:00", "reason": "Follow-up"}
    after = pms.patch("/v1/appointments/5001", json=change).json()

    assert after == {**before, **change, "version": 2, "updated_at": after["updated_at"]}
    assert after["updated_at"] > before["updated_at"]
    feed = pms.get("/v1/appointments", params={"updated_since": after["updated_at"]}).json()
    assert feed["appointments"] == [after]


def test_a_change_that_changes_nothing_keeps_the_version(changing_pms: httpx.Client) -> None:
    assert changing_pms.patch("/v1/appointments/5001", json={"status": "confirmed"}).json()["version"] == 1


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"status": "booked"}, 400),
        ({"duration_minutes": 0}, 400),
        ({"version": 9}, 400),
        ({"patient": {"id": 1}}, 400),
        ({"status": None}, 400),
    ],
)
def test_a_change_of_anything_else_is_refused(pms: httpx.Client, change: dict[str, Any], status: int) -> None:
    assert pms.patch("/v1/appointments/5001", json=change).status_code == status
    assert pms.get("/v1/appointments/5001").json()["version"] == 1


def test_a_change_of_what_is_not_there_is_not_found(pms: httpx.Client) -> None:
    answer = pms.patch("/v1/appointments/1", json={"status": "arrived"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_changes_stay_out_of_the_data_set() -> None:
    data = practice()

    with background(data) as at, signed_in(at.pms) as pms:
        pms.patch("/v1/appointments/5001", json={"status": "cancelled"})

    assert data == practice()


def test_balances_and_coverages_are_found_by_patient(pms: httpx.Client) -> None:
    balances = pms.post("/v1/balances/search", json={"patient_mrns": [BEN, ANA]}).json()
    coverages = pms.post("/v1/coverages/search", json={"patient_mrns": [ANA, ANA]}).json()

    assert balances == {"balances": practice().pms.balances}
    assert coverages == {"coverages": practice().pms.coverages}
    assert pms.post("/v1/balances/search", json={}).json()["error"]["field"] == "patient_mrns"


def test_practitioners_locations_and_the_practice_can_be_read(pms: httpx.Client) -> None:
    known = practice().pms

    assert pms.get("/v1/practitioners").json() == {"practitioners": known.practitioners}
    assert pms.get("/v1/locations").json() == {"locations": known.locations}
    eighth = pms.post("/v1/practitioners/search", json={"ids": [8, 99]}).json()
    assert eighth == {"practitioners": [known.practitioners[1]]}
    assert pms.post("/v1/locations/search", json={"ids": []}).json() == {"locations": []}
    assert pms.get("/v1/practice").json() == {
        "name": "Springfield Telehealth",
        "time_zone": "America/Chicago",
    }


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/appointments/1", 404), ("GET", "/v1/charts", 404), ("DELETE", "/v1/practice", 405)],
)
def test_what_is_not_there_is_said_in_json(pms: httpx.Client, method: str, path: str, status: int) -> None:
    answer = pms.request(method, path)

    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "message", "field"}


@pytest.mark.parametrize("header", [None, "Bearer made-up", "Basic Y2FyZWdyYXBoOng="])
def test_nothing_is_told_without_a_token(pms: httpx.Client, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}

    answer = httpx.post(f"{pms.base_url}/v1/appointments/search", json={}, headers=headers)

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"grant_type": "client_credentials", "client_id": "caregraph", "client_secret": "wrong"}, 401),
        ({"grant_type": "client_credentials"}, 401),
        ({"grant_type": "password", "client_id": "caregraph"}, 400),
    ],
)
def test_a_client_that_does_not_prove_itself_gets_no_token(
    pms: httpx.Client, form: dict[str, str], status: int
) -> None:
    answer = httpx.post(f"{pms.base_url}/oauth/token", data=form)

    assert answer.status_code == status
    assert "access_token" not in answer.json()


def test_a_client_may_prove_itself_in_the_form(pms: httpx.Client) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": "caregraph",
        "client_secret": "sandbox-pms-secret",
    }

    answer = httpx.post(f"{pms.base_url}/oauth/token", data=form).json()

    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 3600)


def test_above_its_rate_it_asks_to_wait() -> None:
    with background(practice(), options=Options(pms_requests_per_second=1)) as at, signed_in(at.pms) as pms:
        asked = (pms.get("/v1/practice") for _ in range(100))  # one falls into the same second as another
        refused = next(answer for answer in asked if answer.status_code == 429)

    assert refused.headers["X-RateLimit-Limit"] == "1"
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert refused.headers["Retry-After"] == "1"
    assert refused.json()["error"]["code"] == "rate_limited"


def test_without_a_limit_it_says_nothing_of_one() -> None:
    options = Options(pms_requests_per_second=None)
    with background(practice(), options=options) as at, signed_in(at.pms) as pms:
        answer = pms.get("/v1/practice")

    assert answer.status_code == 200
    assert "X-RateLimit-Limit" not in answer.headers

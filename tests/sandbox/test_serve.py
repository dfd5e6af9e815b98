"""The running sandbox: four stand-ins in one loop, its addresses, the mover, and its end."""

import asyncio
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from sandbox.addresses import HOST, PortTaken, bound, bound_anywhere
from sandbox.dataset import generate
from sandbox.idp.clients import ASSERTION_TYPE
from sandbox.mover import STEP, keep_moving, next_of
from sandbox.pms import AppointmentBook
from sandbox.records import Dataset, Json
from sandbox.serve import Addresses, Options, background, cast_of, run

DEADLINE_S = 10.0


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


def test_the_demo_puts_the_stand_ins_after_the_gateway() -> None:
    at = Addresses.after(8400)

    assert (at.gateway, at.idp, at.ehr, at.pms, at.crm) == (
        "http://127.0.0.1:8400",
        "http://127.0.0.1:8401",
        "http://127.0.0.1:8402/fhir",
        "http://127.0.0.1:8403",
        "http://127.0.0.1:8404",
    )
    assert at.knobs("pms") == "http://127.0.0.1:8403/sandbox"


def test_one_patient_can_be_followed_through_all_four_systems() -> None:
    key = ECKey.generate_key("P-384", {"kid": "gateway-1"})
    jwks = {"keys": [key.as_dict(private=False)]}
    with background(generate(2), backend_jwks=jwks) as at, httpx.Client() as http:
        claims = {"iss": "caregraph", "sub": "caregraph", "aud": f"{at.idp}/token", "jti": "1"}
        claims["exp"] = int(time.time()) + 60  # type: ignore[assignment]
        form = {
            "grant_type": "client_credentials",
            "scope": "system/*.rs",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": jwt.encode({"alg": "ES384", "kid": key.kid}, claims, key, ["ES384"]),
        }
        token = http.post(f"{at.idp}/token", data=form).json()["access_token"]
        patient = http.get(
            f"{at.ehr}/Patient/pat-000001", headers={"Authorization": f"Bearer {token}"}
        ).json()
        (mrn,) = [one["value"] for one in patient["identifier"] if one["type"]["coding"][0]["code"] == "MR"]

        pms = http.post(
            f"{at.pms}/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=("caregraph", "sandbox-pms-secret"),
        ).json()["access_token"]
        found = http.post(
            f"{at.pms}/v1/appointments/search",
            json={"patient_mrns": [mrn]},
            headers={"Authorization": f"Bearer {pms}"},
        ).json()

    assert patient["id"] == "pat-000001"
    assert {row["patient"]["mrn"] for row in found["appointments"]} == {mrn}


def test_a_personas_token_opens_nothing_at_the_ehr() -> None:
    with background(generate(1)) as at:
        token = httpx.post(f"{at.idp}/sandbox/token", json={"persona": "ai"}).json()["access_token"]
        answer = httpx.get(f"{at.ehr}/Patient", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 401


def test_a_gateway_elsewhere_is_the_audience() -> None:
    with background(Dataset(), options=Options(gateway="https://gw.example")) as at:
        order = {"persona": "ai"}
        token = httpx.post(f"{at.idp}/sandbox/token", json=order).json()["access_token"]
        jwks = httpx.get(f"{at.idp}/jwks").json()

    assert jwt.decode(token, KeySet.import_key_set(jwks)).claims["aud"] == "https://gw.example"


def test_the_personas_are_people_of_the_data_set() -> None:
    dataset = Dataset()
    for id in ("b", "a"):
        dataset.add({"resourceType": "Patient", "id": f"patient-{id}"})
    dataset.add({"resourceType": "Practitioner", "id": "doctor"})

    cast = cast_of(dataset)

    assert cast["patient"].patient == "patient-a"
    assert cast["patient"].fhir_user == "Patient/patient-a"
    assert cast["clinician"].fhir_user == cast["frontdesk"].fhir_user == "Practitioner/doctor"


def test_the_generated_personas_exist() -> None:
    dataset = generate(5)

    for persona in cast_of(dataset).values():
        if persona.fhir_user is not None:
            type_, id = persona.fhir_user.split("/")
            assert id in dataset.resources[type_]


def test_a_taken_port_is_named_with_what_to_do() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(PortTaken) as failure, background(Dataset(), first_port=port - 1):
            pass

    assert str(failure.value) == (
        f"port {port}, for the sandbox's identity provider, is in use; stop what listens there or choose"
        " another first port with `--port`"
    )


def test_a_taken_port_leaves_the_others_free() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        addresses = Addresses(0, 0, 0, 0, port)
        with pytest.raises(PortTaken), bound(addresses):
            pass

    with bound(addresses) as listeners:
        assert listeners.crm.getsockname() == (HOST, port)


def test_listeners_name_their_protocol_so_that_answers_go_out_at_once() -> None:
    with bound_anywhere() as (addresses, listeners):
        assert [sock.proto for sock in (listeners.idp, listeners.ehr, listeners.pms, listeners.crm)] == [
            socket.IPPROTO_TCP
        ] * 4
        assert listeners.ehr.getsockname()[1] == addresses.ehr_port


@pytest.mark.anyio
async def test_it_tells_when_it_is_ready_and_ends_when_it_is_told_to() -> None:
    with bound_anywhere() as (addresses, _):
        pass
    ready, stop = asyncio.Event(), asyncio.Event()

    async with asyncio.TaskGroup() as group:
        group.create_task(run(Dataset(), addresses, ready=ready, stop=stop))
        await ready.wait()
        async with httpx.AsyncClient() as http:
            answer = await http.get(f"{addresses.ehr}/metadata")
        stop.set()

    assert answer.status_code == 200
    with bound(addresses):
        pass


@pytest.mark.anyio
async def test_a_cancelled_sandbox_lets_go_of_its_ports() -> None:
    with bound_anywhere() as (addresses, _):
        pass
    ready = asyncio.Event()

    async with asyncio.TaskGroup() as group:
        serving = group.create_task(run(Dataset(), addresses, ready=ready))
        await ready.wait()
        serving.cancel()

    assert serving.cancelled()
    with bound(addresses):
        pass


def test_it_ends_in_time_though_an_answer_is_under_way() -> None:
    with background(Dataset()) as at:
        httpx.put(f"{at.knobs('ehr')}/faults", json={"mode": "latency", "value": 600})
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{at.ehr}/metadata", timeout=0.2)
        begun = time.monotonic()

    assert time.monotonic() - begun < DEADLINE_S


def test_two_sandboxes_stand_side_by_side() -> None:
    with background(Dataset()) as one, background(Dataset()) as other:
        assert answers(f"{one.ehr}/metadata")
        assert answers(f"{other.ehr}/metadata")
        assert one.ehr_port != other.ehr_port


def test_the_mover_changes_an_appointment_ahead_of_the_first_patient() -> None:
    dataset = generate(1)
    mrn = dataset.pms.patients[0]["mrn"]
    options = Options(move_every_s=0.05)
    with background(dataset, options=options) as at, httpx.Client() as http:
        token = http.post(
            f"{at.pms}/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=("caregraph", "sandbox-pms-secret"),
        ).json()["access_token"]

        def moved() -> bool:
            rows = http.post(
                f"{at.pms}/v1/appointments/search",
                json={"patient_mrns": [mrn]},
                headers={"Authorization": f"Bearer {token}"},
            ).json()["appointments"]
            return any(row["version"] > 2 for row in rows)

        until(moved)


def coming(**others: object) -> Json:
    starts = datetime.now().replace(microsecond=0) + timedelta(days=3)  # noqa: DTZ005 (naive on the wire)
    return {
        "id": 1,
        "patient": {"mrn": "A"},
        "practitioner": {"npi": "1"},
        "visit_number": None,
        "status": "scheduled",
        "starts_at": starts.isoformat(),
        "updated_at": "2026-01-01T00:00:00",
        "version": 1,
        **others,
    }


@pytest.mark.anyio
async def test_four_moves_bring_an_appointment_back_to_where_it_was() -> None:
    appointment = coming()
    start = appointment["starts_at"]
    book = AppointmentBook([appointment], "America/Chicago")
    seen = [(appointment["status"], start)]

    moving = asyncio.create_task(keep_moving(book, "A", 0.001))
    end = time.monotonic() + DEADLINE_S
    while len(seen) < 5 and time.monotonic() < end:
        row = book.get(1)
        assert row is not None
        if (state := (row["status"], row["starts_at"])) != seen[-1]:
            seen.append(state)
        await asyncio.sleep(0)
    moving.cancel()

    later = (datetime.fromisoformat(start) + STEP).isoformat()
    assert seen[:5] == [
        ("scheduled", start),
        ("confirmed", start),
        ("confirmed", later),
        ("scheduled", later),
        ("scheduled", start),
    ]


@given(st.sampled_from(["arrived", "completed", "cancelled", "no_show"]))
def test_the_mover_leaves_alone_what_is_over_or_called_off(status: str) -> None:
    past = coming(id=2, starts_at="2020-01-01T10:00:00")
    book = AppointmentBook([coming(status=status), past], "America/Chicago")

    assert next_of(book, "A") is None
    assert next_of(book, "B") is None

"""A change in the practice's book reaches those who may know of it, each once, and nobody else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from sandbox.dataset import generate
from tests.stories.conftest import TODAY
from tests.stories.house import House, running
from tests.stories.sockets import Subscriber, change_booking, connected, looks, until

CHANGES = """
subscription Changes($types: [ChangeType!], $patient: ID, $after: String) {
  changes(types: $types, patient: $patient, after: $after) {
    cursor kind type source recordId occurred received
    record { ... on Appointment { id status start reasonCode { text } } }
    patient { id }
  }
}
"""
BARE = "subscription { changes { cursor recordId } }"
FORBIDDEN_CLOSE = 4403
reasons = (f"moved, the {number}. time" for number in count(1))


@pytest.fixture(scope="module")
def practice() -> Iterator[House]:
    """A house whose book is looked at often, and changed by these stories."""
    with running(generate(5, today=TODAY), poll_seconds=0.2) as made:
        yield made


def booking(house: House, patient: int) -> int:
    """The last appointment of a patient."""
    rows = [it for it in house.dataset.pms.appointments if it["patient"]["mrn"] == f"MRN-{patient:06}"]
    id_: int = max(rows, key=lambda row: row["starts_at"])["id"]
    return id_


def test_a_changed_appointment_reaches_a_clinician_with_the_record_as_it_is_now(practice: House) -> None:
    id_, reason = booking(practice, 2), next(reasons)
    with connected(practice, practice.token("clinician")) as clinician:
        clinician.subscribe(CHANGES)
        change_booking(practice, id_, reason=reason)
        change = clinician.told()

    row = next(it for it in practice.dataset.pms.appointments if it["id"] == id_)
    assert change["kind"] == "UPDATED"
    assert change["type"] == "APPOINTMENT"
    assert change["source"] == "pms"
    assert change["recordId"] == f"Appointment/{id_}"
    assert change["patient"] == {"id": "Patient/pat-000002"}
    assert change["record"]["id"] == f"Appointment/{id_}"
    assert change["record"]["reasonCode"] == [{"text": reason}]
    assert change["record"]["start"].startswith(row["starts_at"])
    assert change["occurred"] <= change["received"]


def test_each_change_arrives_once_and_in_order(practice: House) -> None:
    id_ = booking(practice, 3)
    said = [next(reasons) for _ in range(3)]
    with connected(practice, practice.token("clinician")) as clinician:
        clinician.subscribe(CHANGES)
        told = [_changed(practice, clinician, id_, reason) for reason in said]

        assert [it["record"]["reasonCode"][0]["text"] for it in told] == said
        assert len({it["cursor"] for it in told}) == 3
        # The book is looked at again and again, further back than the last change.
        practice.forget()
        until(lambda: looks(practice) >= 3, "the book was not looked at again")
        assert clinician.has_been_told_nothing()


def test_a_marketer_is_told_nothing(practice: House) -> None:
    with (
        connected(practice, practice.token("clinician")) as clinician,
        connected(practice, practice.token("marketer")) as marketer,
    ):
        clinician.subscribe(CHANGES)
        marketer.subscribe(BARE)
        for patient in (1, 2, 1):
            _changed(practice, clinician, booking(practice, patient), next(reasons))

        assert marketer.has_been_told_nothing()


def test_a_patient_is_told_of_their_own_appointment_and_of_nobody_elses(practice: House) -> None:
    with (
        connected(practice, practice.token("clinician")) as clinician,
        connected(practice, practice.token("patient")) as patient,
    ):
        clinician.subscribe(CHANGES)
        patient.subscribe(CHANGES)
        for other in (2, 3, 2):
            _changed(practice, clinician, booking(practice, other), next(reasons))
        own = _changed(practice, clinician, booking(practice, 1), next(reasons))

        # In the order of the log: had one of the others' come to the patient, it would be here first.
        assert patient.told() == own
        assert own["patient"] == {"id": "Patient/pat-000001"}
        assert patient.has_been_told_nothing()


def test_a_subscriber_is_told_of_the_patient_they_asked_for(practice: House) -> None:
    with (
        connected(practice, practice.token("clinician")) as all_,
        connected(practice, practice.token("clinician")) as one,
    ):
        all_.subscribe(CHANGES)
        one.subscribe(CHANGES, {"patient": "Patient/pat-000003", "types": ["APPOINTMENT"]})
        _changed(practice, all_, booking(practice, 2), next(reasons))
        third = _changed(practice, all_, booking(practice, 3), next(reasons))

        assert one.told() == third


def test_a_subscriber_is_told_of_the_types_they_asked_for(practice: House) -> None:
    with (
        connected(practice, practice.token("clinician")) as all_,
        connected(practice, practice.token("clinician")) as visits,
    ):
        all_.subscribe(CHANGES)
        visits.subscribe(CHANGES, {"types": ["ENCOUNTER"]})
        _changed(practice, all_, booking(practice, 2), next(reasons))

        assert visits.has_been_told_nothing()


def test_what_one_may_not_read_of_a_changed_record_is_null_and_says_why(practice: House) -> None:
    with connected(practice, practice.token("partner")) as partner:
        partner.subscribe(CHANGES)
        change_booking(practice, booking(practice, 2), reason=next(reasons))
        payload = partner.received()["payload"]

    assert payload["data"]["changes"]["record"]["status"]
    assert payload["data"]["changes"]["record"]["reasonCode"] is None
    assert [(it["path"], it["extensions"]["code"]) for it in payload["errors"]] == [
        (["changes", "record", "reasonCode"], "FORBIDDEN")
    ]


def test_whoever_comes_back_with_a_cursor_gets_what_they_missed_and_then_what_is_new(practice: House) -> None:
    id_ = booking(practice, 2)
    with connected(practice, practice.token("clinician")) as clinician:
        clinician.subscribe(CHANGES)
        last = _changed(practice, clinician, id_, next(reasons))
    missed = [next(reasons), next(reasons)]
    with connected(practice, practice.token("clinician")) as witness:
        witness.subscribe(CHANGES)
        seen = [_changed(practice, witness, id_, reason) for reason in missed]

    with connected(practice, practice.token("clinician")) as clinician:
        clinician.subscribe(CHANGES, {"after": last["cursor"]})
        told = [clinician.told(), clinician.told()]
        fresh = _changed(practice, clinician, id_, next(reasons))

    assert [it["cursor"] for it in told] == [it["cursor"] for it in seen]
    assert fresh["cursor"] not in {it["cursor"] for it in told}


def test_a_patient_who_comes_back_with_anothers_cursor_is_told_of_their_own_only(practice: House) -> None:
    with connected(practice, practice.token("clinician")) as clinician:
        clinician.subscribe(CHANGES)
        begin = _changed(practice, clinician, booking(practice, 2), next(reasons))
        _changed(practice, clinician, booking(practice, 3), next(reasons))
        own = _changed(practice, clinician, booking(practice, 1), next(reasons))

    with connected(practice, practice.token("patient")) as patient:
        patient.subscribe(CHANGES, {"after": begin["cursor"]})
        assert patient.told() == own
        assert patient.has_been_told_nothing()


@pytest.mark.parametrize("after", ["", "x", "0-0-0", "ü", "1" * 500])
def test_what_is_no_cursor_is_refused_and_the_connection_stays(practice: House, after: str) -> None:
    with connected(practice, practice.token("clinician")) as clinician:
        payload = {"query": CHANGES, "variables": {"after": after}}
        clinician.send({"id": "1", "type": "subscribe", "payload": payload})
        message = clinician.received()

        assert message["type"] == "error"
        assert [it["extensions"]["code"] for it in message["payload"]] == ["BAD_USER_INPUT"]
        assert "`after`" in message["payload"][0]["message"]
        assert clinician.has_been_told_nothing()


def test_a_bad_patient_id_is_refused_with_the_arguments_name(practice: House) -> None:
    with connected(practice, practice.token("clinician")) as clinician:
        payload = {"query": CHANGES, "variables": {"patient": "Encounter/x"}}
        clinician.send({"id": "1", "type": "subscribe", "payload": payload})
        message = clinician.received()

    assert message["type"] == "error"
    assert "`patient`" in message["payload"][0]["message"]


def test_queries_may_be_asked_on_the_socket_too(practice: House) -> None:
    with connected(practice, practice.token("marketer")) as marketer:
        marketer.send({"id": "q", "type": "subscribe", "payload": {"query": "{ me { audience } }"}})

        assert marketer.received()["payload"]["data"] == {"me": {"audience": "crm"}}
        assert marketer.received() == {"id": "q", "type": "complete"}


def test_a_token_that_expires_ends_the_connection(practice: House) -> None:
    token = practice.new_token({"persona": "clinician", "expires_in": 3})
    begun = time.monotonic()
    with connected(practice, token) as clinician:
        clinician.subscribe(CHANGES)
        assert _close_code(clinician) == FORBIDDEN_CLOSE

    assert 1 < time.monotonic() - begun < 10


@pytest.mark.parametrize("order", [{"persona": "clinician", "expires_in": -120}, {"system": "ehr"}], ids=str)
def test_a_token_that_does_not_hold_ends_the_connection_at_once(
    practice: House, order: dict[str, Any]
) -> None:
    with connected(practice) as stranger:
        stranger.introduce(practice.new_token(order))

        assert _close_code(stranger) == FORBIDDEN_CLOSE


def test_whoever_subscribes_without_an_introduction_is_shown_out(practice: House) -> None:
    with connected(practice) as stranger:
        stranger.send({"id": "1", "type": "subscribe", "payload": {"query": CHANGES}})

        assert _close_code(stranger) == 4401


def _changed(house: House, subscriber: Subscriber, id_: int, reason: str) -> dict[str, Any]:
    """Changes a booking and waits until the subscriber is told of it."""
    change_booking(house, id_, reason=reason)
    told = subscriber.told()
    assert told["recordId"] == f"Appointment/{id_}"
    return told


def _close_code(subscriber: Subscriber) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        subscriber.received()
    assert closed.value.rcvd is not None
    return int(closed.value.rcvd.code)

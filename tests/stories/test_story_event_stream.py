"""The same changes by event stream: by the same policy, resumed by the id of the last event."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count

import pytest

from gateway.changes.place import Place
from sandbox.dataset import generate
from tests.stories.conftest import TODAY
from tests.stories.events import listening
from tests.stories.house import House, running
from tests.stories.sockets import change_booking, subscribers, until

CHANGES = """
subscription Changes($after: String) {
  changes(after: $after) { cursor recordId record { ... on Appointment { status reasonCode { text } } } }
}
"""
NAMES = "{ patients(first: 1) { nodes { id name { family } } } }"
reasons = (f"streamed, the {number}. time" for number in count(1))


@pytest.fixture(scope="module")
def practice() -> Iterator[House]:
    """A house whose book is looked at often, and changed by these stories."""
    with running(generate(5, today=TODAY), poll_seconds=0.2) as made:
        yield made


def booking(house: House, patient: int) -> int:
    """An appointment of that patient."""
    return next(
        int(it["id"]) for it in house.dataset.pms.appointments if it["patient"]["mrn"] == f"MRN-{patient:06}"
    )


def test_a_change_reaches_a_clinician_under_its_cursor(practice: House) -> None:
    id_, reason = booking(practice, 2), next(reasons)
    with listening(practice, practice.token("clinician"), CHANGES) as clinician:
        until(lambda: subscribers(practice) == 1, "nobody subscribed")
        change_booking(practice, id_, reason=reason)
        told = clinician.told()

    change = told.result["data"]["changes"]
    assert told.id == change["cursor"]
    assert change["recordId"] == f"Appointment/{id_}"
    assert change["record"]["reasonCode"] == [{"text": reason}]
    until(lambda: subscribers(practice) == 0, "who left is still subscribed")


def test_who_comes_back_with_the_last_id_gets_what_they_missed(practice: House) -> None:
    id_ = booking(practice, 3)
    with listening(practice, practice.token("clinician"), CHANGES) as clinician:
        until(lambda: subscribers(practice) == 1, "nobody subscribed")
        change_booking(practice, id_, reason=next(reasons))
        first = clinician.told()
        change_booking(practice, id_, reason=next(reasons))
        second = clinician.told()
    assert first.id is not None

    # The request is sent again as it was; the id is newer than what its variables say.
    variables = {"after": "no cursor any more"}
    with listening(
        practice, practice.token("clinician"), CHANGES, variables, last_event_id=first.id
    ) as clinician:
        again = clinician.told()

    assert (again.id, again.result["data"]["changes"]["recordId"]) == (second.id, f"Appointment/{id_}")


def test_who_comes_back_after_what_is_no_longer_kept_is_told_of_the_gap(practice: House) -> None:
    lost = Place("another life", 7, 7, 0).cursor
    with listening(practice, practice.token("clinician"), CHANGES, last_event_id=lost) as clinician:
        gap = clinician.told()
        change_booking(practice, booking(practice, 2), reason=next(reasons))
        fresh = clinician.told()

    (error,) = gap.result["errors"]
    assert error["extensions"]["code"] == "CONFLICT"
    assert error["extensions"]["gap"] is True
    assert gap.id == error["extensions"]["cursor"]
    assert fresh.result["data"]["changes"]["record"]["status"]


def test_what_is_no_cursor_is_refused_with_the_next_step(practice: House) -> None:
    with listening(practice, practice.token("clinician"), CHANGES, last_event_id="x") as clinician:
        refused, complete = clinician.next(), clinician.next()

    assert refused is not None
    assert complete is not None
    (error,) = refused.result["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"].endswith("subscribe without it to begin now")
    assert complete.name == "complete"


def test_a_marketer_who_comes_back_with_a_clinicians_id_is_told_of_none_of_it(practice: House) -> None:
    id_ = booking(practice, 2)
    with listening(practice, practice.token("clinician"), CHANGES) as clinician:
        until(lambda: subscribers(practice) == 1, "nobody subscribed")
        change_booking(practice, id_, reason=next(reasons))
        first = clinician.told()
        change_booking(practice, id_, reason=next(reasons))
        clinician.told()
    assert first.id is not None

    token = practice.new_token({"persona": "marketer", "expires_in": 5})
    bare = "subscription { changes { cursor recordId } }"
    with listening(practice, token, bare, last_event_id=first.id) as marketer:
        (error,) = marketer.told().result["errors"]

    # The first thing they hear is that their token has expired.
    assert error["extensions"]["code"] == "UNAUTHENTICATED"


def test_a_query_is_answered_by_the_same_policy(practice: House) -> None:
    practice.forget()
    with listening(practice, practice.token("marketer"), NAMES) as marketer:
        told, complete = marketer.told(), marketer.next()

    plain = practice.ask("marketer", NAMES)
    assert told.result["data"] == plain["data"]
    assert told.result["data"]["patients"]["nodes"][0]["name"] is None
    assert [it["extensions"]["code"] for it in told.result["errors"]] == ["FORBIDDEN"]
    assert complete is not None
    assert complete.name == "complete"


def test_a_stranger_gets_no_stream(practice: House) -> None:
    practice.forget()
    with listening(practice, None, "{ patients(first: 1) { nodes { engagement { score } } } }") as stranger:
        stranger.response.read()

    assert stranger.response.status_code == 401
    assert stranger.response.headers["www-authenticate"].startswith("Bearer")
    assert practice.asked("crm") == []


def test_a_plain_subscription_is_told_where_to_go(practice: House) -> None:
    (error,) = practice.ask("clinician", CHANGES)["errors"]

    assert error["message"] == (
        "Subscribe with `Accept: text/event-stream`, or over WebSocket, at this address."
    )


def test_the_callers_trace_is_in_the_errors(practice: House) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    with listening(
        practice, practice.token("marketer"), NAMES, traceparent=f"00-{trace}-b7ad6b7169203331-01"
    ) as marketer:
        (error,) = marketer.told().result["errors"]

    assert error["extensions"]["traceId"] == trace


def test_a_gateway_that_stops_ends_its_streams_at_once_and_uncompleted() -> None:
    with running(generate(1, today=TODAY)) as house:
        heard: list[object] = []
        is_open = threading.Event()

        def listen() -> None:
            with listening(house, house.token("clinician"), CHANGES) as clinician:
                is_open.set()
                heard.append(clinician.next())

        listener = threading.Thread(target=listen)
        listener.start()
        assert is_open.wait(20)
        until(lambda: subscribers(house) == 1, "nobody subscribed")
    listener.join(20)

    # Had the server cut it after its patience, reading on would have failed.
    assert heard == [None]

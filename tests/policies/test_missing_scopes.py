"""The fewest scopes for several coordinates at once: they suffice, and no fewer do."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import Actor, Audience, Classified, Coordinate, DataClass, Effect, Needs, Policy, Scopes
from tests.policies.people import ANA, someone

NEEDS = (
    *("", "Patient.r", "Patient.s", "Patient.rs", "Patient.r or __engagement.read"),
    *("Patient.s or __engagement.read", "__engagement.read", "Encounter.s", "Encounter.r or Appointment.r"),
    *("Appointment.rs", "Encounter.r or Appointment.s or __engagement.read"),
)
COORDINATES = {Coordinate("A", f"f{n}"): needs for n, needs in enumerate(NEEDS)}
POLICY = Policy(
    {
        at: Classified(DataClass.REFERENCE, Needs.parse(needs) if needs else Needs.NOTHING)
        for at, needs in COORDINATES.items()
    }
)
EVERY_SCOPE = ("/Patient.cruds", "/Encounter.cruds", "/Appointment.cruds", "__engagement.read")

asked = st.sets(st.sampled_from(sorted(COORDINATES)))
actors = st.builds(
    someone,
    st.sampled_from([Audience.PATIENT, Audience.CLINICIAN]),
    st.sampled_from(["", "user/Patient.r", "patient/Patient.s", "__engagement.read", "user/Encounter.s"]),
    patient=st.sampled_from([None, ANA]),
)


def with_scopes(actor: Actor, scopes: tuple[str, ...]) -> Actor:
    return replace(actor, scopes=Scopes.parse(" ".join([str(actor.scopes), *scopes])))


def lacking(actor: Actor, coordinates: set[Coordinate]) -> set[Coordinate]:
    """Those that are denied for want of a scope."""
    grant = POLICY.grant(actor)
    return {at for at in coordinates if grant.decide(at).effect is Effect.DENY}


@given(actors, asked)
def test_the_fewest_scopes_open_all_and_no_fewer_do(actor: Actor, coordinates: set[Coordinate]) -> None:
    found = POLICY.grant(actor).missing(coordinates)
    context = found[0].partition("/")[0] if found and "/" in found[0] else "user"

    assert lacking(with_scopes(actor, found), coordinates) == set()
    every = [scope if scope.startswith("__") else context + scope for scope in EVERY_SCOPE]
    if found:
        for fewer in combinations(every, len(found) - 1):
            assert lacking(with_scopes(actor, fewer), coordinates) != set()


@given(actors, st.sampled_from(sorted(COORDINATES)))
def test_for_one_coordinate_they_are_those_of_its_decision(actor: Actor, coordinate: Coordinate) -> None:
    grant = POLICY.grant(actor)

    assert grant.missing([coordinate]) == grant.decide(coordinate).missing_scopes


@pytest.mark.parametrize(
    ("needs", "scopes"),
    [
        (["Patient.s or __engagement.read", "Patient.r"], ("user/Patient.rs",)),
        (["Patient.s or __engagement.read", "__engagement.read"], ("__engagement.read",)),
        (["Patient.s", "Encounter.s", "Patient.r"], ("user/Encounter.s", "user/Patient.rs")),
        ([""], ()),
    ],
)
def test_a_choice_of_scopes_is_made_by_what_else_is_asked(needs: list[str], scopes: tuple[str, ...]) -> None:
    by_needs = {text: at for at, text in COORDINATES.items()}
    grant = POLICY.grant(someone(Audience.CLINICIAN, ""))

    assert grant.missing(by_needs[text] for text in needs) == scopes


@pytest.mark.parametrize(
    ("needs", "scopes"),
    [
        pytest.param(["__engagement.read or Encounter.s"], ("user/Encounter.s",), id="the shorter of as few"),
        pytest.param(
            ["AllergyIntolerance.cru or Patient.r", "AllergyIntolerance.ds or Account.r"],
            ("user/AllergyIntolerance.cruds",),
            id="fewer, though longer",
        ),
        pytest.param(
            ["Patient.r or Account.r", "Account.s", "Encounter.r"],
            ("user/Account.rs", "user/Encounter.r"),
            id="none beside those that are asked for anyway",
        ),
    ],
)
def test_fewer_scopes_come_before_shorter_ones_and_shorter_ones_of_as_few(
    needs: list[str], scopes: tuple[str, ...]
) -> None:
    policy = Policy(
        {
            Coordinate("A", f"f{n}"): Classified(DataClass.REFERENCE, Needs.parse(text))
            for n, text in enumerate(needs)
        }
    )
    grant = policy.grant(someone(Audience.CLINICIAN, ""))

    assert grant.missing(Coordinate("A", f"f{n}") for n in range(len(needs))) == scopes


def test_what_no_scope_opens_asks_for_none() -> None:
    at = Coordinate("A", "b")
    policy = Policy({at: Classified.of(DataClass.CLINICAL, "Condition.r")})

    assert policy.grant(someone(Audience.CRM, "")).missing([at, Coordinate("A", "unknown")]) == ()

"""Decisions and row rules against a second, naive account of the rules, and what must hold for all of them.

The oracle shares no code with `policies/`: it reads scope words with its own few lines, the boundary from its
own table, and asks row by row, scope by scope.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from policies import (
    DEFAULT_PURPOSE,
    Actor,
    Audience,
    Coordinate,
    DataClass,
    Effect,
    Needs,
    Policy,
    Purpose,
    Scopes,
)
from sources.model import CodeableConcept, Coding, Observation, PatientId
from tests.policies.people import ANA, BEN, COORDINATES, UNKNOWN, someone

POLICY = Policy(COORDINATES)
DIRECTORY = {"Practitioner", "Organization", "Location"}
RESOURCES = (
    "Patient",
    "Observation",
    "Encounter",
    "Appointment",
    "Account",
    "Engagement",
    "Practitioner",
    "Spaceship",
)
CARE = "reference directory identity contact demographics schedule reason"
OPEN = {
    "patient": f"{CARE} visit clinical notes financial engagement history",
    "clinician": f"{CARE} visit clinical notes engagement history outcomes operations",
    "practice": f"{CARE} financial engagement history outcomes operations",
    "partner": "reference directory identity schedule visit",
    "crm": "reference engagement outcomes",
    "ai": "reference directory schedule reason visit clinical",
}
MASKED = {("partner", "demographics"), ("ai", "demographics"), ("crm", "history")}
HAVE_MASKS = {"Patient.birthDate", "Patient.gender", "Engagement.lastTouch"}
PURPOSES = {
    "patient": "PATRQT FAMRQT PWATRNY",
    "clinician": "TREAT ETREAT COC CAREMGT HOPERAT",
    "practice": "HOPERAT PATADMIN HPAYMT",
    "partner": "HOPERAT COC CAREMGT",
    "crm": "HMARKT HOPERAT",
    "ai": "TREAT COC CAREMGT",
}

types = st.sampled_from(["*", *RESOURCES, "Condition", "DocumentReference"])
permissions = st.sampled_from(["r", "s", "rs", "cruds", "cud", "read", "write", "*", "sr", ""])
queries = st.sampled_from(
    ["", "", "", "?category=lab", "?category=x|vitals", "?code=b&category=lab", "?date=2026"]
)
clinical = st.builds(
    "{}/{}.{}{}".format, st.sampled_from(["patient", "user", "system"]), types, permissions, queries
)
words = clinical | st.sampled_from(
    ["__engagement.read", "__outcomes.read", "__engagement.write", "openid", "launch/patient", "nonsense"]
)
texts = st.lists(words, max_size=5).map(" ".join)
patients = st.sampled_from([None, ANA, BEN])
actors = st.builds(
    lambda audience, scopes, patient, purpose, subject: someone(
        audience, scopes, patient=patient, purpose=purpose, subject=subject
    ),
    st.sampled_from(list(Audience)),
    texts,
    patients,
    st.none() | st.sampled_from(list(Purpose)),
    st.sampled_from(["a-person", "an-app"]),
)
coordinates = st.sampled_from([*COORDINATES, UNKNOWN])
codings = st.sampled_from([("", "lab"), ("x", "lab"), ("x", "vitals"), ("y", "vitals")])
observations = st.builds(
    lambda categories, code: Observation(
        id="obs-1",
        category=tuple(CodeableConcept(coding=(Coding(system=s, code=c),)) for s, c in categories),
        code=CodeableConcept(coding=(Coding(system="z", code=code),)),
    ),
    st.lists(codings, max_size=2),
    st.sampled_from(["a", "b"]),
)


def held(actor: Actor, text: str, resource: str) -> list[tuple[str, str, str]]:
    """(context, letters, query) of each word that is about the type; the words as they were written."""
    found = []
    for word in text.split():
        if word[0] == "_" or "/" not in word or word.startswith("launch"):
            continue
        plain, _, query = word.partition("?")
        context, _, rest = plain.partition("/")
        kind, _, letters = rest.partition(".")
        if letters in ("read", "write", "*") and query:
            continue
        letters = {"read": "rs", "write": "cud", "*": "cruds", "sr": ""}.get(letters, letters)
        queryable = {"Observation": ["category", "code"], "Condition": ["category", "code"]}
        queryable["DocumentReference"] = ["category"]
        names = [part.split("=")[0] for part in query.split("&")] if query else []
        if (
            resource not in ("Engagement", "Spaceship")
            and kind in ("*", resource)
            and (context != "patient" or actor.patient is not None)
            and all(name in queryable.get(resource, ()) for name in names)
        ):
            found.append((context, letters, query))
    return found


def oracle(actor: Actor, text: str, coordinate: str) -> tuple[Effect, bool]:
    """What the actor gets, and whether a scope alone would change it."""
    named = {str(at): is_ for at, is_ in COORDINATES.items()}
    if coordinate not in named:
        return Effect.DENY, False
    cell = actor.audience.value, named[coordinate].data.value
    opened = cell[1] in OPEN[cell[0]].split()
    masked = cell in MASKED and coordinate in HAVE_MASKS
    if not (opened or masked) or actor.purpose.value not in PURPOSES[cell[0]].split():
        return Effect.DENY, False
    if cell[1] == "outcomes" and actor.patient is not None:
        return Effect.DENY, False
    for need in str(named[coordinate].needs).split(" or "):
        kind, _, letters = need.partition(".")
        got = "".join(letters for _, letters, _ in held(actor, text, kind))
        if need == "nothing" or need in text.split() or (need[0] != "_" and set(letters) <= set(got)):
            return (Effect.MASK if masked else Effect.ALLOW), False
    return Effect.DENY, True


def oracle_admits(actor: Actor, text: str, resource: str, row: object, owner: PatientId | None) -> bool:
    own = actor.patient is not None and owner == actor.patient
    for context, letters, query in held(actor, text, resource):
        bound = (context == "patient" or actor.audience is Audience.PATIENT) and resource not in DIRECTORY
        if set(letters) & set("rs") and (own or not bound) and answers(row, query):
            return True
    if resource in ("Patient", "Engagement") and "__engagement.read" in text.split():
        beyond = any(
            context != "patient" and set(letters) & set("rs")
            for context, letters, _ in held(actor, text, "Patient")
        )
        return own or (actor.audience is not Audience.PATIENT and (actor.patient is None or beyond))
    return False


def answers(row: object, query: str) -> bool:
    if not query:
        return True
    if not isinstance(row, Observation) or row.code is None:
        return False
    elements = {"category": row.category, "code": (row.code,)}
    there = {
        f"{name}={prefix}{coding.code}"
        for name, concepts in elements.items()
        for concept in concepts
        for coding in concept.coding
        for prefix in ("", f"{coding.system}|")
    }
    return set(query.split("&")) <= there


@st.composite
def actors_and_texts(draw: st.DrawFn) -> tuple[Actor, str]:
    actor, text = draw(actors), draw(texts)
    return replace(actor, scopes=Scopes.parse(text)), text


@given(actors_and_texts(), coordinates)
def test_every_decision_is_the_oracles(given_actor: tuple[Actor, str], coordinate: Coordinate) -> None:
    actor, text = given_actor
    decision = POLICY.grant(actor).decide(coordinate)

    effect, scope_would_do = oracle(actor, text, str(coordinate))

    assert decision.effect is effect
    assert (decision.missing_scopes != ()) is scope_would_do
    assert (decision.mask is not None) is (effect is Effect.MASK)


@given(
    actors_and_texts(),
    st.sampled_from(RESOURCES),
    observations | st.just(object()),
    st.sampled_from([None, ANA, BEN]),
)
def test_every_row_is_admitted_as_by_the_oracle(
    given_actor: tuple[Actor, str], resource: str, row: object, owner: PatientId | None
) -> None:
    actor, text = given_actor
    assume(resource != "Practitioner" or owner is None)

    assert POLICY.grant(actor).rows(resource).admits(row, owner) is oracle_admits(
        actor, text, resource, row, owner
    )


@given(actors, words, coordinates)
def test_one_more_scope_takes_nothing_away(actor: Actor, word: str, coordinate: Coordinate) -> None:
    more = replace(actor, scopes=Scopes.parse(f"{actor.scopes} {word}"))

    before, after = (POLICY.grant(one).decide(coordinate).effect for one in (actor, more))

    assert after is before or before is Effect.DENY


@given(actors, words, st.sampled_from(RESOURCES), observations, st.sampled_from([None, ANA, BEN]))
def test_one_more_scope_takes_no_row_away(
    actor: Actor, word: str, resource: str, row: object, owner: PatientId | None
) -> None:
    more = replace(actor, scopes=Scopes.parse(f"{actor.scopes} {word}"))

    before, after = (POLICY.grant(one).rows(resource).admits(row, owner) for one in (actor, more))

    assert after or not before


@given(actors, coordinates)
def test_the_missing_scopes_are_all_that_is_missing(actor: Actor, coordinate: Coordinate) -> None:
    decision = POLICY.grant(actor).decide(coordinate)
    more = replace(actor, scopes=Scopes.parse(" ".join((str(actor.scopes), *decision.missing_scopes))))

    then = POLICY.grant(more).decide(coordinate)

    assert then.missing_scopes == ()
    assert (then.effect is not Effect.DENY) is (
        decision.effect is not Effect.DENY or decision.missing_scopes != ()
    )


@given(st.sampled_from(list(Audience)), patients, coordinates)
def test_without_scopes_nothing_is_open_but_what_needs_none(
    audience: Audience, patient: PatientId | None, coordinate: Coordinate
) -> None:
    decision = POLICY.grant(someone(audience, "", patient=patient)).decide(coordinate)
    classified = {str(at): is_ for at, is_ in COORDINATES.items()}.get(str(coordinate))

    if decision.effect is not Effect.DENY:
        assert classified is not None
        assert classified.needs == Needs.NOTHING
        assert classified.data in (DataClass.REFERENCE, DataClass.OPERATIONS)


@given(actors, st.sampled_from(RESOURCES[:-2]), observations)
def test_a_patient_never_knows_of_anothers_row_whatever_the_scopes(
    actor: Actor, resource: str, row: object
) -> None:
    her = replace(actor, audience=Audience.PATIENT, patient=ANA)

    assert POLICY.grant(her).rows(resource).admits(row, BEN) is False
    assert POLICY.grant(her).rows(resource).admits(row, None) is False
    assert POLICY.grant(replace(her, patient=None)).rows(resource).admits(row, ANA) is False


@given(
    st.lists(words.filter(lambda word: not word.startswith(("user/", "system/")))),
    st.sampled_from(list(Audience)),
)
def test_patient_scopes_never_open_anothers_row_whatever_the_audience(
    texts: list[str], audience: Audience
) -> None:
    grant = POLICY.grant(someone(audience, " ".join(texts), patient=ANA))

    assert not any(
        grant.rows(resource).admits(object(), BEN) for resource in RESOURCES if resource != "Practitioner"
    )


@given(
    actors,
    actors,
    st.sets(st.sampled_from(["audience", "purpose", "scopes", "patient", "subject"])),
    coordinates,
)
def test_who_shares_a_key_shares_every_decision(
    one: Actor, another: Actor, taken: set[str], coordinate: Coordinate
) -> None:
    other = replace(one, **{name: getattr(another, name) for name in taken})

    mine, theirs = POLICY.grant(one), POLICY.grant(other)

    assert mine.key != theirs.key or mine.decide(coordinate) == theirs.decide(coordinate)
    assert mine.key == theirs.key or taken


@given(actors, st.sampled_from(RESOURCES), observations, st.sampled_from([None, ANA, BEN]))
def test_always_and_narrowing_promise_no_more_than_the_rows_keep(
    actor: Actor, resource: str, row: object, owner: PatientId | None
) -> None:
    rule = POLICY.grant(actor).rows(resource)

    admitted = rule.admits(row, owner)

    assert admitted or not rule.always
    assert (
        not admitted or rule.narrowing is None or any(answers(row, joined(query)) for query in rule.narrowing)
    )


def joined(query: tuple[tuple[str, str], ...]) -> str:
    return "&".join(f"{name}={value}" for name, value in query)


def test_the_default_purposes_are_all_permitted_by_the_oracle_too() -> None:
    assert all(DEFAULT_PURPOSE[audience].value in PURPOSES[audience.value].split() for audience in Audience)

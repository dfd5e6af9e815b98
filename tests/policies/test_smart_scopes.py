"""Scope texts are read exactly, canonically, and never more generously than they were written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import Context, PrivateScope, ResourceScope, Scopes

PATIENT, USER, SYSTEM = Context.PATIENT, Context.USER, Context.SYSTEM
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        pytest.param("patient/Patient.read", (PATIENT, "Patient", "rs"), id="v1 read"),
        pytest.param("user/Patient.write", (USER, "Patient", "cud"), id="v1 write, which is not reading"),
        pytest.param("system/Patient.*", (SYSTEM, "Patient", "cruds"), id="v1 star"),
        pytest.param("patient/*.*", (PATIENT, "*", "cruds"), id="v1 star of all types"),
        pytest.param("user/*.rs", (USER, "*", "rs"), id="v2 of all types"),
        pytest.param("user/Encounter.s", (USER, "Encounter", "s"), id="v2 search alone"),
        pytest.param("user/Encounter.cruds", (USER, "Encounter", "cruds"), id="v2 all"),
        pytest.param(
            "http://smarthealthit.org/fhir/scopes/patient/*.r", (PATIENT, "*", "r"), id="in its URI form"
        ),
        pytest.param(
            f"patient/Observation.rs?category={CATEGORY}|laboratory",
            (PATIENT, "Observation", "rs", (("category", f"{CATEGORY}|laboratory"),)),
            id="granular",
        ),
        pytest.param(
            "patient/Observation.rs?category=http%3A%2F%2Fx.example%7Clab",
            (PATIENT, "Observation", "rs", (("category", "http://x.example|lab"),)),
            id="granular, percent-encoded as on the wire",
        ),
        pytest.param(
            "user/Condition.r?code=b&category=a",
            (USER, "Condition", "r", (("category", "a"), ("code", "b"))),
            id="granular with two parameters, in any order",
        ),
        pytest.param(
            "user/Condition.r?clinical-status=active",
            (USER, "Condition", "r", (("clinical-status", "active"),)),
            id="granular with a hyphen",
        ),
    ],
)
def test_a_clinical_scope_is_read(text: str, scope: tuple[object, ...]) -> None:
    parsed = Scopes.parse(text)

    assert parsed == Scopes(frozenset({ResourceScope(*scope)}))  # type: ignore[arg-type] # rows are as short as texts
    assert parsed.ignored == ()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("patient/Patient.", id="no permission"),
        pytest.param("patient/Observation.dus", id="no c, but an order of its own"),
        pytest.param("patient/Observation.sr", id="out of order"),
        pytest.param("patient/Observation.rr", id="a letter twice"),
        pytest.param("patient/Observation.x", id="an unknown letter"),
        pytest.param("patient/Observation.reads", id="v1 and v2 at once"),
        pytest.param("patient/Observation.READ", id="in capitals"),
        pytest.param("patient/observation.r", id="a type in lower case"),
        pytest.param("patient/Observation", id="no permission at all"),
        pytest.param("patient/.r", id="no type"),
        pytest.param("patient/**.r", id="two stars"),
        pytest.param("doctor/Observation.r", id="an unknown context"),
        pytest.param("Patient/Observation.r", id="a context in capitals"),
        pytest.param("xpatient/Observation.r", id="something before"),
        pytest.param("patient/Observation.r/", id="something after"),
        pytest.param("patient/Observation.r\n", id="a line feed after"),
        pytest.param("patient/Observation.r\tuser/Patient.r", id="two scopes parted by a tab"),
        pytest.param("patient/Observation.read?category=a", id="v1 with a query"),
        pytest.param("patient/Observation.rs?", id="an empty query"),
        pytest.param("patient/Observation.rs?category", id="a parameter without a value"),
        pytest.param("patient/Observation.rs?category=", id="an empty value"),
        pytest.param("patient/Observation.rs?=a", id="a value without a parameter"),
        pytest.param("patient/Observation.rs?category=a&", id="a dangling ampersand"),
        pytest.param("patient/Observation.rs?category=a%26code=b", id="an encoded ampersand"),
        pytest.param("patient/Observation.rs?category=a%20user/*.rs", id="an encoded space"),
        pytest.param("patient/Observation.rs?category=a%0A", id="an encoded line feed"),
        pytest.param("patient/Observation.rs?category=%2541", id="encoded twice"),
        pytest.param("patient/Observation.rs?category=a%22", id="an encoded quote"),
        pytest.param("patient/Observation.rs?category=a%5C,b", id="an encoded backslash"),
        pytest.param("patient/Observation.rs?category=%C3%A9", id="an encoded letter beyond ASCII"),
        pytest.param("patient/Observation.rs?category=é", id="a letter beyond ASCII"),
        pytest.param('patient/Observation.rs?category="a"', id="a quote, which no scope may have"),
        pytest.param("patient/Observation.rs?code:in=http://x.example/vs", id="a modifier"),
        pytest.param("patient/Observation.rs?subject.name=ana", id="a chain"),
        pytest.param("patient/Observation.rs?_has:Condition:subject:code=b", id="a reverse chain"),
        pytest.param("patient/Observation.rs?_filter=code eq b", id="a filter, cut at its space"),
        pytest.param("patient/Observation.rs?_filter=code%20eq%20b", id="a filter"),
        pytest.param("patient/Observation.rs?_id=1", id="a parameter of all types"),
        pytest.param("__.read", id="a private scope without a name"),
        pytest.param("__engagement", id="a private scope without a verb"),
        pytest.param("__engagement.read.all", id="a private scope with too much"),
        pytest.param("_engagement.read", id="one underscore"),
        pytest.param("launch/", id="a launch of nothing"),
        pytest.param("launch/patient?role=", id="a launch with an empty role"),
        pytest.param("openidx", id="almost openid"),
        pytest.param("admin", id="unknown"),
    ],
)
def test_what_is_unknown_or_malformed_is_ignored_and_nothing_else_is(text: str) -> None:
    parsed = Scopes.parse(f"user/Patient.r {text} __engagement.read")

    assert parsed == Scopes.parse("user/Patient.r __engagement.read")
    assert " ".join(parsed.ignored).startswith(text.split(" ")[0])
    assert len(parsed.ignored) == len(text.split(" "))


@pytest.mark.parametrize(
    "text",
    [
        "openid",
        "fhirUser",
        "profile",
        "offline_access",
        "online_access",
        "launch",
        "launch/patient",
        "launch/encounter",
        "launch/imagingstudy?role=https://x.example/role",
    ],
)
def test_what_is_known_but_opens_no_data_is_neither_held_nor_ignored(text: str) -> None:
    parsed = Scopes.parse(text)

    assert parsed == Scopes()
    assert parsed.ignored == ()


def test_a_private_scope_is_read() -> None:
    assert Scopes.parse("__engagement.read").private == {PrivateScope("engagement", "read")}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("user/A1.r", "", id="a type with a digit, and nothing"),
        pytest.param("user/Patient.r user/Patient.s", "user/Patient.rs", id="letter by letter"),
        pytest.param("user/Patient.s user/Patient.cr", "user/Patient.crs", id="letters in SMART's order"),
        pytest.param("user/Patient.read", "user/Patient.rs", id="v1 and v2"),
        pytest.param("user/Patient.r   user/Patient.r ", "user/Patient.r", id="twice, with spaces"),
        pytest.param("a b", "c", id="what is ignored"),
        pytest.param(
            "user/Condition.r?code=b&category=a", "user/Condition.r?category=a&code=b", id="query order"
        ),
    ],
)
def test_texts_that_permit_the_same_are_equal_and_share_a_hash_and_a_text(one: str, other: str) -> None:
    assert Scopes.parse(one) == Scopes.parse(other)
    assert hash(Scopes.parse(one)) == hash(Scopes.parse(other))
    assert str(Scopes.parse(one)) == str(Scopes.parse(other))


def test_scopes_of_different_contexts_or_queries_are_not_joined() -> None:
    text = "patient/Condition.r?category=a&code=b patient/Condition.s system/Condition.s user/Condition.s"

    assert str(Scopes.parse(text)) == text


def test_what_was_ignored_is_listed_in_order_and_kept_out_of_the_repr() -> None:
    parsed = Scopes.parse("zeta user/Patient.r alpha zeta")

    assert parsed.ignored == ("zeta", "alpha", "zeta")
    assert "zeta" not in repr(parsed)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", False),
        ("patient/*.rs", False),
        ("__engagement.read", False),
        ("user/Patient.r", True),
        ("patient/*.rs system/Patient.r", True),
    ],
)
def test_user_and_system_scopes_reach_beyond_one_patient(text: str, expected: bool) -> None:
    assert Scopes.parse(text).beyond_one_patient is expected


@given(st.text() | st.text(alphabet="patientusrym/*.?=&|_%2 OCE\\", max_size=60))
def test_no_text_makes_parsing_raise_and_the_canonical_text_parses_to_the_same(text: str) -> None:
    parsed = Scopes.parse(text)

    assert Scopes.parse(str(parsed)) == parsed
    assert Scopes.parse(str(parsed)).ignored == ()


words = st.sampled_from(
    [
        "patient/*.rs",
        "user/Patient.r",
        "user/Patient.s",
        "system/Observation.rs?category=a",
        "__engagement.read",
        "patient/Patient.",
        "admin",
        "openid",
        "launch/patient",
    ]
)


@given(st.lists(words))
def test_every_word_is_held_known_or_ignored_whatever_its_neighbours(texts: list[str]) -> None:
    together = Scopes.parse(" ".join(texts))
    apart = [Scopes.parse(text) for text in texts]

    assert together.private == frozenset[PrivateScope]().union(*(one.private for one in apart))
    assert together.ignored == tuple(word for one in apart for word in one.ignored)
    assert {(s.context, s.type, letter, s.query) for s in together.resources for letter in s.letters} == {
        (s.context, s.type, letter, s.query) for one in apart for s in one.resources for letter in s.letters
    }

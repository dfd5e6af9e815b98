"""What a request for scopes is granted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.idp.personas import personas
from sandbox.idp.scopes import clinical, granted

VITALS = "http://terminology.hl7.org/CodeSystem/observation-category|vital-signs"


@pytest.mark.parametrize(
    ("requested", "allowed", "result"),
    [
        pytest.param("user/*.rs", "user/*.rs", "user/*.rs", id="the same"),
        pytest.param("user/Patient.r", "user/*.rs", "user/Patient.r", id="narrower"),
        pytest.param("user/*.cruds", "user/*.rs", "user/*.rs", id="wider in letters"),
        pytest.param("user/*.rs", "user/Patient.rs", "user/Patient.rs", id="wider in types"),
        pytest.param(
            "user/*.r", "user/Patient.rs user/Account.s", "user/Patient.r", id="wider, and empty for one"
        ),
        pytest.param("user/Patient.read", "user/*.rs", "user/Patient.read", id="v1, wholly allowed"),
        pytest.param("user/Patient.*", "user/*.rs", "user/Patient.rs", id="v1, partly allowed"),
        pytest.param("user/Patient.write", "user/*.rs", "", id="v1 writing"),
        pytest.param("patient/*.rs", "user/*.rs", "", id="another context"),
        pytest.param("user/Encounter.rs", "user/Patient.rs", "", id="another type"),
        pytest.param(
            f"user/Observation.rs?category={VITALS}",
            "user/*.rs",
            f"user/Observation.rs?category={VITALS}",
            id="granular, as asked",
        ),
        pytest.param(
            "user/Observation.rs", "user/Observation.rs?a=b", "user/Observation.rs?a=b", id="narrowed"
        ),
        pytest.param("user/Observation.rs?a=c", "user/Observation.rs?a=b", "", id="other rows"),
        pytest.param("user/Observation.read?a=b", "user/*.rs", "", id="v1 has no queries"),
        pytest.param("openid __engagement.read", "openid", "openid", id="a word that is not allowed"),
        pytest.param("user/Patient.sr user/Patient. user/patient.r", "user/*.rs", "", id="malformed"),
        pytest.param("openid openid", "openid", "openid", id="twice"),
        pytest.param("", "user/*.rs", "", id="nothing"),
    ],
)
def test_a_grant_is_what_was_asked_for_and_is_allowed(requested: str, allowed: str, result: str) -> None:
    assert " ".join(granted(requested.split(), allowed.split())) == result


contexts = st.sampled_from(["patient", "user", "system"])
types = st.sampled_from(["*", "Patient", "Observation"])
letters = st.sampled_from(["read", "write", "*", "r", "s", "rs", "cruds", "cud"])
queries = st.sampled_from(["", "", "?category=a", "?category=b"])
scopes = st.tuples(contexts, types, letters, queries).map(
    lambda four: f"{four[0]}/{four[1]}.{four[2]}{four[3]}"
)
requests = st.lists(scopes | st.sampled_from(["openid", "__x"]) | st.text(max_size=8), max_size=5)


def permits(scope: str, context: str, type_: str, letter: str, category: str) -> bool:
    """Whether one scope opens one interaction with one row."""
    read = clinical(scope)
    return (
        read is not None
        and read.context == context
        and read.type in ("*", type_)
        and letter in read.letters
        and read.query in (None, f"category={category}")
    )


@given(requests, requests)
def test_a_grant_opens_exactly_what_both_sides_open(requested: list[str], allowed: list[str]) -> None:
    result = granted(requested, allowed)

    for context in ("patient", "user", "system"):
        for type_ in ("Patient", "Observation", "Encounter"):
            for letter in "cruds":
                for category in ("a", "b", "c"):
                    row = (context, type_, letter, category)
                    opened = any(permits(scope, *row) for scope in result)
                    asked = any(permits(scope, *row) for scope in requested)
                    may = any(permits(scope, *row) for scope in allowed)
                    assert opened == (asked and may)


@given(requests, requests)
def test_a_grant_is_granted_again_unchanged(requested: list[str], allowed: list[str]) -> None:
    once = granted(requested, allowed)

    assert granted(once, allowed) == once


@pytest.mark.parametrize(
    ("name", "role", "fhir_user", "patient", "scope"),
    [
        (
            "clinician",
            "clinician",
            "Practitioner/prac-0001",
            None,
            "openid fhirUser user/*.rs __engagement.read",
        ),
        (
            "patient",
            "patient",
            "Patient/pat-000001",
            "pat-000001",
            "openid fhirUser launch/patient patient/*.rs __engagement.read",
        ),
        (
            "frontdesk",
            "practice",
            "Practitioner/prac-0002",
            None,
            "openid fhirUser user/Patient.rs user/Appointment.rs user/Practitioner.rs user/Location.rs "
            "user/Organization.rs user/Coverage.rs user/Account.rs __outcomes.read",
        ),
        (
            "partner",
            "partner",
            None,
            None,
            "system/Patient.rs system/Appointment.rs system/Encounter.rs system/Practitioner.rs "
            "system/Location.rs",
        ),
        ("marketer", "crm", None, None, "openid __engagement.read __outcomes.read"),
        ("ai", "ai", None, None, "system/*.rs"),
    ],
)
def test_each_persona_has_its_role_and_scopes(
    name: str, role: str, fhir_user: str | None, patient: str | None, scope: str
) -> None:
    persona = personas()[name]

    assert (persona.role, persona.fhir_user, persona.patient) == (role, fhir_user, patient)
    assert " ".join(persona.scope) == scope

"""What a FHIR server is asked: elements behind attributes, escaped values, and bookmarks without a person."""

import base64
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.fhir.asking import elements, escaped, matching, narrowed, possible_ids
from sources.fhir.bookmarks import BadBookmark, bookmark_of, link_of
from sources.fhir.elements import ELEMENTS, RESOURCES
from sources.model import (
    AllergyIntolerance,
    DocumentReference,
    Encounter,
    Observation,
    Patient,
    Practitioner,
    Resource,
)
from sources.ports import Narrowing, PatientQuery


@pytest.mark.parametrize(
    ("kind", "wanted", "asked"),
    [
        (Patient, "", "id"),
        (Patient, "id patient_id", "id"),
        (Patient, "mrn birth_date", "birthDate,id,identifier"),
        (Patient, "deceased", "deceased,deceasedBoolean,deceasedDateTime,id"),
        (Patient, "security general_practitioner_ids", "generalPractitioner,id,meta"),
        (Encounter, "", "id,subject"),
        (Encounter, "class_ visit_number location_id", "class,id,identifier,location,subject"),
        (Encounter, "organization_id last_updated", "id,meta,serviceProvider,subject"),
        (Observation, "value_quantity status", "id,status,subject,value,valueQuantity"),
        (AllergyIntolerance, "code", "code,id,patient"),
        (DocumentReference, "encounter_ids", "context,id,subject"),
        (Observation, "encounter_ids", "encounter,id,subject"),
        (Encounter, "visit", "id,subject"),
        (Patient, "charts", "id,identifier"),
        (Practitioner, "npi name", "id,identifier,name"),
    ],
)
def test_only_the_elements_behind_the_attributes_are_asked_for(
    kind: type[Resource], wanted: str, asked: str
) -> None:
    assert elements(kind, frozenset(wanted.split())) == asked


@pytest.mark.parametrize("kind", RESOURCES.values(), ids=lambda kind: kind.__name__)
def test_everything_public_of_a_record_can_be_asked_for(kind: type[Resource]) -> None:
    properties = {
        name
        for cls in kind.__mro__
        for name, value in vars(cls).items()
        if isinstance(value, property) and not name.startswith("_")
    }
    asked = elements(kind, frozenset({*kind.__struct_fields__, *properties})).split(",")

    mine = {element.name for element in ELEMENTS[kind]}
    fields = {field.encode_name for field in msgspec.structs.fields(kind)}
    choices = {
        "deceased",
        "value",
        "effective",
        "onset",
        "abatement",
        "medication",
        "occurrence",
        "performed",
    }
    assert fields <= set(asked) <= mine | choices


def test_an_attribute_the_record_does_not_have_is_an_error() -> None:
    with pytest.raises(ValueError, match="`Encounter` has no attribute `birth_date`"):
        elements(Encounter, frozenset({"birth_date"}))


@given(st.lists(st.text(max_size=8), min_size=1, max_size=5))
def test_escaped_values_come_apart_again_where_they_were_joined(values: list[str]) -> None:
    joined = ",".join(escaped(value) for value in values)
    parts, part, characters = [], "", iter(joined)
    for character in characters:
        if character == "\\":
            part += next(characters)
        elif character == ",":
            parts.append(part)
            part = ""
        else:
            part += character

    assert [*parts, part] == values


def test_special_characters_are_escaped() -> None:
    assert escaped("a|b,c$d\\e") == r"a\|b\,c\$d\\e"


def test_what_cannot_be_an_id_is_never_asked_for() -> None:
    assert possible_ids(["p1", "a,b", "", "x" * 65, "p|2", "ü", "p1\n", "A-1.b"]) == ["p1", "A-1.b"]


def test_alternatives_are_joined_and_conditions_repeated() -> None:
    narrowing = Narrowing(
        (("category", ("s|vital-signs", "s|laboratory")), ("date", ("ge2026",)), ("date", ("lt2027",)))
    )

    assert narrowed(narrowing) == [
        ("category", "s|vital-signs,s|laboratory"),
        ("date", "ge2026"),
        ("date", "lt2027"),
    ]


def test_a_search_for_patients_names_what_it_was_given() -> None:
    query = PatientQuery(family="O,Brien", birth_date="1960-02-29", identifier="urn:mrn|MRN-1")

    assert matching(query) == [
        ("family", r"O\,Brien"),
        ("birthdate", "1960-02-29"),
        ("identifier", "urn:mrn|MRN-1"),
    ]
    assert matching(PatientQuery()) == []


BASE = "http://ehr.example/fhir"
SEARCH = [("family", "Doe"), ("birthdate", "1960-02-29"), ("_count", "2")]


@pytest.mark.parametrize(
    "link",
    [
        f"{BASE}/Patient?family=Doe&birthdate=1960-02-29&_count=2&_page=abc",
        f"{BASE}?_getpages=0d1-22&_getpagesoffset=2&_bundletype=searchset",
        f"{BASE}/Patient?_page=a%2Bb%3D&family%3Aexact=Doe&flag=",
        "http://ehr.example/fhir/Patient/page/2",
    ],
)
def test_a_bookmark_leads_to_the_link_and_says_nothing_of_the_person(link: str) -> None:
    bookmark = bookmark_of(link, SEARCH)
    back = link_of(bookmark, BASE, SEARCH)
    said = base64.urlsafe_b64decode(bookmark + "===").decode()

    assert urlsplit(back)[:3] == urlsplit(link)[:3]
    assert parse_qsl(urlsplit(back).query, True) == parse_qsl(urlsplit(link).query, True)
    assert "Doe" not in said
    assert "1960" not in said


def packed(*value: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode().rstrip("=")


@pytest.mark.parametrize(
    "bookmark",
    [
        "",
        "%",
        "ü",
        "AAAA",
        packed("/fhir/Patient"),
        packed("/fhir/../admin", []),
        packed("/other", []),
        packed("/fhirx", []),
        packed("@evil.example/fhir", []),
        packed("/fhir/Patient?x=1", []),
        packed("/fhir/Patient", [["identifier", None]]),
        packed("/fhir/Patient", [["a", 1]]),
    ],
)
def test_a_bookmark_that_is_not_ours_or_leads_away_is_refused(bookmark: str) -> None:
    with pytest.raises(BadBookmark):
        link_of(bookmark, BASE, SEARCH)


@given(st.text(max_size=60))
def test_any_text_is_a_bookmark_below_the_base_or_refused(bookmark: str) -> None:
    try:
        link = link_of(bookmark, BASE, SEARCH)
    except BadBookmark:
        link = BASE

    assert link == BASE or link.startswith((f"{BASE}/", f"{BASE}?"))

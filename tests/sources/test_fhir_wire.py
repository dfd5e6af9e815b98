"""The wire types of FHIR: R4's elements and no others, dates that exist, and domain records as the result."""

import calendar
import importlib
import json
import re
from datetime import date
from typing import Any, get_type_hints

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sources import model
from sources.calling import Nonconforming
from sources.fhir.bundles import page_reader
from sources.fhir.elements import ELEMENTS, RESOURCES
from sources.fhir.practice import InnerExtension
from sources.fhir.primitives import DATE, DATE_TIME, ID, INSTANT
from sources.fhir.wire import WIRE
from sources.model import Encounter, Observation, Patient, Record, Resource
from tests.sources.practice import Served, as_model

MODULES: dict[str, str] = {
    "PatientLink": "patient.PatientLink",
    "EncounterParticipant": "encounter.EncounterParticipant",
    "EncounterDiagnosis": "encounter.EncounterDiagnosis",
    "EncounterLocation": "encounter.EncounterLocation",
    "ObservationComponent": "observation.ObservationComponent",
    "AllergyReaction": "allergyintolerance.AllergyIntoleranceReaction",
    "DocumentContent": "documentreference.DocumentReferenceContent",
    "DocumentContext": "documentreference.DocumentReferenceContext",
    "Qualification": "practitioner.PractitionerQualification",
    "Provision": "consent.ConsentProvision",
    "ConsentActor": "consent.ConsentProvisionActor",
    "ConsentData": "consent.ConsentProvisionData",
    "LogicalReference": "reference.Reference",
    "AppointmentParticipant": "appointment.AppointmentParticipant",
    "CoverageClass": "coverage.CoverageClass",
    "Actor": "reference.Reference",
    "MoneyValue": "money.Money",
    "InnerExtension": "extension.Extension",
}
PRIMITIVES = (
    *("Base64Binary", "Canonical", "Code", "Date", "DateTime", "Decimal", "Id", "Instant", "Integer"),
    *("Markdown", "Oid", "PositiveInt", "String", "Time", "UnsignedInt", "Uri", "Url", "Uuid"),
)


def reference_type(kind: type[Record]) -> Any:
    """The type of fhir.resources for the FHIR type of *kind*: of R4B, which changed none of these."""
    name = MODULES.get(kind.__name__, f"{kind.__name__.lower()}.{kind.__name__}")
    module, _, cls = name.partition(".")
    return getattr(importlib.import_module(f"fhir.resources.R4B.{module}"), cls)


def primitive_name(annotation: object) -> str:
    text = str(annotation)
    if "bool" in text:
        return "boolean"
    (name,) = [name for name in PRIMITIVES if re.search(rf"\b{name}\(", text)]
    return name[0].lower() + name[1:]


@pytest.mark.parametrize("kind", ELEMENTS, ids=lambda kind: kind.__name__)
def test_the_elements_of_a_type_are_those_of_the_specification(kind: type[Record]) -> None:
    fields = {field.alias: field for field in reference_type(kind).model_fields.values()}
    expected = {
        name: primitive_name(field.annotation) if f"_{name}" in fields else None
        for name, field in fields.items()
        if not name.startswith("_") and name != "fhir_comments"
    }
    is_resource = issubclass(kind, Resource)
    expected["id"] = "Id" if is_resource else "String"
    if issubclass(kind, InnerExtension):
        # That library does not say which values of an extension are primitives, and has no `valueMeta`.
        expected = {
            element.name: element.primitive
            for element in ELEMENTS[kind]
            if element.name in {*expected, "valueMeta"}
        }

    assert {element.name: element.primitive for element in ELEMENTS[kind]} == expected


@pytest.mark.parametrize("kind", ELEMENTS, ids=lambda kind: kind.__name__)
def test_every_attribute_of_a_record_is_an_element_of_its_type(kind: type[Record]) -> None:
    names = {element.name for element in ELEMENTS[kind]}

    assert {field.encode_name for field in msgspec.structs.fields(kind)} <= names


def test_every_record_of_the_ehr_can_be_read() -> None:
    clinical = {
        kind
        for kind in vars(model).values()
        if isinstance(kind, type) and issubclass(kind, Resource) and kind is not Resource
    }

    assert set(RESOURCES.values()) == clinical
    assert all(issubclass(WIRE[kind], kind) for kind in WIRE)


PATTERNS = {"date": DATE, "dateTime": DATE_TIME, "instant": INSTANT}


@given(st.integers(-1, 10_000), st.integers(-1, 14), st.integers(-1, 33))
@example(2000, 2, 29)
@example(1900, 2, 29)
@example(2024, 2, 29)
@example(2023, 2, 29)
def test_a_day_is_one_that_the_calendar_has(year: int, month: int, day: int) -> None:
    text = f"{year:04}-{month:02}-{day:02}"
    try:
        date(year, month, day)
        exists = True
    except ValueError:
        exists = False

    assert (re.search(DATE, text) is not None) == exists
    assert (re.search(DATE_TIME, text) is not None) == exists
    assert (re.search(INSTANT, f"{text}T10:00:00Z") is not None) == exists


def test_every_day_of_four_centuries_is_known() -> None:
    pattern = re.compile(DATE)
    wrong = [
        f"{year:04}-{month:02}-{day:02}"
        for year in range(1700, 2101)
        for month in range(1, 13)
        for day in range(28, 32)
        if (pattern.search(f"{year:04}-{month:02}-{day:02}") is not None)
        != (day <= calendar.monthrange(year, month)[1])
    ]

    assert wrong == []


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("2026", {"date", "dateTime"}),
        ("2026-11", {"date", "dateTime"}),
        ("2026-13", set()),
        ("2026-11-20", {"date", "dateTime"}),
        ("2026-11-20T10:00:00Z", {"dateTime", "instant"}),
        ("2026-11-20T10:00:00.123456+05:30", {"dateTime", "instant"}),
        ("2026-11-20T23:59:60-14:00", {"dateTime", "instant"}),
        ("2026-11-20T10:00:00", set()),
        ("2026-11-20T10:00Z", set()),
        ("2026-11-20T24:00:00Z", set()),
        ("2026-11-20T10:00:00+15:00", set()),
        ("2026-11-20 10:00:00Z", set()),
        ("2026-11-20T10:00:00Z\n", set()),
        ("2026-11-20\n", set()),
        ("٢٠٢٦-11-20", set()),
        ("0000-01-01", set()),
        ("0000", set()),
        ("", set()),
        ("Jane", set()),
    ],
)
def test_dates_times_and_instants_are_told_apart(text: str, fits: set[str]) -> None:
    assert {name for name, pattern in PATTERNS.items() if re.search(pattern, text)} == fits


@given(st.text(max_size=70))
@example("a" * 64)
@example("a" * 65)
@example("a\n")
def test_an_id_is_one_to_64_plain_characters(text: str) -> None:
    plain = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.")

    assert (re.search(ID, text) is not None) == (1 <= len(text) <= 64 and set(text) <= plain)


def bundle(*resources: Any, **more: Any) -> bytes:
    entries = [{"fullUrl": "urn:x", "resource": it, "search": {"mode": "match"}} for it in resources]
    return json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": entries, **more}).encode()


CONSENT: dict[str, Any] = {
    "resourceType": "Consent",
    "id": "c1",
    "status": "active",
    "scope": {"coding": [{"code": "patient-privacy"}]},
    "category": [{"coding": [{"code": "59284-0"}]}],
    "patient": {"reference": "Patient/pat-000001"},
    "provision": {
        "type": "permit",
        "period": {"start": "2026-01-01"},
        "provision": [
            {
                "type": "deny",
                "actor": [{"role": {"text": "any"}, "reference": {"identifier": {"value": "1234567893"}}}],
            }
        ],
    },
}
"""The sandbox's patients have none."""


@pytest.mark.parametrize("kind", RESOURCES.values(), ids=lambda kind: kind.__name__)
def test_what_is_decoded_is_the_domain_record(kind: type[Resource], served: Served) -> None:
    held = served.dataset.resources.get(kind.__name__) or {"c1": CONSENT}
    resources = list(held.values())[:200]
    page = page_reader(kind).read(bundle(*resources))
    expected = [msgspec.convert(resource, kind) for resource in resources]  # lenient, and knows no wire type

    assert len(resources) > 0
    assert page.unread == []
    assert [as_model(row) for row in page.rows] == expected


ENCOUNTER: dict[str, Any] = {
    "resourceType": "Encounter",
    "id": "e1",
    "status": "finished",
    "class": {"system": "s", "code": "VR"},
    "subject": {"reference": "Patient/p1"},
    "period": {"start": "2026-11-20T10:00:00Z"},
}
SECRET = "Jane Doe"
UNREADABLE = [
    ({"vendor": SECRET}, "Encounter: unknown field `vendor`"),
    ({"period": {"start": SECRET}}, "Encounter.period.start: malformed"),
    ({"period": {"start": "2026-02-30"}}, "Encounter.period.start: malformed"),
    ({"period": {"begin": SECRET}}, "Encounter.period: unknown field `begin`"),
    ({"period": [SECRET]}, "Encounter.period: array instead of object"),
    ({"status": 1}, "Encounter.status: int instead of str"),
    ({"status": None}, "Encounter.status: null instead of str"),
    ({"type": {"text": SECRET}}, "Encounter.type: object instead of array"),
    ({"type": [{"coding": [{"code": [SECRET]}]}]}, "Encounter.type[].coding[].code: array instead of str"),
    ({"meta": {"lastUpdated": "2026-11-20"}}, "Encounter.meta.lastUpdated: malformed"),
    ({"diagnosis": [{"condition": {}, "rank": 0}]}, "Encounter.diagnosis[].rank: malformed"),
    ({"diagnosis": [{"rank": 1}]}, "Encounter.diagnosis[]: `condition` is missing"),
    ({"modifierExtension": [{"url": SECRET}]}, "Encounter.modifierExtension: malformed"),
    ({"implicitRules": "http://x"}, "Encounter.implicitRules: str instead of array"),
    ({"id": "a b"}, "Encounter.id: malformed"),
]


@pytest.mark.parametrize(("change", "why"), UNREADABLE, ids=[why for _, why in UNREADABLE])
def test_a_bad_record_is_refused_and_the_others_survive(change: dict[str, Any], why: str) -> None:
    page = page_reader(Encounter).read(bundle(ENCOUNTER, ENCOUNTER | change, ENCOUNTER | {"id": "e3"}))

    assert [row.id for row in page.rows] == ["e1", "e3"]
    assert [(bad.why, bad.identity.owner) for bad in page.unread] == [(why, "Patient/p1")]


@pytest.mark.parametrize(
    "resource",
    [
        pytest.param(ENCOUNTER | {"resourceType": "Patient"}, id="another type"),
        pytest.param({k: v for k, v in ENCOUNTER.items() if k != "resourceType"}, id="no type"),
    ],
)
def test_a_resource_of_another_type_is_refused(resource: dict[str, Any]) -> None:
    page = page_reader(Encounter).read(bundle(resource))

    assert page.rows == []
    assert [bad.identity.id for bad in page.unread] == ["e1"]


def test_what_the_model_does_not_hold_is_known_and_skipped() -> None:
    more: dict[str, Any] = {
        "text": {"status": "generated", "div": "<div/>"},
        "contained": [{"resourceType": "Basic", "anything": 1}],
        "extension": [{"url": "http://x", "valueString": "y"}],
        "_status": {"extension": [{"url": "http://x", "valueString": "y"}]},
        "length": {"value": 3, "unit": "min"},
        "hospitalization": {"preAdmissionIdentifier": {"value": "x"}},
    }
    page = page_reader(Encounter).read(bundle(ENCOUNTER | more))

    assert [as_model(row) for row in page.rows] == [msgspec.convert(ENCOUNTER, Encounter)]


def test_hints_of_the_server_among_the_rows_are_no_rows() -> None:
    hint = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "x"}], "odd": 1}
    page = page_reader(Encounter).read(bundle(ENCOUNTER, hint))

    assert [row.id for row in page.rows] == ["e1"]
    assert page.unread == []


def test_nulls_that_keep_step_with_extensions_are_left_out() -> None:
    name: Any = {"family": "Doe", "given": [None, "Jane"], "_given": [{"extension": []}, None]}
    page = page_reader(Patient).read(bundle({"resourceType": "Patient", "id": "p1", "name": [name]}))

    assert page.unread == []
    assert page.rows[0].name[0].given == ("Jane",)


def test_a_null_without_an_extension_beside_it_is_refused() -> None:
    name: Any = {"family": "Doe", "given": [None, "Jane"]}
    page = page_reader(Patient).read(bundle({"resourceType": "Patient", "id": "p1", "name": [name]}))

    assert [bad.why for bad in page.unread] == ["Patient.name[].given[]: null instead of str"]


def test_whole_numbers_are_decimals_too_and_text_is_not() -> None:
    observation = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": "Patient/p1"},
    }
    page = page_reader(Observation).read(
        bundle(
            observation | {"valueQuantity": {"value": 120}},
            observation | {"id": "o2", "valueQuantity": {"value": "120"}},
        )
    )

    assert [row.value_quantity.value for row in page.rows if row.value_quantity] == [120.0]
    assert [bad.why for bad in page.unread] == ["Observation.valueQuantity.value: str instead of float"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html><body>Jane Doe</body></html>", id="HTML"),
        pytest.param(bundle(ENCOUNTER)[:-20], id="cut"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(bundle(ENCOUNTER, vendor=1), id="an unknown field of the bundle"),
        pytest.param(bundle(ENCOUNTER).replace(b"searchset", b"batch-response"), id="another bundle"),
        pytest.param(json.dumps(ENCOUNTER).encode(), id="no bundle"),
        pytest.param(bundle("Jane Doe"), id="a row that is text"),
    ],
)
def test_an_answer_that_is_no_searchset_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(Nonconforming) as raised:
        page_reader(Encounter).read(body)

    assert "Jane" not in str(raised.value)


def test_an_empty_searchset_has_no_rows() -> None:
    page = page_reader(Encounter).read(b'{"resourceType":"Bundle","type":"searchset","total":0}')

    assert (page.rows, page.unread, page.next) == ([], [], None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["SECRET", "e1", "Patient/p1", "2026"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [element.name for element in ELEMENTS[Encounter]] + ["reference", "coding", "odd"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=10,
)


@given(st.lists(JSON, max_size=3))
def test_whatever_comes_is_rows_bad_rows_or_a_refusal_without_values(resources: list[Any]) -> None:
    def made(value: Any) -> Any:
        return {"resourceType": "Encounter", "id": "e1", **value} if isinstance(value, dict) else value

    body = bundle(*[made(resource) for resource in resources])
    try:
        page = page_reader(Encounter).read(body)
    except Nonconforming as fault:
        said = [str(fault)]
    else:
        said = [bad.why for bad in page.unread]
        hints = get_type_hints(Encounter)
        assert all(set(hints) >= set(msgspec.structs.asdict(as_model(row))) for row in page.rows)
        assert len(page.rows) + len(page.unread) == len(resources)

    assert "SECRET" not in "".join(said)

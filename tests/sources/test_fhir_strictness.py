"""Resources held against R4 as a whole: what is wrong anywhere in one refuses that one, telling no value."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.calling import Flaw
from sources.fhir.bundles import page_reader
from sources.fhir.elements import RESOURCES
from sources.fhir.r4.definitions import DEFINITIONS, Element
from sources.fhir.reading import Reading, fault_in, type_at

SECRET = "Zaphod Beeblebrox"

WHOLE: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o1",
    "meta": {"versionId": "1", "profile": ["http://x"], "tag": [{"code": "t"}]},
    "text": {"status": "generated", "div": "<div/>"},
    "extension": [{"url": "http://x", "extension": [{"url": "y", "valueRange": {"low": {"value": 1.5}}}]}],
    "identifier": [{"use": "usual", "assigner": {"display": "d", "identifier": {"value": "v"}}}],
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6", "userSelected": True}]},
    "subject": {"reference": "Patient/p1"},
    "performer": [{"reference": "Practitioner/d1"}, {"reference": "urn:uuid:1"}, {"reference": "#c"}],
    "effectiveDateTime": "2026-11-20T10:00:00Z",
    "valueQuantity": {"value": 120, "comparator": "<", "unit": "mmHg"},
    "note": [{"authorString": "a", "time": "2026", "text": "t"}],
    "referenceRange": [{"low": {"value": 1}, "age": {"high": {"value": 9}}, "text": "r"}],
    "component": [
        {
            "code": {"text": "c"},
            "valueSampledData": {"origin": {"value": 0}, "period": 1, "dimensions": 1, "data": "1 2"},
            "referenceRange": [{"appliesTo": [{"text": "a"}]}],
        }
    ],
}
"""An observation with parts of parts, most of which nobody reads."""

Path = tuple[str | int, ...]


def parts(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Everything in *value* with its path, *value* itself first."""
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from parts(inner, (*path, key))


def at(resource: Any, path: Path) -> Any:
    for key in path:
        resource = resource[key]
    return resource


OBJECTS = [path for path, value in parts(WHOLE) if isinstance(value, dict)]
LEAVES = [
    path for path, value in parts(WHOLE) if not isinstance(value, dict | list) and path[0] != "resourceType"
]


def page_with(resource: Any, reading: Reading | None = None) -> Any:
    """The page of an unharmed observation, *resource*, and another unharmed one."""
    rows = [{**WHOLE, "id": "before"}, resource, {**WHOLE, "id": "after"}]
    body = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": row} for row in rows]}
    kind = RESOURCES["Observation"]
    reader = page_reader(kind, "id,status,subject,code", None, reading or Reading())
    return reader.read(json.dumps(body).encode())


def refused(resource: Any, reading: Reading | None = None) -> str:
    """Why *resource* is refused, alone."""
    page = page_with(resource, reading)
    assert [row.id for row in page.rows] == ["before", "after"]
    (unread,) = page.unread
    assert (unread.identity.id, unread.identity.owner) == ("o1", "Patient/p1")
    assert SECRET not in unread.why
    return str(unread.why)


def test_the_observation_conforms() -> None:
    for strict in ("read", "whole", "official"):
        page = page_with(WHOLE, Reading(strict))

        assert [row.id for row in page.rows] == ["before", "o1", "after"]


KEYS = frozenset({("subject",), ("subject", "reference"), ("id",)})
"""What tells whose it is."""


@given(st.sampled_from(OBJECTS))
def test_a_field_that_r4_does_not_know_refuses_its_resource_wherever_it_is(path: Path) -> None:
    resource = copy.deepcopy(WHOLE)
    at(resource, path)["vendorField"] = SECRET
    place = ".".join(["Observation", *(str(key) for key in path if isinstance(key, str))])

    flaw = Flaw.of(refused(resource))

    assert (flaw.kind, flaw.field, flaw.is_extra) == ("Observation", f"{place}.vendorField", True)


@given(st.sampled_from(LEAVES), st.sampled_from([[SECRET], {"x": SECRET}, None, 7.25, "", {}]))
def test_a_value_of_another_type_refuses_its_resource_wherever_it_is(path: Path, value: Any) -> None:
    resource = copy.deepcopy(WHOLE)
    is_number = isinstance(at(resource, path), int | float) and not isinstance(at(resource, path), bool)
    if path in KEYS or (value == 7.25 and is_number):
        return
    at(resource, path[:-1])[path[-1]] = value
    place = ".".join(["Observation", *(str(key) for key in path if isinstance(key, str))])

    assert Flaw.of(refused(resource)).field.startswith(place)


MUST: list[tuple[Path, str]] = [
    (("status",), "Observation: `status` is missing"),
    (("code",), "Observation: `code` is missing"),
    (("text", "status"), "Observation.text: `status` is missing"),
    (("text", "div"), "Observation.text: `div` is missing"),
    (("note", 0, "text"), "Observation.note[]: `text` is missing"),
    (("component", 0, "code"), "Observation.component[]: `code` is missing"),
    (
        ("component", 0, "valueSampledData", "origin"),
        "Observation.component[].valueSampledData: `origin` is missing",
    ),
    (
        ("component", 0, "valueSampledData", "period"),
        "Observation.component[].valueSampledData: `period` is missing",
    ),
    (("extension", 0, "url"), "Observation.extension[]: `url` is missing"),
]


@pytest.mark.parametrize(("path", "why"), MUST, ids=[why for _, why in MUST])
def test_what_is_required_is_missed(path: Path, why: str) -> None:
    resource = copy.deepcopy(WHOLE)
    del at(resource, path[:-1])[path[-1]]

    assert refused(resource) == why


def test_a_required_code_may_be_absent_if_its_sibling_says_why() -> None:
    resource = {key: value for key, value in WHOLE.items() if key != "status"}
    reason = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    page = page_with(resource | {"_status": {"extension": [reason]}})

    assert [row.id for row in page.rows] == ["before", "o1", "after"]


def test_a_resource_that_is_cut_to_what_was_asked_for_lacks_nothing() -> None:
    body = {"entry": [{"resource": {"resourceType": "Observation", "id": "o1"}}]}
    page = page_reader(RESOURCES["Observation"], "id").read(
        json.dumps({"resourceType": "Bundle", "type": "searchset", **body}).encode()
    )

    assert [row.id for row in page.rows] == ["o1"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"performer": [{"_display": 7}]}, "Observation.performer[]._display: int instead of object"),
    ({"status": "perhaps"}, "Observation.status: malformed"),
    ({"subject": {"reference": "Patient/p1", "type": ""}}, "Observation.subject.type: malformed"),
    ({"performer": [{"reference": "Practitioner d1"}]}, "Observation.performer[].reference: malformed"),
    (
        {"performer": [{"reference": "Practitioner?identifier=1"}]},
        "Observation.performer[].reference: malformed",
    ),
    ({"code": {"text": ""}}, "Observation.code.text: malformed"),
    ({"issued": "2026-11-20"}, "Observation.issued: malformed"),
    ({"component": [{"code": {}, "valueTime": "25:00:00"}]}, "Observation.component[].valueTime: malformed"),
    (
        {"component": [{"code": {}, "valueString": "a", "valueInteger": 1}]},
        "Observation.component[]: several types for `value[x]`",
    ),
    (
        {"referenceRange": [{"modifierExtension": [{"url": "http://x"}]}]},
        "Observation.referenceRange[].modifierExtension: malformed",
    ),
    (
        {"extension": [{"url": "http://x", "valueOid": "1.2.3"}]},
        "Observation.extension[].valueOid: malformed",
    ),
]


@pytest.mark.parametrize(("change", "why"), WRONG, ids=[f"{n}: {why}" for n, (_, why) in enumerate(WRONG)])
def test_what_r4_forbids_is_refused(change: dict[str, Any], why: str) -> None:
    assert refused(WHOLE | change) == why


OFFICIAL: list[tuple[dict[str, Any], str]] = [
    ({"code": {"coding": [{"code": "8480-6 "}]}}, "Observation.code.coding[].code: malformed"),
    ({"identifier": [{"system": "http://x y"}]}, "Observation.identifier[].system: malformed"),
]


@pytest.mark.parametrize(("change", "why"), OFFICIAL, ids=[why for _, why in OFFICIAL])
def test_white_space_in_codes_and_uris_is_refused_where_that_is_set(change: dict[str, Any], why: str) -> None:
    assert page_with(WHOLE | change).unread == []
    assert refused(WHOLE | change, Reading("official")) == why


def test_contained_resources_are_not_looked_at() -> None:
    page = page_with(WHOLE | {"contained": [{"resourceType": "Basic", "anything": SECRET}]})

    assert page.unread == []


ALLOWED = [
    ("Meta.author", {"meta": {"author": {"reference": SECRET}}}),
    ("Observation.vendorField", {"vendorField": SECRET}),
    ("Observation.meta.project", {"meta": {"project": SECRET}}),
    ("Identifier.vendorField", {"identifier": [{"assigner": {"identifier": {"vendorField": SECRET}}}]}),
    ("Observation.component.vendorField", {"component": [{"code": {}, "vendorField": SECRET}]}),
]


@pytest.mark.parametrize(("path", "change"), ALLOWED, ids=[path for path, _ in ALLOWED])
def test_a_field_that_is_allowed_is_dropped_and_no_other_is(path: str, change: dict[str, Any]) -> None:
    reading = Reading(allow=frozenset({path}))
    page = page_with(WHOLE | change, reading)

    assert [row.id for row in page.rows] == ["before", "o1", "after"]
    assert path.rpartition(".")[2] in refused(WHOLE | change)
    assert refused(WHOLE | change | {"other": 1}, reading) == "Observation: unknown field `other`"


def test_a_field_of_the_bundle_can_be_allowed_too() -> None:
    rows = [{"resource": WHOLE, "vendorField": 1.10}]
    body = {"resourceType": "Bundle", "type": "searchset", "entry": rows, "server": SECRET}
    reading = Reading(allow=frozenset({"Bundle.server", "Bundle.entry.vendorField"}))
    page = page_reader(RESOURCES["Observation"], None, None, reading).read(json.dumps(body).encode())

    assert [row.id for row in page.rows] == ["o1"]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("Meta.author", None),
        ("Patient.contact.vendorField", None),
        ("Encounter.period.begin", None),
        ("Bundle.server", None),
        ("Patient", "is no path of a field; write it as `Meta.author`"),
        ("Patient.name family", "is no path of a field; write it as `Meta.author`"),
        ("Patent.vendorField", "`Patent` is no type that is read"),
        ("Patient.gender", "R4 has a `Patient.gender`, which is read as R4 has it"),
        ("Patient.modifierExtension", "R4 has a `Patient.modifierExtension`, which is read as R4 has it"),
    ],
)
def test_what_can_be_allowed_is_what_r4_does_not_know(path: str, why: str | None) -> None:
    assert fault_in(path) == why


def test_an_element_of_r4_stays_as_it_is_though_it_were_allowed() -> None:
    reading = Reading(allow=frozenset({"Observation.status", "Observation.modifierExtension"}))

    assert refused(WHOLE | {"status": "perhaps"}, reading) == "Observation.status: malformed"
    assert refused(WHOLE | {"modifierExtension": [{"url": "http://x"}]}, reading).endswith("malformed")


def test_every_type_that_an_element_names_is_defined() -> None:
    dangling = {
        element.type
        for elements in DEFINITIONS.values()
        for element in elements
        if element.primitive is None and element.type not in DEFINITIONS
    }

    assert dangling == {"Resource"}


def test_a_path_leads_to_the_type_that_is_there() -> None:
    assert type_at("Encounter.period") == "Period"
    assert type_at("Patient.contact.name.period") == "Period"
    assert type_at("Consent.provision.provision") == "Consent.provision"
    assert type_at("Patient.birthDate") is None


def test_an_element_is_told_by_its_table() -> None:
    elements = {element.name: element for element in DEFINITIONS["Observation"]}

    assert elements["status"].codes[:2] == ("registered", "preliminary")
    assert elements["component"] == Element("component", "Observation.component", is_list=True)
    assert elements["valueQuantity"].choice == "value"
    assert elements["id"].has_sibling is False

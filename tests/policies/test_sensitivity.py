"""The classifier: what codes and names tell of, on hand-picked rows and on records that others made."""

from __future__ import annotations

import pytest

from policies.facts import CODES, sensitivities_of
from policies.labels import SENSITIVITIES, UNKNOWN
from policies.sensitivity import TABLES, of_code, sensitivities
from sandbox.generator.catalogue import SERVICES
from sandbox.generator.problems import ACUTE, CHRONIC
from sources import model
from sources.model import CodeableConcept, Coding, MedicationRequest, ObservationComponent, Reference

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
KNOWN = {code for codes in SENSITIVITIES.values() for code in codes}


@pytest.mark.parametrize(
    ("system", "code", "about"),
    [
        (ICD, "F10.20", {"ETHUD"}),
        (ICD, "F1020", {"ETHUD"}),
        (ICD, "f11.20", {"OPIOIDUD"}),
        (ICD, "F17.210", {"SUD"}),
        (ICD, "F41.1", {"MH"}),
        (ICD, "F84.0", {"DVD"}),
        (ICD, "F64.0", {"MH", "SEX"}),
        (ICD, "B20", {"HIV"}),
        (ICD, "Z72.51", {"SEX"}),
        (ICD, "A54.9", {"STD"}),
        (ICD, "O80", {"SEX"}),
        (ICD, "T74.21XA", {"SDV"}),
        (ICD, "X95.9XXA", {"VIO"}),
        (ICD, "D57.1", {"SICKLE"}),
        (ICD, "Z15.01", {"GDIS"}),
        (ICD, "I10", set()),
        (ICD, "E11.9", set()),
        (ICD, "", set()),
        ("http://hl7.org/fhir/sid/icd-10", "F32.9", {"MH"}),
        (SNOMED, "86406008", {"HIV"}),
        (SNOMED, "66590003", {"ETHUD"}),
        (SNOMED, "59621000", set()),
        ("http://www.nlm.nih.gov/research/umls/rxnorm", "1819", {"OPIOIDUD"}),
        ("http://loinc.org", "44261-6", {"MH"}),
        ("http://www.ama-assn.org/go/cpt", "90834", {"MH"}),
        ("http://www.ama-assn.org/go/cpt", "81162", {"GDIS"}),
        ("http://www.ama-assn.org/go/cpt", "99213", set()),
        ("http://www.ama-assn.org/go/cpt", "90784", set()),
        ("http://www.ama-assn.org/go/cpt", "90785", {"MH"}),
        ("http://www.ama-assn.org/go/cpt", "90899", {"MH"}),
        ("http://www.ama-assn.org/go/cpt", "90900", set()),
        (None, "F10.20", set()),
        ("urn:unknown", "F10.20", set()),
    ],
)
def test_a_code_tells_of(system: str | None, code: str, about: set[str]) -> None:
    assert of_code(system, code) == about


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("Behavioral health session", {"MH"}),
        ("Behavioural health", {"MH"}),
        ("Recovery follow-up", {"SUD"}),
        ("HIV care visit", {"HIV"}),
        ("Anxiety follow-up", {"MH"}),
        ("Buprenorphine 8 MG Sublingual Tablet", {"OPIOIDUD"}),
        ("Victim of intimate partner abuse (finding)", {"SDV", "VIO"}),
        ("Contraception counselling", {"SEX"}),
        ("Genetic counselling", {"GDIS"}),
        ("Office visit", set()),
        ("Blood pressure check", set()),
        ("Weight counselling", set()),
        ("Archived", set()),
    ],
)
def test_a_name_or_a_reason_tells_of(text: str, about: set[str]) -> None:
    assert sensitivities(CodeableConcept(text=text)) == about
    assert sensitivities(text) == about


def test_words_of_a_display_count_where_the_code_is_not_listed() -> None:
    coding = Coding(system=SNOMED, code="1", display="Screening for drug abuse")

    assert sensitivities(coding) == sensitivities(CodeableConcept(coding=(coding,))) == {"SUD", "SDV"}


def test_a_component_is_looked_at_by_its_code_and_its_value() -> None:
    component = ObservationComponent(
        code=CodeableConcept(text="Finding"), value_codeable_concept=CodeableConcept(text="HIV positive")
    )

    asked = ObservationComponent(code=CodeableConcept(text="HIV test"))

    assert sensitivities((component,)) == {"HIV"}
    assert sensitivities((asked,)) == {"HIV"}


def test_a_coding_without_a_code_or_a_system_is_known_by_its_display_alone() -> None:
    assert sensitivities(Coding(system=ICD, display="HIV disease")) == {"HIV"}
    assert sensitivities(Coding(system=ICD)) == set()
    assert sensitivities(Coding(code="F10.20")) == set()


def test_a_medication_that_is_only_referred_to_is_known_by_its_name_or_not_at_all() -> None:
    assert sensitivities(Reference(reference="Medication/1", display="methadone 10 MG")) == {"OPIOIDUD"}
    assert sensitivities(Reference(reference="Medication/1", display="lisinopril")) == set()
    assert sensitivities(Reference(reference="Medication/1")) == {UNKNOWN}
    row = MedicationRequest(id="1", medication_reference=Reference(reference="Medication/1"))
    assert sensitivities_of("MedicationRequest", row) == {UNKNOWN}


def test_what_is_no_coded_element_cant_be_classified() -> None:
    with pytest.raises(TypeError, match="`int` can't be classified"):
        sensitivities(5)


def test_every_line_finds_known_sensitivities_and_says_where_it_is_from() -> None:
    for entries in TABLES.values():
        for entry in entries:
            assert entry.about in KNOWN
            assert entry.codes.split()
            assert len(entry.source) > 10


def test_every_element_that_is_looked_at_is_one_of_the_record() -> None:
    for kind, names in CODES.items():
        assert all(hasattr(getattr(model, kind), name) for name in names), kind


@pytest.mark.parametrize("problem", [*CHRONIC, *ACUTE], ids=lambda it: it.name)
def test_the_problems_that_the_sandbox_labels_are_found_unlabelled_and_no_others(problem: object) -> None:
    code = CodeableConcept(
        coding=tuple(Coding(**coding) for coding in problem.code["coding"]),  # type: ignore[attr-defined]
        text=problem.name,  # type: ignore[attr-defined]
    )
    found = sensitivities(code)

    assert bool(found) is bool(problem.sensitivity)  # type: ignore[attr-defined]
    assert {problem.sensitivity} - {""} <= found  # type: ignore[attr-defined]


def test_of_the_sandboxs_services_the_sensitive_one_alone_is_found() -> None:
    found = {service.name for service in SERVICES if sensitivities(CodeableConcept(text=service.name))}

    assert found == {service.name for service in SERVICES if service.is_sensitive}


def test_words_are_whole_words() -> None:
    assert sensitivities("Aidsville Clinic") == set()

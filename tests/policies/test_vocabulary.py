"""The systems and codes that rows and consents are read by are those of the standards, letter by letter."""

from __future__ import annotations

from policies import consent, consent_actors, consent_criteria, labels, sensitivity
from policies.emergency import BREAK_GLASS, LONGEST_S
from policies.masks import OLDEST_SHOWN, OVER_89

TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"


def test_labels_are_read_by_hl7s_code_systems() -> None:
    assert (
        f"{TERMINOLOGY}/v3-Confidentiality",
        f"{TERMINOLOGY}/v3-ActCode",
    ) == (labels.CONFIDENTIALITY, labels.ACT_CODE)
    assert (labels.LEVELS, labels.NORMAL, labels.HIGHEST) == ("ULMNRV", "N", "V")
    assert (labels.PART_2, labels.PSYCHOTHERAPY) == ("42CFRPart2", "HIPAAPsyNotes")


def test_consents_are_read_by_fhirs_code_systems() -> None:
    assert (f"{TERMINOLOGY}/consentscope", "patient-privacy") == (consent.SCOPE, consent.PRIVACY)
    assert (
        f"{TERMINOLOGY}/consentaction",
        f"{TERMINOLOGY}/v3-ActReason",
        "http://hl7.org/fhir/resource-types",
    ) == (consent_criteria.ACTIONS, consent_criteria.PURPOSES, consent_criteria.TYPES)
    assert (consent_actors.AUDIENCE, consent_actors.CLIENT) == (
        "urn:caregraph:audience",
        "urn:caregraph:client",
    )
    assert [consent.DEEPEST] == [8]


def test_codes_are_looked_up_by_the_systems_of_their_vocabularies() -> None:
    known = sensitivity
    assert (known.ICD10, known.ICD10CM, known.SNOMED, known.LOINC, known.RXNORM, known.CPT) == (
        "http://hl7.org/fhir/sid/icd-10",
        "http://hl7.org/fhir/sid/icd-10-cm",
        "http://snomed.info/sct",
        "http://loinc.org",
        "http://www.nlm.nih.gov/research/umls/rxnorm",
        "http://www.ama-assn.org/go/cpt",
    )


def test_an_emergency_is_btg_and_lasts_a_quarter_of_an_hour() -> None:
    assert (BREAK_GLASS, LONGEST_S) == ("BTG", 900)


def test_ages_over_89_are_one_category() -> None:
    assert (OLDEST_SHOWN, OVER_89) == (89, "90+")

"""The benchmarks' records: the same every time, valid R4, in the order that makes grouping necessary."""

from fhir.resources.R4B.encounter import Encounter
from fhir.resources.R4B.patient import Patient

from benchmarks.upstream.records import population


def test_the_same_seed_gives_the_same_population() -> None:
    assert population(3) == population(3)
    assert population(3).patients != population(3, seed=8).patients


def test_every_fhir_record_is_valid() -> None:
    people = population(50)

    assert {Patient.model_validate(record).id for record in people.patients} == {
        f"pat-{number:06}" for number in range(1, 51)
    }
    assert len({Encounter.model_validate(record).id for record in people.encounters}) == 200


def test_rows_come_interleaved_and_contacts_in_reverse() -> None:
    people = population(2)

    assert [row["patient"]["mrn"] for row in people.appointments] == ["MRN-000001", "MRN-000002"] * 3
    assert [row["subject"]["reference"] for row in people.encounters] == [
        "Patient/pat-000001",
        "Patient/pat-000002",
    ] * 4
    assert [contact["id"] for contact in people.contacts] == ["90002", "90001"]


def test_the_rows_of_one_patient_rise_in_time() -> None:
    people = population(50)

    for patient in people.patients:
        mrn = patient["identifier"][1]["value"]
        starts = [row["starts_at"] for row in people.appointments if row["patient"]["mrn"] == mrn]
        assert starts == sorted(starts)
        assert len(starts) == 3

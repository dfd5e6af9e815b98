"""By id: what is there and may be known comes; what may not be known of is as absent as what is not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.dataset import generate
from sandbox.records import Dataset, Json
from tests.stories.behind import OWNER
from tests.stories.conftest import TODAY
from tests.stories.house import House, running

ME, OTHER = "pat-000001", "pat-000003"
CLINICAL = tuple(OWNER)
DIRECTORY = ("Practitioner", "Organization")

NODE = "query N($id: ID!) { node(id: $id) { __typename id } }"
CHILDREN = """
query N($id: ID!) { node(id: $id) {
  ... on Encounter {
    id status reasonCode { text } observations { nodes { id } } documents { nodes { id } }
    diagnosis { condition { id } } participant { practitioner { id } } appointment { id } patient { id }
  }
  ... on Appointment {
    id status encounter { id } practitioners { id } location { id } patient { id name { family } }
  }
  ... on Observation { id valueQuantity { value } }
  ... on MedicationRequest { id requester { id } }
  ... on DocumentReference { id of: encounters { id } content { attachment { data } } }
  ... on Patient { id name { family } encounters { nodes { id } } appointments { nodes { id } } }
} }
"""


@pytest.mark.parametrize("kind", ["Patient", *CLINICAL, *DIRECTORY])
def test_a_clinician_finds_a_record_of_any_type_by_its_id(house: House, kind: str) -> None:
    for id_ in list(house.dataset.resources[kind])[:3]:
        found = house.data("clinician", NODE, {"id": f"{kind}/{id_}"})["node"]
        assert found == {"__typename": kind, "id": f"{kind}/{id_}"}


def test_a_clinician_finds_a_booking_by_its_id(house: House) -> None:
    for row in house.dataset.pms.appointments[:3]:
        found = house.data("clinician", NODE, {"id": f"Appointment/{row['id']}"})["node"]
        assert found == {"__typename": "Appointment", "id": f"Appointment/{row['id']}"}


def test_nodes_come_in_the_order_of_their_ids_absent_ones_as_null(house: House) -> None:
    ids = [
        _first(house, "Observation", OTHER),
        "Patient/none",
        f"Patient/{ME}",
        f"Appointment/{house.dataset.pms.appointments[4]['id']}",
        "Appointment/1",
        _first(house, "Encounter", ME),
        f"Patient/{ME}",
        "Nothing/1",
    ]
    house.forget()
    found = house.data("clinician", "query N($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids})[
        "nodes"
    ]

    absent = {"Patient/none", "Appointment/1", "Nothing/1"}
    assert found == [None if id_ in absent else {"id": id_} for id_ in ids]
    asked = sorted(call.target for call in house.asked_all())
    whose_the_booking_is = "ehr Patient"
    assert asked == sorted(
        ["ehr Encounter", "ehr Observation", "ehr Patient", "pms appointments", whose_the_booking_is]
    )


def test_one_bad_id_among_nodes_costs_its_own_place(house: House) -> None:
    answer = house.ask(
        "clinician", "query N($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": [f"Patient/{ME}", "x"]}
    )

    assert answer["data"] == {"nodes": [{"id": f"Patient/{ME}"}, None]}
    assert [(it["path"], it["extensions"]["code"]) for it in answer["errors"]] == [
        (["nodes", 1], "BAD_USER_INPUT")
    ]


@pytest.mark.parametrize(
    ("persona", "kind"),
    [
        ("marketer", "Encounter"),
        ("marketer", "Practitioner"),
        ("frontdesk", "Condition"),
        ("frontdesk", "Encounter"),
        ("partner", "Observation"),
        ("ai", "Nothing"),
    ],
)
def test_a_type_that_one_may_never_see_is_absent_by_node_and_nobody_is_asked(
    house: House, persona: str, kind: str
) -> None:
    id_ = _first(house, kind) if kind in house.dataset.resources else f"{kind}/1"
    house.forget()

    assert house.data(persona, NODE, {"id": id_}) == {"node": None}
    assert house.asked_all() == []


@pytest.mark.parametrize(
    ("persona", "field", "id_"),
    [
        ("marketer", "encounter", "Encounter/enc-005001"),
        ("marketer", "appointment", "Appointment/5001"),
        ("marketer", "practitioner", "Practitioner/prac-0001"),
        ("frontdesk", "encounter", "Encounter/enc-005001"),
    ],
)
def test_a_root_that_is_denied_is_forbidden_whether_there_is_such_a_record_or_not(
    house: House, persona: str, field: str, id_: str
) -> None:
    for asked_for in (id_, "none"):
        house.forget()
        answer = house.ask(persona, f"query N($id: ID!) {{ {field}(id: $id) {{ id }} }}", {"id": asked_for})

        assert answer["data"] == {field: None}
        assert [it["extensions"]["code"] for it in answer["errors"]] == ["FORBIDDEN"]
        assert house.asked_all() == []


@pytest.mark.parametrize("kind", CLINICAL)
def test_a_patient_finds_their_own_record_by_its_id(house: House, kind: str) -> None:
    id_ = _first(house, kind, ME)

    assert house.data("patient", NODE, {"id": id_})["node"] == {"__typename": kind, "id": id_}


@pytest.mark.parametrize("kind", CLINICAL)
def test_another_patients_record_is_absent_to_a_patient_and_nothing_below_it_is_asked_for(
    house: House, kind: str
) -> None:
    id_ = _first(house, kind, not_of=ME)
    assert house.data("clinician", CHILDREN, {"id": id_})["node"] is not None
    house.forget()

    assert house.data("patient", CHILDREN, {"id": id_}) == {"node": None}
    assert [(call.target, call.values("_id")) for call in house.asked_all()] == [
        (f"ehr {kind}", [id_.partition("/")[2]])
    ]


def test_another_patients_booking_is_absent_to_a_patient_by_every_road(house: House) -> None:
    row = next(it for it in house.dataset.pms.appointments if it["patient"]["mrn"] == "MRN-000003")
    id_ = f"Appointment/{row['id']}"
    by_root = "query N($id: ID!) { appointment(id: $id) { id status patient { id } encounter { id } } }"
    for query, absent in (
        (CHILDREN, {"node": None}),
        (by_root, {"appointment": None}),
        ("query N($id: ID!) { nodes(ids: [$id]) { id } }", {"nodes": [None]}),
    ):
        assert house.data("clinician", query, {"id": id_}) != absent
        house.forget()

        assert house.data("patient", query, {"id": id_}) == absent
        # Read by its id, and whose it is, looked up by the MRN it bears; nothing else.
        asked = {call.target: call for call in house.asked_all()}
        assert asked.keys() == {"pms appointments", "ehr Patient"}
        assert asked["pms appointments"].body["ids"] == [row["id"]]
        assert asked["ehr Patient"].elements == {"id", "identifier"}


def test_another_patient_is_absent_to_a_patient_by_every_road(house: House) -> None:
    id_ = f"Patient/{OTHER}"
    for query, absent in (
        (CHILDREN, {"node": None}),
        ("query N($id: ID!) { nodes(ids: [$id]) { id } }", {"nodes": [None]}),
        (
            "query N($id: ID!) { patient(id: $id) { id name { family } engagement { score } } }",
            {"patient": None},
        ),
    ):
        assert house.data("clinician", query, {"id": id_}) != absent
        house.forget()

        assert house.data("patient", query, {"id": id_}) == absent
        assert house.asked_all() == []


def test_a_patients_lists_hold_their_own_rows_whatever_they_are_narrowed_by(house: House) -> None:
    patients = "{ patients(first: 50) { nodes { id } } }"
    assert house.data("patient", patients)["patients"]["nodes"] == [{"id": f"Patient/{ME}"}]
    by_mrn = '{ patients(search: { identifier: "MRN-000003" }) { nodes { id } } }'
    assert house.data("patient", by_mrn)["patients"]["nodes"] == []

    house.forget()
    by_id = "query N($id: ID!) { appointments(filter: { patient: $id }) { nodes { id } } }"
    assert house.data("patient", by_id, {"id": OTHER})["appointments"]["nodes"] == []
    assert house.asked("pms") == []

    everything = house.data("patient", "{ appointments(first: 500) { nodes { id patient { id } } } }")
    own = {it["id"] for it in house.dataset.pms.appointments if it["patient"]["mrn"] == "MRN-000001"}
    shown = everything["appointments"]["nodes"]
    assert {it["id"] for it in shown} == {f"Appointment/{id_}" for id_ in own}
    assert {it["patient"]["id"] for it in shown} == {f"Patient/{ME}"}


@pytest.fixture(scope="module")
def crossed() -> Iterator[House]:
    """A house whose records of one patient point, by mistake, at another's."""
    with running(_crossed(generate(4, today=TODAY))) as made:
        yield made


ENC, OTHER_ENC = "enc-crossed", "enc-of-other"
CROSSED: dict[str, tuple[str, Any]] = {
    "a document's encounter": (
        "query N($id: ID!) { node(id: $id) { ... on DocumentReference { encounters { id } } } }",
        {"encounters": [None]},
    ),
    "an encounter's diagnosis": (
        "query N($id: ID!) { node(id: $id) { ... on Encounter { diagnosis { condition { id } } } } }",
        {"diagnosis": [{"condition": None}]},
    ),
    "an encounter's booking": (
        "query N($id: ID!) { node(id: $id) { ... on Encounter { appointment { id reasonCode { text } } } } }",
        {"appointment": None},
    ),
    "an encounter's observations": (
        "query N($id: ID!) { node(id: $id) { ... on Encounter { observations { nodes { id } } } } }",
        {"observations": {"nodes": []}},
    ),
    "a booking's encounter": (
        "query N($id: ID!) { node(id: $id) { ... on Appointment { encounter { id reasonCode { text } } } } }",
        {"encounter": None},
    ),
}
BEGIN = {
    "a document's encounter": "DocumentReference/doc-crossed",
    "an encounter's diagnosis": f"Encounter/{ENC}",
    "an encounter's booking": f"Encounter/{ENC}",
    "an encounter's observations": f"Encounter/{ENC}",
    "a booking's encounter": "Appointment/7001",
}


@pytest.mark.parametrize("road", CROSSED)
def test_a_reference_that_leads_to_another_patients_record_leads_nowhere_for_a_patient(
    crossed: House, road: str
) -> None:
    query, nowhere = CROSSED[road]

    assert crossed.data("patient", query, {"id": BEGIN[road]}) == {"node": nowhere}


@pytest.mark.parametrize("road", [road for road in CROSSED if "observations" not in road])
def test_the_same_reference_leads_to_the_record_for_a_clinician(crossed: House, road: str) -> None:
    query, nowhere = CROSSED[road]

    shown = crossed.data("clinician", query, {"id": BEGIN[road]})["node"]
    assert shown.keys() == nowhere.keys()
    assert shown != nowhere


def _crossed(dataset: Dataset) -> Dataset:
    """Adds an encounter, a document and a booking of ME that point at OTHER's records."""
    mine, theirs = {"reference": f"Patient/{ME}"}, {"reference": f"Patient/{OTHER}"}
    condition = _of(dataset, "Condition", OTHER)[0]
    template = _of(dataset, "Encounter", ME)[0]
    booking = next(it for it in dataset.pms.appointments if it["patient"]["mrn"] == "MRN-000001")
    theirs_row = next(it for it in dataset.pms.appointments if it["patient"]["mrn"] == "MRN-000003")
    dataset.add(
        {
            **template,
            "id": ENC,
            "identifier": [_visit("V-of-other")],
            "diagnosis": [{"condition": {"reference": f"Condition/{condition['id']}"}}],
        }
    )
    dataset.add({**template, "id": OTHER_ENC, "identifier": [_visit("V-crossed")], "subject": theirs})
    document = _of(dataset, "DocumentReference", ME)[0]
    to_other = {"encounter": [{"reference": f"Encounter/{OTHER_ENC}"}]}
    dataset.add({**document, "id": "doc-crossed", "subject": mine, "context": to_other})
    observation = _of(dataset, "Observation", OTHER)[0]
    dataset.add({**observation, "id": "obs-crossed", "encounter": {"reference": f"Encounter/{ENC}"}})
    dataset.pms.appointments += [
        {**booking, "id": 7001, "visit_number": "V-crossed"},
        {**theirs_row, "id": 7002, "visit_number": "V-of-other"},
    ]
    return dataset


def _visit(number: str) -> Json:
    coding = {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "VN"}
    return {"type": {"coding": [coding]}, "system": "urn:caregraph:sandbox:visit", "value": number}


def _of(dataset: Dataset, kind: str, patient: str | None = None, not_of: str | None = None) -> list[Json]:
    """The records of a type, of one patient or of all but one."""
    return [
        record
        for record in dataset.resources[kind].values()
        if patient in (None, _owner(record)) and (not_of is None or _owner(record) != not_of)
    ]


def _owner(record: Json) -> str | None:
    owner = OWNER.get(record["resourceType"])
    return None if owner is None else str(record[owner]["reference"].removeprefix("Patient/"))


def _first(house: House, kind: str, patient: str | None = None, not_of: str | None = None) -> str:
    return f"{kind}/{_of(house.dataset, kind, patient, not_of)[0]['id']}"

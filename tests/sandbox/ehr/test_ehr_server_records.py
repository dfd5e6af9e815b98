"""Reading, writing and batches at the stand-in EHR: versions, validators, and what is gone."""

from typing import Any

import httpx
import pytest

from sandbox.dataset import Dataset


def test_a_read_gives_the_resource_as_it_is(ehr: httpx.Client, practice: Dataset) -> None:
    for type_, by_id in practice.resources.items():
        id_, resource = next(iter(by_id.items()))

        answer = ehr.get(f"/{type_}/{id_}")

        assert answer.json() == resource
        assert answer.headers["ETag"] == 'W/"1"'
        assert answer.headers["Last-Modified"].endswith(" +0000") or answer.headers["Last-Modified"].endswith(
            "GMT"
        )


def test_a_read_of_the_version_one_has_is_not_repeated(ehr: httpx.Client) -> None:
    unchanged = ehr.get("/Patient/pat-000001", headers={"If-None-Match": 'W/"7", W/"1"'})
    changed = ehr.get("/Patient/pat-000001", headers={"If-None-Match": 'W/"0"'})

    assert (unchanged.status_code, unchanged.content, unchanged.headers["ETag"]) == (304, b"", 'W/"1"')
    assert changed.status_code == 200


def test_a_read_can_be_cut_to_elements(ehr: httpx.Client) -> None:
    cut = ehr.get("/Patient/pat-000001", params={"_elements": "gender"}).json()

    assert set(cut) == {"resourceType", "id", "meta", "gender"}


def test_an_update_makes_a_new_version_that_searches_see(writable: httpx.Client) -> None:
    before = writable.get("/Patient/pat-000001").json()
    asked_before = [{"identifier": "MRN-000001"}, {"_lastUpdated": "ge2020"}]
    assert [writable.get("/Patient", params=it).json()["total"] for it in asked_before] == [1, 3]

    moved = {**before, "identifier": [{"system": "urn:other", "value": "77"}]}
    answer = writable.put("/Patient/pat-000001", json=moved)

    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"2"')
    assert answer.json()["meta"]["versionId"] == "2"
    assert answer.json()["meta"]["lastUpdated"] > before["meta"]["lastUpdated"]
    assert writable.get("/Patient/pat-000001").json() == answer.json()
    assert writable.get("/Patient", params={"identifier": "MRN-000001"}).json()["total"] == 0
    assert writable.get("/Patient", params={"identifier": "urn:other|77"}).json()["total"] == 1
    since = {"_lastUpdated": f"ge{answer.json()['meta']['lastUpdated']}"}
    assert writable.get("/Patient", params=since).json()["total"] == 1


def test_an_update_of_another_version_than_the_present_is_refused(writable: httpx.Client) -> None:
    patient = writable.get("/Patient/pat-000002").json()

    first = writable.put("/Patient/pat-000002", json=patient, headers={"If-Match": 'W/"1"'})
    second = writable.put("/Patient/pat-000002", json=patient, headers={"If-Match": 'W/"1"'})

    assert [first.status_code, second.status_code] == [200, 412]
    assert writable.get("/Patient/pat-000002").json()["meta"]["versionId"] == "2"


def test_a_created_resource_gets_an_id_and_can_be_read(writable: httpx.Client) -> None:
    note = {
        "resourceType": "Condition",
        "subject": {"reference": "Patient/pat-000001"},
        "code": {"text": "New"},
    }

    answer = writable.post("/Condition", json=note)

    assert answer.status_code == 201
    assert writable.get(answer.headers["Location"]).json() == answer.json()
    found = writable.get("/Condition", params={"patient": "pat-000001", "_count": 5000}).json()
    assert answer.json()["id"] in [it["resource"]["id"] for it in found["entry"]]


def test_what_was_deleted_is_gone_and_not_unknown(writable: httpx.Client) -> None:
    assert writable.delete("/Patient/pat-000003").status_code == 204

    read = writable.get("/Patient/pat-000003")
    assert (read.status_code, read.json()["issue"][0]["code"]) == (410, "deleted")
    assert writable.get("/Patient", params={"_id": "pat-000003"}).json()["total"] == 0
    assert writable.delete("/Patient/pat-000003").status_code == 410

    back = writable.put("/Patient/pat-000003", json={"resourceType": "Patient", "id": "pat-000003"})
    assert back.status_code == 201
    assert writable.get("/Patient/pat-000003").status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/Patient/pat-000001", b"{"),
        ("/Patient/pat-000001", b"[]"),
        ("/Patient/pat-000001", b'{"resourceType": "Encounter", "id": "pat-000001"}'),
        ("/Patient/pat-000001", b'{"resourceType": "Patient", "id": "pat-000002"}'),
        ("/Patient/pat-000001", b'{"resourceType": "Patient", "id": "pat-000001", "meta": 7}'),
        ("/Patient/pat-000001", b"\xff\xfe"),
    ],
)
def test_a_body_that_is_not_the_resource_changes_nothing(
    writable: httpx.Client, path: str, body: bytes
) -> None:
    answer = writable.put(path, content=body)

    assert (answer.status_code, answer.json()["resourceType"]) == (400, "OperationOutcome")
    assert writable.get(path).json()["meta"]["versionId"] == "1"


def test_a_write_leaves_the_dataset_it_was_made_of_alone(writable: httpx.Client, clinic: Dataset) -> None:
    answer = writable.put("/Patient/pat-000001", json={"resourceType": "Patient", "id": "pat-000001"})

    assert answer.json()["meta"]["versionId"] == "2"
    assert clinic.resources["Patient"]["pat-000001"]["meta"]["versionId"] == "1"


def entry(url: str, method: str = "GET") -> dict[str, Any]:
    return {"request": {"method": method, "url": url}}


def test_a_batch_answers_each_entry_on_its_own_in_order(ehr: httpx.Client, base: str) -> None:
    entries = [
        entry("Patient/pat-000001"),
        entry("Patient/nobody"),
        entry("Encounter?patient=pat-000001&_count=1"),
        entry("Patient/pat-000001", "DELETE"),
    ]

    answer = ehr.post(base, json={"resourceType": "Bundle", "type": "batch", "entry": entries})

    found = answer.json()
    assert (answer.status_code, found["type"]) == (200, "batch-response")
    assert [it["response"]["status"] for it in found["entry"]] == ["200", "404", "200", "400"]
    assert found["entry"][0]["resource"]["id"] == "pat-000001"
    assert found["entry"][0]["response"]["etag"] == 'W/"1"'
    assert found["entry"][1]["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert found["entry"][2]["resource"]["type"] == "searchset"


@pytest.mark.parametrize("body", [{}, {"resourceType": "Bundle", "type": "transaction"}, {"type": "batch"}])
def test_only_batches_are_taken(ehr: httpx.Client, base: str, body: dict[str, str]) -> None:
    assert ehr.post(base, json=body).status_code == 400

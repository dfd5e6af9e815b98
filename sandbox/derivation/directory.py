"""Who works where, for the PMS, out of the EHR's Practitioner, PractitionerRole and Location resources."""

from collections.abc import Callable, Iterator
from typing import Any

from sandbox.records import NPI_SYSTEM, Json, Resource

Resources = dict[str, dict[str, Resource]]

VIDEO: Json = {
    "id": 1,
    "name": "Video",
    "kind": "video",
    "address": {"line": None, "city": None, "state": None, "postal_code": None},
    "phone": None,
}
"""The practice's video line, which no file knows of."""


class Directory:
    """The PMS rows of practitioners and locations, found by whatever way a FHIR Reference names them."""

    def __init__(self, resources: Resources) -> None:
        self._by_key: dict[str, Json] = {}
        self.practitioners = self._listed(resources, "Practitioner", _practitioner, 1)
        self.locations = [{**VIDEO}, *self._listed(resources, "Location", _location, 2)]
        self._give_specialties(resources)

    def row(self, reference: Any) -> Json | None:
        """The row that a Reference element points to: by id, conditionally, or by a logical identifier."""
        return next((row for key in _pointed_at(reference) if (row := self._by_key.get(key))), None)

    def _listed(
        self, resources: Resources, type_: str, row_of: Callable[[Resource], Json], first: int
    ) -> list[Json]:
        rows = []
        for number, (id_, resource) in enumerate(sorted(resources.get(type_, {}).items()), first):
            row = {"id": number, **row_of(resource)}
            self._by_key[f"{type_}/{id_}"] = row
            for system, value in identifiers(resource):
                self._by_key[f"{type_}?identifier={system}|{value}"] = row
                self._by_key[f"{system}|{value}"] = row
            rows.append(row)
        return rows

    def _give_specialties(self, resources: Resources) -> None:
        for role in resources.get("PractitionerRole", {}).values():
            row = self.row(role.get("practitioner"))
            if row is not None and role.get("specialty"):
                row["specialty"] = text_of(role["specialty"][0])


def identifiers(resource: Resource) -> Iterator[tuple[str, str]]:
    """The (system, value) of each identifier of *resource*; a missing system is an empty one."""
    for identifier in resource.get("identifier", ()):
        if "value" in identifier:
            yield identifier.get("system", ""), identifier["value"]


def typed_identifier(resource: Resource, code: str) -> str | None:
    """The value of the first identifier whose type has *code* (v2-0203), such as `MR`."""
    for identifier in resource.get("identifier", ()):
        codings = identifier.get("type", {}).get("coding", ())
        if "value" in identifier and any(coding.get("code") == code for coding in codings):
            return str(identifier["value"])
    return None


def text_of(concept: Json) -> str | None:
    """What a CodeableConcept says to a reader."""
    return concept.get("text") or next(
        (it["display"] for it in concept.get("coding", ()) if "display" in it), None
    )


def _pointed_at(reference: Any) -> list[str]:
    if not isinstance(reference, dict):
        return []
    identifier = reference.get("identifier", {})
    return [reference.get("reference", ""), f"{identifier.get('system', '')}|{identifier.get('value', '')}"]


def _practitioner(resource: Resource) -> Json:
    name: Json = next(iter(resource.get("name", ())), {})
    npi = next((value for system, value in identifiers(resource) if system == NPI_SYSTEM), None)
    words = [*name.get("given", ())[:1], name.get("family", "")]
    return {"npi": npi, "name": name.get("text") or " ".join(words).strip(), "specialty": None}


def _location(resource: Resource) -> Json:
    address = resource.get("address", {})
    phones = (it.get("value") for it in resource.get("telecom", ()) if it.get("system") == "phone")
    place = {
        "line": next(iter(address.get("line", ())), None),
        "city": address.get("city"),
        "state": address.get("state"),
        "postal_code": address.get("postalCode"),
    }
    return {"name": resource.get("name"), "kind": "site", "address": place, "phone": next(phones, None)}

"""Owns what the org says of itself: its versions and resources, its objects, their fields. Pure."""

from typing import Any

from sandbox.crm.salesforce.objects import KEY, SObject

Described = dict[str, Any]

_PLAIN = ("id", "reference", "boolean", "double", "datetime", "picklist", "email")
VERSIONS = {"66.0": "Spring ’26", "67.0": "Summer ’26", "68.0": "Winter ’27"}


def versions() -> list[Described]:
    """The versions of the interface, those that clients fall back on among them."""
    older = [{"label": f"Version {n}", "version": f"{n}.0"} for n in range(31, 66)]
    newer = [{"label": label, "version": version} for version, label in VERSIONS.items()]
    return [{**each, "url": f"/services/data/v{each['version']}"} for each in (*older, *newer)]


def resources(version: str) -> Described:
    """Where the parts of the interface are."""
    at = f"/services/data/v{version}"
    return {name: f"{at}/{name}" for name in ("sobjects", "query", "queryAll", "composite", "limits")}


def summary(object: SObject, version: str) -> Described:
    """One object, without its fields."""
    at = f"/services/data/v{version}/sobjects/{object.name}"
    return {
        "name": object.name,
        "label": object.name,
        "labelPlural": f"{object.name}s",
        "keyPrefix": next(iter(object.rows), "000")[:3],
        "custom": False,
        "queryable": True,
        "retrieveable": True,
        "createable": False,
        "updateable": False,
        "deletable": False,
        "urls": {"sobject": at, "describe": f"{at}/describe", "rowTemplate": f"{at}/{{ID}}"},
    }


def described(object: SObject, version: str) -> Described:
    """One object with its fields."""
    fields = [_field(name, kind) for name, kind in object.fields.items()]
    return {**summary(object, version), "fields": fields, "childRelationships": [], "recordTypeInfos": []}


def _field(name: str, kind: str) -> Described:
    return {
        "name": name,
        "label": name.removesuffix("__c").replace("_", " "),
        "type": kind,
        "soapType": "tns:ID" if kind == "id" else "xsd:string",
        "length": 0 if kind in _PLAIN else 255,
        "custom": name.endswith("__c"),
        "externalId": name == KEY,
        "unique": name == KEY,
        "idLookup": name in ("Id", KEY),
        "nillable": kind != "id",
        "filterable": True,
        "sortable": True,
        "createable": False,
        "updateable": False,
        "referenceTo": ["User"] if name == "OwnerId" else [],
        "relationshipName": "Owner" if name == "OwnerId" else None,
        "picklistValues": [],
    }

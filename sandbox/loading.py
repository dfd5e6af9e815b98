"""Reading FHIR files that others made (NDJSON, Bundles) into the sandbox's EHR, as they are."""

from codecs import BOM_UTF8
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from sandbox.derivation.directory import identifiers
from sandbox.derivation.systems import derive
from sandbox.generator.calendar import TIME_ZONE
from sandbox.records import Dataset, Json, Pms, Resource


class LoadError(ValueError):
    """A folder or file can't be loaded; the message names the place, never what stands there."""


def load(
    folder: Path, *, seed: int = 7, today: date | None = None, keep_conditional_references: bool = False
) -> Dataset:
    """Loads the `*.ndjson` and `*.json` files under *folder*; derives PMS and CRM records for its patients.

    Resources are kept field by field but for what FHIR asks of a server that takes them in (R4,
    http.html#trules): a reference to a Bundle's entry by its `fullUrl` (`urn:uuid:…`) becomes `Type/id`, and
    so does a conditional one (`Practitioner?identifier=system|value`) that one resource here answers, unless
    *keep_conditional_references*. Of the same type and id in two files, that of the later file name stays.

    Raises:
        LoadError: no such folder, no resource in it, or a file that isn't FHIR JSON.
    """
    if not folder.is_dir():
        raise LoadError(
            "the data folder does not exist; give a folder with FHIR `*.ndjson` or `*.json` files"
        )
    dataset = Dataset(pms=Pms(time_zone=TIME_ZONE))
    for file in sorted(it for it in folder.rglob("*") if it.suffix in (".ndjson", ".json")):
        for resource in _resources(file, file.relative_to(folder).as_posix()):
            dataset.add(resource)
    if not dataset.resources:
        raise LoadError("the data folder holds no FHIR resource; its files end in `.ndjson` or `.json`")
    try:
        if not keep_conditional_references:
            _resolve(dataset)
        derive(dataset, seed, today or datetime.now(ZoneInfo(TIME_ZONE)).date())
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        raise LoadError(
            "a resource is not shaped as FHIR R4 says; have the files checked by a FHIR validator"
        ) from None
    return dataset


def _resources(file: Path, name: str) -> Iterator[Resource]:
    for place, found in _objects(file, name):
        if found.get("resourceType") == "Bundle":
            yield from _entries(found, place)
        else:
            yield _checked(found, place)


def _objects(file: Path, name: str) -> Iterator[tuple[str, Json]]:
    content = file.read_bytes().removeprefix(BOM_UTF8)
    lines = content.splitlines() if file.suffix == ".ndjson" else [content]
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"file `{name}`, line {number}" if len(lines) > 1 else f"file `{name}`"
        try:
            found = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise LoadError(f"{place} is not JSON; mend or remove it") from None
        if not isinstance(found, dict):
            raise LoadError(f"{place} is not a JSON object; a FHIR resource or Bundle is one")
        yield place, found


def _entries(bundle: Json, place: str) -> Iterator[Resource]:
    """The resources of *bundle*; what a search only remarks (`outcome`) is not one of them."""
    entries = bundle.get("entry", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise LoadError(f"{place}: the `entry` of its Bundle is not a list of objects")
    held = [entry for entry in entries if isinstance(entry.get("resource"), dict)]
    kept = [entry for entry in held if entry["resource"].get("resourceType") != "OperationOutcome"]
    ids = {
        entry["fullUrl"]: f"{it['resourceType']}/{it['id']}"
        for entry in kept
        if "fullUrl" in entry and (it := _checked(entry["resource"], place))
    }
    for entry in kept:
        yield _checked(_rewritten(entry["resource"], ids), place)


def _resolve(dataset: Dataset) -> None:
    """Points conditional references at the resource that alone has the identifier they name."""
    bearers: dict[str, set[str]] = {}
    for type_, by_id in dataset.resources.items():
        for id_, resource in by_id.items():
            for system, value in identifiers(resource):
                bearers.setdefault(f"{type_}?identifier={system}|{value}", set()).add(f"{type_}/{id_}")
    ids = {condition: next(iter(found)) for condition, found in bearers.items() if len(found) == 1}
    for by_id in dataset.resources.values():
        by_id |= {id_: _rewritten(resource, ids) for id_, resource in by_id.items()}


def _checked(resource: Json, place: str) -> Resource:
    for name in ("resourceType", "id"):
        if not isinstance(resource.get(name), str) or not resource[name]:
            raise LoadError(
                f"{place} has a resource without `{name}`; every FHIR resource to serve needs one"
            )
    return resource


def _rewritten(value: Any, ids: dict[str, str]) -> Any:
    """*value* with its references to *ids* (by fullUrl) made relative; what holds none comes back itself."""
    if isinstance(value, list):
        items = [_rewritten(item, ids) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if not isinstance(value, dict):
        return value
    changed = {key: new for key, old in value.items() if (new := _rewritten(old, ids)) is not old}
    target = value.get("reference")
    if isinstance(target, str) and target in ids:
        changed["reference"] = ids[target]
    return {**value, **changed} if changed else value

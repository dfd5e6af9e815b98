"""R4B beside R4: what is read has R4B's elements too, and what an R4B server says is taken, whole."""

from __future__ import annotations

import importlib
import re
from typing import Any, NamedTuple

import pytest
from pydantic.fields import FieldInfo

from sandbox.dataset import generate
from sandbox.ehr.quirks import Quirks
from sources.errors import SourceMisread
from sources.fhir.r4.definitions import DEFINITIONS
from sources.fhir.reading import Strict
from sources.model import Encounter
from tests.sources.fhir_servers import records_of, serving

_PRIMITIVES = {"encodedbytes": "base64binary", "uuidversion": "uuid"}


class Told(NamedTuple):
    """What is said of one element; of a code, what it may be."""

    type: str
    is_list: bool
    is_required: bool
    codes: tuple[str, ...] = ()


def theirs(name: str) -> dict[str, Told]:
    """The elements of the type *name* in R4B, by fhir.resources."""
    root, *parts = name.split(".")
    module = importlib.import_module(f"fhir.resources.R4B.{root.lower()}")
    cls = getattr(module, root + "".join(f"{part[0].upper()}{part[1:]}" for part in parts))
    fields = {field.alias or key: field for key, field in cls.model_fields.items()}
    return {
        alias: _told(field)
        for alias, field in fields.items()
        if not alias.startswith("_") and alias not in ("fhir_comments", "resourceType")
    }


def _told(field: FieldInfo) -> Told:
    text, more = str(field.annotation), field.json_schema_extra
    assert isinstance(more, dict)
    found = re.search(r"abc\.(\w+)Type\b|\b([A-Z]\w+)\(|types\.(Xhtml)\b|\b(bool)\b", text)
    assert found is not None, text
    type_ = next(each for each in found.groups() if each is not None).lower()
    type_ = {"bool": "boolean"}.get(type_) or _PRIMITIVES.get(type_, type_)
    required = field.is_required() or bool(more.get("element_required") or more.get("one_of_many_required"))
    codes: Any = more.get("enum_values") or ()
    return Told(type_, "List[" in text, required, tuple(sorted({*codes} - {"etc."})))


def ours(name: str, of: dict[str, Told]) -> dict[str, Told]:
    """Our elements; codes only where *of* says them: that library cuts some lists short, by a `+`."""

    def codes(element: str, known: tuple[str, ...]) -> tuple[str, ...]:
        said = of[element].codes if element in of else ()
        listed = tuple(sorted(known)) if said else ()
        return said if not known or "+" in said else listed

    return {
        it.name: Told(it.type.replace(".", "").lower(), it.is_list, it.is_required, codes(it.name, it.codes))
        for it in DEFINITIONS[name]
    }


@pytest.mark.parametrize("name", DEFINITIONS)
def test_the_elements_of_a_type_are_those_of_r4b(name: str) -> None:
    expected = theirs(name)
    found = ours(name, expected)
    if name == "Extension":
        del found["valueMeta"]  # which R4B has, and that library has not

    assert found == expected


STATUS = frozenset({"status"})
OF_R4B: dict[str, dict[str, Any]] = {
    "a reference with a concept": {"valueCodeableReference": {"concept": {"text": "ramp"}}},
    "a range of ratios": {
        "valueRatioRange": {
            "lowNumerator": {"value": 1},
            "highNumerator": {"value": 2},
            "denominator": {"value": 8},
        }
    },
    "an expression by its name": {
        "valueExpression": {"language": "text/cql-identifier", "expression": "Due"}
    },
}
WRONG: dict[str, dict[str, Any]] = {
    "a part that R4B does not know": {"valueCodeableReference": {"concept": {"text": "ramp"}, "vendor": 1}},
    "an element of R5": {"valueInteger64": "7"},
}


async def read(extension: dict[str, Any], strict: Strict) -> Any:
    """An encounter with *extension*, by an R4B server."""
    dataset = generate(1)
    subject = {"reference": "Patient/pat-000001"}
    dataset.add(
        {
            "resourceType": "Encounter",
            "id": "e1",
            "status": "finished",
            "class": {"code": "AMB"},
            "subject": subject,
            "extension": [{"url": "http://clinic.example/x", **extension}],
        }
    )
    with serving(dataset, Quirks(fhir_version="4.3.0", ignored=frozenset({"_elements"}))) as url:
        records = records_of(url, strict=strict)
        try:
            assert (await records.check()).ok
            return (await records.read(Encounter, ["e1"], STATUS))["e1"]
        finally:
            await records.close()


@pytest.mark.anyio
@pytest.mark.parametrize("strict", ["whole", "official"])
@pytest.mark.parametrize("name", OF_R4B)
async def test_what_came_with_r4b_is_taken(name: str, strict: Strict) -> None:
    found = await read(OF_R4B[name], strict)

    assert (found.id, found.status) == ("e1", "finished")


@pytest.mark.anyio
@pytest.mark.parametrize("name", WRONG)
async def test_what_r4b_does_not_know_either_is_refused(name: str) -> None:
    assert isinstance(await read(WRONG[name], "whole"), SourceMisread)

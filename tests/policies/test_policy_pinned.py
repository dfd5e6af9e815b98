"""The whole policy, as it is written down for review: no rule changes without a change of these files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from graphql import GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType, is_introspection_type

from policies import Audience, render
from policies.snapshot import snapshot, written
from resolvers.schema import build, classify, core_of

DOCUMENTS = Path(__file__).resolve().parents[2] / "docs"
SCHEMA = core_of(build())
COORDINATES = classify(SCHEMA)


def test_the_policy_is_the_one_that_reviewers_compare() -> None:
    assert written(snapshot(COORDINATES)) == (DOCUMENTS / "policies.json").read_text("utf-8")


def test_the_page_for_compliance_is_current() -> None:
    assert render(COORDINATES) == (DOCUMENTS / "policies.md").read_text("utf-8")


def test_every_field_argument_and_input_field_of_the_schema_is_listed_for_every_audience() -> None:
    page = (DOCUMENTS / "policies.md").read_text("utf-8").split("\n## Every field\n")[1]
    tables = {part.split("\n", 1)[0]: part for part in page.split("\n### ")[1:]}
    listed = {
        f"{kind}.{cells[0].strip('`')}": len(cells[3:])
        for kind, text in tables.items()
        for cells in (line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `"))
    }

    assert set(listed) == set(shown())
    assert set(listed.values()) == {len(Audience)}


def shown() -> Iterator[str]:
    """The coordinates of the schema, by walking it: fields, their arguments, fields of input types."""
    for of in SCHEMA.type_map.values():
        if is_introspection_type(of):
            continue
        if isinstance(of, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in of.fields.items():
                yield f"{of.name}.{name}"
                yield from (f"{of.name}.{name}({argument}:)" for argument in field.args)
        if isinstance(of, GraphQLInputObjectType):
            yield from (f"{of.name}.{name}" for name in of.fields)

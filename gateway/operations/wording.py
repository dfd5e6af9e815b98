"""What does not fit, in words without the value: it may be a patient's, and clients log errors.

graphql-core repeats values in its messages. Ours name the variable or point at the place, and say the type
that is wanted there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLSyntaxError,
    Undefined,
    ValueNode,
    ValuesOfCorrectTypeRule,
    VariableDefinitionNode,
    specified_rules,
    type_from_ast,
    validate_input_literal,
    validate_input_value,
)
from graphql.language import SKIP, VisitorAction

Path = Sequence[str | int]

_VALUE = re.compile(r"\b(Name|Int|Float|String|BlockString) ['\"].*", re.DOTALL)
"""A token with its text, as graphql-core ends a message on syntax."""

_DETAIL = re.compile(r"((?:number|escape sequence|within String)[^:]*): .*", re.DOTALL)
"""What of the text cannot be read, after the words for it."""


class ValuesFit(ValuesOfCorrectTypeRule):
    """Literals are of the type expected at their position (GraphQL, 5.6.1)."""

    def is_valid_value_node(self, node: ValueNode, input_type: GraphQLInputType | None) -> VisitorAction:
        """Reports each part of a literal that does not fit."""
        if input_type is not None:

            def unfit(error: GraphQLError, path: Path) -> None:
                self.report_error(
                    GraphQLError(
                        f"What is given here does not fit: {_wanted(input_type, path)}.", error.nodes
                    )
                )

            validate_input_literal(node, input_type, unfit, hide_suggestions=True)
        return SKIP


RULES = tuple(ValuesFit if rule is ValuesOfCorrectTypeRule else rule for rule in specified_rules)
"""The validation rules of the specification, in these words."""


def syntax(error: GraphQLSyntaxError) -> str:
    """What is wrong with the text of a document: the kind of what stands there, not what it says."""
    return _DETAIL.sub(r"\1.", _VALUE.sub(r"\1.", error.message))


def variables(
    schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode], given: Mapping[str, Any]
) -> Iterator[tuple[str, VariableDefinitionNode]]:
    """What is wrong with each variable that does not fit its type, and where the variable is defined."""
    for definition in definitions:
        of: Any = type_from_ast(schema, definition.type)
        name = definition.variable.name.value
        value = given.get(name, Undefined)
        if value is Undefined and definition.default_value is not None:
            continue
        for path in _unfit(value, of):
            where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
            words = "lacks a value" if value is Undefined else "has a value that does not fit"
            yield f"The variable `${name}{where}` {words}: {_wanted(of, path)}.", definition


def _unfit(value: Any, of: GraphQLInputType) -> list[Path]:
    found: dict[tuple[str | int, ...], None] = {}
    try:
        validate_input_value(value, of, lambda _, path: found.setdefault(tuple(path)), hide_suggestions=True)
    except RecursionError:
        found[()] = None
    return list(found)


def _wanted(of: GraphQLInputType, path: Path) -> str:
    """The type wanted at a path; the keys of paths are fields of the schema, and numbers."""
    for key in path:
        of = _inside(of, key)
    return f"`{of}` is wanted"


def _inside(of: GraphQLInputType, key: str | int) -> GraphQLInputType:
    while isinstance(of, GraphQLNonNull) or (isinstance(of, GraphQLList) and isinstance(key, str)):
        of = of.of_type
    if isinstance(of, GraphQLList):
        return of.of_type  # type: ignore[no-any-return]
    return of.fields[key].type if isinstance(of, GraphQLInputObjectType) and isinstance(key, str) else of

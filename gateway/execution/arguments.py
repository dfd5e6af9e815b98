"""A field's arguments: what is constant is coerced once, with the plan; the rest at each run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    ArgumentNode,
    FieldNode,
    GraphQLError,
    GraphQLField,
    VariableNode,
    get_argument_values,
    is_non_null_type,
    visit,
)
from graphql.execution.values import VariableValues
from graphql.language import Visitor

from gateway.execution.inputs import Check


class _Variables(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def enter_variable(self, *_: object) -> None:
        self.found = True


def uses_variables(argument: ArgumentNode) -> bool:
    """Whether the argument's value reads a variable."""
    seen = _Variables()
    visit(argument, seen)
    return seen.found


@dataclass(frozen=True, eq=False)
class Arguments:
    """The arguments of one field at one place of the document.

    `constant` holds those that read no variable, defaults included; `direct` pairs keyword names with the
    variables that are a whole argument, and whether null is allowed. `whole` is set where these two are all
    there is; where they are not, graphql-core coerces the arguments at each run.
    """

    definition: GraphQLField
    node: FieldNode
    check: Check | None = None
    constant: dict[str, Any] = field(default_factory=dict)
    direct: tuple[tuple[str, str, bool], ...] = ()
    whole: bool = False

    @staticmethod
    def of(definition: GraphQLField, node: FieldNode, check: Check | None = None) -> Arguments:
        given = {argument.name.value: argument for argument in node.arguments or ()}
        direct = {n: a.value for n, a in given.items() if isinstance(a.value, VariableNode)}
        fixed = [argument for name, argument in given.items() if name not in direct]
        if any(uses_variables(argument) for argument in fixed):
            return Arguments(definition, node, check)
        try:
            constant = get_argument_values(_without(definition, direct), _with_only(node, fixed))
        except GraphQLError:  # reported where the field is, at each run
            return Arguments(definition, node, check)
        pairs = tuple(
            (definition.args[n].out_name or n, v.name.value, not is_non_null_type(definition.args[n].type))
            for n, v in direct.items()
        )
        return Arguments(definition, node, check, constant, pairs, whole=True)

    def values(self, variables: VariableValues) -> dict[str, Any]:
        """The keyword arguments of the edge.

        Raises:
            GraphQLError: a value does not fit its argument's type.
            Exception: what `check` raises.
        """
        found = self._quickly(variables.coerced) if self.whole else None
        if found is None:
            found = get_argument_values(self.definition, self.node, variables)
        if self.check is not None:
            self.check(found)
        return found

    def _quickly(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        if not self.direct:
            return self.constant
        found = dict(self.constant)
        for keyword, name, nullable in self.direct:
            value = values.get(name)
            if value is None and not (nullable and name in values):
                return None
            found[keyword] = value
        return found


def _without(definition: GraphQLField, names: Collection[str]) -> GraphQLField:
    """The same field, less the arguments of those names."""
    kept = {name: argument for name, argument in definition.args.items() if name not in names}
    return GraphQLField(definition.type, kept)


def _with_only(node: FieldNode, arguments: Collection[ArgumentNode]) -> FieldNode:
    """The same node, with those arguments alone."""
    return FieldNode(name=node.name, arguments=tuple(arguments), loc=node.loc)

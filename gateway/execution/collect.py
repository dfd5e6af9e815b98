"""Selection sets → the fields of one object type (GraphQL specification, section 6.3.2, CollectFields)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLAbstractType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    visit,
)
from graphql.language import Visitor


class Opaque(Exception):
    """The operation holds something the engine does not see through; *reason* is one word for the counter."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Conditions(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: object) -> None:
        if node.name.value in ("skip", "include"):
            value = node.arguments[0].value if node.arguments else None
            if isinstance(value, VariableNode):
                self.names.add(value.name.value)


def condition_variables(document: DocumentNode) -> tuple[str, ...]:
    """The variables that `@skip` and `@include` read: their values choose a variant of the plan."""
    found = _Conditions()
    visit(document, found)
    return tuple(sorted(found.names))


@dataclass(frozen=True)
class Collector:
    """Collects for one document, with the values of its condition variables known."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    conditions: Mapping[str, bool]

    @staticmethod
    def of(schema: GraphQLSchema, document: DocumentNode, conditions: Mapping[str, bool]) -> Collector:
        fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        return Collector(schema, fragments, conditions)

    def fields(
        self, on: GraphQLObjectType, selection_sets: Iterable[SelectionSetNode]
    ) -> dict[str, tuple[FieldNode, ...]]:
        """The field nodes of each response key, keys and nodes in document order.

        Raises:
            Opaque: a directive other than `@skip` and `@include` stands in the way.
        """
        found: dict[str, tuple[FieldNode, ...]] = {}
        visited: set[str] = set()
        for selection_set in selection_sets:
            for node in self._flattened(on, selection_set.selections, visited):
                key = node.alias.value if node.alias else node.name.value
                found[key] = (*found.get(key, ()), node)
        return found

    def _flattened(
        self, on: GraphQLObjectType, selections: Iterable[SelectionNode], visited: set[str]
    ) -> Iterator[FieldNode]:
        for selection in selections:
            if not self._included(selection.directives or ()):
                continue
            if isinstance(selection, FieldNode):
                yield selection
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                if condition is None or self._applies(condition.name.value, on):
                    yield from self._flattened(on, selection.selection_set.selections, visited)
            elif isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                if name in visited:
                    continue
                visited.add(name)
                fragment = self.fragments[name]
                if self._applies(fragment.type_condition.name.value, on):
                    yield from self._flattened(on, fragment.selection_set.selections, visited)

    def _applies(self, type_name: str, on: GraphQLObjectType) -> bool:
        condition = self.schema.type_map[type_name]
        if condition is on:
            return True
        return isinstance(condition, GraphQLAbstractType) and self.schema.is_sub_type(condition, on)

    def _included(self, directives: Iterable[DirectiveNode]) -> bool:
        for directive in directives:
            name = directive.name.value
            if name not in ("skip", "include"):
                raise Opaque("directive")
            if self._truth(directive) is (name == "skip"):
                return False
        return True

    def _truth(self, directive: DirectiveNode) -> bool:
        value = directive.arguments[0].value if directive.arguments else None
        if isinstance(value, BooleanValueNode):
            return value.value
        if isinstance(value, VariableNode):
            return self.conditions[value.name.value]
        raise Opaque("directive")


def operation_of(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation of that name, or the only one. The document has been validated against its request."""
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    if name is None and len(operations) == 1:
        return operations[0]
    return next(o for o in operations if o.name is not None and o.name.value == name)

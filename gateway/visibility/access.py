"""Explains an operation: what it would be given and denied, and by which rules. Nothing of it is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLSchema
from graphql.execution.values import VariableValues

from gateway.errors import Code, Fault, RequestError
from gateway.execution.collect import Collector, Opaque, condition_variables
from gateway.operations import Operation, Operations
from gateway.visibility.reading import Explained, Reading
from resolvers.access import Access, Unusable


@dataclass(frozen=True)
class Explainer:
    """Explains the operations of one schema, within the limits they would be run in (`resolvers.access`)."""

    schema: GraphQLSchema
    operations: Operations

    def __call__(
        self, grant: Explained, document: str, variables: Any = None, operation_name: str | None = None
    ) -> Access:
        """What the bearer of *grant* would be given and denied, and by which rules.

        An operation that would not be run has `faults` instead, none of which holds a variable's value.
        """
        try:
            operation = self.operations.find(document, operation_name)
            reading = self._read(grant, operation, self._values(operation, variables))
        except RequestError as refused:
            return Access(faults=tuple(_faults(refused)))
        return Access(
            operation.kind.value,
            tuple(reading.faults),
            reading.fields,
            reading.rows(),
            reading.missing(),
        )

    def _read(self, grant: Explained, operation: Operation, values: VariableValues) -> Reading:
        known = {name: bool(values.coerced.get(name)) for name in condition_variables(operation.document)}
        reading = Reading(self.schema, Collector.of(self.schema, operation.document, known), grant, values)
        root = self.schema.get_root_type(operation.kind)
        try:
            if root is not None:
                reading.level(root, [operation.definition])
        except Opaque:
            words = "The operation has a directive that can't be explained."
            raise RequestError(Code.BAD_USER_INPUT, [Fault(words)]) from None
        return reading

    def _values(self, operation: Operation, variables: Any) -> VariableValues:
        """The variables as their types want them.

        Raises:
            RequestError: they do not fit; in words that name the variables, and none of their values.
        """
        if not isinstance(variables, Mapping | None):
            raise RequestError(Code.BAD_USER_INPUT, [Fault("`variables` must be an object.")])
        given = variables or {}
        coerced: dict[str, Any] = {}
        unfit: list[str] = []
        for definition in operation.definition.variable_definitions or ():
            name = definition.variable.name.value
            own = {name: given[name]} if name in given else {}
            try:
                coerced |= self.operations.coerced(operation, own, [definition])
            except RequestError:
                unfit.append(f"The variable `${name}` lacks a value, or has one that does not fit.")
        unfit += (
            f"The variable `${name}` is null; `@skip` and `@include` take no null."
            for name in condition_variables(operation.document)
            if coerced.get(name, False) is None
        )
        if unfit:
            raise RequestError(Code.BAD_USER_INPUT, [Fault(words) for words in unfit])
        return VariableValues({}, coerced)


def _faults(refused: RequestError) -> Iterator[Unusable]:
    for fault in refused.faults:
        line, column = fault.locations[0] if fault.locations else (None, None)
        yield Unusable(refused.code.name, fault.message, line, column)

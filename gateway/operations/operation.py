"""From a document's text to a validated operation, and from raw variables to coerced ones."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    VariableDefinitionNode,
    get_variable_values,
    parse,
    validate,
)

from gateway.errors import Code, Fault, RequestError
from gateway.operations import wording
from gateway.operations.size import refuse_too_large
from gateway.settings import Limits
from gateway.telemetry import Metrics

FAULTS_SHOWN = 20
MESSAGE_LENGTH = 500
DOCUMENTS_KEPT = 2_000
CHARACTERS_KEPT = 20_000_000


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation of a validated document. `hash` is the SHA-256 of the document's text, in hex."""

    document: DocumentNode
    definition: OperationDefinitionNode
    hash: str

    @property
    def kind(self) -> OperationType:
        return self.definition.operation

    @property
    def name(self) -> str | None:
        return self.definition.name.value if self.definition.name is not None else None


@dataclass(frozen=True, eq=False)
class _Document:
    """A document that passed every check."""

    operations: Mapping[str | None, Operation]
    length: int


class Operations:
    """The operations of one schema. Documents that passed are kept by hash; those refused are not kept."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, metrics: Metrics | None = None) -> None:
        self._schema = schema
        self._limits = limits
        self._counted = (metrics or Metrics()).documents
        self._kept: OrderedDict[bytes, _Document] = OrderedDict()
        self._characters = 0

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, query: str, operation_name: str | None = None) -> Operation:
        """The operation of that name in that document, or its only one.

        Raises RequestError: the text is not GraphQL, does not fit the schema, is beyond a limit, or has no
        such operation.
        """
        return _chosen(self._document(query).operations, operation_name)

    def coerced(
        self,
        operation: Operation,
        variables: Mapping[str, Any] | None,
        only: Sequence[VariableDefinitionNode] | None = None,
    ) -> dict[str, Any]:
        """The operation's variables, or *only* some, as its types want them.

        Raises RequestError: they do not fit.
        """
        definitions = operation.definition.variable_definitions or () if only is None else only
        given = dict(variables or {})
        made = get_variable_values(self._schema, definitions, given, max_errors=1, hide_suggestions=True)
        if isinstance(made, list):
            unfit = islice(wording.variables(self._schema, definitions, given), FAULTS_SHOWN)
            faults = [
                Fault(_presentable(words), _locations(GraphQLError(words, node))) for words, node in unfit
            ]
            raise RequestError(Code.BAD_USER_INPUT, faults)
        return made.coerced

    def _document(self, query: str) -> _Document:
        digest = _digest(query)
        known = self._kept.get(digest.digest())
        if known is not None:
            self._kept.move_to_end(digest.digest())
            self._counted.labels("known").inc()
            return known
        try:
            document = self._checked(query)
        except RequestError:
            self._counted.labels("refused").inc()
            raise
        self._counted.labels("new").inc()
        return self._keep(digest.digest(), _Document(_operations(document, digest.hexdigest()), len(query)))

    def _checked(self, query: str) -> DocumentNode:
        try:
            # Comments are tokens to the parser's memory but not to its count of tokens.
            document = parse(query, max_lexical_tokens=self._limits.tokens, max_comments=self._limits.tokens)
        except GraphQLSyntaxError as error:
            fault = Fault(_presentable(wording.syntax(error)), _locations(error))
            raise RequestError(Code.GRAPHQL_PARSE_FAILED, [fault]) from None
        refuse_too_large(document, self._limits)
        # Suggestions name fields that the asker may not even be told of.
        errors = validate(
            self._schema, document, wording.RULES, max_errors=FAULTS_SHOWN, hide_suggestions=True
        )
        if errors:
            raise RequestError(Code.GRAPHQL_VALIDATION_FAILED, _faults(errors))
        return document

    def _keep(self, digest: bytes, document: _Document) -> _Document:
        self._kept[digest] = document
        self._characters += document.length
        while len(self._kept) > DOCUMENTS_KEPT or self._characters > CHARACTERS_KEPT:
            _, dropped = self._kept.popitem(last=False)
            self._characters -= dropped.length
        return document


def hash_of(query: str) -> str:
    """What a document's text is known by: its SHA-256, in hex."""
    return _digest(query).hexdigest()


def _digest(query: str) -> hashlib._Hash:
    return hashlib.sha256(query.encode(errors="surrogatepass"))


def _operations(document: DocumentNode, digest: str) -> dict[str | None, Operation]:
    made = (
        Operation(document, definition, digest)
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode)
    )
    return {operation.name: operation for operation in made}


def _chosen(operations: Mapping[str | None, Operation], name: str | None) -> Operation:
    if name is not None:
        if name in operations:
            return operations[name]
        raise RequestError(Code.BAD_USER_INPUT, [Fault("The document has no operation of that name.")])
    if len(operations) == 1:
        return next(iter(operations.values()))
    words = (
        "The document has several operations; name the one to run in `operationName`."
        if operations
        else "The document has no operation."
    )
    raise RequestError(Code.BAD_USER_INPUT, [Fault(words)])


def _faults(errors: Iterable[GraphQLError]) -> list[Fault]:
    """Messages of the rules name fields and types as the document does, and no values."""
    return [Fault(_presentable(error.message), _locations(error)) for error in errors]


def _locations(error: GraphQLError) -> tuple[tuple[int, int], ...]:
    return tuple((place.line, place.column) for place in error.locations or ())


def _presentable(message: str) -> str:
    text = message.encode(errors="replace").decode()
    return text if len(text) <= MESSAGE_LENGTH else f"{text[:MESSAGE_LENGTH]}…"

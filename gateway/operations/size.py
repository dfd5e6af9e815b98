"""How large an operation is, measured before it is validated: validation itself may be made to cost much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from gateway.errors import Code, Fault, RequestError
from gateway.settings import Limits


class Size(NamedTuple):
    """Of a selection set, with its fragments spread out: nesting of fields, aliases, fields, own fields."""

    depth: int = 0
    aliases: int = 0
    nodes: int = 0
    roots: int = 0


NOTHING = Size()

UNSPREAD = "The document has large fragments that no operation spreads. Send what is asked for alone."


def refuse_too_large(document: DocumentNode, limits: Limits) -> None:
    """Raises RequestError if an operation of the document is beyond a limit, and says which.

    Fragments that none of them spreads are held to the limit of fields, all together.
    """
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    measured: dict[str, Size] = {}
    try:
        for definition in document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                size = measure(definition.selection_set, fragments, measured)
                _refuse(size, limits, _location(definition))
        unspread = [_fragment(name, fragments, measured) for name in fragments if name not in measured]
    except RecursionError:
        raise RequestError(Code.MAX_DEPTH_LIMIT) from None
    # Validation refuses these, too, but not before it has held each of their fields against each.
    if sum(size.nodes for size in unspread) > limits.nodes:
        raise RequestError(Code.COST_ESTIMATED_TOO_EXPENSIVE, [Fault(UNSPREAD)])


def measure(
    selection_set: SelectionSetNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    measured: dict[str, Size],
) -> Size:
    """The size of a selection set. *measured* keeps the sizes of fragments, so that none is walked twice."""
    depth = aliases = nodes = roots = 0
    for selection in selection_set.selections:
        match selection:
            case FieldNode(selection_set=below):
                inner = measure(below, fragments, measured) if below is not None else NOTHING
                inner = Size(
                    inner.depth + 1, inner.aliases + (selection.alias is not None), inner.nodes + 1, 1
                )
            case InlineFragmentNode(selection_set=below):
                inner = measure(below, fragments, measured)
            case FragmentSpreadNode(name=name):
                inner = _fragment(name.value, fragments, measured)
            case _:
                continue
        depth = max(depth, inner.depth)
        aliases += inner.aliases
        nodes += inner.nodes
        roots += inner.roots
    return Size(depth, aliases, nodes, roots)


def _fragment(name: str, fragments: Mapping[str, FragmentDefinitionNode], measured: dict[str, Size]) -> Size:
    """A fragment that spreads itself, or does not exist, counts nothing: validation refuses it."""
    if name not in measured:
        measured[name] = NOTHING
        if name in fragments:
            measured[name] = measure(fragments[name].selection_set, fragments, measured)
    return measured[name]


def _refuse(size: Size, limits: Limits, location: tuple[tuple[int, int], ...]) -> None:
    measures = (
        (Code.MAX_DEPTH_LIMIT, "nests fields", size.depth, limits.depth, "deep"),
        (Code.MAX_ALIASES_LIMIT, "has", size.aliases, limits.aliases, "aliases"),
        (Code.COST_ESTIMATED_TOO_EXPENSIVE, "has", size.roots, limits.root_fields, "root fields"),
        (Code.COST_ESTIMATED_TOO_EXPENSIVE, "has", size.nodes, limits.nodes, "fields"),
    )
    for code, has, actual, most, what in measures:
        if actual > most:
            words = f"The operation {has} {_number(actual)} {what}; at most {most} may be asked for at once."
            raise RequestError(code, [Fault(words, location)])


def _number(actual: int) -> str:
    """Fragments that double one another make numbers too long to print."""
    return str(actual) if actual < 1_000_000 else "over a million"


def _location(definition: OperationDefinitionNode) -> tuple[tuple[int, int], ...]:
    if definition.loc is None:
        return ()
    token = definition.loc.start_token
    return ((token.line, token.column),)

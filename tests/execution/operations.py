"""Random requests that are valid for a schema, or nearly always: what is written is kept consistent.

One document has operations that share fragments. A response key stands for one field with one set of
arguments all over the document, save where two object types show leaves of one type under it; so selections
merge wherever they meet, and hardly ever clash.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from graphql import (
    GraphQLCompositeType,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationType,
    Undefined,
    get_named_type,
    is_composite_type,
    is_introspection_type,
    is_leaf_type,
    is_required_argument,
)
from hypothesis import strategies as st

T = TypeVar("T")

KEYS = (
    *("a", "b", "c", "id", "name", "label", "None", "True", "rows", "objects", "add", "build", "r0", "v1"),
    *("f1", "l2", "class", "lambda", "NullInRequired", "__x", "__debug__", "_", "type"),
)
"""Response keys that meet each other, fields' own names, and names that generated code may use."""

VALUES: Mapping[str, Sequence[Any]] = {
    "Int": (0, 1, 2, 5, -1),
    "Float": (0.5, 1.5, -2.0, 3),
    "String": ("", "a", "b", 'quo"te', "zwölf"),
    "ID": ("1", "x", "k1"),
    "Boolean": (True, False),
    "Even": (0, 2, 4),
}
"""What scalars are drawn from: by `field.argument`, by argument or input field, else by the scalar's name."""


class Request(NamedTuple):
    """A document, which of its operations is asked for, and the variables that come with it."""

    text: str
    name: str | None
    variables: dict[str, Any]


class _Variable(NamedTuple):
    """How a variable is declared, its value (Undefined where it is not given), and where it may stand."""

    declared: str
    value: Any
    place: tuple[str, bool, str] | None = None


class _Written(NamedTuple):
    name: str
    on: GraphQLCompositeType
    uses: frozenset[str]


class _Meaning(NamedTuple):
    """What a response key stands for on one type."""

    field: str
    arguments: str
    type: str
    is_leaf: bool


@dataclass
class _Choices:
    """Choices that shrink towards the first and the fewest."""

    draw: Callable[[st.SearchStrategy[int]], int]

    def number(self, most: int) -> int:
        return self.draw(_NUMBERS[most]) if most else 0

    def of(self, options: Sequence[T]) -> T:
        return options[self.number(len(options) - 1)]

    def chance(self, percent: int) -> bool:
        return self.number(99) >= 100 - percent


_NUMBERS = [st.integers(0, most) for most in range(200)]


@dataclass
class _Writer:
    schema: GraphQLSchema
    choices: _Choices
    values: Mapping[str, Sequence[Any]]
    depth: int
    budget: int = 40
    variables: dict[str, _Variable] = field(default_factory=dict)
    fragments: list[_Written] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    keys: dict[str, dict[str, _Meaning]] = field(default_factory=dict)
    uses: set[str] = field(default_factory=set)

    # -- documents -----------------------------------------------------------------------

    def request(self, kinds: Sequence[str]) -> Request:
        several = self.choices.chance(15)
        names: list[str | None] = ["First", "Second"] if several else [self.choices.of([None, "Only"])]
        uses = {name: self._operation(name, self.choices.of(kinds)) for name in names}
        name = self.choices.of(names)
        given = {
            variable: self.variables[variable].value
            for variable in sorted(uses[name])
            if self.variables[variable].value is not Undefined
        }
        return Request("\n".join(self.texts), name if several or self.choices.chance(50) else None, given)

    def _operation(self, name: str | None, kind: str) -> set[str]:
        root = self.schema.get_root_type(OperationType(kind))
        assert root is not None
        self.uses = set()
        if kind == "subscription":
            (name_of_event,) = root.fields
            body = f"{{ {self._chosen(root, name_of_event, self.depth)} }}"
        else:
            body = self._selections(root, self.depth, wide=True)
        declared = ", ".join(self.variables[each].declared for each in sorted(self.uses))
        head = f"{kind} {name or ''}" + (f"({declared})" if declared else "")
        self.texts.append(body if head == "query " and self.choices.chance(50) else f"{head} {body}")
        return self.uses

    # -- selections ----------------------------------------------------------------------

    def _selections(self, on: GraphQLCompositeType, depth: int, *, wide: bool = False) -> str:
        count = 1 + self.choices.number(4 if wide else 3)
        return "{ " + " ".join(self._selection(on, depth) for _ in range(count)) + " }"

    def _selection(self, on: GraphQLCompositeType, depth: int) -> str:
        kind = self.choices.number(99)
        self.budget -= 1
        if kind < 75 or depth <= 1 or self.budget <= 0:
            return self._field(on, depth)
        if kind < 88:
            return self._inline_fragment(on, depth)
        return self._spread(on, depth)

    def _inline_fragment(self, on: GraphQLCompositeType, depth: int) -> str:
        condition = self.choices.of([None, on, *self._overlapping(on)])
        named = f"on {condition.name} " if condition is not None else ""
        return f"... {named}{self._directives()}{self._selections(condition or on, depth - 1)}"

    def _spread(self, on: GraphQLCompositeType, depth: int) -> str:
        fitting = [known for known in self.fragments if known.on in self._overlapping(on)]
        if not fitting or self.choices.chance(40):
            fragment = self._fragment(self.choices.of(self._overlapping(on)), depth - 1)
        else:
            fragment = self.choices.of(fitting)
        self.uses |= fragment.uses
        return f"...{fragment.name} {self._directives()}"

    def _fragment(self, on: GraphQLCompositeType, depth: int) -> _Written:
        outer, self.uses = self.uses, set()
        body = self._selections(on, depth)
        uses, self.uses = frozenset(self.uses), outer
        written = _Written(f"F{len(self.fragments)}", on, uses)
        self.fragments.append(written)
        self.texts.append(f"fragment {written.name} on {on.name} {body}")
        return written

    def _overlapping(self, on: GraphQLCompositeType) -> list[GraphQLCompositeType]:
        mine = self._possible(on)
        return [
            each
            for each in self.schema.type_map.values()
            if is_composite_type(each) and not is_introspection_type(each) and mine & self._possible(each)
        ]

    def _possible(self, of: GraphQLCompositeType) -> set[str]:
        if isinstance(of, GraphQLObjectType):
            return {of.name}
        return {each.name for each in self.schema.get_possible_types(of)}

    def _field(self, on: GraphQLCompositeType, depth: int) -> str:
        fields = {} if isinstance(on, GraphQLUnionType) else on.fields
        names = [
            name
            for name, each in fields.items()
            if (depth > 1 and self.budget > 0) or is_leaf_type(get_named_type(each.type))
        ]
        if not names or self.choices.chance(8):
            return self._keyed(on, _Meaning("__typename", "", "String!", True)) + self._directives()
        return self._chosen(on, self.choices.of(names), depth, self._directives())

    def _chosen(self, on: GraphQLCompositeType, name: str, depth: int, directives: str = "") -> str:
        assert not isinstance(on, GraphQLUnionType)
        definition = on.fields[name]
        below = get_named_type(definition.type)
        arguments = self._arguments(name, definition)
        meaning = _Meaning(name, arguments, str(definition.type), is_leaf_type(below))
        written = self._keyed(on, meaning) + directives
        return written + self._selections(below, depth - 1) if is_composite_type(below) else written

    def _keyed(self, on: GraphQLCompositeType, meaning: _Meaning) -> str:
        """The field with its alias, if it needs one."""
        wished = self.choices.of(KEYS) if self.choices.chance(35) else meaning.field
        for key in (wished, meaning.field, *(f"{wished}{n}" for n in range(100))):
            if self._may_stand(key, on, meaning):
                self.keys.setdefault(key, {})[on.name] = meaning
                alias = f"{key}: " if key != meaning.field else ""
                return f"{alias}{meaning.field}{meaning.arguments} "
        raise AssertionError("a hundred keys are taken")

    def _may_stand(self, key: str, on: GraphQLCompositeType, meaning: _Meaning) -> bool:
        for name, other in self.keys.get(key, {}).items():
            if other == meaning:
                continue
            apart = name != on.name and all(
                isinstance(self.schema.type_map[each], GraphQLObjectType) for each in (name, on.name)
            )
            leaves = other.is_leaf and meaning.is_leaf and other.type == meaning.type
            if not (apart and leaves):
                return False
        return True

    def _directives(self) -> str:
        if not self.choices.chance(12):
            return ""
        names = ["include", "skip", "include skip"]
        return " ".join(f"@{name}(if: {self._condition()})" for name in self.choices.of(names).split()) + " "

    def _condition(self) -> str:
        kind = self.choices.number(3)
        if kind < 2:
            return ("true", "false")[kind]
        name = f"if{self.choices.number(2)}"
        if name not in self.variables:
            value = self.choices.of((True, False))
            if self.choices.chance(50):
                default = self.choices.of(("true", "false"))
                given = Undefined if self.choices.chance(50) else value
                self.variables[name] = _Variable(f"${name}: Boolean = {default}", given)
            else:
                self.variables[name] = _Variable(f"${name}: Boolean!", value)
        self.uses.add(name)
        return f"${name}"

    # -- arguments -----------------------------------------------------------------------

    def _arguments(self, field: str, definition: GraphQLField) -> str:
        given = []
        for name, argument in definition.args.items():
            if is_required_argument(argument) or self.choices.chance(30):
                has_default = argument.default_value is not Undefined
                given.append(f"{name}: {self._literal(argument.type, has_default, f'{field}.{name}')}")
        return f"({', '.join(given)})" if given else ""

    def _literal(self, of: GraphQLInputType, has_default: bool, name: str, *, constant: bool = False) -> str:
        """A value as it stands in a document."""
        if not constant and self.choices.chance(25):
            return self._variable(of, has_default, name)
        if isinstance(of, GraphQLNonNull):
            return self._plain(of.of_type, name, constant=constant)
        return "null" if self.choices.chance(10) else self._plain(of, name, constant=constant)

    def _plain(self, of: GraphQLInputType, name: str, *, constant: bool) -> str:
        if isinstance(of, GraphQLList):
            item = of.of_type.of_type if isinstance(of.of_type, GraphQLNonNull) else of.of_type
            if self.choices.chance(15) and not isinstance(item, GraphQLList):
                return self._plain(item, name, constant=constant)  # one item stands for a list of it
            count = self.choices.number(2)
            items = (self._literal(of.of_type, False, name, constant=constant) for _ in range(count))
            return f"[{', '.join(items)}]"
        if isinstance(of, GraphQLInputObjectType):
            fields = (
                f"{key}: {self._literal(each.type, _has_default(each), key, constant=constant)}"
                for key, each in of.fields.items()
                if self._is_given(each)
            )
            return "{" + ", ".join(fields) + "}"
        if isinstance(of, GraphQLEnumType):
            return self.choices.of(list[str](of.values))
        return json.dumps(self._scalar(of, name))

    def _scalar(self, of: GraphQLInputType, name: str) -> Any:
        known = (name, name.rpartition(".")[2], get_named_type(of).name)
        return self.choices.of(next(self.values[each] for each in known if each in self.values))

    def _is_given(self, each: GraphQLInputField) -> bool:
        return (isinstance(each.type, GraphQLNonNull) and not _has_default(each)) or self.choices.chance(35)

    def _variable(self, of: GraphQLInputType, has_default: bool, name: str) -> str:
        """A variable that may stand where a value of *of* does; an old one if there is one."""
        place = (str(of), has_default, name)
        variable = f"v{len(self.variables)}"
        for known, other in self.variables.items():
            if other.place == place and self.choices.chance(60):
                variable = known
                break
        else:
            declared, value = self._declared(of, has_default, name)
            self.variables[variable] = _Variable(f"${variable}: {declared}", value, place)
        self.uses.add(variable)
        return f"${variable}"

    def _declared(self, of: GraphQLInputType, has_default: bool, name: str) -> tuple[str, Any]:
        """How a variable for a place is declared, and its value."""
        nullable = of.of_type if isinstance(of, GraphQLNonNull) else of
        kind = self.choices.number(3)
        if kind == 1:
            default = self._plain(nullable, name, constant=True)
            absent = self.choices.chance(50)
            return f"{nullable} = {default}", Undefined if absent else self._json(nullable, name)
        if kind == 0 or (isinstance(of, GraphQLNonNull) and not has_default):
            return f"{nullable}!", self._value(nullable, name)
        absent = self.choices.chance(40)
        return str(nullable), Undefined if absent else self._json(nullable, name)

    def _json(self, of: GraphQLInputType, name: str) -> Any:
        """A value of a type as it comes in a request's variables, null among them where it may be."""
        if isinstance(of, GraphQLNonNull):
            return self._value(of.of_type, name)
        return None if self.choices.chance(20) else self._value(of, name)

    def _value(self, of: GraphQLInputType, name: str) -> Any:
        if isinstance(of, GraphQLList):
            return [self._json(of.of_type, name) for _ in range(self.choices.number(2))]
        if isinstance(of, GraphQLInputObjectType):
            given = {key: each for key, each in of.fields.items() if self._is_given(each)}
            return {key: self._json(each.type, key) for key, each in given.items()}
        if isinstance(of, GraphQLEnumType):
            return self.choices.of(list[str](of.values))
        return self._scalar(of, name)


def _has_default(each: GraphQLInputField) -> bool:
    return each.default_value is not Undefined


@st.composite
def requests(
    draw: Callable[[st.SearchStrategy[int]], int],
    schema: GraphQLSchema,
    *,
    kinds: Sequence[str] = ("query",),
    values: Mapping[str, Sequence[Any]] = VALUES,
    depth: int = 5,
) -> Request:
    """Requests of a schema. Nearly all are valid; validate them all the same."""
    writer = _Writer(schema, _Choices(draw), values, depth)
    return writer.request(kinds)

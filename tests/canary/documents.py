"""Random operations over the schema: of every kind and shape, with values of other patients for arguments."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_introspection_query,
    get_named_type,
    is_leaf_type,
)

from tests.canary.records import World

SCHEMA = Path(__file__).parents[2] / "schema.graphql"
NODES = 60
"""The fields of one document, at most: its answer has to stay small."""
SEARCHED = {
    "name": "name.family", "family": "name.family", "given": "name.given", "birthDate": "birthDate",
    "identifier": "identifier",
}  # fmt: skip
STATUSES = ("booked", "arrived", "fulfilled", "cancelled")
INTROSPECTION = get_introspection_query(descriptions=True)


@dataclass
class Operation:
    """What is sent. `kind` names the generator, `about` the one patient it is confined to, if it is.

    `sent` is a mark in it that makes it unfit: what is wrong is told to who sent it in their own words, and
    must reach nobody and nothing else.
    """

    kind: str
    document: str
    variables: dict[str, Any] = field(default_factory=dict)
    about: str | None = None
    sent: str | None = None


@dataclass
class _Writing:
    """One document being written."""

    left: int = NODES
    aliases: int = 0
    variables: dict[str, Any] = field(default_factory=dict)
    declared: list[str] = field(default_factory=list)
    fragments: list[str] = field(default_factory=list)


class Documents:
    """The generator of one world. `cursors` are those of answers to anyone: another may try them."""

    def __init__(self, world: World, rng: Random) -> None:
        self.schema: GraphQLSchema = build_schema(SCHEMA.read_text())
        self.cursors: list[str] = []
        self._world = world
        self._rng = rng
        self._ids: dict[str, list[str]] = {}
        self._values: dict[str, list[str]] = {}
        for row in world.rows:
            for mark in row.marks:
                if mark.shown_as == "id":
                    self._ids.setdefault(row.kind, []).append(world.named(mark.text))
                if row.kind == "Patient" and row.source == "ehr":
                    self._values.setdefault(mark.element, []).append(mark.text)
        self._foreign = [it for it in world.known("ehr") if it.startswith("cnry")]

    def query(self) -> Operation:
        """A random query over all roots."""
        rng, writing = self._rng, _Writing()
        root = self.schema.query_type
        assert root is not None
        names = [name for name in root.fields if name != "explainAccess"]
        chosen = rng.sample(names, rng.choice((1, 1, 2, 3)))
        fields = [self._field(writing, root.fields[name], name, 6) for name in chosen]
        return self._operation("query", writing, " ".join(filter(None, fields)))

    def of_patient(self) -> Operation:
        """All of one type of one patient: whatever it shows must be that patient's, or nobody's."""
        patient = self._rng.choice(self._world.patients)
        writing = _Writing(left=110)
        named = self.schema.type_map["Patient"]
        assert isinstance(named, GraphQLObjectType)
        parts = self._rng.sample(list(named.fields), 9)
        fields = [self._field(writing, named.fields[name], name, 5) for name in parts]
        root = (
            f'patient(id: "Patient/{self._world.named(patient)}") {{ id {" ".join(filter(None, fields))} }}'
        )
        return self._operation("of_patient", writing, root, about=patient)

    def by_id(self) -> Operation:
        """Rows by their ids, all their fields, through `node` and `nodes`."""
        rng, writing = self._rng, _Writing(left=110)
        kind = rng.choice([kind for kind in self._ids if kind in self.schema.type_map])
        of = self.schema.type_map[kind]
        assert isinstance(of, GraphQLObjectType)
        ids = rng.sample(self._ids[kind], min(len(self._ids[kind]), 4))
        inner = " ".join(filter(None, (self._field(writing, f, n, 2) for n, f in of.fields.items())))
        given = json.dumps([f"{kind}/{one}" for one in ids])
        body = f"nodes(ids: {given}) {{ id __typename ... on {kind} {{ {inner} }} }}"
        if "Node" not in {it.name for it in of.interfaces}:
            body = f'node(id: "{kind}/{ids[0]}") {{ id }}'
        return self._operation("by_id", writing, body)

    def explaining(self) -> Operation:
        """`explainAccess` of a random document, which may be broken."""
        asked = self._rng.choice((self.query, self.of_patient, self.broken))()
        document = (
            "query($d: String!, $v: JSON) { explainAccess(document: $d, variables: $v) { kind denied masked"
            " faults { code message line column } missingScopes rows { type byId bySearch }"
            " fields { path coordinate effect cause mask rules { id meaning } missingScopes isReached"
            " inputs { coordinate effect missingScopes rules { id } } } } }"
        )
        variables = {"d": asked.document, "v": asked.variables}
        return Operation("explaining", document, variables, sent=asked.sent)

    def introspection(self) -> Operation:
        name = self._rng.choice([*self.schema.type_map, self._any_value()])
        small = f'{{ __type(name: "{name}") {{ name description fields {{ name args {{ name }} }} }} }}'
        return Operation("introspection", INTROSPECTION if self._rng.random() < 0.1 else small)

    def broken(self) -> Operation:
        """A document that can't be run: cut, misspelt, with values of the wrong type, or without an end."""
        rng, whole = self._rng, self.query()
        text, value = whole.document, self._any_value()
        at = rng.randrange(1, len(text))
        made = rng.choice((
            f"{{ patients {{ nodes {{ {value} }} }} }}",
            f'{{ patients(search: {{{value}: "x"}}) {{ nodes {{ id }} }} }}',
            f"query {value}($x: {value}) {{ me {{ audience }} }}",
            f"{{ ...{value} }} fragment {value} on {value} {{ id }}",
            f"{{ me @{value} {{ audience }} }}",
            f'mutation {{ {value}(input: "x") {{ id }} }}',
            text[:at],
            text[:at] + rng.choice('"{}()!$@\x00\ud7ff\\') + text[at:],
            f'{{ patients(first: "{value}") {{ nodes {{ id }} }} }}',
            f'{{ patients(search: {{birthDate: "{value}"}}) {{ nodes {{ id }} }} }}',
            f'{{ appointments(filter: {{from: "{value}", status: ["{value}"]}}) {{ nodes {{ id }} }} }}',
            f'{{ node(id: "{value}") {{ id }} patient(id: "Condition/{value}") {{ id }} }}',
            f'{{ patients(after: "{value}") {{ nodes {{ id }} }} }}',
            f'{{ patient(id: """{value}""" {{ id }} }}',
            f'{{ patient(id: "{value}) {{ id }} }}',
            f'{{ me {{ audience }} }} "{value}"',
        ))  # fmt: skip
        variables = {"x": value} if rng.random() < 0.3 else whole.variables
        return Operation("broken", made, variables, sent=value)

    def wrong_variables(self) -> Operation:
        value = self._any_value()
        document = (
            "query($n: Int!, $s: PatientSearch, $id: ID!)"
            " { patients(first: $n, search: $s) { nodes { id } } patient(id: $id) { id } }"
        )
        given: dict[str, Any] = self._rng.choice(
            ({"n": value}, {"n": 3, "s": {value: value}},
             {"n": 2, "s": {"name": {"x": value}}, "id": [value]}, {"n": 2, "id": {"a": value}},
             {"n": 1e9, "id": value}, {"n": 2, "s": value, "id": value})
        )  # fmt: skip
        return Operation("wrong_variables", document, given, sent=value)

    def big(self) -> Operation:
        """Beyond a limit: too deep, too many fields, roots, aliases or tokens."""
        rng, value = self._rng, self._any_value()
        deep = "patient { appointments { nodes { " * 8 + "id" + " } } }" * 8
        doubling = " ".join(
            f"fragment {one} on Query {{ ...{two} ...{two} }}"
            for one, two in zip("ABCDEFGH", "BCDEFGHI", strict=True)
        )
        made = (
            f"{{ appointments {{ nodes {{ {deep} }} }} }}",
            "{ " + " ".join(f'r{i}: node(id: "Patient/{value}") {{ id }}' for i in range(40)) + " }",
            "{ me { " + " ".join(f"a{i}: audience" for i in range(80)) + " } }",
            "{ me { " + "audience " * 500 + "} }",
            "{ " + f'node(id: "{value}") {{ id }} ' * 400 + "}",
            "{ ...A } " + doubling + " fragment I on Query { me { audience } }",
        )  # fmt: skip
        return Operation("big", rng.choice(made), sent=value)

    def subscription(self) -> Operation:
        rng, writing = self._rng, _Writing(left=40)
        patient = self._world.named(rng.choice(self._world.patients))
        narrowed = rng.choice(("", "(types: [APPOINTMENT])", f'(patient: "Patient/{patient}")'))
        named = self.schema.type_map["Appointment"]
        assert isinstance(named, GraphQLObjectType)
        row = " ".join(filter(None, (self._field(writing, f, n, 2) for n, f in named.fields.items())))
        told = "cursor kind type source recordId occurred patient { id mrn name { family } }"
        body = f"changes{narrowed} {{ {told} record {{ id ... on Appointment {{ {row} }} }} }}"
        return self._operation("subscription", writing, body)

    # -- the parts -----------------------------------------------------------------------

    def _operation(self, kind: str, writing: _Writing, body: str, about: str | None = None) -> Operation:
        document = self._document(writing, "subscription" if kind == "subscription" else "query", body)
        return Operation(kind, document, writing.variables, about)

    def _document(self, writing: _Writing, kind: str, body: str) -> str:
        """The whole, without what was left out again for want of room."""
        text = body or "__typename"
        for number in reversed(range(len(writing.fragments))):
            if re.search(rf"\.\.\.F{number}\b", text):
                text += " }" + f" {writing.fragments[number]}".removesuffix("}")
        text = f"{{ {text} }}"
        used = [one for one in writing.declared if re.search(rf"\{one.partition(':')[0]}\b", text)]
        writing.variables = {n: v for n, v in writing.variables.items() if re.search(rf"\${n}\b", text)}
        return f"{kind}({', '.join(used)}) {text}" if used else f"{kind} {text}"

    def _field(self, writing: _Writing, made: GraphQLField, name: str, depth: int) -> str:
        """A field with its selection; nothing, where there is no room left."""
        rng, of = self._rng, get_named_type(made.type)
        writing.left -= 1
        if writing.left <= 0:
            return ""
        alias = ""
        if rng.random() < 0.08 and writing.aliases < 30:
            writing.aliases += 1
            alias = f"a{writing.aliases}: "
        arguments = self._arguments(writing, made)
        if is_leaf_type(of):
            return f"{alias}{name}{arguments}"
        inner = self._selection(writing, of, depth - 1)
        return f"{alias}{name}{arguments} {{ {inner} }}" if inner else ""

    def _selection(self, writing: _Writing, of: Any, depth: int) -> str:
        rng = self._rng
        if isinstance(of, GraphQLInterfaceType):
            kind = rng.choice(self.schema.get_possible_types(of))
            inner = self._selection(writing, kind, depth)
            return f"__typename id ... on {kind.name} {{ {inner} }}" if inner else "id"
        assert isinstance(of, GraphQLObjectType)
        leaves = [name for name, made in of.fields.items() if is_leaf_type(get_named_type(made.type))]
        others = [name for name in of.fields if name not in leaves]
        chosen = [name for name in leaves if rng.random() < 0.75]
        if depth > 0:
            most = len(others) if of.name.endswith(("Connection", "Edge")) or depth > 4 else 3
            chosen += rng.sample(others, min(len(others), most))
        rng.shuffle(chosen)
        fields = [self._field(writing, of.fields[name], name, depth) for name in chosen]
        text = " ".join(filter(None, fields))
        if text and rng.random() < 0.05:
            name = f"F{len(writing.fragments)}"
            writing.fragments.append(f"fragment {name} on {of.name} {{ {text} }}")
            return f"...{name}"
        return text

    def _arguments(self, writing: _Writing, made: GraphQLField) -> str:
        given: list[str] = []
        for name, argument in made.args.items():
            must_be_given = str(argument.type).endswith("!") and name != "first"
            if not must_be_given and name != "first" and self._rng.random() > 0.3:
                continue
            value = self._value(name, get_named_type(argument.type), get_named_type(made.type).name)
            if value is None:
                continue
            if self._rng.random() < 0.4:
                variable = f"v{len(writing.variables)}"
                writing.variables[variable] = value
                writing.declared.append(f"${variable}: {argument.type}")
                given.append(f"{name}: ${variable}")
            else:
                given.append(f"{name}: {_literal(value)}")
        return f"({', '.join(given)})" if given else ""

    def _value(self, name: str, of: Any, shown: str = "") -> Any:
        rng = self._rng
        if isinstance(of, GraphQLInputObjectType):
            names = rng.sample(list(of.fields), rng.choice((1, 1, 2)))
            return {inner: found for inner in names if (found := self._value(inner, None)) is not None}
        if name == "first":
            return rng.randrange(1, 6)
        if name == "after":
            return rng.choice(self.cursors) if self.cursors and rng.random() < 0.7 else None
        if name in ("patient", "practitioner"):
            kind = name.capitalize()
            return f"{kind}/{rng.choice(self._ids[kind])}"
        if name in ("id", "ids"):
            kind = shown if shown in self._ids and rng.random() < 0.8 else rng.choice(list(self._ids))
            made = f"{kind}/{rng.choice(self._ids[kind])}"
            return made if name == "id" else [made]
        return self._searched(name)

    def _searched(self, name: str) -> Any:
        rng = self._rng
        if name == "identifier":
            return f"urn:caregraph:sandbox:mrn|{rng.choice(self._values['identifier'])}"
        if name in SEARCHED:
            return rng.choice(self._values[SEARCHED[name]])
        if name == "quarter":
            return rng.choice(("2025-Q1", "2020-Q1", "2025-Q2", "2025-Q9"))
        if name == "gender":
            return "other"
        if name == "status":
            return rng.sample(STATUSES, 2)
        if name in ("from", "to"):
            return rng.choice(("2025-03-10", "2020-01-01T00:00:00Z", "2026-01-01"))
        if name == "quarter":
            return rng.choice(("2025-Q1", "2024-Q4", "2026-Q1", "2099-Q1", self._any_value()))
        if name in ("category", "code"):
            return rng.choice(("laboratory", "I10", self._any_value()))
        return None

    def _any_value(self) -> str:
        return self._rng.choice(self._foreign)


def _literal(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_literal(one)}" for name, one in value.items()) + "}"
    return json.dumps(value)

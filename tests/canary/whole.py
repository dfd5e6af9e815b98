"""Queries for all that the graph can show of a world: every row, every field."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from graphql import GraphQLObjectType, GraphQLSchema, get_named_type, is_leaf_type

from tests.canary.oracle import Who, allowed
from tests.canary.records import World

_OF_PATIENT = ("coverage", "balance", "engagement")


def whole_documents(schema: GraphQLSchema, world: World) -> Iterator[str]:
    """One for each type that has an id, one for each patient, and one for the places."""
    ids: dict[str, list[str]] = {}
    for row in world.rows:
        for mark in row.marks:
            if mark.shown_as == "id":
                ids.setdefault(row.kind, []).append(world.named(mark.text))
    for kind, known in ids.items():
        of = schema.type_map.get(kind)
        if isinstance(of, GraphQLObjectType) and "Node" in {it.name for it in of.interfaces}:
            given = json.dumps([f"{kind}/{one}" for one in known])
            yield f"{{ nodes(ids: {given}) {{ ... on {kind} {{ {_flat(of)} }} }} }}"
    for patient in world.patients:
        of = schema.type_map["Patient"]
        assert isinstance(of, GraphQLObjectType)
        parts = " ".join(
            f"{name} {{ {_flat(get_named_type(of.fields[name].type))} }}" for name in _OF_PATIENT
        )
        places = _flat(schema.type_map["Location"])
        roads = " ".join(
            f"{name} {{ nodes {{ location {{ {places} }} }} }}" for name in ("appointments", "encounters")
        )
        yield f'{{ patient(id: "Patient/{world.named(patient)}") {{ id {parts} {roads} }} }}'


def owed(world: World, who: Who, roles: Collection[str]) -> frozenset[bytes]:
    """Of what the actor may be shown, what these queries have to show, for there is a road to it.

    *roles*: the sources all of whose records are told; another kind of system may have no place for some.
    """
    may = allowed(world, who)
    texts = {row.number: {mark.text.encode() for mark in row.marks} for row in world.rows}
    is_known = {
        row.owner: row.id.encode() in may
        for row in world.rows
        if row.kind == "Patient" and row.source == "ehr"
    }
    gone = set[bytes]()
    for row in world.rows:
        beside = row.kind in ("Coverage", "Account", "Engagement")
        is_hidden = beside and (not is_known[row.owner] or len(texts[row.number] & may) == 1)
        if row.kind == "Location" or is_hidden or row.source not in roles:
            gone |= texts[row.number]
        gone |= {mark.text.encode() for mark in row.marks if mark.element in LATER}
    return may - gone


LATER = ("reason 1", "reason 2", "reason 3")
"""What an appointment holds only once it has changed."""


def _flat(of: Any, depth: int = 3) -> str:
    """All fields of a type and of its parts; none that leads to another row."""
    assert isinstance(of, GraphQLObjectType)
    return " ".join(
        filter(None, (_field(name, get_named_type(it.type), depth) for name, it in of.fields.items()))
    )


def _field(name: str, of: Any, depth: int) -> str:
    if is_leaf_type(of):
        return name
    is_row = "id" in of.fields and of.name != "Owner"
    if is_row or of.name.endswith("Connection") or of.name in ("Balance", "Engagement") or depth == 0:
        return ""
    inner = _flat(of, depth - 1)
    return f"{name} {{ {inner} }}" if inner else ""

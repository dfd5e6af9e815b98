"""The schema as one writes it with Strawberry: types, resolvers, dataloaders made for each request."""

from __future__ import annotations

from typing import Any

import strawberry
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache

from benchmarks.engine import rows


@strawberry.type
class Row:
    id: str
    a: str
    b: str
    c: str
    d: str
    e: int
    f: int
    g: float
    h: bool
    i: str | None

    @strawberry.field
    async def children(self, info: strawberry.Info) -> list[Row]:
        found: list[Row] = await info.context["children"].load(self.id)
        return found


@strawberry.type
class Patient:
    id: str
    family: str
    given: str
    birth_date: str
    gender: str

    @strawberry.field
    async def appointments(self, info: strawberry.Info) -> list[Row]:
        found: list[Row] = await info.context["appointments"].load(self.id)
        return found

    @strawberry.field
    async def encounters(self, info: strawberry.Info) -> list[Row]:
        found: list[Row] = await info.context["encounters"].load(self.id)
        return found

    @strawberry.field
    async def contact(self, info: strawberry.Info) -> Row | None:
        found: Row | None = await info.context["contacts"].load(self.id)
        return found


@strawberry.type
class Query:
    @strawberry.field
    async def one(self) -> Row:
        return rows.FLAT[0]  # type: ignore[return-value]

    @strawberry.field
    async def patients(self) -> list[Patient]:
        return list(rows.PATIENTS)  # type: ignore[arg-type]

    @strawberry.field
    async def tree(self) -> list[Row]:
        return list(rows.CHILDREN["root"])  # type: ignore[arg-type]

    @strawberry.field
    async def flat(self) -> list[Row]:
        return list(rows.FLAT)  # type: ignore[arg-type]


def _loader(found: dict[str, Any]) -> DataLoader[str, Any]:
    async def load(keys: list[str]) -> list[Any]:
        return rows.many(found, keys)

    return DataLoader(load_fn=load)


def context() -> dict[str, Any]:
    """The dataloaders of one request."""
    return {
        "appointments": _loader(rows.APPOINTMENTS),
        "encounters": _loader(rows.ENCOUNTERS),
        "contacts": _loader(rows.CONTACTS),
        "children": _loader(rows.CHILDREN),
    }


schema = strawberry.Schema(Query, extensions=[ParserCache, ValidationCache])

"""Owns what is asked of a database: one SELECT of some fields of one kind of record. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Literal, TypeAlias

import msgspec
from sqlalchemy import ColumnElement, Integer, Select, and_, false, func, or_, select

from sources.pms.database.mapping import There

Value: TypeAlias = str | int


class Condition(msgspec.Struct, array_like=True, frozen=True):
    """A field compared with values: `in` any of them, or `from` one on, or `before` one."""

    field: str
    is_: Literal["in", "from", "before"]
    values: tuple[Value, ...]


class Question(msgspec.Struct, frozen=True):
    """Some `fields` of the records `of` a kind that meet all conditions, in an order, up to `limit`.

    `after` are the values of the order's fields in the last row of the page before. `deleted`: also those the
    practice marked as deleted. `rights`: of no records, but whether our account may change that table.
    """

    of: str
    fields: tuple[str, ...]
    where: tuple[Condition, ...] = ()
    order: tuple[str, ...] = ()
    after: tuple[Value, ...] = ()
    limit: int = 0
    deleted: bool = False
    rights: bool = False


def statement(question: Question, table: There) -> Select[Any] | None:
    """The question in SQL, every value a parameter; None where no row can meet it."""
    fields = [name for name in dict.fromkeys(question.fields) if table.has(name)]
    asked = select(*(table.column(name).label(name) for name in fields))
    for condition in question.where:
        met = _met(condition, table)
        if met is None:
            return None
        asked = asked.where(met)
    if not question.deleted:
        asked = asked.where(*_kept(table))
    if question.after:
        asked = asked.where(_beyond(question, table))
    asked = asked.order_by(*(table.column(name) for name in question.order))
    return asked.limit(question.limit) if question.limit else asked


def _met(condition: Condition, table: There) -> ColumnElement[bool] | None:
    column = table.column(condition.field)
    if condition.is_ == "in":
        values = list(_possible(condition, table))
        return column.in_(values) if values else None
    (bound,) = (table.value(condition.field, value) for value in condition.values)
    return column >= bound if condition.is_ == "from" else column < bound


def _possible(condition: Condition, table: There) -> Iterator[object]:
    """The values the column can hold: no row has any other."""
    for value in condition.values:
        with suppress(ValueError):
            yield table.value(condition.field, value)


def _kept(table: There) -> list[ColumnElement[bool]]:
    kept: list[ColumnElement[bool]] = []
    if table.has("is_deleted"):
        flag = table.column("is_deleted")
        no: Any = 0 if isinstance(flag.type, Integer) else false()
        kept.append(func.coalesce(flag, no) == no)
    if table.has("deleted_at"):
        kept.append(table.column("deleted_at").is_(None))
    return kept


def _beyond(question: Question, table: There) -> ColumnElement[bool]:
    """After a row, in the order of two fields: written out, for not every database compares pairs."""
    first, second = (table.column(name) for name in question.order)
    start, tie = map(table.value, question.order, question.after)
    return or_(first > start, and_(first == start, second > tie))

"""An explanation as text, for people: what is denied and masked and why, which rows, what to ask for."""

from __future__ import annotations

from collections.abc import Iterator

from policies import Effect
from resolvers.access import Access, Reached, Selected


def text(access: Access) -> str:
    """The explanation of an operation that can be run; empty lines part what is denied, masked and so on."""
    parts = (
        [f"{fault.code}: {fault.message}" for fault in access.faults],
        [line for field in access.fields for line in _field(field)],
        [line for rows in access.rows for line in _rows(rows)],
        _scopes(access),
    )
    return "\n\n".join("\n".join(part) for part in parts if part)


def _field(field: Selected) -> Iterator[str]:
    if field.effect is Effect.ALLOW or not field.is_reached:
        return
    is_own = field.cause == field.coordinate
    what = "masked" if field.effect is Effect.MASK else "denied" if is_own else f"denied by `{field.cause}`"
    yield f"{'.'.join(field.path)} ({field.coordinate}) is {what}:"
    yield from (f"  {rule.id}: {rule.meaning}" for rule in field.rules)
    if field.effect is Effect.DENY:
        yield f"  {_ends(field)}"


def _ends(field: Selected) -> str:
    return (
        f"scope to ask for: {' '.join(field.missing_scopes)}" if field.missing_scopes else "no scope opens it"
    )


def _rows(rows: Reached) -> Iterator[str]:
    if rows.by_id == rows.by_search:
        yield f"rows of {rows.type}: {' Or: '.join(rows.by_id)}"
    else:
        yield f"rows of {rows.type}, by id: {' Or: '.join(rows.by_id)}"
        yield f"rows of {rows.type}, by search: {' Or: '.join(rows.by_search)}"
    yield from (f"  withheld: {what}" for what in rows.withheld)


def _scopes(access: Access) -> list[str]:
    if not access.missing_scopes:
        return []
    return [f"scopes that open all that scopes can open: {' '.join(access.missing_scopes)}"]

"""Two policies compared, for a reviewer: what became more open comes first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.comparing_labels import labels_compared
from policies.differences import EVERYONE, Change, Kind
from policies.snapshot import Field, Rows, Ruled, Snapshot

NOTHING = "nothing"


def compared(old: Snapshot, new: Snapshot) -> list[Change]:
    """Every difference: by kind, by audience, by name. What can't be told to be stricter counts as opened."""
    found = [
        *_purposes(old, new),
        *_rows(old.rows, new.rows),
        *labels_compared(old.labels, new.labels),
        *_coordinates(old, new),
    ]
    order = list(Kind)
    return sorted(found, key=lambda change: (order.index(change.kind), *change[1:]))


def _purposes(old: Snapshot, new: Snapshot) -> Iterator[Change]:
    for audience in old.purposes.keys() | new.purposes.keys():
        before, after = set(old.purposes.get(audience, ())), set(new.purposes.get(audience, ()))
        for purpose in after - before:
            yield Change(Kind.OPENED, audience, f"purpose {purpose}", "may now be asked for")
        for purpose in before - after:
            yield Change(Kind.STRICTER, audience, f"purpose {purpose}", "may no longer be asked for")


def _rows(old: Mapping[str, Rows], new: Mapping[str, Rows]) -> Iterator[Change]:
    for kind in old.keys() | new.keys():
        name, before, after = f"rows of {kind}", old.get(kind), new.get(kind)
        if before is None:
            yield Change(Kind.OPENED, EVERYONE, name, "can now be opened by a scope")
        elif after is None:
            yield Change(Kind.STRICTER, EVERYONE, name, "can no longer be opened by any scope")
        else:
            yield from _rules_of_rows(name, before, after)


def _rules_of_rows(name: str, before: Rows, after: Rows) -> Iterator[Change]:
    if before.owner != after.owner:
        opened = after.owner == "directory"
        how = f"a {before.owner}'s -> a {after.owner}'s"
        yield Change(Kind.OPENED if opened else Kind.STRICTER, EVERYONE, name, how)
    for asked in set(after.asks) - set(before.asks):
        yield Change(Kind.OPENED, EVERYONE, name, f"granular scopes by `{asked}` now grant")
    for asked in set(before.asks) - set(after.asks):
        yield Change(Kind.STRICTER, EVERYONE, name, f"granular scopes by `{asked}` grant no longer")


def _coordinates(old: Snapshot, new: Snapshot) -> Iterator[Change]:
    audiences = old.audiences() | new.audiences()
    for name in old.coordinates.keys() | new.coordinates.keys():
        if name not in new.coordinates:
            yield Change(Kind.GONE, EVERYONE, name, f"was {old.coordinates[name].data}")
        elif name not in old.coordinates:
            yield from _new(new, name, audiences)
        else:
            yield from _changed(old, new, name, audiences)


def _new(new: Snapshot, name: str, audiences: set[str]) -> Iterator[Change]:
    """A coordinate that was not there: opened to whom it is not denied."""
    field = new.coordinates[name]
    for audience in audiences:
        ruled = new.ruled(name, audience)
        kind = Kind.NEW if ruled.effect == "deny" else Kind.OPENED
        yield Change(kind, audience, name, f"new: {_said(ruled)}; needs {_needs(field)}")


def _changed(old: Snapshot, new: Snapshot, name: str, audiences: set[str]) -> Iterator[Change]:
    before, after = old.coordinates[name], new.coordinates[name]
    for audience in audiences:
        was, is_ = old.ruled(name, audience), new.ruled(name, audience)
        how = [f"{_said(was)} -> {_said(is_)}"] if was != is_ else []
        if before.needs != after.needs:
            how.append(f"needs {_needs(before)} -> {_needs(after)}")
        if before.data != after.data:
            how.append(f"class {before.data} -> {after.data}")
        if how:
            yield Change(_kind(was, is_, before, after), audience, name, "; ".join(how))


def _kind(was: Ruled, is_: Ruled, before: Field, after: Field) -> Kind:
    if is_.effect == "deny":
        return Kind.OTHER if was.effect == "deny" else Kind.STRICTER
    if _is_opened(was, is_) or not _is_covered(after.needs, before.needs):
        return Kind.OPENED
    is_stricter = was.effect != is_.effect or before.needs != after.needs
    return Kind.STRICTER if is_stricter else Kind.OTHER


def _is_opened(was: Ruled, is_: Ruled) -> bool:
    """Whether more may be shown. One mask for another may show more: nobody but a reader can tell."""
    openness = ("deny", "mask", "allow").index
    if openness(is_.effect) != openness(was.effect):
        return openness(is_.effect) > openness(was.effect)
    return _masks(was) != _masks(is_)


def _masks(ruled: Ruled) -> set[str]:
    return {id_ for id_ in ruled.rules if id_.startswith("mask-")}


def _is_covered(needs: tuple[str, ...], by: tuple[str, ...]) -> bool:
    """Whether who meets *needs* has met *by* too. No needs are met by everyone."""
    if not by:
        return True
    return bool(needs) and all(any(_implies(need, other) for other in by) for need in needs)


def _implies(need: str, other: str) -> bool:
    """Whether who holds the one need holds the other: the same, or more permissions on the same type."""
    if need.startswith("__"):
        return need == other
    kind, _, letters = need.partition(".")
    of, _, fewer = other.partition(".")
    return kind == of and set(fewer) <= set(letters)


def _said(ruled: Ruled) -> str:
    return f"{ruled.effect} ({', '.join(ruled.rules)})" if ruled.rules else ruled.effect


def _needs(field: Field) -> str:
    return " or ".join(field.needs) or NOTHING

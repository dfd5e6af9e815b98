"""The clearances of two policies compared: who may know of which labelled rows."""

from __future__ import annotations

from collections.abc import Iterator

from policies.differences import EVERYONE, Change, Kind
from policies.labels import LEVELS
from policies.snapshot import Cleared, Handled, Labelled

_NOTHING = Cleared("U", ())
_CLOSED = Handled((), ())


def labels_compared(old: Labelled | None, new: Labelled | None) -> Iterator[Change]:
    """The differences; a policy without clearances judges no row by its labels."""
    if old is None or new is None:
        if old is not new:
            kind, now = (Kind.STRICTER, "now") if old is None else (Kind.OPENED, "no longer")
            yield Change(kind, EVERYONE, "labelled rows", f"are {now} judged by their labels")
        return
    for name in old.clearances.keys() | new.clearances.keys():
        audience, _, purpose = name.partition(" ")
        before, after = old.clearances.get(name, _NOTHING), new.clearances.get(name, _NOTHING)
        yield from _clearance(audience, f"labelled rows, for {purpose}", before, after)
    for code in old.handling.keys() | new.handling.keys():
        before_, after_ = old.handling.get(code, _CLOSED), new.handling.get(code, _CLOSED)
        yield from _sets(f"rows labelled {code}", before_.open_to, after_.open_to, "open")
        yield from _sets(f"rows labelled {code}", before_.by_consent, after_.by_consent, "open by consent")
    yield from _sets("labelled rows", old.raised, new.raised, "cleared further by consent")
    # The other way round: to be looked up takes rows away.
    yield from _sets("unlabelled rows", new.classified, old.classified, "shown without a look at their codes")


def _clearance(audience: str, what: str, before: Cleared, after: Cleared) -> Iterator[Change]:
    if before.level != after.level:
        is_more = LEVELS.index(after.level) > LEVELS.index(before.level)
        kind = Kind.OPENED if is_more else Kind.STRICTER
        yield Change(kind, audience, what, f"up to confidentiality {before.level} -> {after.level}")
    for code in set(after.about) - set(before.about):
        yield Change(Kind.OPENED, audience, what, f"about {code} too")
    for code in set(before.about) - set(after.about):
        yield Change(Kind.STRICTER, audience, what, f"about {code} no longer")


def _sets(what: str, before: tuple[str, ...], after: tuple[str, ...], how: str) -> Iterator[Change]:
    for audience in set(after) - set(before):
        yield Change(Kind.OPENED, audience, what, f"now {how}")
    for audience in set(before) - set(after):
        yield Change(Kind.STRICTER, audience, what, f"no longer {how}")

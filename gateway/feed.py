"""Which changes a subscriber is told: those they want, if policy, as of now, lets them know of the record."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Protocol

from gateway.changes import CursorMalformed, Gap
from gateway.changes.log import Item
from policies import Coordinate, Effect, Grant
from resolvers.faults import BadInput
from resolvers.house import House
from resolvers.loaders import Loaders
from resolvers.roads import Nodes
from resolvers.subscription import Subscribed
from sources.errors import SourceError
from sources.model import Change, ChangeKind

NO_CURSOR = "`after` or `Last-Event-ID` is no cursor of a change; subscribe without it to begin now"


class Hub(Protocol):
    """Where changes come from: each once, in order, from a cursor or from now on."""

    def subscribe(self, wants: Callable[[Change], bool], after: str | None) -> AsyncGenerator[Item, None]: ...


class Feed:
    """The changes of the hub, for one subscriber at a time."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def changes(
        self, subscribed: Subscribed, grant: Callable[[], Grant], house: House
    ) -> AsyncGenerator[Item, None]:
        """The changes the subscriber asked for and, as of now, may know of; and the gaps in what is known.

        Raises:
            BadInput: `after` is no cursor; at once.
        """
        try:
            told = self._hub.subscribe(subscribed.wants, subscribed.after)
        except CursorMalformed:
            raise BadInput(NO_CURSOR) from None
        return _known(told, grant, house)


async def _known(
    told: AsyncGenerator[Item, None], grant: Callable[[], Grant], house: House
) -> AsyncGenerator[Item, None]:
    async with aclosing(told) as items:
        async for item in items:
            if isinstance(item, Gap):
                yield item
                continue
            try:
                if await may_know(item, grant(), house):
                    yield item
            except SourceError:
                # Neither told, for it may not be theirs to know, nor passed over in silence.
                yield Gap(item.cursor)


async def may_know(change: Change, grant: Grant, house: House) -> bool:
    """Whether the actor may know that this record changed: as they may know of the record.

    Raises:
        SourceError: that can't be found out now.
    """
    type_name = change.type.value
    if grant.decide(Coordinate(type_name, "id")).effect is Effect.DENY:
        return False
    loaders = Loaders(house, grant, {})
    try:
        known = await loaders.knows_of(type_name, change.patient_id)
        if known is not None or change.kind is ChangeKind.DELETED:
            return known is True  # what is gone can't be checked any more
        row = (await Nodes(loaders).load([change.record_id]))[0]
    finally:
        loaders.close()
    if isinstance(row, SourceError):
        raise row
    return row is not None and not isinstance(row, Exception)

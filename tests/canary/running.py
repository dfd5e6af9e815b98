"""The canaries' rounds: random actors ask random operations at once, while sources change and misbehave."""

from __future__ import annotations

import asyncio
import gc
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import httpx

from tests.canary.actors import AUDIENCES, BAD, Asker, Casting
from tests.canary.asking import Asked, Clients
from tests.canary.documents import Documents, Operation
from tests.canary.feeds import Feed
from tests.canary.kinds import USUAL, Kinds
from tests.canary.oracle import PURPOSES, Who
from tests.canary.population import made
from tests.canary.records import World
from tests.canary.stage import Stage, staged
from tests.canary.watching import Watch
from tests.canary.whole import owed, whole_documents

ROUND = 48
ROADS = ("post", "get", "stream", "socket")
ASKED_AGAIN = 0.4
"""The part of the operations that were asked before: what is kept for one must not serve another."""
FAULTS = (
    ("latency", 0.02), ("status", 500), ("status", 429), ("status", 404), ("status", 403), ("html", None),
    ("cut", None), ("cut", 1),
    ("unknown_field", None), ("foreign_row", None), ("foreign_row", None), ("reset", None),
)  # fmt: skip
_CURSOR = re.compile(rb'"(?:endCursor|cursor)":"([^"]+)"')


@dataclass
class Ran:
    """What a run did, for whoever reads it; `leaks` must be empty."""

    watch: Watch
    kinds: Kinds
    asked: Counter[str] = field(default_factory=Counter)
    whole: dict[str, tuple[int, int]] = field(default_factory=dict)

    def text(self) -> str:
        """The counts, a line each."""
        lines = [f"{name}: {count}" for name, count in sorted((self.asked + self.watch.seen).items())]
        kept = [
            f"whole view of {name}: {shown} of {all_} marks" for name, (shown, all_) in self.whole.items()
        ]
        marks = f"marks: {len(self.watch.world.marks.by_text)}"
        return "\n".join([str(self.kinds), *lines, *kept, marks, f"leaks: {len(self.watch.leaks)}"])


def run(
    seed: int,
    operations: int,
    trail: Path,
    kinds: Kinds = USUAL,
    redis_url: str | None = None,
    database_url: str | None = None,
) -> Ran:
    """A world, and so many operations in it."""
    world = made(seed, kinds.clinics)
    world.hears_consents = kinds.shows_consents
    if kinds.pms == "hl7v2":
        world.name_places_by_bookings()
    rng = Random(seed + 1)  # noqa: S311 - the same run for the same seed
    casting = Casting(world, rng)
    ran = Ran(Watch(world), kinds)
    with (
        _little_collected(),
        staged(world, casting.jwks(), trail, kinds, redis_url, database_url) as stage,
    ):
        asyncio.run(_Rounds(stage, rng, casting, ran).all(operations))
        ran.watch.behind(stage)
        ran.watch.kept(stage, redis_url)
    return ran


@contextmanager
def _little_collected() -> Iterator[None]:
    """The gateway keeps what it parsed and planned; to go through all of it again and again takes seconds.

    `_Rounds` freezes what each round leaves behind.
    """
    try:
        yield
    finally:
        gc.unfreeze()
        gc.collect()


class _Rounds:
    def __init__(self, stage: Stage, rng: Random, casting: Casting, ran: Ran) -> None:
        self._stage = stage
        self._rng = rng
        self._ran = ran
        self._documents = Documents(stage.world, rng)
        self._clients = Clients(stage.url, self._told)
        self._whole = [casting.everything(audience, _of(stage.world, audience)) for audience in AUDIENCES]
        self._cast = [*self._whole, *(casting.asker(audience) for audience in AUDIENCES for _ in range(7))]
        self._bad = [casting.asker(rng.choice(AUDIENCES), bad) for bad in BAD]
        self._before: deque[Operation] = deque(maxlen=200)
        self._changes = 0
        self._rounds = 0

    async def all(self, operations: int) -> None:
        try:
            await self._whole_views()
            while sum(self._ran.asked[f"by {road}"] for road in ROADS) < operations:
                await self._with_subscribers()
        finally:
            await self._clients.close()
        self._ran.asked["connections hung up on"] += self._clients.hung_up

    def _told(self, asked: Asked, data: bytes) -> None:
        self._ran.watch.told(asked, data)
        for cursor in _CURSOR.findall(data)[:2]:
            self._documents.cursors.append(cursor.decode())
        del self._documents.cursors[:-200]

    async def _whole_views(self) -> None:
        """All there is, as those who hold every scope: what is shown must be all that may be."""
        for asker in self._whole:
            for purpose in asker.purposes:
                who = asker.asking_for(purpose)
                self._ran.watch.shown.clear()
                for document in whole_documents(self._documents.schema, self._stage.world):
                    operation = Operation("whole", document)
                    asked = Asked(asker, who, operation, "post", {"purposeOfUse": purpose})
                    self._ran.asked["whole views"] += 1
                    await self._clients.ask(asked)
                may = owed(self._stage.world, who, self._ran.kinds.usual_roles)
                shown = self._ran.watch.shown & may
                self._ran.whole[f"{who.audience} for {purpose}"] = (len(shown), len(may))
                self._ran.watch.missing.extend(self._stage.world.marks.by_text[text] for text in may - shown)

    async def _with_subscribers(self) -> None:
        """Four rounds, during which some subscribe."""
        askers = [*self._rng.sample(self._cast, 3), *self._whole]
        subscribers = [
            asyncio.create_task(self._subscribed(asker, number % 2 == 0))
            for number, asker in enumerate(askers)
        ]
        for _ in range(4):
            await self._round()
        for task in subscribers:
            task.cancel()
        await asyncio.gather(*subscribers, return_exceptions=True)

    async def _subscribed(self, asker: Asker, is_stream: bool) -> None:
        operation = self._documents.subscription()
        asked = Asked(asker, asker.who, operation, "stream" if is_stream else "socket")
        self._ran.asked[f"subscriptions by {asked.transport}"] += 1
        await (self._clients.ask(asked) if is_stream else self._clients.socket([asked]))

    async def _round(self) -> None:
        name = await asyncio.to_thread(self._misbehave)
        await asyncio.to_thread(self._change)
        asked = [self._asked() for _ in range(ROUND)]
        for one in asked:
            self._ran.asked[f"by {one.transport}"] += 1
            self._ran.asked[f"as {one.asker.bad or one.who.audience}"] += 1
            self._ran.asked[f"a {one.operation.kind}"] += 1
            self._ran.asked[f"under {name}"] += 1
            self._ran.asked[f"{one.who.audience} by {one.transport}"] += 1
        singly = [self._clients.ask(one) for one in asked if one.transport != "socket"]
        sockets = [self._clients.socket(many) for many in _by_asker(asked)]
        await asyncio.gather(*singly, *sockets)
        await asyncio.to_thread(self._ran.watch.behind, self._stage)
        gc.freeze()

    def _misbehave(self) -> str:
        """Sets a fault on one source for every third round, each kind in turn, and none for the others.

        Where the practice is a feed, that one is spoilt as well.
        """
        feed = self._stage.feed
        sources = [source for source in self._stage.knobs if feed is None or source != "pms"]
        for source in sources:
            self._stage.fault(source, "none")
        if feed is not None:
            feed.mend()
        self._ran.watch.strangers = ""
        self._rounds += 1
        if self._rounds % 3:
            return "no fault"
        if feed is not None:
            self._spoil(feed)
        source, (mode, value) = self._rng.choice(sources), FAULTS[self._rounds // 3 % len(FAULTS)]
        self._stage.fault(source, mode, value, self._rng.choice((None, 2, 6)))
        self._ran.watch.strangers = source.partition(" ")[0] if mode == "foreign_row" else ""
        return f"fault {mode} of {source}"

    def _spoil(self, feed: Feed) -> None:
        number = self._rounds // 3
        name = list(feed.spoil)[number % len(feed.spoil)]
        feed.spoil[name](number)
        self._ran.asked[f"spoilt: {name}"] += 1

    def _change(self) -> None:
        """The practice changes the reason of an appointment."""
        self._changes += 1
        reasons = self._stage.world.reasons
        number = self._rng.choice(list(reasons))
        change_reason(self._stage, number, reasons[number][self._changes % 4])

    def _asked(self) -> Asked:
        rng = self._rng
        asker = rng.choice(self._bad) if rng.random() < 0.04 else rng.choice(self._cast)
        operation = self._operation()
        transport = rng.choice(("post",) * 5 + ("get",) * 2 + ("stream",) * 2 + ("socket",) * 5)
        if len(operation.document) > 30_000 and transport == "get":
            transport = "post"
        asked = Asked(asker, asker.who, operation, transport)
        drawn = rng.random()
        if drawn < 0.1 and not asker.bad:
            return self._for_purpose(asked)
        if drawn < 0.2 and not asker.bad and transport != "get":
            return self._in_emergency(asked)
        return asked

    def _operation(self) -> Operation:
        """A new one, or one that was asked before."""
        rng, documents = self._rng, self._documents
        if self._before and rng.random() < ASKED_AGAIN:
            self._ran.asked["asked again"] += 1
            return rng.choice(self._before)
        kinds = (
            *(documents.query,) * 6, *(documents.of_patient,) * 6, *(documents.by_id,) * 5,
            documents.explaining, documents.introspection, documents.broken, documents.wrong_variables,
            documents.big,
        )  # fmt: skip
        operation = rng.choice(kinds)()
        self._before.append(operation)
        return operation

    def _for_purpose(self, asked: Asked) -> Asked:
        purpose = self._rng.choice([*PURPOSES[asked.who.audience].split(), "HMARKT", "TREAT"])
        who = asked.asker.asking_for(purpose)
        if asked.transport != "socket" and self._rng.random() < 0.5:
            return replace(asked, who=who, headers={"X-Purpose-Of-Use": purpose})
        return replace(asked, who=who, extensions={"purposeOfUse": purpose})

    def _in_emergency(self, asked: Asked) -> Asked:
        patient, part2 = self._rng.choice(self._stage.world.patients), self._rng.random() < 0.4
        said: dict[str, Any] = {
            "patient": f"Patient/{self._stage.world.named(patient)}",
            "reason": "found unconscious at home",
        }
        who = asked.who
        may = who.audience == "clinician" and who.is_person
        broken = replace(who, emergency=patient, part2=part2, is_valid=who.is_valid and may)
        extension = {"breakGlass": said | ({"part2Emergency": True} if part2 else {})}
        return replace(asked, who=broken, extensions=extension)


def change_reason(stage: Stage, number: int, reason: str) -> None:
    """Has the practice write another reason; a PMS that misbehaves may refuse."""
    pms = stage.addresses[stage.world.clinic_of[number]].pms
    form = {"grant_type": "client_credentials"}
    with suppress(httpx.HTTPError, ValueError, KeyError):
        granted = stage.client.post(f"{pms}/oauth/token", data=form, auth=("caregraph", "sandbox-pms-secret"))
        headers = {"Authorization": f"Bearer {granted.json()['access_token']}"}
        stage.client.patch(f"{pms}/v1/appointments/{number}", json={"reason": reason}, headers=headers)


def _by_asker(asked: Sequence[Asked]) -> list[list[Asked]]:
    groups: dict[int, list[Asked]] = {}
    for one in asked:
        if one.transport == "socket":
            groups.setdefault(id(one.asker), []).append(one)
    return list(groups.values())


def _of(world: World, audience: str) -> str | None:
    return world.patients[0] if audience == "patient" else None


__all__ = ["Ran", "Who", "run"]

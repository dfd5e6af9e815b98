"""Owns a message's way in: kept before it is answered, applied once, in the order in which it came."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

import anyio
from sqlalchemy import Connection, delete, insert, select, update

from sources.errors import SourceUnavailable
from sources.pms.hl7v2 import observing
from sources.pms.hl7v2.answers import Verdict, answer
from sources.pms.hl7v2.charsets import decoded
from sources.pms.hl7v2.deeds import Deed, deeds
from sources.pms.hl7v2.er7 import Message, Syntax, parsed, syntax_of
from sources.pms.hl7v2.faults import DUPLICATE_KEY, INTERNAL, Fault, Where
from sources.pms.hl7v2.header import Header, digest
from sources.pms.hl7v2.observing import Observers
from sources.pms.hl7v2.settings import Hl7Settings
from sources.pms.projection import Ledger, Outcome, Store
from sources.pms.projection.quarantine import Refusal, keep, message_refused, tell
from sources.pms.projection.tables import message
from sources.quarantine import Fate, Retried

STORED, DONE, DEAD = "stored", "done", "dead"
"""A message's states: kept and still to be applied; applied, or of no effect; in quarantine."""

_FATES = {Outcome.APPLIED: Fate.APPLIED, Outcome.STALE: Fate.STALE, Outcome.UNCHANGED: Fate.UNCHANGED}
_NOBODY = Header(Syntax(), ("", ""), ("", ""), "", "", "", "", "", "", "", "", "")

_log = logging.getLogger(__name__)


class _Kept(NamedTuple):
    """What came of keeping a message: its row, or the answer it has by now."""

    id: int
    answer: bytes | None
    refused: Refusal | None = None


class Intake:
    """Takes in the messages of one feed, one after the other.

    At most *waiting* wait for their turn; the next one is told to come again.
    """

    def __init__(
        self, store: Store, settings: Hl7Settings, observers: Iterable[object] = (), *, waiting: int = 64
    ) -> None:
        self._store = store
        self._settings = settings
        self._observers = Observers(settings.name, observers)
        self._told = tuple(observers)
        self._waiting = waiting
        self._here = 0
        self._turn = anyio.Lock()

    async def take(self, raw: bytes) -> bytes:
        """The answer to the message *raw*, in its frames. The message is on disk when this returns it, or
        the answer says that it is not."""
        header = _header(raw, self._settings.codec)
        if self._here >= self._waiting:
            return self._not_now(header, "busy; send it again later")
        self._here += 1
        try:
            async with self._turn:
                return await self._taken(raw, header)
        except SourceUnavailable:
            return self._not_now(header, "it cannot be kept now; send it again later")
        finally:
            self._here -= 1

    async def recover(self) -> int:
        """Apply what was kept and not applied: the process ended in between. How many there were.

        Raises:
            SourceUnavailable: the database does not answer.
        """
        waiting = select(message.c.id, message.c.body).where(message.c.state == STORED).order_by(message.c.id)
        rows = await self._store.read(lambda connection: connection.execute(waiting).all())
        for row in rows:
            header = _header(row.body, self._settings.codec)
            async with self._turn:
                await self._applied(row.id, row.body, header, self._deeds(row.body))
        return len(rows)

    async def forget(self, older_than: timedelta) -> None:
        """Let go of messages that were dealt with, and came longer ago than that."""
        before = (datetime.now(UTC) - older_than).isoformat(timespec="seconds")
        gone = delete(message).where(message.c.state != STORED, message.c.received < before)
        await self._store.write(lambda connection: connection.execute(gone))

    async def _taken(self, raw: bytes, header: Header) -> bytes:
        done = self._deeds(raw)
        kept = await self._store.write(partial(self._keep, raw=raw, header=header, told=done))
        if kept.answer is not None:
            self._observers.saw(observing.Outcome.CONFLICT if kept.refused else observing.Outcome.DUPLICATE)
            if kept.refused is not None:
                tell(self._told, self._settings.name, kept.refused)
            return kept.answer
        return await self._applied(kept.id, raw, header, done)

    def _deeds(self, raw: bytes) -> Sequence[Deed] | Fault:
        """What the message comes to, or what is wrong with it."""
        try:
            return deeds(_message(raw, self._settings.codec), self._settings)
        except Fault as fault:
            return fault

    def _keep(self, connection: Connection, raw: bytes, header: Header, told: object) -> _Kept:
        """Keep the message, unless it was kept before or is known by a number that is another's."""
        content = _digest(raw, self._settings.codec)
        if header.control_id:
            rows = connection.execute(select(message).where(message.c.key == header.key)).all()
            if rows and all(row.digest != content for row in rows):
                return self._conflict(connection, raw, header)
            for row in rows:
                if row.digest == content:
                    return _Kept(row.id, row.answer if row.state != STORED else None)
        if isinstance(told, Fault) and not header.control_id:
            return _Kept(0, None)  # nothing to know it by again: it goes to quarantine alone
        new = {
            "key": header.key,
            "digest": content,
            "received": datetime.now(UTC).isoformat(timespec="seconds"),
            "state": STORED,
            "body": raw,
        }
        made = connection.execute(insert(message).values(**new).returning(message.c.id))
        return _Kept(made.scalar_one(), None)

    def _conflict(self, connection: Connection, raw: bytes, header: Header) -> _Kept:
        fault = Fault(DUPLICATE_KEY, "another message had this control id", Where("MSH", 1, 10))
        _log.error("a control id came twice with different messages", extra={"source": self._settings.name})
        refused = message_refused(raw, str(fault))
        keep(connection, refused)
        return _Kept(0, self._answer(header, Verdict.WRONG, fault), refused)

    async def _applied(self, id_: int, raw: bytes, header: Header, told: Sequence[Deed] | Fault) -> bytes:
        """Do what the message comes to and remember its answer, in one transaction."""
        if not isinstance(told, Fault):
            try:
                outcome = await self._store.write(partial(self._do, id_=id_, header=header, told=told))
            except Fault as fault:
                told = fault
            except SourceUnavailable:
                raise
            except Exception as error:  # noqa: BLE001 - one message must not stop those behind it
                # The class alone: what it says may quote the message.
                name = {"source": self._settings.name, "error": type(error).__name__}
                _log.error("a message could not be applied", extra=name)
                told = Fault(INTERNAL, "it could not be applied here")
            else:
                self._observers.saw(outcome.told)
                return outcome.answer
        self._observers.saw(observing.Outcome.REFUSED)
        tell(self._told, self._settings.name, message_refused(raw, str(told)))
        return await self._store.write(partial(self._bury, id_=id_, raw=raw, header=header, fault=told))

    def again(self, connection: Connection, refused: Refusal, anyway: bool) -> Retried:
        """Do what a refused message comes to by the settings of now (`quarantine.Retry`).

        Whoever sends the same message again is then answered that it was taken.
        """
        raw = refused.body
        told = self._deeds(raw)
        if isinstance(told, Fault):
            return Retried(Fate.REFUSED, str(told))
        ledger = Ledger(connection)
        try:
            outcome = _foremost({deed.done(ledger) for deed in told})
        except Fault as fault:
            return Retried(Fate.REFUSED, str(fault))
        ledger.fed()
        header = _header(raw, self._settings.codec)
        known = (message.c.key == header.key) & (message.c.digest == _digest(raw, self._settings.codec))
        said = self._answer(header, Verdict.TAKEN)
        taken = update(message).where(known, message.c.state == DEAD).values(state=DONE, answer=said)
        connection.execute(taken)
        return Retried(_FATES[outcome])

    def _do(self, connection: Connection, id_: int, header: Header, told: Sequence[Deed]) -> _Done:
        ledger = Ledger(connection)
        outcome = _foremost({deed.done(ledger) for deed in told})
        ledger.fed()
        ledger.told()
        said = self._answer(header, Verdict.TAKEN)
        self._mark(connection, id_, DONE, said)
        return _Done(said, _SEEN[outcome])

    def _bury(self, connection: Connection, id_: int, raw: bytes, header: Header, fault: Fault) -> bytes:
        said = self._answer(header, Verdict.WRONG, fault)
        keep(connection, message_refused(raw, str(fault)))
        self._mark(connection, id_, DEAD, said)
        return said

    def _mark(self, connection: Connection, id_: int, state: str, said: bytes) -> None:
        changed: dict[str, Any] = {"state": state, "answer": said}
        if state == DEAD:
            changed["body"] = b""  # the quarantine has it
        connection.execute(update(message).where(message.c.id == id_).values(**changed))

    def _not_now(self, header: Header, why: str) -> bytes:
        self._observers.saw(observing.Outcome.NOT_NOW)
        return self._answer(header, Verdict.NOT_NOW, why=why)

    def _answer(self, header: Header, verdict: Verdict, fault: Fault | None = None, why: str = "") -> bytes:
        return answer(header, verdict, self._settings.time_zone, fault, why)


class _Done(NamedTuple):
    """The answer to a message that was applied, and what it did."""

    answer: bytes
    told: observing.Outcome


_SEEN = {
    Outcome.APPLIED: observing.Outcome.APPLIED,
    Outcome.STALE: observing.Outcome.STALE,
    Outcome.UNCHANGED: observing.Outcome.IDLE,
}


def _foremost(outcomes: set[Outcome]) -> Outcome:
    """What a message did, of all that its parts did."""
    if Outcome.APPLIED in outcomes:
        return Outcome.APPLIED
    return Outcome.STALE if Outcome.STALE in outcomes else Outcome.UNCHANGED


def _message(raw: bytes, codec: str) -> Message:
    return parsed(*decoded(raw, codec))


def _header(raw: bytes, codec: str) -> Header:
    """The message's header, as far as it has one: an answer needs it whatever is wrong with the rest."""
    try:
        text, codec = decoded(raw, codec)
    except Fault:
        # Whose bytes are in no character set still wants an answer; each byte stands for itself.
        text, codec = raw.decode("latin-1"), "latin-1"
    first = text.replace("\n", "\r").partition("\r")[0]
    try:
        syntax_of(first, codec)
        return Header.of(parsed(first, codec).header)
    except Fault:
        return _NOBODY


def _digest(raw: bytes, codec: str) -> bytes:
    """What tells the message from others; one that cannot be read is told by all its bytes."""
    try:
        return digest(_message(raw, codec))
    except Fault:
        return sha256(raw).digest()

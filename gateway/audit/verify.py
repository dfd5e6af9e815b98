"""Whether a trail is what was written: every record there, unchanged, in its place. Needs no secret; with it,
also whether it was we who wrote it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from gateway.audit.chain import Head, Seals, Span, beginning
from gateway.audit.trail import Part, RecordUnreadable, Stored


class Fault(NamedTuple):
    """Something is wrong at record `seq`; `what` is a sentence in fixed words."""

    seq: int
    what: str

    def __str__(self) -> str:
        return f"record {self.seq}: {self.what}"


CHANGED = "it, or the one before it, was changed, moved or put in"
MISSING = "it is missing, and all up to the next that is named or there"
BEHIND = "it lies behind the end of the trail"
CUT = "it is missing, and all after it: the trail once was longer"
UNREADABLE = "it can't be read"
PLAN = "the plan it refers to is missing or was changed"
SEAL = "the seal on the trail that ends here was not made with this secret"
OPENED = "the trail goes on although it was closed here"
APART = "the file that begins here is not of the trail before it"
ANOTHER = "a checkpoint tells of another trail: this one was begun in its place"
OTHERWISE = "a checkpoint says otherwise: this record, or one before it, was changed"


class Checkpoint(NamedTuple):
    """Where a chain once stood."""

    chain: str
    head: Head
    seal: bytes

    @staticmethod
    def of(line: str) -> Checkpoint:
        """The checkpoint that a line of the file of checkpoints is. Raises ValueError."""
        chain, seq, hash_, _, seal = line.split()
        return Checkpoint(chain, Head(int(seq), bytes.fromhex(hash_)), bytes.fromhex(seal))

    @property
    def span(self) -> Span:
        return Span(self.chain, beginning(self.chain), self.head, is_closed=False)


@dataclass
class Verifier:
    """Reads the parts of one trail in order, and gathers what is wrong.

    `is_all`: there are no parts behind those it reads.
    """

    seals: Seals | None = None
    checkpoints: Sequence[Checkpoint] = ()
    is_all: bool = True
    first: int | None = None
    count: int = 0
    faults: list[Fault] = field(default_factory=list)
    _last: Span | None = None
    _hashes: dict[int, object] = field(default_factory=dict)

    def part(self, part: Part) -> None:
        """The next part of the trail."""
        span = part.span
        if self.first is None:
            self.first = span.begin.seq + 1
        self.faults.extend(self._links(span))
        self.faults.extend(self._records(part))
        if self.seals is not None and not _is_sealed(self.seals, span, part.seal):
            self.faults.append(Fault(span.end.seq, SEAL))
        self._last = span

    def end(self) -> None:
        """There are no more parts."""
        if self._last is None:
            return
        for checkpoint in self.checkpoints:
            self.faults.extend(self._compared(checkpoint, self._last))

    @property
    def head(self) -> Head | None:
        """Where the trail ends, as it says itself."""
        return self._last.end if self._last is not None else None

    def _links(self, span: Span) -> Iterator[Fault]:
        last = self._last
        if last is None:
            if span.begin.seq == 0 and span.begin != beginning(span.chain):
                yield Fault(1, APART)
            return
        if not last.is_closed:
            yield Fault(last.end.seq, OPENED)
        if span.chain != last.chain:
            yield Fault(span.begin.seq + 1, APART)
        elif span.begin != last.end:
            yield Fault(min(span.begin.seq, last.end.seq) + 1, APART)

    def _records(self, part: Part) -> Iterator[Fault]:
        head, end = part.span.begin, part.span.end
        watched = {checkpoint.head.seq for checkpoint in self.checkpoints}
        sound = _Plans(part)
        for stored in part.records:
            if stored.seq != head.seq + 1:
                yield Fault(head.seq + 1, MISSING)
            elif not _follows(head, stored):
                yield Fault(stored.seq, CHANGED)
            if stored.seq > end.seq:
                yield Fault(stored.seq, BEHIND)
            yield from sound.faults(stored)
            # Go on from what lies there, so that one change is one fault and not one for each that follows.
            head = Head(stored.seq, stored.hash if isinstance(stored.hash, bytes) else b"")
            self.count += 1
            if stored.seq in watched:
                self._hashes[stored.seq] = stored.hash
        if head.seq < end.seq:
            yield Fault(head.seq + 1, CUT)
        elif head.seq == end.seq and head.hash != end.hash:
            yield Fault(end.seq, CHANGED)

    def _compared(self, checkpoint: Checkpoint, last: Span) -> Iterator[Fault]:
        seq = checkpoint.head.seq
        if checkpoint.chain != last.chain:
            yield Fault(last.begin.seq + 1, ANOTHER)
            return
        if self.first is not None and seq < self.first:
            return  # of a part that is kept elsewhere
        if self.seals is not None and not self.seals.holds(checkpoint.span, checkpoint.seal):
            yield Fault(seq, SEAL)
        elif seq > last.end.seq and (self.is_all or not last.is_closed):
            yield Fault(last.end.seq + 1, CUT)
        elif seq in self._hashes and self._hashes[seq] != checkpoint.head.hash:
            yield Fault(seq, OTHERWISE)


def _follows(head: Head, stored: Stored) -> bool:
    return isinstance(stored.body, bytes) and head.then(stored.body) == (stored.seq, stored.hash)


class _Plans:
    """Whether a part's records refer to plans that are there, and are what their digests say."""

    def __init__(self, part: Part) -> None:
        self._sound = {
            digest
            for digest, body in part.plans.items()
            if isinstance(body, bytes) and sha256(body).hexdigest() == digest
        }

    def faults(self, stored: Stored) -> Iterator[Fault]:
        try:
            plan = stored.record().plan
        except RecordUnreadable:
            yield Fault(stored.seq, UNREADABLE)
        else:
            if plan is not None and plan not in self._sound:
                yield Fault(stored.seq, PLAN)


def _is_sealed(seals: Seals, span: Span, seal: object) -> bool:
    return isinstance(seal, bytes) and seals.holds(span, seal)

"""The audit: what an operation tells of itself becomes a record, durable before the answer leaves."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from gateway.audit.coordinates import Coordinates
from gateway.audit.entries import OVERRIDE, Emergency, Entry, Planned, Record, encoded
from gateway.audit.pseudonyms import PREFIX, Pseudonyms
from gateway.audit.sink import AuditUnavailable, Item, Sink
from gateway.audit.writing import Writing
from policies import BREAK_GLASS, Actor, Audience

PLANS = 4096
"""How many plans are remembered; the least recently used goes first."""

TIMEOUT_S = 2.0
"""The longest an operation waits for its record."""

NAME_LENGTH = 64
"""An operation's name is recorded up to this length."""

STAFF = (["Practitioner"], ["PractitionerRole"])
"""Who is recorded by reference: the last part of it but one."""


class Audit:
    """The audit of one gateway. *secret* makes the pseudonyms; another one makes others."""

    def __init__(
        self, sink: Sink, secret: bytes, policy_version: str, *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._sink = sink
        self._pseudonyms = Pseudonyms(secret)
        self._policy_version = policy_version
        self._timeout_s = timeout_s
        self._plans: OrderedDict[Hashable, Planned] = OrderedDict()
        self._writing: Writing | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Records are taken for as long as the block runs; it belongs to one event loop."""
        writing = self._writing = Writing(self._sink, self._timeout_s)
        try:
            yield
        finally:
            self._writing = None
            await writing.end()

    def plan(self, key: Hashable, coordinates: Callable[[], Coordinates]) -> Planned:
        """What records call a plan by; *coordinates* is called where *key* was not seen lately."""
        planned = self._plans.get(key)
        if planned is None:
            planned = self._plans[key] = coordinates().planned()
            if len(self._plans) > PLANS:
                self._plans.popitem(last=False)
        else:
            self._plans.move_to_end(key)
        return planned

    async def record(self, entry: Entry) -> None:
        """Returns when the record is durable.

        Raises:
            AuditUnavailable: it is not; what touched a patient's data may not be answered then.
        """
        writing = self._writing
        if writing is None:
            raise AuditUnavailable("not running")
        await writing.put(Item(encoded(self._made(entry)), entry.plan))

    def note(self, entry: Entry) -> None:
        """Has the entry recorded, without waiting for it: for what tells nobody of a patient.

        Raises:
            AuditUnavailable: no records are taken.
        """
        writing = self._writing
        if writing is None:
            raise AuditUnavailable("not running")
        writing.add(Item(encoded(self._made(entry)), entry.plan))

    def _made(self, entry: Entry) -> Record:
        actor = entry.actor
        names = self._pseudonyms
        return Record(
            at=datetime.now(UTC),
            kind=entry.kind,
            document=entry.document,
            trace_id=entry.trace_id,
            issuer=actor.issuer,
            subject=self._subject(actor),
            client_id=actor.client_id,
            audience=actor.audience.value,
            purpose=BREAK_GLASS if entry.kind == OVERRIDE else actor.purpose.value,
            policy=self._policy_version,
            token=actor.token_id,
            fhir_user=_fhir_user(actor),
            on_behalf_of=names.patient(actor.patient) if actor.patient is not None else None,
            acting=self._acting(actor),
            operation=entry.operation[:NAME_LENGTH] if entry.operation else None,
            plan=entry.plan.digest if entry.plan is not None else None,
            patients=sorted(map(names.patient, set(entry.patients))),
            charts=sorted(map(names.chart, set(entry.charts))),
            calls=entry.calls,
            troubles=entry.troubles,
            errors=Counter(entry.codes),
            withheld=entry.withheld,
            outcome=entry.outcome,
            emergency=self._emergency(entry),
        )

    def _emergency(self, entry: Entry) -> Emergency | None:
        emergency = entry.actor.emergency
        if emergency is None:
            return None
        return Emergency(
            patient=self._pseudonyms.patient(emergency.patient),
            until=datetime.fromtimestamp(emergency.until, UTC),
            part2=emergency.part2,
            declared=emergency.declared,
            reason=entry.reason,
        )

    def _subject(self, actor: Actor) -> str:
        return self._named(actor, actor.subject)

    def _acting(self, actor: Actor) -> str | None:
        return self._named(actor, actor.acting) if actor.acting is not None else None

    def _named(self, actor: Actor, subject: str) -> str:
        """A subject of the token; of a patient a pseudonym, since a subject may be a name or an address."""
        if actor.audience is not Audience.PATIENT:
            return subject
        return PREFIX + self._pseudonyms.user(f"{actor.issuer} {subject}")


def _fhir_user(actor: Actor) -> str | None:
    """The reference of the person signed in, where that is one of the staff."""
    if actor.fhir_user is None or actor.audience is Audience.PATIENT:
        return None
    return actor.fhir_user if actor.fhir_user.split("/")[-2:-1] in STAFF else None

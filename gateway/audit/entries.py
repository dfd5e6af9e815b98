"""What is recorded of an operation: as it is told by who ran it, and as it is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import NamedTuple

import msgspec

from policies import Actor
from sources.model import Mrn, PatientId


class PlanRef(NamedTuple):
    """What a plan returns, masks and denies, as it is kept: `digest` is the SHA-256 of `body`, in hex."""

    digest: str
    body: bytes


class Masked(NamedTuple):
    """A coordinate that is shown through a mask, and the ids of the rules that made it so."""

    coordinate: str
    reasons: tuple[str, ...]


class Planned(NamedTuple):
    """What records call a plan by, and what of it an answer tells: the fields shown through a mask."""

    ref: PlanRef
    masked: tuple[Masked, ...]


OVERRIDE = "break-glass"
"""The kind of the records that tell of a use of break-glass, before anything is run."""


class Outcome(Enum):
    """How far an operation came."""

    ANSWERED = "answered"
    """Data was returned, maybe beside errors."""
    FAILED = "failed"
    """It ran, and errors alone were returned."""
    REFUSED = "refused"
    """It was not run."""
    CANCELLED = "cancelled"
    """It ran, and was cut off before it was answered: its caller left, or we stopped."""
    STARTED = "started"
    """A subscription was begun; each of its events is an operation of its own."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One operation, told to the audit.

    `document` is the document's hash, empty where its text is not GraphQL; `patients` and `charts` are those
    whose rows were read: by EHR id, or by MRN where the operation never learnt the id. `calls` counts
    exchanges by source, `troubles` says of a source that did not do well how it did, `codes` names the codes
    of the errors, `withheld` counts rows by the rule that withheld them. `reason` is what was said where
    break-glass was declared: free text of the caller's, which stands nowhere but in that record.
    """

    actor: Actor
    kind: str
    document: str
    trace_id: str
    operation: str | None = None
    plan: PlanRef | None = None
    patients: Iterable[PatientId] = ()
    charts: Iterable[Mrn] = ()
    calls: Mapping[str, int] = {}
    troubles: Mapping[str, str] = {}
    codes: Iterable[str] = ()
    withheld: Mapping[str, int] = {}
    outcome: Outcome = Outcome.ANSWERED
    reason: str | None = None

    def __repr__(self) -> str:
        """Without patients, so that none reaches a log."""
        return f"Entry(kind={self.kind!r}, document={self.document!r}, trace_id={self.trace_id!r})"


class Emergency(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The emergency that an operation was read in. `patient` is a pseudonym, `declared` the trace id of the
    declaration, in whose own record `reason` stands."""

    patient: str
    until: datetime
    declared: str
    part2: bool = False
    reason: str | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One operation as it is kept. Patients are pseudonyms; nothing here is a value of a record or a request,
    but for the reason of a break-glass.

    `on_behalf_of` is the patient in the token's context, `acting` who used it for its subject (`act`),
    `token` its `jti`, `plan` the digest of the plan, `troubles` how sources did that did not do well,
    `policy` the version of the policy, `errors` how often each code occurred, `withheld` how many rows each
    rule withheld, `emergency` for whom the glass was broken. A new field needs a default, or old records
    can't be read.
    """

    at: datetime
    kind: str
    document: str
    trace_id: str
    issuer: str
    subject: str
    client_id: str
    audience: str
    purpose: str
    policy: str
    token: str | None = None
    fhir_user: str | None = None
    on_behalf_of: str | None = None
    acting: str | None = None
    operation: str | None = None
    plan: str | None = None
    patients: list[str] = []
    charts: list[str] = []
    calls: Mapping[str, int] = {}
    troubles: Mapping[str, str] = {}
    errors: Mapping[str, int] = {}
    withheld: Mapping[str, int] = {}
    outcome: Outcome = Outcome.ANSWERED
    emergency: Emergency | None = None


encoded = msgspec.json.Encoder().encode
"""The record as it is kept and hashed: JSON, fields in the order of the class, defaults left out."""

decoded = msgspec.json.Decoder(Record).decode
"""The record of a stored body. Raises msgspec.MsgspecError."""

"""Owns the projection's tables: what is kept of a practice whose system cannot be asked, only listened to."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

SCHEMA_VERSION = 2
"""Raised with every change of the tables; a store of another version is not opened."""

UNSCHEDULED = 2**62
"""`starts_us` of an appointment without a start: it sorts after all others."""

metadata = MetaData()

_Sequence = BigInteger().with_variant(Integer(), "sqlite")
"""A row number that the database gives: SQLite counts by its INTEGER PRIMARY KEY alone."""

FORGOTTEN = "forgotten"
"""In `meta`: the last row of the journal that was let go of."""

TOLD = "told"
"""In `meta`: the instant as of which the feed has told."""

meta = Table("meta", metadata, Column("name", String(64), primary_key=True), Column("value", Text))

patient = Table(
    "patient",
    metadata,
    Column("mrn", String(128), primary_key=True),
    Column("record", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("event_us", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
)

retired = Table(
    "retired",
    metadata,
    Column("mrn", String(128), primary_key=True),
    Column("surviving", String(128), nullable=False, index=True),
    Column("event_us", BigInteger, nullable=False),
)
"""MRNs that were merged into others. INVARIANT: no `surviving` is itself retired."""

appointment = Table(
    "appointment",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("filler_id", String(128), index=True),
    Column("placer_id", String(128), index=True),
    Column("mrn", String(128), nullable=False),
    Column("status", String(32), nullable=False),
    Column("starts_us", BigInteger, nullable=False),
    Column("visit_number", String(128), index=True),
    Column("record", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("event_us", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("is_deleted", Boolean, nullable=False),
    Index("appointment_of_patient", "mrn", "starts_us", "id"),
    Index("appointment_by_start", "starts_us", "id"),
)
"""One row an appointment; the columns beside `record` are what is asked by. A deleted one keeps its row, so
that an update from before its deletion does not bring it back."""

appointment_npi = Table(
    "appointment_npi",
    metadata,
    Column("npi", String(64), primary_key=True),
    Column("appointment_id", String(64), primary_key=True, index=True),
)

location = Table(
    "location",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("record", LargeBinary, nullable=False),
)

coverage = Table(
    "coverage",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("mrn", String(128), nullable=False, index=True),
    Column("record", LargeBinary, nullable=False),
)

balance = Table(
    "balance",
    metadata,
    Column("mrn", String(128), primary_key=True),
    Column("record", LargeBinary, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("seq", _Sequence, primary_key=True),
    Column("type", String(16), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("record_id", String(64), nullable=False),
    Column("mrn", String(128), nullable=False),
    Column("version", Integer, nullable=False),
    Column("occurred", String(40), nullable=False),
    Column("received", String(40), nullable=False),
    sqlite_autoincrement=True,
)
"""What changed, in the order in which it was applied, by ids alone. A patient has no id here but the MRN."""

message = Table(
    "message",
    metadata,
    Column("id", _Sequence, primary_key=True),
    Column("key", LargeBinary, nullable=False, index=True),
    Column("digest", LargeBinary, nullable=False),
    Column("received", String(40), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("body", LargeBinary, nullable=False),
    Column("answer", LargeBinary),
    sqlite_autoincrement=True,
)
"""Messages as they came, kept before they are answered. `key` is a hash of sender, day and control id."""

file = Table(
    "file",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("feed", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("stamp", String(64), nullable=False),
    Column("received", String(40), nullable=False),
    Column("state", String(16), nullable=False),
    Column("bad", Integer, nullable=False),
)
"""Files that were dealt with, by the hash of their content; `bad` counts their rows in quarantine."""

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", _Sequence, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("received", String(40), nullable=False, index=True),
    Column("origin", String(320), nullable=False),
    Column("feed", String(64), nullable=False),
    Column("stamp", String(64), nullable=False),
    Column("why", String(255), nullable=False),
    Column("digest", LargeBinary, nullable=False, index=True),
    Column("body", LargeBinary, nullable=False),
    Column("cells", LargeBinary),
    sqlite_autoincrement=True,
)
"""What could not be applied, as it came: messages, files and single rows of files. Of files, `feed` and
`stamp` say which and as of when, and `cells` are a row's by column, in JSON."""

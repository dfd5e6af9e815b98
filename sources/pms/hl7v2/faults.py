"""Owns what is wrong with a message, in the words of table 0357: where, never what."""

from __future__ import annotations

from typing import NamedTuple

SEQUENCE = 100
REQUIRED = 101
DATA_TYPE = 102
NOT_IN_TABLE = 103
UNSUPPORTED_TYPE = 200
UNSUPPORTED_EVENT = 201
UNSUPPORTED_PROCESSING = 202
UNSUPPORTED_VERSION = 203
UNKNOWN_KEY = 204
DUPLICATE_KEY = 205
INTERNAL = 207

WORDS = {
    SEQUENCE: "Segment sequence error",
    REQUIRED: "Required field missing",
    DATA_TYPE: "Data type error",
    NOT_IN_TABLE: "Table value not found",
    UNSUPPORTED_TYPE: "Unsupported message type",
    UNSUPPORTED_EVENT: "Unsupported event code",
    UNSUPPORTED_PROCESSING: "Unsupported processing id",
    UNSUPPORTED_VERSION: "Unsupported version id",
    UNKNOWN_KEY: "Unknown key identifier",
    DUPLICATE_KEY: "Duplicate key identifier",
    INTERNAL: "Application internal error",
}


class Where(NamedTuple):
    """A place in a message: a segment by name and how many of that name there are up to it, and a field."""

    segment: str
    number: int = 1
    field: int | None = None

    def __str__(self) -> str:
        name = self.segment if self.number == 1 else f"{self.segment}[{self.number}]"
        return name if self.field is None else f"{name}-{self.field}"


class Fault(Exception):
    """A message that cannot be taken; *why* is ours, and safe for an answer and a log."""

    def __init__(self, code: int, why: str, where: Where | None = None) -> None:
        super().__init__(why if where is None else f"{where}: {why}")
        self.code = code
        self.where = where

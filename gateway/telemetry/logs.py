"""The log lines: our own messages with the keys listed here; of a library's line only where it came from.

A library's text may hold anything: an address with a name in it, an exception with a record in it.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec

OURS = ("gateway", "resolvers", "policies", "sources", "sandbox")

EXTRA = (
    "error",
    "at",
    "trace_id",
    "code",
    "source",
    "client",
    "why",
    "refusal",
    "outcome",
    "count",
    "usual",
    "kind",
    "seconds",
    "port",
)
# Libraries whose messages are fixed texts; their arguments (paths, addresses) are not shown.
FIXED_TEXTS = frozenset({"uvicorn.error"})


class JsonLines(logging.Formatter):
    """One JSON object a line; of an exception, its class alone."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
        }
        line.update({key: record.__dict__[key] for key in EXTRA if key in record.__dict__})
        if not _is_ours(record.name):
            line.setdefault("at", f"{record.module}:{record.funcName}:{record.lineno}")
        if record.exc_info and record.exc_info[0] is not None:
            line.setdefault("error", record.exc_info[0].__name__)
        return msgspec.json.encode(line, enc_hook=_class_name).decode()


def _class_name(value: object) -> str:
    """What a log line shows of a value that is no plain one."""
    return type(value).__name__


def _is_ours(logger: str) -> bool:
    return logger.partition(".")[0] in OURS


def _message(record: logging.LogRecord) -> str:
    if _is_ours(record.name):
        return record.getMessage()
    if record.name in FIXED_TEXTS and isinstance(record.msg, str):
        return record.msg.partition("\n")[0]
    return "a library's message, not shown"


def set_up_logging(level: str = "INFO") -> None:
    """JSON lines to standard error for everything; libraries from WARNING on. Call it once, at the start."""
    out = logging.StreamHandler(sys.stderr)
    out.setFormatter(JsonLines())
    logging.basicConfig(level="WARNING", handlers=[out], force=True)
    for name in (*OURS, "uvicorn.error"):
        logging.getLogger(name).setLevel(level)
    # httpx logs every URL at INFO; uvicorn's access log has every path and query.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel("WARNING")
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = name != "uvicorn.access"

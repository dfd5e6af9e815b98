"""A process that records without end, and says which records it was told are durable.

Arguments: the directory or the database's URL, a name for its records, how many a file holds, how many to
write in all, and the largest size of any file, in bytes, that the system lets it write.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.audit import Sink, SqliteSink
from gateway.audit.checkpoints import Checkpoints
from gateway.audit.postgresql import PostgresSink
from tests.gateway.audit.made import SEALS, audit, entry


def sink_of(where: str, full: int) -> Sink:
    if not where.startswith("postgresql://"):
        return SqliteSink(Path(where), SEALS, full=full)
    with TemporaryDirectory() as nowhere:
        return PostgresSink(where, SEALS, Checkpoints(Path(nowhere) / "checkpoints", SEALS), timeout_s=50)


async def main(where: str, name: str, full: str, count: str, largest: str) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), int(largest)))
    auditing = audit(sink_of(where, int(full)), timeout_s=60)
    numbers = iter(range(int(count)))

    async def write() -> None:
        for number in numbers:
            trace_id = f"{name}-{number}"
            await auditing.record(entry(trace_id))
            os.write(1, f"{trace_id}\n".encode())

    async with auditing.running(), asyncio.TaskGroup() as tasks:
        for _ in range(16):
            tasks.create_task(write())


asyncio.run(main(*sys.argv[1:]))

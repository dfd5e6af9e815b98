"""A process that records without end, and says which records it was told are durable.

Arguments: the directory, a name for its records, how many a file holds, how many to write in all, and the
largest size of any file, in bytes, that the system lets it write.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from pathlib import Path

from gateway.audit import SqliteSink
from tests.gateway.audit.made import SEALS, audit, entry


async def main(directory: str, name: str, full: str, count: str, largest: str) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), int(largest)))
    auditing = audit(SqliteSink(Path(directory), SEALS, full=int(full)), timeout_s=60)
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

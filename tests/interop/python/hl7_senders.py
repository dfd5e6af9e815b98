"""Sends HL7 v2 messages by python-hl7: its asyncio client, its blocking client, or its command `mllp_send`.

The job is read from stdin; what the library reads in the answers is printed.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import hl7  # type: ignore[import-not-found]
from hl7.client import MLLPClient  # type: ignore[import-not-found]
from hl7.mllp import open_hl7_connection  # type: ignore[import-not-found]

HOST = "127.0.0.1"


def acknowledged(text: str) -> list[str]:
    """MSA-1 and MSA-2 of an answer."""
    msa = hl7.parse(text.strip("\x0b\x1c\r")).segment("MSA")
    return [str(msa[1]), str(msa[2])]


async def by_asyncio(port: int, text: str, encoding: str) -> str:
    """By `hl7.mllp`."""
    reader, writer = await open_hl7_connection(HOST, port, encoding=encoding)
    writer.writemessage(hl7.parse(text))
    await writer.drain()
    answer = await reader.readmessage()
    writer.close()
    return str(answer)


def by_client(port: int, text: str, encoding: str) -> str:
    """By `hl7.client`."""
    with MLLPClient(HOST, port, encoding=encoding) as client:
        answer: bytes = client.send_message(hl7.parse(text))
    return answer.decode()


def by_command(port: int, text: str, encoding: str) -> str:
    """By `mllp_send`."""
    command = Path(sys.executable).parent / "mllp_send"
    with NamedTemporaryFile() as file:
        file.write(text.encode(encoding))
        file.flush()
        sent = [str(command), "--loose", "--file", file.name, "--port", str(port), HOST]
        return subprocess.run(sent, capture_output=True, check=True).stdout.decode()


def main() -> None:
    job: dict[str, Any] = json.load(sys.stdin)
    ways = {
        "hl7.mllp": lambda *each: asyncio.run(by_asyncio(*each)),
        "hl7.client": by_client,
        "mllp_send": by_command,
    }
    send = ways[job["kit"]]
    answers = [acknowledged(send(job["port"], each["text"], each["encoding"])) for each in job["messages"]]
    sys.stdout.write(json.dumps({"answers": answers}) + "\n")


if __name__ == "__main__":
    main()

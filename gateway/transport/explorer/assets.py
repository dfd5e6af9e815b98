"""The bundled files of the explorer: a closed list, read once, compressed when first asked for."""

import gzip
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

FOLDER: Final = Path(__file__).parent / "assets"
MANIFEST: Final = "manifest.json"

_MEDIA_TYPES: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
# The name holds a hash of the content: under this name there will never be another one.
_FOREVER: Final = "public, max-age=31536000, immutable"
_RECHECKED: Final = "no-cache"


class BundleMissing(Exception):
    """The explorer's bundle is not where the package keeps it."""

    def __init__(self) -> None:
        super().__init__("the explorer's bundle is missing or incomplete; build it with scripts/explorer")


class Entry(msgspec.Struct, frozen=True):
    """What the page loads first: the file names that the build wrote into the manifest."""

    script: str
    style: str
    icon: str


@dataclass(frozen=True, slots=True)
class Assets:
    """The files of one bundle by name, and the three that the page names itself."""

    entry: Entry
    files: dict[str, Path]

    async def serve(self, request: Request) -> Response:
        """One file; a name outside the bundle is a 404, whatever it spells."""
        name: str = request.path_params["name"]
        path = self.files.get(name)
        if path is None:
            return PlainTextResponse("The explorer has no such file.\n", status_code=404)
        packed = "gzip" in request.headers.get("accept-encoding", "")
        # Compressing megabytes takes tens of milliseconds: not on the event loop.
        body = await to_thread.run_sync(_packed if packed else _plain, path)
        return Response(body, headers=_headers(path, packed), media_type=_MEDIA_TYPES[path.suffix])


def load_assets(folder: Path = FOLDER) -> Assets:
    """The bundle in *folder*.

    Raises:
        BundleMissing: there is none, or a file that its manifest names is not there.
    """
    try:
        entry = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Entry)
    except (OSError, msgspec.DecodeError):
        raise BundleMissing from None
    files = {path.name: path for path in folder.iterdir() if path.suffix in _MEDIA_TYPES}
    if not {entry.script, entry.style, entry.icon} <= files.keys():
        raise BundleMissing
    return Assets(entry, files)


def _headers(path: Path, packed: bool) -> dict[str, str]:
    headers = {
        "Cache-Control": _FOREVER if "-" in path.stem else _RECHECKED,
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept-Encoding",
    }
    return {**headers, "Content-Encoding": "gzip"} if packed else headers


@cache
def _plain(path: Path) -> bytes:
    return path.read_bytes()


@cache
def _packed(path: Path) -> bytes:
    # No time stamp: the same file gives the same bytes in every process.
    return gzip.compress(_plain(path), compresslevel=6, mtime=0)

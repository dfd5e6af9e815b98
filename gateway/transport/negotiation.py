"""Media types: which the client accepts best, and whether its body is one we read (RFC 9110 section 12)."""

import enum
import functools


class MediaType(enum.Enum):
    """What a response may be encoded as."""

    RESPONSE = b"application/graphql-response+json; charset=utf-8"
    JSON = b"application/json; charset=utf-8"
    EVENTS = b"text/event-stream; charset=utf-8"


_RANGES = {
    "application/graphql-response+json": ((MediaType.RESPONSE,), 2),
    "application/json": ((MediaType.JSON,), 2),
    "application/*": ((MediaType.RESPONSE, MediaType.JSON), 1),
    "text/event-stream": ((MediaType.EVENTS,), 2),
    "text/*": ((MediaType.EVENTS,), 1),
    "*/*": (tuple(MediaType), 0),
}
_UTF_8 = frozenset({"utf-8", "utf8"})


@functools.lru_cache(maxsize=256)
def accepted(accept: bytes | None) -> MediaType | None:
    """The media type to answer in, or None when the client takes neither of ours.

    By quality, then by how exactly it was named; a client that names both exactly gets the newer one, and a
    client that only says "anything" gets plain JSON, as clients from before 2025 expect. Events are for those
    who prefer them to both: clients that name them beside JSON mean the operations that need them.
    """
    if accept is None:
        return MediaType.JSON
    weighed: dict[MediaType, tuple[int, float]] = {}
    for named, exactness, quality in _ranges(accept.decode("latin-1")):
        for media_type in named:
            weighed[media_type] = max(weighed.get(media_type, (-1, 0.0)), (exactness, quality))
    newer, plain, events = (
        _rank(weighed.get(media_type))
        for media_type in (MediaType.RESPONSE, MediaType.JSON, MediaType.EVENTS)
    )
    whole = max(filter(None, (newer, plain)), default=None)
    if events is not None and (whole is None or events > whole):
        return MediaType.EVENTS
    if whole is None:
        return None
    exactly_both = newer == plain and newer is not None and newer[1] == 2
    if plain is None or (newer is not None and (newer > plain or exactly_both)):
        return MediaType.RESPONSE
    return MediaType.JSON


@functools.lru_cache(maxsize=256)
def is_json(content_type: bytes | None) -> bool:
    """Whether a request body is JSON in UTF-8. It also keeps foreign pages out.

    No page can send `application/json` to another site without the browser asking us first.
    """
    if content_type is None:
        return False
    essence, parameters = _parts(content_type.decode("latin-1"))
    return essence == "application/json" and parameters.get("charset", "utf-8").lower() in _UTF_8


def _ranges(accept: str) -> list[tuple[tuple[MediaType, ...], int, float]]:
    """The ranges that can be about us: of which types, how exactly named, with which quality."""
    found = []
    for part in accept.split(","):
        essence, parameters = _parts(part)
        quality = _quality(parameters.get("q", "1"))
        known = _RANGES.get(essence)
        if known and quality is not None and parameters.get("charset", "utf-8").lower() in _UTF_8:
            found.append((*known, quality))
    return found


def _parts(media_type: str) -> tuple[str, dict[str, str]]:
    essence, *rest = media_type.split(";")
    pairs = (parameter.partition("=") for parameter in rest)
    return essence.strip().lower(), {
        name.strip().lower(): value.strip().strip('"') for name, _, value in pairs
    }


def _quality(text: str) -> float | None:
    """A weight of RFC 9110 section 12.4.2; a range with a malformed one is passed over."""
    whole, dot, decimals = text.partition(".")
    if whole not in {"0", "1"} or len(decimals) > 3 or not (decimals or "0").isdecimal():
        return None
    quality = float(whole + dot + decimals) if decimals else float(whole)
    return quality if quality <= 1 else None


def _rank(weight: tuple[int, float] | None) -> tuple[float, int] | None:
    """Quality first; None when it was not named, or was named to be ruled out."""
    if weight is None or weight[1] == 0:
        return None
    return weight[1], weight[0]

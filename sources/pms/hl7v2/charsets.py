"""Owns the character sets of MSH-18 (table 0211), and the reading of a message's bytes in its own."""

from __future__ import annotations

from sources.pms.hl7v2.faults import DATA_TYPE, NOT_IN_TABLE, Fault, Where

_MSH_18 = Where("MSH", 1, 18)
_LATIN = (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)

CODECS = {
    "ASCII": "ascii",
    "UNICODE UTF-8": "utf-8",
    "UNICODE": "utf-8",  # the other encodings of it have bytes that MLLP takes for its own
    "GB 18030-2000": "gb18030",
    "BIG-5": "big5",
    "KS X 1001": "euc_kr",
    **{f"8859/{part}": f"iso8859-{part}" for part in _LATIN},
}
"""The Python codec of each name that may stand in MSH-18."""


def codec_of(name: str) -> str:
    """The codec of a name of table 0211.

    Raises:
        Fault: there is none.
    """
    codec = CODECS.get(name.strip().upper())
    if codec is None:
        raise Fault(NOT_IN_TABLE, "a character set that is not read here", _MSH_18)
    return codec


def decoded(raw: bytes, default: str) -> tuple[str, str]:
    """The text of a message, and its codec: that of MSH-18 or, where it says none, *default*.

    Raises:
        Fault: the bytes are not in that character set, or it is not read here.
    """
    codec = _named(raw) or default
    try:
        return raw.decode(codec), codec
    except UnicodeDecodeError:
        raise Fault(DATA_TYPE, "the bytes are not in the message's character set", _MSH_18) from None


def _named(raw: bytes) -> str | None:
    """The codec MSH-18 names. Until it is known, all that is certain of the header is its ASCII."""
    header = raw.replace(b"\n", b"\r").partition(b"\r")[0].decode("latin-1")
    fields = header.split(header[3:4]) if len(header) > 4 else []
    names = fields[17].split(fields[1][1:2] or "~") if len(fields) > 17 else []
    codecs = {codec_of(name) for name in names if name.strip()}
    if len(codecs) > 1:
        # Only with escapes that switch between them, which hardly anyone sends.
        raise Fault(NOT_IN_TABLE, "more than one character set", _MSH_18)
    return next(iter(codecs), None)

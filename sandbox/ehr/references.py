"""What a FHIR Reference points to, in the one form the indexes use: `Type/id`."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

Identified = Callable[[str, str], list[str]]
"""Finds the ids of a type's resources by an identifier, `system|value`."""


def target(reference: Any, base: str, identified: Identified) -> str | None:
    """The `Type/id` that *reference* points to, or its text where it points elsewhere.

    Elsewhere is another server or a `urn:uuid:…`. A conditional reference, which bulk files hold
    (`Practitioner?identifier=system|value`), points to the one resource with that identifier. None
    where there is none or more than one, and for a reference that only has a display text.
    """
    text = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(text, str) or text.startswith("#"):
        return None
    if "?" in text:
        return _conditional(text, identified)
    return relative(text, base)


def relative(text: str, base: str) -> str:
    """*text* without this server's base URL and without a version."""
    return text.removeprefix(f"{base}/").partition("/_history/")[0]


def _conditional(text: str, identified: Identified) -> str | None:
    type_, _, query = text.partition("?")
    name, _, value = query.partition("=")
    if name != "identifier":
        return None
    found = identified(type_, unquote(value))
    return f"{type_}/{found[0]}" if len(found) == 1 else None

"""What the settings say of fields that a source sends beside those it is known to send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from sources.calling import Allowed
from sources.calling.allowed import PATH, version_of

Allow = Annotated[
    tuple[Annotated[str, Meta(min_length=1)], ...],
    Meta(
        title="a list of fields",
        description="Fields beside those that are known which it may send, each behind what it is in. They"
        " are dropped. Any other refuses its record.",
        examples=[["appointment.vendorField"]],
    ),
]


def allowed(allow: Allow) -> Allowed:
    """What those settings allow."""
    return Allowed({version_of("settings", allow): allow} if allow else {})


def faults(allow: Allow) -> Iterator[tuple[str, str]]:
    """What is wrong with them."""
    for path in allow:
        if PATH.match(path) is None:
            yield "allow", "has something that is no path of a field; write it as `appointment.vendorField`"

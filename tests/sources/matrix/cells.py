"""Owns the words of the matrix: the faults, what a client can see of one, and a cell that says which."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple


class Fault(NamedTuple):
    """What goes wrong, and what an operator does about it."""

    what: str
    do: str


_REACH = "See that it runs, and that it can be reached from the gateway's host; `caregraph check` tries it."
_SLOW = "See why it is slow. If it is always so, raise `timeout_s`."
_SPEAKS = "See what answers at its address: a proxy, a sign-in page, another kind of system?"
_VENDOR = (
    "Ask whoever runs the source. `caregraph_misread_total` and the log name the field, never its value."
)

FAULTS: dict[str, Fault] = {
    "refused": Fault("nothing listens at its address", _REACH),
    "reset": Fault("the connection is reset before an answer", _REACH),
    "slow first byte": Fault("it takes the question and says nothing", _SLOW),
    "slow body": Fault("it begins to answer and does not come to an end", _SLOW),
    "cut connection": Fault("it hangs up in the middle of an answer", _REACH),
    "429": Fault(
        "it asks us to slow down, for longer than a question may take",
        "Set `http.quota` below what the vendor allows, or have the allowance raised.",
    ),
    "500": Fault("it fails", "Ask whoever runs the source; the clients may try again."),
    "503": Fault("it is out of service for now", "Wait; the clients may try again."),
    "HTML": Fault("it answers with a page for people", _SPEAKS),
    "cut JSON": Fault("its answer ends early and says that it is whole", _SPEAKS),
    "wrong type": Fault("its answer is of another shape than its contract says", _VENDOR),
    "redirect": Fault("it sends us elsewhere", "Set the address to where it sends us, if you trust that."),
    "unknown field": Fault("one row has a field that its contract does not know", _VENDOR),
    "wrong patient's row": Fault(
        "among the rows is one of a patient who was not asked for",
        "Ask whoever runs the source, and soon: `caregraph_source_foreign_rows_total` counts such rows.",
    ),
    "duplicate row": Fault(
        "one row comes twice", "Nothing, unless it costs patients their field: see below."
    ),
    "empty page": Fault("it answers, and holds no rows", "Nothing: the patients have none there."),
    "endless paging": Fault(
        "there are more pages, or more rows, than are read",
        "Have the clients ask for less at once, or raise the source's cap.",
    ),
    "expired token": Fault("our token is no longer taken, and a new one is", "Nothing."),
    "revoked credential": Fault(
        "neither our token nor our secret or key is taken",
        "Set the new secret or key, and start the gateway again.",
    ),
    "no rights": Fault(
        "it knows us, and does not allow us this", "Grant what its page in `docs/sources/` names."
    ),
    "TLS failure": Fault(
        "its certificate or host key is not one we trust",
        "Compare it with whoever runs the source; then set `http.ca_file` or the known hosts.",
    ),
}
"""Every fault."""


class Sees(enum.Enum):
    """What the client sees: the key for code, the text for the page."""

    UNAVAILABLE = "`SOURCE_UNAVAILABLE`"
    TIMEOUT = "`SOURCE_TIMEOUT`"
    REJECTED = "`SOURCE_REJECTED`"
    MISREAD = "`SOURCE_MISREAD`"
    MISREAD_ALONE = "`SOURCE_MISREAD` for that patient; the others' rows stand"
    ANSWER = "the answer, as if nothing were wrong"
    NOTHING = "nothing, without an error"
    CUT = "what was read, with `complete: false`"
    NO_MATTER = "–"


@dataclass(frozen=True)
class Cell:
    """What a client sees of one fault of one adapter.

    `calls` is how often the source is asked for one question, and None where it is not asked by requests.
    `note` says why a fault does not apply, or how it shows here.
    """

    sees: Sees
    calls: int | None = None
    note: str = ""


Row = dict[str, Cell]


def not_applicable(why: str) -> Cell:
    """The cell of a fault that the adapter cannot meet."""
    return Cell(Sees.NO_MATTER, None, why)

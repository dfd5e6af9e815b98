"""Owns the matrix itself: for each adapter and fault, what the client sees and how often it is asked."""

from __future__ import annotations

from tests.sources.matrix.cells import FAULTS, Cell, Row, Sees, not_applicable
from tests.sources.matrix.crms import HUBSPOT, SALESFORCE, dynamics
from tests.sources.matrix.ehrs import fhir
from tests.sources.matrix.feeds import Feed
from tests.sources.matrix.folders import Files
from tests.sources.matrix.practices import FHIR, REST
from tests.sources.matrix.trying import Subject

DATABASE = "PMS: database"
MEMORY = "memory"

ADAPTERS: dict[str, Subject] = {
    "EHR: FHIR, lists": fhir("or-list"),
    "EHR: FHIR, batches": fhir("batch"),
    "EHR: FHIR, single searches": fhir("parallel"),
    "PMS: REST": REST,
    "PMS: FHIR": FHIR,
    "PMS: HL7 v2": Feed(),
    "PMS: files": Files(),
    "CRM: HubSpot": HUBSPOT,
    "CRM: Salesforce": SALESFORCE,
    "CRM: Dynamics, filters": dynamics("filter"),
    "CRM: Dynamics, batches": dynamics("batch"),
}
"""Those that can be tried as they are; the database needs a server."""

_A, _U, _T, _R, _M = Sees.ANSWER, Sees.UNAVAILABLE, Sees.TIMEOUT, Sees.REJECTED, Sees.MISREAD


def _over_http(*, at_once: int = 1, then: int = 0) -> Row:
    """What `sources/calling` decides for every adapter; a question is *at_once* requests, *then* so many."""
    return {
        "refused": Cell(_U),
        "reset": Cell(_U, 2 * at_once),
        "slow first byte": Cell(_T, at_once),
        "slow body": Cell(_T, at_once),
        "cut connection": Cell(_U, 2 * at_once),
        "429": Cell(_U, at_once, "the pause is longer than our time"),
        "500": Cell(_U, at_once),
        "503": Cell(_U, 2 * at_once),
        "HTML": Cell(_M, at_once),
        "cut JSON": Cell(_M, at_once),
        "wrong type": Cell(_M, at_once),
        "redirect": Cell(_M, at_once, "no redirect is followed"),
        "unknown field": Cell(Sees.MISREAD_ALONE, at_once + then),
        "wrong patient's row": Cell(_A, at_once + then, "the row is dropped and counted"),
        "duplicate row": Cell(_A, at_once + then, "the row counts once"),
        "empty page": Cell(Sees.NOTHING, at_once + then),
        "endless paging": Cell(Sees.CUT, 3 * at_once + then, "as many pages are read as the settings allow"),
        "expired token": Cell(_A, 2 * at_once + then, "a new token is fetched, once"),
        "revoked credential": Cell(_R, at_once),
        "no rights": Cell(_R, at_once),
        "TLS failure": Cell(_U, 0, "nothing is sent"),
    }


_TWICE_A_KEY = Cell(Sees.MISREAD_ALONE, 1, "two records of one key name neither")
_NO_HTTP = not_applicable("there is no HTTP: the practice sends, we take")
_KNOWN = Cell(_A, note="what is known from before")
_NO_ASKING = not_applicable("nobody is asked for a patient: the practice says whose a row is")

MATRIX: dict[str, Row] = {
    "EHR: FHIR, lists": _over_http(),
    "EHR: FHIR, batches": {
        **_over_http(),
        "endless paging": Cell(Sees.CUT, 5, "as many pages are read as the settings allow"),
    },
    "EHR: FHIR, single searches": _over_http(at_once=2),
    "PMS: REST": _over_http(),
    "PMS: FHIR": _over_http(then=1),
    "PMS: HL7 v2": {
        **dict.fromkeys(FAULTS, _NO_HTTP),
        "refused": Cell(_U, note="nobody has ever called: what is known is nothing, and not said to be all"),
        "reset": _KNOWN,
        "slow first byte": Cell(_A, note="the silent line is closed in time"),
        "slow body": Cell(_A, note="the silent line is closed in time"),
        "cut connection": _KNOWN,
        "HTML": Cell(_A, note="answered AE, in quarantine"),
        "cut JSON": Cell(_A, note="answered AE, in quarantine"),
        "wrong type": Cell(_A, note="answered AE, in quarantine"),
        "unknown field": Cell(_A, note="answered AA: a segment of their own is not read"),
        "wrong patient's row": _NO_ASKING,
        "duplicate row": Cell(_A, note="answered AA both times, applied once"),
        "empty page": Cell(_A, note="an empty message: answered AE, in quarantine"),
        "endless paging": Cell(_A, note="a message without end: the line is closed"),
        "TLS failure": Cell(_A, note="a sender without a certificate of ours is not let in"),
    },
    "PMS: files": {
        **dict.fromkeys(FAULTS, not_applicable("there is no HTTP: files are fetched")),
        "refused": _KNOWN,
        "reset": _KNOWN,
        "slow first byte": _KNOWN,
        "slow body": Cell(_A, note="what is known from before; the look is given up in time"),
        "cut connection": _KNOWN,
        "HTML": Cell(_A, note="the file is refused, in quarantine"),
        "cut JSON": Cell(_A, note="the checksum is wrong: the file is refused, in quarantine"),
        "wrong type": Cell(_A, note="the row is in quarantine with its line number, the others are taken"),
        "unknown field": Cell(_A, note="another header: the file is refused, in quarantine"),
        "wrong patient's row": _NO_ASKING,
        "duplicate row": Cell(_A, note="the row counts once"),
        "empty page": Cell(_A, note="a full file that would delete everything is held for a person"),
        "endless paging": Cell(_A, note="a file that is too long is refused"),
        "revoked credential": _KNOWN,
        "no rights": _KNOWN,
        "TLS failure": Cell(_A, note="another host key: nothing is sent; what is known from before"),
    },
    DATABASE: {
        "refused": Cell(_U),
        "reset": Cell(_U),
        "slow first byte": Cell(_T),
        "slow body": Cell(_T),
        "cut connection": Cell(_U),
        "429": Cell(_U, note="it takes no more connections of ours"),
        "500": Cell(_U),
        "503": Cell(_U, note="it is starting up"),
        "HTML": Cell(_U, note="it is no database that answers"),
        "cut JSON": not_applicable("its protocol says how long each row is"),
        "wrong type": Cell(Sees.MISREAD_ALONE, note="a status that has no meaning in the settings"),
        "redirect": not_applicable("a database sends nobody elsewhere"),
        "unknown field": Cell(_A, note="a column that is not mapped is not read"),
        "wrong patient's row": not_applicable("the database itself finds the rows of a patient"),
        "duplicate row": Cell(_A, note="the row counts once"),
        "empty page": Cell(Sees.NOTHING),
        "endless paging": Cell(Sees.CUT, note="more rows than the settings allow"),
        "expired token": not_applicable("there are no tokens"),
        "revoked credential": Cell(_R, note="another password, for connections from now on"),
        "no rights": Cell(_R),
        "TLS failure": Cell(_U),
    },
    "CRM: HubSpot": {
        **_over_http(),
        "duplicate row": _TWICE_A_KEY,
        "endless paging": not_applicable("a batch has no pages"),
    },
    "CRM: Salesforce": {
        **_over_http(),
        "duplicate row": _TWICE_A_KEY,
        "endless paging": Cell(_M, 20, "no more than 20 pages are read"),
    },
    "CRM: Dynamics, filters": {
        **_over_http(),
        "no rights": Cell(_R, 2, "asked by a batch, too: it may be filters that it does not allow"),
        "duplicate row": _TWICE_A_KEY,
        "endless paging": Cell(_M, 20, "no more than 20 pages are read"),
    },
    "CRM: Dynamics, batches": {
        **_over_http(),
        "wrong patient's row": Cell(
            Sees.MISREAD_ALONE, 1, "it stands where that patient's should; it is dropped and counted"
        ),
        "duplicate row": not_applicable("a key is read alone, and has one answer"),
        "endless paging": not_applicable("a key is read alone, and has one answer"),
    },
    MEMORY: dict.fromkeys(FAULTS, not_applicable("it asks nobody")),
}
"""For each adapter, each fault."""

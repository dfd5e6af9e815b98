"""Owns what a check is, and how checks are run and told of: a line each, and whether all of them agree."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TextIO

from tests.interop.kits import Kits, NotHere
from tests.interop.programs import Disagreement


class Done(NamedTuple):
    """What a check that agrees found out: the kit's version, and what was compared."""

    version: str
    said: str


@dataclass(frozen=True)
class Check:
    """What somebody else's *kit* is made to do with ours. `run` raises what does not agree, or NotHere.

    One that `is_slow` takes minutes, or downloads hundreds of megabytes.
    """

    name: str
    kit: str
    does: str
    run: Callable[[Kits], Done]
    is_slow: bool = False


class Verdict(Enum):
    """What came of a check."""

    AGREES = "agrees"
    DISAGREES = "DISAGREES"
    NOT_RUN = "not run"


class Result(NamedTuple):
    """A check that was tried."""

    check: Check
    verdict: Verdict
    version: str
    said: str
    seconds: float


def tried(checks: Iterable[Check], kits: Kits, told: TextIO) -> list[Result]:
    """Each of *checks*, with a line to *told* when it begins and when it ends."""
    results = []
    for check in checks:
        told.write(f"{check.name}: {check.kit} …\n")
        told.flush()
        result = _tried(check, kits, told)
        told.write(f"  {result.verdict.value}: {result.said} ({result.seconds:.0f} s)\n")
        results.append(result)
    return results


def _tried(check: Check, kits: Kits, told: TextIO) -> Result:
    began = time.monotonic()
    try:
        done = check.run(kits)
    except NotHere as why:
        verdict, version, said = Verdict.NOT_RUN, "–", str(why)
    except Disagreement as where:
        verdict, version, said = Verdict.DISAGREES, "–", str(where)
    except Exception as fault:  # noqa: BLE001 (whatever it is, the other checks run)
        told.write(traceback.format_exc())
        verdict, version, said = Verdict.DISAGREES, "–", _cause(fault)
    else:
        verdict, version, said = Verdict.AGREES, done.version, done.said
    return Result(check, verdict, version, said, time.monotonic() - began)


def _cause(fault: Exception) -> str:
    """What went wrong: in a group of tasks, what did first."""
    while isinstance(fault, ExceptionGroup):
        fault = fault.exceptions[0]
    return str(fault) if isinstance(fault, Disagreement) else f"{type(fault).__name__}: {fault}"


def table(results: Sequence[Result]) -> str:
    """The results as a table of Markdown."""
    rows = [("check", "kit", "version", "what is done", "result", "seconds")]
    rows.append(("---",) * 5 + ("---:",))
    for one in results:
        said = " ".join(one.said.split())[:200].replace("|", "\\|")
        result = f"{one.verdict.value}: {said}"
        rows.append(
            (one.check.name, one.check.kit, one.version, one.check.does, result, f"{one.seconds:.0f}")
        )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def exit_code(results: Sequence[Result], all_must_run: bool) -> int:
    """0 if all agree; what was not run counts as a failure only if *all_must_run*."""
    bad = {Verdict.DISAGREES} | ({Verdict.NOT_RUN} if all_must_run else set())
    return int(any(one.verdict in bad for one in results))

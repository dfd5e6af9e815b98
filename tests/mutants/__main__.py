"""Mutates the policy and the loaders, runs their tests on each mutant, and tells which survived."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from tests.mutants import trials
from tests.mutants.kept import Kept
from tests.mutants.report import Fate, explained, report, sample
from tests.mutants.targets import LOADERS, ROOT, Target, difference, policies, targets, tests

NAMES = {
    trials.SURVIVED: Fate.SURVIVED,
    trials.KILLED: Fate.KILLED,
    trials.NO_TEST: Fate.NO_TEST,
    trials.LATE: Fate.LATE,
}


def main() -> int:
    asked = _arguments()
    places = asked.places or [*policies(), *LOADERS]
    paths = list(dict.fromkeys(place.partition(":")[0] for place in places))
    chosen = [one for one in targets(paths, words=asked.deep) if {one.path, one.name} & set(places)]
    if asked.only is not None:
        chosen = [one for one in chosen if one.is_imported is (asked.only == "tables")]
    if asked.sample:
        chosen = sample(chosen, asked.sample, asked.seed)
    began = time.monotonic()
    kept = Kept(asked.results, resume=asked.resume or asked.measured)
    if asked.measured:
        fates = [(one, kept.before(one)) for one in chosen]
    else:
        fates = _all(chosen, paths, asked.processes, kept)
    text, is_well = report(fates, explained((ROOT / "docs/mutants.md").read_text()))
    sys.stdout.write(f"{text}\n{len(fates)} mutants in {(time.monotonic() - began) / 60:.1f} minutes\n")
    return 0 if is_well else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/mutants", description=__doc__)
    parser.add_argument(
        "places",
        nargs="*",
        help="files, or lines such as `policies/rows.py:47`; all of policies/ and the loaders if none",
    )
    parser.add_argument("--deep", action="store_true", help="each code and word of the classifier, too")
    parser.add_argument("--only", choices=("tables", "bodies"), help="what imports run, or what calls run")
    parser.add_argument("--sample", type=int, metavar="N", help="this many, drawn by the seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--results", type=Path, default=ROOT / ".mutants.jsonl", help="where each fate is kept"
    )
    parser.add_argument(
        "--resume", action="store_true", help="do not try again what the results say was killed"
    )
    parser.add_argument(
        "--measured", action="store_true", help="try none: tell what the results say of the files as they are"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2)
    return parser.parse_args()


def _all(
    chosen: Sequence[Target], paths: Sequence[str], processes: int, kept: Kept
) -> list[tuple[Target, Fate]]:
    """What becomes of each; what is known of it already need not be tried."""
    fates = {one: fate for one in chosen if (fate := kept.fate(one)) is not None}
    if left := [one for one in chosen if one not in fates]:
        fates |= _tried(left, paths, processes, kept)
    return [(one, fates[one]) for one in chosen]


def _tried(chosen: Sequence[Target], paths: Sequence[str], processes: int, kept: Kept) -> dict[Target, Fate]:
    """What becomes of each. The swapped are tried in a child, so that this process has no module of ours."""
    trials.repeatable()
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        trials.compiled_once(Path(folder, "compiled"))
        notes, results = Path(folder, "notes"), Path(folder, "results")
        if (child := os.fork()) == 0:
            os._exit(_warm(chosen, paths, processes, notes, results, kept))
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
            raise SystemExit("the tests must pass before mutants are tried: run scripts/test")
        told = trials.known(notes)
        fates: dict[int, int] = {int(at): fate for at, fate in json.loads(results.read_text()).items()}
        fresh = [one for at, one in enumerate(chosen) if fates.get(at, trials.FRESH) == trials.FRESH]
        trials.warm_up(told.others)
        files = trials.Files(told)
        each = (_fresh(one, told, files) for one in fresh)
        after = dict(_followed(each, processes, len(fresh), kept, files.learn))
    return {one: NAMES[after.get(one, fates.get(at, trials.SURVIVED))] for at, one in enumerate(chosen)}


def _fresh(one: Target, told: trials.Known, files: trials.Files) -> trials.Trial:
    limit = trials.limit_s(sum(told.seconds.values()))
    order = files.to_try(one.path)
    return trials.Trial(one, lambda: trials.try_fresh(one, order), limit)


def _warm(
    chosen: Sequence[Target], paths: Sequence[str], processes: int, notes: Path, results: Path, kept: Kept
) -> int:
    warm = trials.Warm(paths, notes)

    def work(session: pytest.Session, live: trials.Live) -> None:
        told = trials.known(notes)
        at = {one: index for index, one in enumerate(chosen)}
        swapped = [one for one in chosen if one.mutant.function is not None]
        found = _followed(
            (_swapped(session, live, one, told) for one in swapped), processes, len(swapped), kept
        )
        results.write_text(json.dumps({str(at[one]): fate for one, fate in found}))

    warm.then(work)
    return trials.collecting(warm, tests(paths))


def _swapped(session: pytest.Session, live: trials.Live, one: Target, told: trials.Known) -> trials.Trial:
    limit = trials.limit_s(sum(told.seconds[test] for test in trials.tests_of(one, told)))
    return trials.Trial(one, lambda: trials.try_swapped(session, live, one, told), limit)


def _followed(
    each: Iterable[trials.Trial],
    processes: int,
    of: int,
    kept: Kept,
    learn: Callable[[str, int], int] = lambda _, fate: fate,
) -> list[tuple[Target, int]]:
    """The fates, with a line on standard error now and then."""
    found: list[tuple[Target, int]] = []
    for one, code in trials.tried(each, processes):
        fate = learn(one.path, code)
        found.append((one, fate))
        if fate != trials.FRESH:
            kept.keep(one, NAMES[fate])
        if fate in (trials.SURVIVED, trials.NO_TEST):
            os.write(SHOWN, f"{one.name} survived\n{difference(one)}\n".encode())
        if len(found) % 100 == 0:
            counted = Counter(fate for _, fate in found)
            os.write(SHOWN, f"{len(found)} of {of} {dict(counted)}\n".encode())
    return found


SHOWN = os.dup(2)
"""Standard error, whatever pytest makes of it later."""

if __name__ == "__main__":
    sys.exit(main())

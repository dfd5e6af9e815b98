"""Every field of every source holds a marked value; whoever asks in whatever way, none is out of place.

The actors, their questions, the consents and labels are random, from a seed that a failure names. What each
may be shown is worked out by `tests.canary.oracle`, which knows the rules and nothing of the code.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from sandbox.ehr.quirks import ATHENAHEALTH, EPIC, HAPI, MEDPLUM, Quirks
from tests.canary.actors import AUDIENCES, BAD
from tests.canary.kinds import ROLES, Kinds
from tests.canary.running import Ran, run
from tests.canary.spoiling import COLUMNS, ELEMENTS, MESSAGES, ROWS
from tests.gateway.changes.redis_process import RedisProcess, redis_program

SHORT = 1_500
DEEP = 4_200
CONSENT = frozenset({"Consent"})
WORLDS = {
    100: Kinds(),
    101: Kinds(EPIC),
    102: Kinds(Quirks(ignored=frozenset({"_elements"})), pms="files"),
    103: Kinds(MEDPLUM, {"vendor": "medplum"}),
    104: Kinds(pms="fhir", crm="salesforce"),
    105: Kinds(EPIC, {"vendor": "epic"}, crm="dynamics"),
    106: Kinds(ATHENAHEALTH, {"vendor": "athenahealth"}, pms="hl7v2"),
    107: Kinds(HAPI, {"vendor": "hapi"}, pms="fhir"),
    108: Kinds(clinics=2),
    109: Kinds(pms="database"),
    110: Kinds(MEDPLUM),
    111: Kinds(Quirks(hidden=CONSENT, unnamed=CONSENT), shows_consents=False),
}
SPOILT = {"files": (*ROWS, *ELEMENTS), "hl7v2": MESSAGES, "database": COLUMNS}
TRANSPORTS = ("post", "get", "stream", "socket")


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    server = RedisProcess(redis_program(), tmp_path)
    server.start()
    yield server.url
    server.stop()


@pytest.mark.timeout(600)
def test_no_marked_value_is_found_where_it_may_not_be(
    tmp_path: Path, redis_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    ran = run(7, SHORT, tmp_path / "audit", Kinds(EPIC), redis_url)

    _check(ran, 7, capfd)
    for audience in AUDIENCES:
        for transport in TRANSPORTS:
            assert ran.asked[f"{audience} by {transport}"] > 0, f"{audience} never asked by {transport}"


@pytest.mark.deep
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("seed", WORLDS)
def test_no_marked_value_is_found_in_many_worlds(
    seed: int,
    tmp_path: Path,
    redis_url: str,
    request: pytest.FixtureRequest,
    capfd: pytest.CaptureFixture[str],
) -> None:
    kinds, log = WORLDS[seed], redis_url if seed % 2 else None
    at = request.getfixturevalue("postgres").database() if kinds.pms == "database" else None

    ran = run(seed, DEEP, tmp_path / "audit", kinds, log, at)

    _check(ran, seed, capfd)
    for bad in BAD:
        assert ran.asked[f"as {bad}"] > 0, f"no token was {bad}"
    for mode in ("latency", "status", "html", "cut", "unknown_field", "foreign_row", "reset"):
        assert any(name.startswith(f"under fault {mode}") for name in ran.asked), f"no source was ever {mode}"
    for spoilt in SPOILT.get(kinds.pms, ()):
        assert ran.asked[f"spoilt: {spoilt}"] > 0, f"the practice never told {spoilt}"
    told = ran.watch.seen["clinician events"]
    assert told > 0 or not ran.kinds.tells_changes, "nobody was told of a change"


def _check(ran: Ran, seed: int, capfd: pytest.CaptureFixture[str]) -> None:
    """No leak; and that there was something to leak, for everybody."""
    written = capfd.readouterr()
    ran.watch.none_in("standard error", (written.err + written.out).encode())
    with capfd.disabled():
        sys.stdout.write(f"\nseed {seed}: {ran.text()}\n")
    told = "\n".join(str(leak) for leak in ran.watch.leaks[:20])
    assert not ran.watch.leaks, f"seed {seed}: {len(ran.watch.leaks)} leaks\n{told}"
    assert not ran.watch.missing, f"seed {seed}: not shown to those who may see it: {ran.watch.missing[:20]}"
    _check_everybody(ran, AUDIENCES if ran.kinds.shows_consents else ("patient",))
    for place in ("logs", "spans", "metrics", "audit", "cache keys", "change log"):
        assert ran.watch.seen[f"bytes of {place}"] > 0, f"nothing was written to the {place}"
    for source in ran.kinds.asked:
        assert ran.watch.seen[f"{source} requests"] > 0, f"the {source} was never asked"
    for source in ROLES:
        assert ran.watch.seen[f"marks of the {source} shown"] > 0, f"of the {source} nothing was shown"


def _check_everybody(ran: Ran, audiences: Sequence[str]) -> None:
    """Everybody was shown something and denied something, and had masked what is masked for them."""
    for audience in audiences:
        assert ran.watch.seen[f"{audience} showing"] > 0, f"{audience} was shown nothing"
        assert ran.watch.seen[f"{audience} denied"] > 0, f"{audience} was denied nothing"
    for audience in {"partner", "crm", "ai"}.intersection(audiences):
        assert ran.watch.seen[f"{audience} masked"] > 0, f"for {audience} nothing was masked"
    assert ran.watch.seen["refused tokens"] > 0
    assert ran.watch.seen["in emergencies"] > 0

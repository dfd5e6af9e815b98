"""Whatever is done to a trail is found: any change, removal, insertion or exchange, wherever it is."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gateway.audit import MemorySink, Seals, SqliteSink
from gateway.audit.chain import Head, Span, beginning
from gateway.audit.trail import Part, Stored, TrailUnreadable, opened
from gateway.audit.verify import Checkpoint, Verifier
from tests.gateway.audit.made import (
    SEALS,
    checkpoint,
    checkpoints,
    entry,
    faults,
    plan,
    recorded,
    records,
    tampered,
    trail,
    verified,
)

COUNT = 8
unhurried = settings(deadline=None)

CHANGED = "it, or the one before it, was changed, moved or put in"
CUT = "it is missing, and all after it: the trail once was longer"
SEAL = "the seal on the trail that ends here was not made with this secret"


def made(name: str = "t") -> Part:
    sink = MemorySink(SEALS)
    asyncio.run(recorded(sink, [entry(f"{name}{n}", plan=plan(n % 3)) for n in range(COUNT)]))
    return sink.part


PART = made()
ROWS: list[Stored] = list(PART.records)
FOREIGN: list[Stored] = list(made("other").records)


def found(part: Part, **how: object) -> list[str]:
    verifier = Verifier(**how)  # type: ignore[arg-type]
    verifier.part(part)
    verifier.end()
    return [str(fault) for fault in verifier.faults]


def flipped(text: bytes, at: int, bit: int) -> bytes:
    return text[: at % len(text)] + bytes([text[at % len(text)] ^ bit]) + text[at % len(text) + 1 :]


@st.composite
def rows(draw: st.DrawFn) -> Stored:
    """A row as it was, or as somebody made it of others: its number, hash and record from anywhere."""
    number, hash_, body = (draw(st.sampled_from([*ROWS, *FOREIGN])) for _ in range(3))
    assert isinstance(body.body, bytes)
    record = draw(st.sampled_from([body.body, None, "text", b"", b"{}"]))
    if record == body.body and draw(st.booleans()):
        record = flipped(body.body, draw(st.integers(0, 10_000)), draw(st.sampled_from([1, 2, 64])))
    return Stored(draw(st.sampled_from([number.seq, number.seq + 1, 0])), hash_.hash, record)


@st.composite
def edited(draw: st.DrawFn) -> list[Stored]:
    """The rows of the trail after one to three edits, in the order of their numbers, as a file gives them."""
    lying = list(ROWS)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lying)))
        edit = draw(st.sampled_from(["put", "take", "swap", "replace"]))
        if edit == "put":
            lying.insert(at, draw(rows()))
        elif edit == "take":
            del lying[at : at + draw(st.integers(1, 4))]
        elif edit == "replace" and at < len(lying):
            lying[at] = draw(rows())
        elif edit == "swap" and at < len(lying):
            other = draw(st.integers(0, len(lying) - 1))
            one, two = lying[at], lying[other]
            lying[at], lying[other] = one._replace(seq=two.seq), two._replace(seq=one.seq)
    return sorted({row.seq: row for row in lying}.values(), key=lambda row: row.seq)


def test_an_untouched_trail_is_whole() -> None:
    assert found(PART, seals=SEALS) == []


@given(edited())
@settings(deadline=None, max_examples=400)
def test_rows_that_are_not_those_written_are_found(lying: list[Stored]) -> None:
    assume(lying != ROWS)

    assert found(PART._replace(records=lying)) != []


@given(st.integers(0, COUNT - 1), st.integers(0, 10_000), st.sampled_from([1 << n for n in range(8)]))
@unhurried
def test_a_flipped_bit_names_its_record(index: int, at: int, bit: int) -> None:
    row = ROWS[index]
    assert isinstance(row.body, bytes)
    lying = [*ROWS[:index], row._replace(body=flipped(row.body, at, bit)), *ROWS[index + 1 :]]

    assert f"record {row.seq}: {CHANGED}" in found(PART._replace(records=lying))


@given(st.integers(0, COUNT - 1), st.integers(1, COUNT))
@unhurried
def test_removed_records_are_named(index: int, count: int) -> None:
    left = [*ROWS[:index], *ROWS[index + count :]]
    what = CUT if index + count >= COUNT else "it is missing, and all up to the next that is named or there"

    assert found(PART._replace(records=left)) == [f"record {index + 1}: {what}"]


@given(st.lists(st.integers(0, COUNT - 1), min_size=2, max_size=2, unique=True))
@unhurried
def test_exchanged_records_are_named(pair: list[int]) -> None:
    one, two = sorted(pair)
    lying = list(ROWS)
    lying[one], lying[two] = ROWS[two]._replace(seq=one + 1), ROWS[one]._replace(seq=two + 1)

    said = found(PART._replace(records=lying))

    assert f"record {one + 1}: {CHANGED}" in said
    assert f"record {two + 1}: {CHANGED}" in said


def rewritten(bodies: Sequence[bytes]) -> Part:
    """A trail of those records that is whole in itself, as one makes who can compute SHA-256."""
    head = beginning(PART.span.chain)
    lying = []
    for body in bodies:
        head = head.then(body)
        lying.append(Stored(*head, body))
    return PART._replace(span=PART.span._replace(end=head), records=lying)


@given(st.permutations(range(COUNT)), st.integers(0, COUNT))
@unhurried
def test_a_trail_that_was_written_anew_is_found_by_its_seal_and_by_a_checkpoint(
    order: list[int], count: int
) -> None:
    chosen = order[:count]
    assume(chosen != list(range(COUNT)))
    anew = rewritten([row.body for n in chosen if isinstance((row := ROWS[n]).body, bytes)])
    kept = Checkpoint(PART.span.chain, PART.span.end, b"")

    assert found(anew) == []  # the chain alone can't tell
    assert found(anew, seals=SEALS) == [f"record {count}: {SEAL}"]
    what = f"record {count + 1}: {CUT}"
    if count == COUNT:
        what = f"record {COUNT}: a checkpoint says otherwise: this record, or one before it, was changed"
    assert found(anew, checkpoints=[kept]) == [what]


def test_another_secret_makes_other_seals() -> None:
    assert found(PART, seals=Seals(b"another")) == [f"record {COUNT}: {SEAL}"]
    assert found(PART._replace(seal=None), seals=SEALS) == [f"record {COUNT}: {SEAL}"]


@pytest.mark.parametrize("part", ["chain", "begin", "end", "is_closed"])
def test_a_seal_covers_all_of_a_span(part: str) -> None:
    span = Span("c", Head(1, b"1" * 32), Head(2, b"2" * 32), is_closed=False)
    other = {"chain": "d", "begin": Head(1, b"3" * 32), "end": Head(3, b"2" * 32), "is_closed": True}

    assert SEALS.holds(span, SEALS.of(span))
    assert not SEALS.holds(span._replace(**{part: other[part]}), SEALS.of(span))  # type: ignore[arg-type]


def test_a_checkpoint_with_a_seal_of_another_is_found() -> None:
    kept = Checkpoint(PART.span.chain, PART.span.end, b"no seal of ours")

    assert found(PART, checkpoints=[kept]) == []
    assert found(PART, checkpoints=[kept], seals=SEALS) == [f"record {COUNT}: {SEAL}"]


def test_a_plan_that_was_changed_or_taken_away_is_named_by_each_record_that_refers_to_it() -> None:
    digest = plan(1).digest
    without = {key: body for key, body in PART.plans.items() if key != digest}
    refers = [
        f"record {row.seq}: the plan it refers to is missing or was changed"
        for row in ROWS
        if row.record().plan == digest
    ]

    assert len(refers) == 3
    assert found(PART._replace(plans=without)) == refers
    assert found(PART._replace(plans={**without, digest: b"{}"})) == refers
    assert found(PART._replace(plans={**without, digest: None})) == refers


def test_a_record_that_is_none_is_named_even_in_a_whole_chain() -> None:
    assert found(rewritten([b"{}"])) == ["record 1: it can't be read"]
    assert found(rewritten([b"\xff"])) == ["record 1: it can't be read"]


# -- files ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trail of ten records in files of four."""
    return trail(tmp_path_factory.mktemp("audit"), 10, full=4)


@pytest.fixture
def copied(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "copy"))


FIRST, SECOND, THIRD = (f"{n:012d}.db" for n in (1, 5, 9))


def test_a_trail_in_several_files_is_one_chain(written: Path) -> None:
    assert sorted(file.name for file in written.iterdir()) == [FIRST, SECOND, THIRD, "checkpoints"]
    assert [record.trace_id for record in records(written)] == [f"t{n}" for n in range(1, 11)]
    whole = verified(written, is_sealed=True, checkpoints=checkpoints(written))
    assert (whole.faults, whole.first, whole.count) == ([], 1, 10)
    assert [kept.head.seq for kept in checkpoints(written)] == [4, 8, 10]


def test_the_files_are_for_their_owner_alone(written: Path) -> None:
    assert {file.stat().st_mode & 0o777 for file in written.iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        pytest.param(
            ["UPDATE records SET body = CAST(replace(body, 'clinician', 'ai') AS BLOB) WHERE seq = 6"],
            {f"record 6: {CHANGED}"},
            id="changed",
        ),
        pytest.param(
            ["UPDATE records SET body = CAST(body AS TEXT) WHERE seq = 6"],
            {f"record 6: {CHANGED}", "record 6: it can't be read"},
            id="made text",
        ),
        pytest.param(
            ["UPDATE records SET hash = x'00' WHERE seq = 6"],
            {f"record 6: {CHANGED}", f"record 7: {CHANGED}"},
            id="hash changed",
        ),
        pytest.param(
            ["DELETE FROM records WHERE seq = 6"],
            {"record 6: it is missing, and all up to the next that is named or there"},
            id="removed",
        ),
        pytest.param(
            ["DELETE FROM records WHERE seq = 6", "UPDATE records SET seq = seq - 1 WHERE seq > 6"],
            {f"record 6: {CHANGED}", f"record 7: {CHANGED}", f"record 8: {CUT}"},
            id="removed and closed up",
        ),
        pytest.param(["DELETE FROM records WHERE seq = 8"], {f"record 8: {CUT}"}, id="the last removed"),
        pytest.param(
            ["INSERT INTO records SELECT 9, hash, body FROM records WHERE seq = 8"],
            {f"record 9: {CHANGED}", "record 9: it lies behind the end of the trail"},
            id="put in at the end",
        ),
        pytest.param(
            ["UPDATE trail SET begin_hash = x'00'"],
            {f"record 5: {CHANGED}", "record 5: the file that begins here is not of the trail before it"},
            id="beginning changed",
        ),
        pytest.param(
            ["UPDATE trail SET closed = 0"],
            {"record 8: the trail goes on although it was closed here"},
            id="opened again",
        ),
        pytest.param(
            ["UPDATE trail SET hash = x'00'"],
            {f"record 8: {CHANGED}", "record 9: the file that begins here is not of the trail before it"},
            id="end changed",
        ),
    ],
)
def test_a_file_that_was_tampered_with_is_found_without_a_secret(
    copied: Path, statements: list[str], said: set[str]
) -> None:
    tampered(copied / SECOND, *statements)

    assert set(faults(copied)) == said


def test_the_files_refuse_a_change_by_mistake(copied: Path) -> None:
    connection = sqlite3.connect(copied / FIRST)
    for statement in ("DELETE FROM records WHERE seq = 1", "UPDATE records SET body = x'' WHERE seq = 1"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("taken", "said"),
    [
        pytest.param(FIRST, [], id="the first, to an archive"),
        pytest.param(
            SECOND, ["record 5: the file that begins here is not of the trail before it"], id="the second"
        ),
        pytest.param(THIRD, [f"record 9: {CUT}"], id="the last"),
    ],
)
def test_a_file_that_was_taken_away_is_missed(copied: Path, taken: str, said: list[str]) -> None:
    (copied / taken).unlink()

    assert faults(copied, is_sealed=True, checkpoints=checkpoints(copied)) == said


def test_a_file_alone_is_judged_as_far_as_it_goes(written: Path) -> None:
    for name in (FIRST, SECOND, THIRD):
        assert faults(written / name, is_sealed=True, checkpoints=checkpoints(written)) == []


def test_a_file_of_another_trail_is_found(copied: Path, tmp_path: Path) -> None:
    other = trail(tmp_path / "other", 10, full=4)
    shutil.copy(other / SECOND, copied / SECOND)

    said = ["record 5", "record 9"]
    assert faults(copied) == [f"{at}: the file that begins here is not of the trail before it" for at in said]


def test_a_beginning_that_is_none_is_found(copied: Path) -> None:
    tampered(copied / FIRST, "UPDATE trail SET begin_hash = x'00'")

    assert faults(copied / FIRST) == [
        "record 1: the file that begins here is not of the trail before it",
        f"record 1: {CHANGED}",
    ]


def test_of_no_trail_nothing_is_said() -> None:
    verifier = Verifier(SEALS, [Checkpoint("c", Head(1, b""), b"")])
    verifier.end()

    assert (verifier.faults, verifier.head) == ([], None)


def test_a_trail_that_was_begun_anew_is_found_by_the_checkpoints_of_the_old_one(copied: Path) -> None:
    kept = checkpoints(copied)
    for name in (FIRST, SECOND, THIRD):
        (copied / name).unlink()
    trail(copied, 3)

    assert faults(copied, is_sealed=True) == []
    assert set(faults(copied, is_sealed=True, checkpoints=kept)) == {
        "record 1: a checkpoint tells of another trail: this one was begun in its place"
    }


def test_a_trail_that_is_taken_away_while_it_grows_is_missed(tmp_path: Path) -> None:
    sink = SqliteSink(tmp_path, SEALS, full=4)
    asyncio.run(recorded(sink, [entry(f"t{n}") for n in range(6)]))
    kept = checkpoint(tmp_path / SECOND)
    sink = SqliteSink(tmp_path, SEALS, full=4)

    async def taken_away() -> None:
        await recorded(Unlinking(sink, tmp_path / SECOND), [entry("gone"), entry("after")])

    asyncio.run(taken_away())

    assert [record.trace_id for record in records(tmp_path)] == ["t0", "t1", "t2", "t3", "after"]
    assert kept.head.seq == 6
    assert faults(tmp_path, is_sealed=True) == []
    assert faults(tmp_path, checkpoints=checkpoints(tmp_path))[0] == f"record 6: {CUT}"


class Unlinking(MemorySink):
    """Takes the file of the sink behind it away after each record."""

    def __init__(self, sink: SqliteSink, file: Path) -> None:
        super().__init__(SEALS)
        self._sink, self._file = sink, file
        self._is_first = True

    def append(self, items: Sequence[object]) -> Head:
        head = self._sink.append(items)  # type: ignore[arg-type]
        if self._is_first:
            self._is_first = False
            self._file.unlink()
        return head

    def close(self) -> None:
        self._sink.close()


@given(st.integers(0, 10**9), st.sampled_from([1, 4, 32, 128]))
@example(3795, 4)  # a record's key is gone
@settings(deadline=None, max_examples=150)
def test_a_flipped_bit_of_a_file_is_found_or_has_changed_no_record(written: Path, at: int, bit: int) -> None:
    there = (written / FIRST).read_bytes()
    with TemporaryDirectory() as directory:
        file = Path(directory) / FIRST
        file.write_bytes(flipped(there, at, bit))

        assert lies(file) or bodies(file) == bodies(written / FIRST)


def lies(file: Path) -> bool:
    try:
        return faults(file) != []
    except TrailUnreadable:
        return True


def bodies(file: Path) -> list[object]:
    with opened(file) as part:
        return [stored.body for stored in part.records]


@pytest.mark.parametrize("size", [0, 1, 4096, 9000])
def test_a_file_that_was_cut_or_is_something_else_is_no_trail(copied: Path, size: int) -> None:
    cut = copied / FIRST
    cut.write_bytes(cut.read_bytes()[:size])

    with pytest.raises(TrailUnreadable, match="can't be read as an audit trail"):
        verified(cut)

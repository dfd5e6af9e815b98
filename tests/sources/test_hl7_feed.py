"""The listener: what it answers, what it keeps before that, and what survives the death of its process."""

import asyncio
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from sandbox.pms.messages import Messages
from sandbox.pms.sender import Line, Mischief, line
from sources.errors import SourceUnavailable
from sources.model import Appointment, Mrn
from sources.pms.hl7v2 import Hl7Practice, Hl7Settings, ListenerSettings
from sources.pms.hl7v2.intake import Intake
from sources.pms.hl7v2.observing import Outcome
from sources.pms.projection import Store
from sources.pms.projection.tables import message
from sources.ports import AppointmentQuery, Listed
from tests.sources.hl7 import SETTINGS, Counted, feed, port_of, told
from tests.sources.practice import Served
from tests.sources.test_hl7_messages import adt, siu

pytestmark = pytest.mark.anyio

ANY: frozenset[str] = frozenset()


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
async def practice(tmp_path: Path, counted: Counted) -> AsyncIterator[Hl7Practice]:
    async with feed(tmp_path, observers=[counted]) as listened:
        yield listened


@pytest.fixture
async def sender(practice: Hl7Practice) -> AsyncIterator[Line]:
    async with line(await port_of(practice)) as opened:
        yield opened


def fields(answer: str, segment: str) -> list[str]:
    return next(row.split("|") for row in answer.split("\r") if row.startswith(segment))


def code(answer: str) -> str:
    return fields(answer, "MSA")[1]


async def status(practice: Hl7Practice) -> str | None:
    found = (await practice.appointments(["FI-100"], ANY)).get("FI-100")
    return found.status if isinstance(found, Appointment) else None


async def kept(practice: Hl7Practice) -> list[tuple[str, bytes]]:
    rows = await practice._store.read(lambda connection: connection.execute(select(message)).all())
    return [(row.state, row.body) for row in rows]


async def test_an_answer_goes_back_to_the_sender_by_the_number_of_its_message(sender: Line) -> None:
    text = siu()

    answer = await sender.send(text)

    header = fields(answer, "MSH")
    assert header[2:6] == ["TELEGW", "GW", "PMSAPP", "CLINIC1"]
    assert (header[8], header[10], header[11]) == ("ACK^S12^ACK", "P", "2.5.1")
    assert header[9] != fields(text, "MSH")[9]
    assert datetime.strptime(header[6], "%Y%m%d%H%M%S%z") <= datetime.now(UTC)
    assert fields(answer, "MSA") == ["MSA", "AA", fields(text, "MSH")[9], ""]


async def test_a_message_that_does_not_conform_is_answered_with_its_fault_and_put_in_quarantine(
    practice: Hl7Practice, sender: Line, counted: Counted
) -> None:
    text = adt("A08", "PID|1||MRN77^^^CLINIC1^MR||Müller^Jo||19601341")

    answer = await sender.send(text)

    number = fields(text, "MSH")[9]
    assert fields(answer, "MSA") == ["MSA", "AE", number, "PID-7: no day of the calendar"]
    assert fields(answer, "ERR")[:5] == ["ERR", "", "PID^1^7", "102^Data type error^HL70357", "E"]
    listed = await practice.quarantine.kept()
    assert [(it.origin, it.why) for it in listed] == [("hl7v2 message", "PID-7: no day of the calendar")]
    assert await practice.quarantine.body(listed[0].id) == text.encode()
    assert (await kept(practice), counted.outcomes) == ([("dead", b"")], [Outcome.REFUSED])
    assert await sender.send(text) == answer
    assert len(await practice.quarantine.kept()) == 1


@pytest.mark.parametrize("garbage", [b"", b"hello", b"PID|1", b"MSH|", b"\xff\xfe", b"MSH|^~\\&|\xff"])
async def test_what_is_no_message_is_answered_and_kept_all_the_same(
    practice: Hl7Practice, sender: Line, garbage: bytes
) -> None:
    answer = await sender.send(garbage)

    assert code(answer) == "AE"
    assert [it.size for it in await practice.quarantine.kept()] == [len(garbage)]
    assert code(await sender.send(siu())) == "AA"


async def test_the_same_message_again_has_the_same_answer_and_does_nothing(
    practice: Hl7Practice, sender: Line, counted: Counted
) -> None:
    text = siu()
    again = text.replace("|20261120093000-0600||SIU", "|20261120093500-0600||SIU")

    first, second = await sender.send(text), await sender.send(again)

    assert first == second
    assert counted.outcomes == [Outcome.APPLIED, Outcome.DUPLICATE]
    assert await kept(practice) == [("done", text.encode())]


async def test_another_message_under_a_number_that_was_used_is_refused_and_told_aloud(
    practice: Hl7Practice, sender: Line, counted: Counted, caplog: pytest.LogCaptureFixture
) -> None:
    text = siu()
    forged = text.replace("Booked^Booked^HL70278", "Cancelled")

    first, second, third = [await sender.send(each) for each in (text, forged, text)]

    assert (code(first), code(second)) == ("AA", "AE")
    assert fields(second, "ERR")[3] == "205^Duplicate key identifier^HL70357"
    assert third == first
    assert await status(practice) == "booked"
    assert counted.outcomes == [Outcome.APPLIED, Outcome.CONFLICT, Outcome.DUPLICATE]
    assert [it.why for it in await practice.quarantine.kept()] == [
        "MSH-10: another message had this control id"
    ]
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "a control id came twice with different messages"
    ]


async def test_a_number_may_be_used_again_on_another_day(practice: Hl7Practice, sender: Line) -> None:
    text = siu()
    next_day = text.replace("|20261120093000-0600||SIU", "|20261121093000-0600||SIU").replace(
        "Booked", "Pending"
    )

    assert [code(await sender.send(each)) for each in (text, next_day)] == ["AA", "AA"]
    assert await status(practice) == "pending"


@pytest.mark.parametrize(
    ("conditions", "good", "bad"),
    [
        ("||", ["AA"], ["AE"]),
        ("AL|NE", ["CA"], ["CE"]),
        ("NE|AL", ["AA"], ["AE"]),
        ("AL|AL", ["CA", "AA"], ["CE"]),
        ("ER|SU", ["AA"], ["CE"]),
        ("SU|ER", ["CA"], ["AE"]),
        ("NE|NE", [], []),
    ],
)
async def test_in_enhanced_mode_the_sender_says_which_answers_it_wants(
    practice: Hl7Practice, sender: Line, conditions: str, good: list[str], bad: list[str]
) -> None:
    def asking(text: str) -> str:
        return text.replace("|P|2.5.1||||||", f"|P|2.5.1|||{conditions}||", 1) if conditions != "||" else text

    for text, expected in ((asking(siu()), good), (asking(siu(PID="")), bad)):
        await sender.write(b"\x0b" + text.encode() + b"\x1c\r")
        answers = [await sender.answer() for _ in expected]
        assert [code(answer) for answer in answers] == expected
    assert code(await sender.send(siu())) == "AA"  # nothing else was said before
    assert len(await kept(practice)) == 3


async def test_an_answer_uses_the_sender_s_own_separators_and_character_set(sender: Line) -> None:
    text = siu(MSH="MSH|^~\\&|PMSAPP|CLINIC1|Bürö|GW|20261120093000-0600||SIU^S12|777|P|2.3||||||8859/1")
    other = text.replace("|", "#").replace("^", "!")

    await sender.write(b"\x0b" + other.encode("latin-1") + b"\x1c\r")
    raw = await sender._reader.readuntil(b"\x1c\r")

    assert raw[1:13] == b"MSH#!~\\&#B\xfcr"
    assert b"\rMSA#AA#777#\r" in raw


async def test_messages_come_in_parts_several_at_once_and_with_other_ends_of_lines(
    practice: Hl7Practice, sender: Line
) -> None:
    texts = [siu(SCH=f"SCH|P|FI-{n}||||B|||30|min|^^^20261201100000-0600") for n in range(4)]
    texts[3] = texts[3].replace("\r", "\r\n")
    sent = b"\r\nnoise\x0b".join([b"", *[text.encode() + b"\x1c\r" for text in texts]])
    for begin in range(0, len(sent), 700):
        await sender.write(sent[begin : begin + 700])

    assert [code(await sender.answer()) for _ in texts] == ["AA"] * 4
    assert len(await practice.appointments([f"FI-{n}" for n in range(4)], ANY)) == 4


async def test_a_message_longer_than_the_limit_ends_its_line_and_no_other(
    tmp_path: Path, counted: Counted
) -> None:
    async with feed(tmp_path, observers=[counted], max_bytes=2_000) as practice:
        port = await port_of(practice)
        async with line(port) as greedy, line(port) as modest:
            await greedy.write(b"\x0b" + b"x" * 3_000)
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await greedy.answer()
            assert code(await modest.send(siu())) == "AA"
    assert counted.outcomes == [Outcome.TOO_LONG, Outcome.APPLIED]


async def test_a_silent_line_is_closed(tmp_path: Path) -> None:
    async with feed(tmp_path, idle_s=0.1) as practice, line(await port_of(practice)) as silent:
        with pytest.raises(asyncio.IncompleteReadError):
            await silent.answer()


async def test_more_lines_than_are_taken_are_closed_and_the_others_go_on(tmp_path: Path) -> None:
    async with feed(tmp_path, max_connections=1) as practice:
        port = await port_of(practice)
        async with line(port) as first:
            assert code(await first.send(siu())) == "AA"
            async with line(port) as second:
                with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                    await second.answer()
            assert code(await first.send(siu())) == "AA"


async def test_who_sends_more_than_can_wait_is_told_to_come_again(tmp_path: Path, counted: Counted) -> None:
    store = Store("pms", f"sqlite:///{tmp_path}/pms.sqlite3")
    intake = Intake(store, Hl7Settings("pms", "America/Chicago"), [counted], waiting=2)
    texts = [siu().encode() for _ in range(5)]

    answers = await asyncio.gather(*(intake.take(text) for text in texts))

    assert sorted(code(answer.decode()) for answer in answers) == ["AA", "AA", "AR", "AR", "AR"]
    assert counted.outcomes.count(Outcome.NOT_NOW) == 3
    assert code((await intake.take(texts[4])).decode()) == "AA"
    await store.close()


async def test_what_cannot_be_kept_is_not_accepted(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Store("pms", f"sqlite:///{tmp_path}/file/pms.sqlite3")

    answer = await Intake(store, SETTINGS).take(siu().encode())

    assert (code(answer.decode()), fields(answer.decode(), "MSA")[3]) == (
        "AR",
        "it cannot be kept now; send it again later",
    )


async def test_what_no_one_thought_of_costs_one_message_and_not_those_behind_it(
    practice: Hl7Practice, sender: Line, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("sources.pms.projection.Ledger.book", lambda self, bookings: 1 // 0)
        answer = await sender.send(siu())

    assert fields(answer, "ERR")[3] == "207^Application internal error^HL70357"
    assert code(await sender.send(siu())) == "AA"
    assert [it.why for it in await practice.quarantine.kept()] == ["it could not be applied here"]
    assert "MRN77" not in caplog.text


async def test_a_whole_book_comes_over_a_line_that_doubles_reorders_and_breaks(
    tmp_path: Path, served: Served
) -> None:
    messages = Messages(served.dataset.pms.time_zone, offsets=False)
    rows = served.dataset.pms.appointments[:60]
    changed = [dict(row, version=2, updated_at="2026-11-20T23:00:00") for row in rows]
    texts = [messages.booked(row, at=datetime(2026, 11, 1, tzinfo=UTC)) for row in rows]
    texts += [messages.booked(row) for row in changed]
    sent = Mischief(duplicated=0.3, reordered=0.4, broken=0.2).done_to(texts)
    counted = Counted()
    async with feed(tmp_path, observers=[counted]) as practice, line(await port_of(practice)) as sender:
        answers = [code(await sender.send(text)) for text in sent]

        expected = {row.id: row for row in told(served.dataset)}
        found = await practice.appointments([str(row["id"]) for row in rows], ANY)
        assert {id_: without_version(row) for id_, row in found.items()} == {
            id_: without_version(expected[id_]) for id_ in found
        }
    assert len(found) == 60
    assert answers.count("AE") == sum("|BAD" in text for text in sent) > 0
    assert counted.outcomes.count(Outcome.DUPLICATE) > 0


def without_version(row: Any) -> dict[str, Any]:
    names = set(row.__struct_fields__) - {"version", "last_updated"}
    return {name: getattr(row, name) for name in names}


KILLED = """
import asyncio, os, sys
from sources.pms.hl7v2.intake import Intake
from tests.sources.hl7 import SETTINGS, feed, port_of

async def dies(self, id_, raw, header, told):
    os._exit(9)

async def main():
    from pathlib import Path
    Intake._applied = dies
    async with feed(Path(sys.argv[1])) as practice:
        print(await port_of(practice), flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
def doomed(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A gateway's listener that dies between keeping a message and applying it."""
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        yield process
        process.kill()


async def test_a_message_that_was_kept_and_not_applied_is_applied_by_the_next_process(
    tmp_path: Path, doomed: subprocess.Popen[str]
) -> None:
    assert doomed.stdout is not None
    port = int(await asyncio.to_thread(doomed.stdout.readline))
    text = siu()
    async with line(port) as sender:
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await sender.send(text)
    assert await asyncio.to_thread(doomed.wait, 30) == 9

    async with feed(tmp_path) as practice, line(await port_of(practice)) as sender:
        assert await status(practice) == "booked"
        assert await kept(practice) == [("done", text.encode())]
        assert code(await sender.send(text)) == "AA"


async def test_a_second_process_listens_when_the_first_one_ends(tmp_path: Path) -> None:
    store = Store("pms", f"sqlite:///{tmp_path}/pms.sqlite3")
    second = Hl7Practice(store, SETTINGS, ListenerSettings(port=0))
    async with feed(tmp_path) as first:
        async with line(await port_of(first)) as sender:
            await sender.send(siu())
        async with second.running():
            assert await status(second) == "booked"  # reads what the first one writes
            assert not second._is_listening.is_set()
    # What one has closed is opened again by its next use.
    async with second.running(), line(await port_of(second)) as sender:
        assert code(await sender.send(siu("S26", "20261120103000-0600"))) == "AA"


async def test_messages_that_were_dealt_with_are_let_go_of_in_time(
    practice: Hl7Practice, sender: Line
) -> None:
    await sender.send(siu())
    await practice.intake.forget(timedelta(days=1))
    assert len(await kept(practice)) == 1
    await practice.intake.forget(timedelta(days=-1))

    assert await kept(practice) == []
    assert await status(practice) == "booked"


async def test_a_port_that_is_taken_shows_in_the_health(tmp_path: Path, practice: Hl7Practice) -> None:
    store = Store("pms", f"sqlite:///{tmp_path}/other.sqlite3")
    late = Hl7Practice(store, SETTINGS, ListenerSettings(port=await port_of(practice)))
    async with late.running():
        async with asyncio.timeout(30):
            while late.health().up:  # noqa: ASYNC110 - there is no event to wait for: nothing happens
                await asyncio.sleep(0.01)


async def test_before_the_first_message_questions_have_no_answer(practice: Hl7Practice, sender: Line) -> None:
    with pytest.raises(SourceUnavailable):
        await practice.appointments(["FI-100"], ANY)
    await sender.send(siu())

    found = await practice.appointments_of([Mrn("MRN77"), Mrn("MRN1")], AppointmentQuery(), ANY)
    listed = found[Mrn("MRN77")]
    assert isinstance(listed, Listed)
    assert ([row.id for row in listed.rows], Mrn("MRN1") in found) == (["FI-100"], False)


class Authority:
    """Certificates for a listener and for a sender."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        self.ca = self._write("ca.pem", self._signed(self._name, self._key, is_ca=True))

    def issue(self, name: str) -> tuple[str, str]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        plain = serialization.NoEncryption()
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        certificate = self._write(f"{name}.pem", self._signed(subject, key, is_ca=False))
        path = self._folder / f"{name}.key"
        path.write_bytes(pem)
        return certificate, str(path)

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_ca: bool
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name: str, certificate: x509.Certificate) -> str:
        path = self._folder / name
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return str(path)


@asynccontextmanager
async def over_tls(port: int, ca: str, certificate: tuple[str, str] | None) -> AsyncIterator[Line]:
    context = ssl.create_default_context(cafile=ca)
    if certificate is not None:
        context.load_cert_chain(*certificate)
    async with line(port, "localhost", context) as opened:
        yield opened


async def test_over_tls_only_senders_with_a_certificate_are_let_in(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("listener")
    tls: dict[str, Any] = {
        "host": "localhost",
        "certificate": certificate,
        "key": key,
        "client_ca": authority.ca,
    }
    async with feed(tmp_path, **tls) as practice:
        port = await port_of(practice)
        async with over_tls(port, authority.ca, authority.issue("sender")) as sender:
            assert code(await sender.send(siu())) == "AA"
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            async with over_tls(port, authority.ca, None) as stranger:
                await stranger.send(siu())
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            async with line(port) as plain:
                await plain.send(siu())
        assert len(await kept(practice)) == 1

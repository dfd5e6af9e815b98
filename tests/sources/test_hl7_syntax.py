"""The syntax of HL7 v2 messages: what is written is read again, and what is no message is refused."""

from contextlib import suppress
from datetime import datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from sources.pms.hl7v2.charsets import decoded
from sources.pms.hl7v2.deeds import deeds
from sources.pms.hl7v2.er7 import Message, Repetition, Syntax, parsed
from sources.pms.hl7v2.faults import Fault, Where
from sources.pms.hl7v2.framing import Frames, TooLong, framed
from sources.pms.hl7v2.moments import Moments, day
from tests.sources.hl7 import SETTINGS

HERE = Where("PID", 1, 5)
unhurried = settings(deadline=None)  # a busy machine fails no property
MSH = "MSH|^~\\&|A|B|C|D|20261122093000-0600||SIU^S12|1|P|2.5.1"
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.sampled_from('|^~\\&\n\r"')
).map(lambda text: text.strip(" "))


def value(raw: str, component: int = 1, subcomponent: int = 1, codec: str = "utf-8") -> object:
    return Repetition(raw, Syntax(codec=codec), HERE).value(component, subcomponent)


@unhurried
@given(TEXT)
def test_any_text_that_is_escaped_is_read_again(text: str) -> None:
    assert value(Syntax().escaped(text)) == (text or UNSET)


@unhurried
@given(st.text(st.sampled_from("|^~\\&#$%!ab"), max_size=20), st.permutations("|^~\\&#$%!"))
def test_any_text_is_read_again_with_any_separators(text: str, signs: list[str]) -> None:
    syntax = Syntax(*signs[:5])
    header = f"MSH{syntax.field}{syntax.encoding_characters}{syntax.field}{syntax.escaped(text)}"
    message = parsed(header, "utf-8")

    assert message.syntax == syntax
    assert message.header.value(3) == (text or UNSET)


LINES = st.lists(
    st.from_regex(r"\A[A-Z][A-Z0-9]{2}(\|[a-z^~&]{0,3}){0,5}\Z").filter(lambda it: it[:3] != "MSH")
)


@unhurried
@given(LINES, st.sampled_from(["\r", "\n", "\r\n"]))
def test_a_message_that_is_written_again_is_the_same(lines: list[str], end: str) -> None:
    message = parsed(end.join([MSH, *lines]) + end, "utf-8")

    assert message.written == "".join(f"{line}\r" for line in [MSH, *lines])
    assert parsed(message.written, "utf-8") == message


@unhurried
@given(st.binary(max_size=300))
@example(b"MSH|^~\\&|")
@example(b"MSH|^~\\&|\xff")
@example(MSH.encode() + b"\rSCH|\\X\\\rPID|||\\")
def test_whatever_bytes_come_they_are_read_or_refused(raw: bytes) -> None:
    with suppress(Fault):
        deeds(parsed(*decoded(raw, "utf-8")), SETTINGS)


FIELDS = st.lists(st.text('|^~&\\"0129AEFNSXP-. é', max_size=12), min_size=1, max_size=30)


@unhurried
@given(
    st.sampled_from(["SIU^S12", "SIU^S14", "ADT^A08", "ADT^A40"]), st.lists(FIELDS, min_size=3, max_size=3)
)
def test_whatever_stands_in_the_fields_of_a_message_it_is_read_or_refused(
    event: str, fields: list[list[str]]
) -> None:
    names = {"SIU": ("SCH", "PID", "AIP"), "ADT": ("EVN", "PID", "PV1")}[event[:3]]
    if event == "ADT^A40":
        names = ("EVN", "PID", "MRG")
    header = MSH.replace("SIU^S12", event).replace("|B|", "|CLINIC1|")
    body = [f"{name}|{'|'.join(rest)}" for name, rest in zip(names, fields, strict=True)]
    if event.startswith("SIU"):
        body.insert(2, "RGS|1")
    with suppress(Fault):
        deeds(parsed("\r".join([header, *body]), "utf-8"), SETTINGS)


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("", UNSET),
        ('""', None),
        ('""^x', None),
        ("a&b^c", "a"),
        ("\\F\\\\S\\\\T\\\\R\\\\E\\", "|^&~\\"),
        ("a\\.br\\b\\H\\c\\N\\", "a\nbc"),
        ("\\XC3A9\\", "é"),
        ("\\XC3\\\\XA9\\", "é"),
        ("\\X22\\\\X22\\", '""'),
    ],
)
def test_a_value_is_text_or_deleted_or_not_told(raw: str, read: object) -> None:
    assert value(raw) == read


def test_bytes_in_escapes_are_in_the_message_s_character_set() -> None:
    assert value("\\XE9\\", codec="iso8859-1") == "é"
    with pytest.raises(Fault, match="PID-5: an escape that is not in the message's character set"):
        value("\\XE9\\")


@pytest.mark.parametrize(
    "raw", ["\\", "a\\b", "\\Q\\", "\\X4\\", "\\XZZ\\", "\\X\\", "\\Cxxyy\\", "\\X00\\", "\\X41 42\\"]
)
def test_an_escape_that_is_none_is_refused_without_being_quoted(raw: str) -> None:
    with pytest.raises(Fault, match=r"^PID-5: (an escape|a control character)") as caught:
        value(raw)
    assert raw not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "MSH", "PID|1", "MSH|^~\\", "MSH|^^\\&|", "MSH|^~\\&&|", "MSHA^~\\&A", "MSH|a~\\&|", "MSH|^~\\& |x"],
)
def test_what_does_not_begin_with_a_header_is_no_message(text: str) -> None:
    with pytest.raises(Fault):
        parsed(text, "utf-8")


@pytest.mark.parametrize("line", ["pid|1", "PIDX|1", "P", "PI-|", MSH])
def test_a_line_that_is_no_segment_is_refused(line: str) -> None:
    with pytest.raises(Fault):
        parsed(f"{MSH}\r{line}\r", "utf-8")


def with_charset(name: str, text: str, codec: str) -> bytes:
    return f"{MSH}||||||{name}\rPID|{text}\r".encode(codec)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("", "utf-8"),
        ("UNICODE UTF-8", "utf-8"),
        ("8859/1", "latin-1"),
        ("8859/15", "iso8859-15"),
        ("8859/1~8859/1", "latin-1"),
        ("BIG-5", "big5"),
        ("GB 18030-2000", "gb18030"),
    ],
)
def test_a_message_is_read_in_the_character_set_it_names(name: str, codec: str) -> None:
    text = "功許" if codec in ("big5", "gb18030") else "Müller"

    read, _ = decoded(with_charset(name, text, codec), "utf-8")

    assert text in read


def test_a_message_that_names_no_character_set_is_in_the_configured_one() -> None:
    assert "Müller" in decoded(with_charset("", "Müller", "latin-1"), "iso8859-1")[0]


@pytest.mark.parametrize(
    ("name", "codec"),
    [("ASCII", "utf-8"), ("UNICODE UTF-8", "latin-1"), ("8859/99", "utf-8"), ("8859/1~ISO IR87", "utf-8")],
)
def test_bytes_of_another_character_set_are_refused(name: str, codec: str) -> None:
    with pytest.raises(Fault, match="MSH-18"):
        decoded(with_charset(name, "Müller", codec), "utf-8")


CHICAGO = "America/Chicago"


@pytest.mark.parametrize(
    ("header", "text", "instant"),
    [
        pytest.param("20261122", "20261201100000-0500", "2026-12-01T10:00:00-05:00", id="its own offset"),
        pytest.param(
            "202611220930+0100", "202612011000", "2026-12-01T10:00:00+01:00", id="the header's offset"
        ),
        pytest.param(
            "20261122093000-0600", "202607011000", "2026-07-01T10:00:00-05:00", id="the header by the clock"
        ),
        pytest.param(
            "20261122", "202612011000", "2026-12-01T10:00:00-06:00", id="the facility's zone in winter"
        ),
        pytest.param(
            "20261122", "202607011000", "2026-07-01T10:00:00-05:00", id="the facility's zone in summer"
        ),
        pytest.param("20261122", "202611010130", "2026-11-01T01:30:00-05:00", id="a time that comes twice"),
        pytest.param("20261122", "202603080230", "2026-03-08T03:30:00-05:00", id="a time that is skipped"),
        pytest.param(
            "20261122", "20261201100000.25+0000", "2026-12-01T10:00:00.250000+00:00", id="a fraction"
        ),
    ],
)
def test_a_time_is_in_its_own_offset_or_the_header_s_or_the_facility_s_zone(
    header: str, text: str, instant: str
) -> None:
    whole = header if len(header) > 8 else f"{header}0930"

    assert Moments(CHICAGO, whole).instant(text, HERE) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "20261201",
        "2026120110",
        "20261301",
        "202612011060",
        "202612012400",
        "20261201100000-1500",
        "x",
    ],
)
def test_what_is_no_time_to_the_minute_is_refused(text: str) -> None:
    with pytest.raises(Fault, match="PID-5"):
        Moments(CHICAGO, "202611220930").instant(text, HERE)


@unhurried
@given(st.datetimes(datetime(1900, 1, 2), datetime(2100, 1, 1)), st.integers(-14 * 60 + 1, 14 * 60 - 1))  # noqa: DTZ001
def test_a_time_with_an_offset_is_that_instant(moment: datetime, minutes: int) -> None:
    sign, size = "-" if minutes < 0 else "+", abs(minutes)
    text = moment.strftime("%Y%m%d%H%M%S") + f"{sign}{size // 60:02}{size % 60:02}"

    read = datetime.fromisoformat(Moments(CHICAGO, "202611220930").instant(text, HERE))

    assert read.replace(tzinfo=None) == moment.replace(microsecond=0)
    offset = read.utcoffset()
    assert offset is not None
    assert offset.total_seconds() == minutes * 60


@pytest.mark.parametrize(
    ("text", "read"),
    [("1960", "1960"), ("196002", "1960-02"), ("19600229", "1960-02-29"), ("196002291130", "1960-02-29")],
)
def test_a_birth_date_is_as_precise_as_it_is_written(text: str, read: str) -> None:
    assert day(text, HERE) == read


@pytest.mark.parametrize("text", ["19610229", "196013", "0000", "60", "1960-02-29"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(Fault):
        day(text, HERE)


MESSAGES = st.lists(
    st.binary(max_size=30).filter(lambda it: b"\x1c\r" not in it and it[-1:] != b"\x1c"), max_size=5
)
STRAY = st.binary(max_size=5).filter(lambda it: b"\x0b" not in it)


@unhurried
@given(MESSAGES, st.lists(STRAY, min_size=6, max_size=6), st.lists(st.integers(1, 7), min_size=1))
def test_messages_come_whole_however_the_line_splits_them(
    messages: list[bytes], strays: list[bytes], sizes: list[int]
) -> None:
    sent = b"".join(stray + framed(message) for stray, message in zip(strays, messages, strict=False))
    frames, at, turn = Frames(30), 0, 0
    received: list[bytes] = []
    while at < len(sent):
        size = sizes[turn % len(sizes)]
        received += frames.feed(sent[at : at + size])
        at, turn = at + size, turn + 1

    assert received == messages
    dropped = b"".join(strays[: len(messages)])
    assert frames.strays == len(dropped) - dropped.count(b"\r") - dropped.count(b"\n")


@pytest.mark.parametrize("whole", [True, False])
def test_a_message_may_be_as_long_as_the_limit_and_no_longer(whole: bool) -> None:
    end = b"\x1c\r" if whole else b""

    assert list(Frames(10).feed(b"\x0b" + b"x" * 10 + b"\x1c\r")) == [b"x" * 10]
    assert list(Frames(10).feed(b"\x0b" + b"x" * 10 + b"\x1c")) == []
    with pytest.raises(TooLong):
        list(Frames(10).feed(b"\x0b" + b"x" * 12 + end))


def test_a_message_is_a_header_and_its_segments() -> None:
    message = parsed(f"{MSH}\rPID|1||A~B\rPID|2\r", "utf-8")

    assert isinstance(message, Message)
    assert [(segment.name, segment.number) for segment in message.segments] == [
        ("MSH", 1),
        ("PID", 1),
        ("PID", 2),
    ]
    assert [row.text() for row in message.segments[1].repetitions(3)] == ["A", "B"]
    assert [message.header.text(field) for field in (1, 3, 9, 12, 40)] == ["|", "A", "SIU", "2.5.1", None]

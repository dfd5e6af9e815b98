"""What HL7 v2 messages come to, and which of them are refused; hl7apy judges the stand-in's own."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hl7apy.parser import parse_message  # type: ignore[import-untyped]
from sqlalchemy import create_engine

from sandbox.dataset import generate
from sandbox.pms.messages import Messages
from sources.model import (
    Address,
    Appointment,
    Booked,
    CodeableConcept,
    Coding,
    ContactPoint,
    HumanName,
    Mrn,
    Patient,
)
from sources.pms.hl7v2.deeds import deeds
from sources.pms.hl7v2.er7 import parsed
from sources.pms.hl7v2.faults import Fault
from sources.pms.hl7v2.settings import Hl7Settings
from sources.pms.projection import Ledger, Outcome
from sources.pms.projection.tables import metadata

SETTINGS = Hl7Settings("pms", "America/Chicago", telehealth_services=frozenset({"VIDEO"}))
NUMBER = iter(range(1, 100_000))


def msh(event: str, at: str = "20261120093000-0600", **more: str) -> str:
    fields = {"charset": "", "processing": "P", "version": "2.5.1", **more}
    return (
        f"MSH|^~\\&|PMSAPP|CLINIC1|TELEGW|GW|{at}||{event}|MSG{next(NUMBER)}|{fields['processing']}"
        f"|{fields['version']}||||||{fields['charset']}"
    )


def siu(event: str = "S12", at: str = "20261120093000-0600", **more: str) -> str:
    """The sample of an appointment: *more* replaces whole segments, or drops them."""
    segments = {
        "MSH": msh(f"SIU^{event}^SIU_S12", at),
        "SCH": "SCH|PL-100^PMSAPP|FI-100^PMSAPP||||BOOK^Booked by phone^L|ROUTINE^Routine^HL70276"
        "|VID^Video visit^L|30|min^minutes^UCUM|^^30^20261201100000-0600^20261201103000-0600"
        "|||||1234^Reyes^Ana||||1234^Reyes^Ana"
        "|||||Booked^Booked^HL70278",
        "PID": "PID|1||MRN77^^^CLINIC1^MR~999-11-2222^^^USSSA^SS||Müller^Jo\\T\\Ann^^^^^L",
        "PV1": "PV1|1|O|TELE^^^CLINIC1||||1234^Reyes^Ana^^^^^^NPI||||||||||||V-501^^^CLINIC1^VN",
        "RGS": "RGS|1|A",
        "AIS": "AIS|1|A|VIDEO^Video consult^L|20261201100000-0600|||30|min^minutes^UCUM||Booked^Booked",
        "AIL": "AIL|1|A|TELE^^^CLINIC1",
        "AIP": "AIP|1|A|1234^Reyes^Ana^^^^^^NPI|ATND^Attending^HL70286||20261201100000-0600|||30|min",
        **more,
    }
    return "\r".join(segment for segment in segments.values() if segment) + "\r"


def adt(event: str, *segments: str, at: str = "20261120094500-0600") -> str:
    return "\r".join([msh(f"ADT^{event}", at), f"EVN|{event}|{at}", *segments]) + "\r"


BOOKED = Appointment(
    id="FI-100",
    patient_mrn=Mrn("MRN77"),
    status="booked",
    start="2026-12-01T10:00:00-06:00",
    end="2026-12-01T10:30:00-06:00",
    minutes_duration=30,
    service_type=(
        CodeableConcept(coding=(Coding(code="VIDEO", display="Video consult"),), text="Video consult"),
    ),
    reason_code=(
        CodeableConcept(
            coding=(
                Coding(
                    system="http://terminology.hl7.org/CodeSystem/v2-0276", code="ROUTINE", display="Routine"
                ),
            ),
            text="Routine",
        ),
    ),
    booked=(Booked(npi="1234", display="Ana Reyes"),),
    location_id="TELE",
    is_telehealth=True,
    visit_number="V-501",
    last_updated="2026-11-20T09:30:00-06:00",
    version="1",
)


class House:
    """A projection in memory, and what messages did to it."""

    def __init__(self, ledger: Ledger, settings: Hl7Settings) -> None:
        self.ledger = ledger
        self._settings = settings

    def take(self, text: str) -> list[Outcome]:
        return [deed.done(self.ledger) for deed in deeds(parsed(text, "utf-8"), self._settings)]

    def book(self, text: str) -> Appointment:
        self.take(text)
        found = self.ledger.appointment("FI-100")
        assert found is not None
        return found


@pytest.fixture
def house() -> Any:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        yield House(Ledger(connection), SETTINGS)
    engine.dispose()


def later(minute: int) -> str:
    return f"202611201{minute // 60}{minute % 60:02}00-0600"


def test_a_booking_becomes_an_appointment(house: House) -> None:
    assert house.book(siu()) == BOOKED


@pytest.mark.parametrize(
    ("event", "status", "expected"),
    [
        ("S12", "Booked", "booked"),
        ("S12", "PENDING", "pending"),
        ("S12", "Waitlist", "waitlist"),
        ("S12", "Overbook", "booked"),
        ("S14", "Started", "checked-in"),
        ("S14", "Complete", "fulfilled"),
        ("S15", "", "cancelled"),
        ("S16", "", "cancelled"),
        ("S17", "", "entered-in-error"),
        ("S26", "", "noshow"),
        ("S13", "", "booked"),
        ("S15", "Discontinued", "cancelled"),
        ("S17", "Deleted", "entered-in-error"),
        ("S26", "Noshow", "noshow"),
    ],
)
def test_a_status_is_that_of_the_message_or_what_its_event_makes(
    house: House, event: str, status: str, expected: str
) -> None:
    sch = siu().split("\r")[1].replace("|Booked^Booked^HL70278", f"|{status}")

    assert house.book(siu(event, SCH=sch)).status == expected


def test_what_a_message_leaves_empty_stays_and_what_it_deletes_goes(house: House) -> None:
    house.take(siu())
    sch = 'SCH|PL-100^PMSAPP|FI-100^PMSAPP||||CHG|""||||||||||||||||||'

    found = house.book(siu("S14", later(1), SCH=sch, PV1="", RGS="", AIS="", AIL="", AIP=""))

    assert found == Appointment(
        **{
            **{name: getattr(BOOKED, name) for name in BOOKED.__struct_fields__},
            "reason_code": (),
            "version": "2",
            "last_updated": "2026-11-20T10:01:00-06:00",
        }
    )


def test_a_rescheduling_moves_the_appointment(house: House) -> None:
    house.take(siu())
    sch = "SCH|PL-100|FI-100||||CHG|||45|min|^^^202607011000"

    found = house.book(siu("S13", later(1), SCH=sch, AIS=""))

    assert (found.start, found.end, found.minutes_duration) == (
        "2026-07-01T10:00:00-05:00",
        "2026-07-01T10:45:00-05:00",
        45,
    )


@pytest.mark.parametrize(
    ("timing", "start"),
    [
        ({"SCH": "SCH|P|FI-100||||B|||20|min", "TQ1": "TQ1|1||||||20261201080000-0600"}, "08"),
        (
            {
                "SCH": "SCH|P|FI-100||||B|||20|min|^^^20261201090000-0600",
                "AIS": "AIS|1||V|20261201110000-0600",
            },
            "09",
        ),
        ({"SCH": "SCH|P|FI-100||||B|||20|min", "AIS": "AIS|1||V|20261201110000-0600"}, "11"),
    ],
)
def test_a_time_is_looked_for_in_tq1_then_sch_11_then_ais(
    house: House, timing: dict[str, str], start: str
) -> None:
    order = ("MSH", "SCH", "TQ1", "PID", "PV1", "RGS", "AIS", "AIL", "AIP")
    segments = {name: "" for name in order} | {line[:3]: line for line in siu().split("\r") if line} | timing
    if "AIS" not in timing:
        segments["AIS"] = ""

    found = house.book("\r".join(segments[name] for name in order if segments[name]))

    assert (found.start, found.minutes_duration) == (f"2026-12-01T{start}:00:00-06:00", 20)


def people(*rows: tuple[str, str]) -> str:
    return "\r".join(
        f"AIP|{n}|{action}|{npi}^Name{npi}^A^^^^^^NPI" for n, (action, npi) in enumerate(rows, 1)
    )


@pytest.mark.parametrize(
    ("event", "rows", "npis"),
    [
        ("S18", [("A", "2")], ("1234", "2")),
        ("S18", [("D", "1234"), ("A", "2")], ("2",)),
        ("S19", [("U", "1234")], ("1234",)),
        ("S20", [("D", "9")], ("1234",)),
        ("S18", [("", "2")], ("2",)),
        ("S14", [("A", "2")], ("2",)),
        ("S14", [("A", "2"), ("U", "3")], ("1234", "2", "3")),
        ("S14", [("D", "1234"), ("A", "2")], ("2",)),
        ("S12", [("A", "2"), ("A", "3")], ("2", "3")),
    ],
)
def test_who_an_appointment_is_with_is_told_anew_or_by_what_became_of_each(
    house: House, event: str, rows: list[tuple[str, str]], npis: tuple[str, ...]
) -> None:
    house.take(siu())

    assert house.book(siu(event, later(1), AIP=people(*rows))).npis == npis


def test_an_id_that_is_not_said_to_be_an_npi_is_none(house: House) -> None:
    found = house.book(siu(AIP="AIP|1|A|77^Reyes^Ana^^^Dr"))

    assert found.booked == (Booked(npi=None, display="Dr Ana Reyes"),)


def test_an_appointment_keeps_its_id_when_the_filler_names_it_later(house: House) -> None:
    house.take(siu(SCH="SCH|PL-1|||||B|||30|min|^^^20261201100000-0600"))
    house.take(siu("S14", later(1), SCH="SCH|PL-1|FI-9||||B"))
    house.take(siu("S26", later(2), SCH="SCH||FI-9||||B"))

    found = house.ledger.appointment("placer.PL-1")
    assert found is not None
    assert (found.status, found.version) == ("noshow", "2")


def test_two_fillings_of_one_placing_are_two_appointments(house: House) -> None:
    when = "||||B|||30|min|^^^20261201100000-0600"
    house.take(siu(SCH=f"SCH|PL-1|FI-1{when}"))
    house.take(siu(SCH=f"SCH|PL-1|FI-2{when}"))

    assert [house.ledger.appointment(id_) is not None for id_ in ("FI-1", "FI-2")] == [True, True]


def test_slots_that_are_kept_free_are_no_appointments(house: House) -> None:
    assert house.take(siu("S23", PID="", PV1="")) == []


def test_a_stale_message_changes_nothing(house: House) -> None:
    house.take(siu(at=later(5)))

    assert house.take(siu("S15", at=later(4), SCH="SCH|PL-100|FI-100||||X")) == [Outcome.STALE]
    assert house.book(siu(at=later(5))).status == "booked"


PID = (
    "PID|1||MRN77^^^CLINIC1^MR||Müller^Jo\\T\\Ann^M^III^Dr^^L||19600229|F|||"
    "12 Elm St^^Springfield^IL^62701^USA^H"
)


def chart_of(house: House, *messages: str) -> Patient:
    for message in messages:
        house.take(message)
    found = house.ledger.patient(Mrn("MRN77"))
    assert found is not None
    return found


@pytest.mark.parametrize("event", ["A01", "A02", "A03", "A04", "A05", "A08", "A11", "A13", "A28", "A31"])
def test_demographics_are_read_from_every_event_that_has_them(house: House, event: str) -> None:
    found = chart_of(
        house, adt(event, f"{PID}||^PRN^PH^^1^217^5550100~^NET^Internet^jo@x.example|^WPN^PH^^^^123||M")
    )

    assert found.name == (
        HumanName(use="official", family="Müller", given=("Jo&Ann", "M"), prefix=("Dr",), suffix=("III",)),
    )
    assert (found.birth_date, found.gender, found.mrn) == ("1960-02-29", "female", "MRN77")
    assert found.address == (
        Address(
            use="home",
            line=("12 Elm St",),
            city="Springfield",
            state="IL",
            postal_code="62701",
            country="USA",
        ),
    )
    assert found.telecom == (
        ContactPoint(system="phone", value="+12175550100", use="home"),
        ContactPoint(system="email", value="jo@x.example", use="home"),
        ContactPoint(system="phone", value="123", use="work"),
    )
    assert found.marital_status is not None


def test_a_deleted_home_telephone_is_gone_and_all_else_stays(house: House) -> None:
    first = chart_of(house, adt("A28", f"{PID}||555-1|555-2"))
    second = chart_of(house, adt("A08", 'PID|1||MRN77^^^CLINIC1^MR||||||||||""', at=later(9)))

    assert second.telecom == (ContactPoint(system="phone", value="555-2", use="work"),)
    assert (second.name, second.birth_date, second.address) == (first.name, first.birth_date, first.address)


@pytest.mark.parametrize(
    ("code", "gender"), [("M", "male"), ("a", "other"), ("N", "other"), ("U", "unknown")]
)
def test_a_gender_is_that_of_table_0001(house: House, code: str, gender: str) -> None:
    assert chart_of(house, adt("A08", f"PID|1||MRN77^^^^MR|||||{code}")).gender == gender


def test_a_number_of_social_security_is_not_kept(house: House) -> None:
    found = chart_of(
        house, adt("A08", "PID|1||MRN77^^^^MR~999-11-2222^^^USSSA^SS||||||||||||||||999-11-2222")
    )

    assert [row.value for row in found.identifier] == ["MRN77"]


def test_a_merge_makes_the_retired_number_another_name_of_the_surviving(house: House) -> None:
    house.take(siu(PID="PID|1||MRN12^^^CLINIC1^MR"))
    merge = adt("A40", "PID|1||MRN77^^^CLINIC1^MR||Müller^Jo", "MRG|MRN12^^^CLINIC1^MR", at=later(5))

    assert house.take(merge) == [Outcome.APPLIED, Outcome.APPLIED]
    found = house.ledger.appointment("FI-100")
    assert found is not None
    assert found.patient_mrn == "MRN77"


REFUSED = [
    pytest.param(siu(PID=""), 100, "segments are missing", id="no patient"),
    pytest.param(siu(PID="PID|1||A^^^^MR\rPID|2||B^^^^MR"), 100, "segments are missing", id="two patients"),
    pytest.param(siu(PV1="", PID="", SCH="PID|1||A^^^^MR\rSCH|1|2"), 100, "out of order", id="out of order"),
    pytest.param(adt("A40", "PID|1||A^^^^MR"), 100, "PID MRG", id="a merge into nothing"),
    pytest.param(adt("A40", "PID|1||A^^^^MR", "MRG|A^^^^MR"), 102, "MRG-1", id="a merge into itself"),
    pytest.param(siu(PID="PID|1||77^^^X^PI~78^^^X^PI"), 101, "PID-3: no MRN", id="no MRN"),
    pytest.param(siu(PID="PID|1||77^^^X^MR~78^^^X^MR"), 101, "PID-3: more than one MRN", id="two MRNs"),
    pytest.param(siu(SCH="SCH|||||||||||^^^202612011000"), 101, "SCH-2: missing", id="no name"),
    pytest.param(siu(SCH="SCH|a/b|||||||||||"), 102, "SCH-1", id="a name with a slash"),
    pytest.param(siu(SCH="SCH|1|2|||||||||||||||||||||||Lost"), 103, "SCH-25", id="no status"),
    pytest.param(siu(SCH="SCH|1|2|||||||||||||||||||||||Blocked"), 103, "SCH-25", id="a blocked slot"),
    pytest.param(siu(SCH="SCH|1|2|||||||x"), 102, "SCH-9", id="no duration"),
    pytest.param(siu(SCH="SCH|1|2|||||||3|week"), 103, "SCH-9", id="an unknown unit"),
    pytest.param(siu(SCH="SCH|1|2|||||||||^^^tomorrow"), 102, "SCH-11", id="no time"),
    pytest.param(siu(SCH="SCH|1|2|||||||||^^^202612011000^202612010900"), 102, "SCH-11", id="an end before"),
    pytest.param(siu(AIP="AIP|1|Q|1^A^B"), 103, "AIP-2", id="an unknown action"),
    pytest.param(adt("A08", "PID|1||A^^^^MR||||19601301"), 102, "PID-7", id="no birth date"),
    pytest.param(adt("A08", "PID|1||A^^^^MR|||||X"), 103, "PID-8", id="no gender"),
    pytest.param(adt("A60", "PID|1||A^^^^MR"), 201, "MSH-9", id="another event"),
    pytest.param(siu(MSH=msh("ORU^R01")), 200, "MSH-9", id="another type"),
    pytest.param(siu(MSH=msh("SIU^S12", processing="T")), 202, "MSH-11", id="a test message"),
    pytest.param(siu(MSH=msh("SIU^S12", version="3.0")), 203, "MSH-12", id="another version"),
    pytest.param(siu(at="20261120"), 102, "MSH-7", id="a header without a time"),
    pytest.param(siu(at=""), 101, "MSH-7", id="a header without a date"),
    pytest.param(siu(at="20991120093000-0600"), 102, "MSH-7: a time that is still to come", id="the future"),
]


@pytest.mark.parametrize(("text", "code", "why"), REFUSED)
def test_what_does_not_conform_is_refused_by_its_place_alone(
    house: House, text: str, code: int, why: str
) -> None:
    with pytest.raises(Fault) as caught:
        house.take(text)

    assert caught.value.code == code
    assert why in str(caught.value)


def test_a_booking_needs_a_time_unless_it_has_one(house: House) -> None:
    bare = siu("S14", later(1), SCH=f"SCH|PL-100|FI-100||||CHG{'|' * 19}Waitlist", AIS="")
    late = siu("S14", later(2), SCH="SCH|PL-100|FI-100||||CHG", AIS="")
    with pytest.raises(Fault, match="a booking without a time"):
        house.take(late)
    house.take(bare)
    with pytest.raises(Fault, match="a booking without a time"):
        house.take(late)
    house.take(siu(at=later(3)))

    assert house.take(siu("S14", later(4), SCH="SCH|PL-100|FI-100||||CHG", AIS="")) == [Outcome.UNCHANGED]


def test_a_sender_that_is_not_expected_is_refused() -> None:
    strict = Hl7Settings("pms", "America/Chicago", application="PMSAPP", facility="CLINIC2")
    with pytest.raises(Fault, match="MSH-4: a sender that is not expected"):
        deeds(parsed(siu(), "utf-8"), strict)


def test_an_mrn_is_of_the_configured_type_and_authority() -> None:
    settings = Hl7Settings("pms", "America/Chicago", mrn_type="PI", mrn_authority="EAST")
    text = siu(PID="PID|1||1^^^WEST^PI~2^^^EAST^PI~3^^^EAST^MR")

    assert [getattr(deed, "mrn", None) for deed in deeds(parsed(text, "utf-8"), settings)] == ["2"]


def test_an_independent_parser_finds_the_stand_in_s_messages_strictly_valid() -> None:
    dataset = generate(12)
    messages = Messages(dataset.pms.time_zone)
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    texts = [messages.booked(row) for row in dataset.pms.appointments[:40]]
    texts += [messages.patient(row, now) for row in dataset.pms.patients]
    texts.append(messages.merge("MRN-000001", "MRN-000002", now))

    for text in texts:
        assert parse_message(text, validation_level=1, find_groups=True).validate()

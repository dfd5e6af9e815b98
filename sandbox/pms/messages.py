"""Owns the practice's records as HL7 v2 messages: ADT for its patients, SIU for its appointments."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sandbox.records import Json

APPLICATION, FACILITY = "PMSAPP", "CLINIC1"
VERSION = "2.5.1"

_STATUS = {
    "scheduled": "Booked",
    "confirmed": "Booked",
    "arrived": "Arrived",
    "checked_in": "Started",
    "in_session": "Started",
    "completed": "Complete",
    "cancelled": "Cancelled",
    "no_show": "Noshow",
}
_EVENTS = {"cancelled": "S15", "no_show": "S26"}
_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\n": "\\.br\\"}


class Messages:
    """Writes messages, each with a control id of its own. Local times are those of *time_zone*."""

    def __init__(self, time_zone: str, *, offsets: bool = True) -> None:
        self._zone = ZoneInfo(time_zone)
        self._offsets = offsets
        self._count = 0

    def booked(self, row: Json, event: str | None = None, at: datetime | None = None) -> str:
        """An appointment as the book has it; *at* is when it was told, by default its last update."""
        event = event or _EVENTS.get(row["status"], "S12" if row["version"] == 1 else "S14")
        starts = datetime.fromisoformat(row["starts_at"]).replace(tzinfo=self._zone)
        minutes = timedelta(minutes=row["duration_minutes"])
        ends = (starts.astimezone(ZoneInfo("UTC")) + minutes).astimezone(self._zone)
        span = f"^^{row['duration_minutes']}^{self._time(starts)}^{self._time(ends)}"
        status = f"{_STATUS[row['status']]}^{_STATUS[row['status']]}^HL70278"
        who = _person(row["practitioner"])
        place = row["location"]
        where = f"{place['id']}^^^{FACILITY}^^^^^{_text(place['name'])}"
        service = f"{_text(row['service_code'])}^{_text(row['service_name'])}^L"
        told = at or datetime.fromisoformat(row["updated_at"]).replace(tzinfo=self._zone)
        reason = f"^{_text(row['reason'])}" if row["reason"] else ""
        clerk = "1001^Desk^Front"
        return _lines(
            self._header(f"SIU^{event}^SIU_S12", told),
            f"SCH|PL-{row['id']}^{APPLICATION}|{row['id']}^{APPLICATION}||||BOOK^Booked^L|{reason}|{service}"
            f"|{row['duration_minutes']}|min^minutes^UCUM|{span}|||||{clerk}||||{clerk}|||||{status}",
            f"PID|1||{_mrn(row['patient']['mrn'])}||Patient^A",
            f"PV1|1|O|{where}||||{who}||||||||||||{_visit(row['visit_number'])}",
            "RGS|1|A",
            f"AIS|1|A|{service}|{self._time(starts)}|||{row['duration_minutes']}|min^minutes^UCUM||{status}",
            f"AIL|1|A|{where}",
            f"AIP|1|A|{who}|ATND^Attending^HL70286",
        )

    def patient(self, row: Json, at: datetime, event: str = "A28") -> str:
        """A patient's demographics."""
        phone = f"^PRN^PH^^^^^^^^^{row['phone']}~^NET^Internet^{row['email']}"
        name = f"{_text(row['last_name'])}^{_text(row['first_name'])}^^^^^L"
        structure = {"A28": "ADT_A05", "A31": "ADT_A05"}.get(event, "ADT_A01")
        return _lines(
            self._header(f"ADT^{event}^{structure}", at),
            f"EVN|{event}|{self._time(at)}",
            f"PID|1||{_mrn(row['mrn'])}||{name}||{row['birth_date'].replace('-', '')}||||||{phone}",
            "PV1|1|N",
        )

    def merge(self, surviving: str, retired: str, at: datetime) -> str:
        """Two charts that turned out to be one patient's."""
        return _lines(
            self._header("ADT^A40^ADT_A39", at),
            f"EVN|A40|{self._time(at)}",
            f"PID|1||{_mrn(surviving)}||Patient^A",
            f"MRG|{_mrn(retired)}",
        )

    def _header(self, type_: str, at: datetime) -> str:
        self._count += 1
        sender = f"{APPLICATION}|{FACILITY}|TELEGW|GW"
        return (
            f"MSH|^~\\&|{sender}|{self._time(at)}||{type_}|MSG{self._count:06}|P|{VERSION}||||||UNICODE UTF-8"
        )

    def _time(self, at: datetime) -> str:
        here = at.astimezone(self._zone)
        return here.strftime("%Y%m%d%H%M%S%z" if self._offsets else "%Y%m%d%H%M%S")


def _person(row: Json) -> str:
    given, _, family = row["name"].rpartition(" ")
    return f"{row['npi']}^{_text(family)}^{_text(given)}^^^^^^NPI"


def _mrn(number: str) -> str:
    return f"{_text(number)}^^^{FACILITY}^MR"


def _visit(number: str | None) -> str:
    return f"{_text(number)}^^^{FACILITY}^VN" if number else ""


def _text(text: str) -> str:
    return "".join(_ESCAPES.get(sign, sign) for sign in text)


def _lines(*segments: str) -> str:
    return "".join(segment + "\r" for segment in segments)

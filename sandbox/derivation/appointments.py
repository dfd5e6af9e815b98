"""PMS appointments of a patient out of their FHIR encounters, and a few more that lie ahead."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.derivation.directory import Directory, identifiers, text_of, typed_identifier
from sandbox.ehr.dates import BEGINNING, END, Interval, interval_of_element
from sandbox.generator.calendar import TIME_ZONE, on_a_workday
from sandbox.generator.catalogue import SERVICES
from sandbox.records import Json, Resource

_ZONE = ZoneInfo(TIME_ZONE)
_STATUS = {
    "finished": "completed",
    "cancelled": "cancelled",
    "in-progress": "in_session",
    "onleave": "in_session",
    "triaged": "checked_in",
    "arrived": "arrived",
    "planned": "scheduled",
}
"""The PMS's word for an Encounter's status; with another status, the encounter has no appointment."""

_UNBOOKED = ("EMER", "IMP", "ACUTE", "NONAC")
"""Encounter classes nobody books (v3-ActCode)."""

_SHORTEST, _LONGEST = 5, 480
"""Minutes an appointment lasts."""

_OFFICE, _VIDEO = SERVICES[0], SERVICES[2]


@dataclass(frozen=True)
class Deriver:
    """Makes one patient's appointments, still without ids; `chart` is their PMS chart."""

    rng: Random
    directory: Directory
    chart: Json
    today: date

    def past(self, encounters: Iterable[Resource]) -> Iterator[Json]:
        """An appointment for each encounter that was booked, has a beginning and a known practitioner."""
        for encounter in encounters:
            period = interval_of_element(encounter.get("period"), _ZONE)
            status = _STATUS.get(encounter.get("status", ""))
            practitioner = self._first_known(it.get("individual") for it in encounter.get("participant", ()))
            booked = encounter.get("class", {}).get("code") not in _UNBOOKED
            if status and practitioner and booked and period and period.start > BEGINNING:
                yield self._of_encounter(encounter, period, status, practitioner)

    def made_up(self, alive: bool) -> Iterator[Json]:
        """For the living: one to three appointments ahead, and for some of them one that they missed."""
        if not alive or not self.directory.practitioners:
            return
        plan = [(self.rng.randint(1, 60), "confirmed") for _ in range(self.rng.randint(1, 3))]
        plan += [(-self.rng.randint(20, 200), "no_show")] if self.rng.random() < 0.5 else []
        for days, status in plan:
            starts_at = on_a_workday(self.rng, self.today, days)
            practitioner = self.rng.choice(self.directory.practitioners)
            yield self._row(starts_at, 20, status, practitioner, self._some_place(), self.rng.random() < 0.4)

    def _of_encounter(self, encounter: Resource, period: Interval, status: str, practitioner: Json) -> Json:
        starts_at = period.start.astimezone(_ZONE).replace(tzinfo=None)
        lasted = 30 if period.end == END else (period.end - period.start).total_seconds() // 60
        place = self._first_known(it.get("location") for it in encounter.get("location", ()))
        is_video = encounter.get("class", {}).get("code") == "VR"
        minutes = int(min(max(lasted, _SHORTEST), _LONGEST))
        row = self._row(starts_at, minutes, status, practitioner, place or self._some_place(), is_video)
        reasons = (text_of(reason) for reason in encounter.get("reasonCode", ()))
        return {**row, "reason": next(reasons, None), "visit_number": visit_number(encounter)}

    def _row(
        self, starts_at: datetime, minutes: int, status: str, practitioner: Json, place: Json, is_video: bool
    ) -> Json:
        midnight = datetime.combine(self.today, time())
        booked = min(starts_at - timedelta(days=self.rng.randint(5, 40)), midnight - timedelta(hours=8))
        over = starts_at + timedelta(minutes=minutes)
        service = _VIDEO if is_video else _OFFICE
        location = self.directory.locations[0] if is_video else place
        return {
            "id": 0,
            "patient": {"id": self.chart["id"], "mrn": self.chart["mrn"]},
            "practitioner": {key: practitioner[key] for key in ("id", "npi", "name")},
            "location": {key: location[key] for key in ("id", "name")},
            "status": status,
            "service_code": service.code,
            "service_name": service.name,
            "reason": None,
            "starts_at": starts_at.isoformat(timespec="seconds"),
            "duration_minutes": minutes,
            "is_telehealth": is_video,
            "video_url": None,
            "visit_number": None,
            "created_at": booked.isoformat(timespec="seconds"),
            "updated_at": (over if over < midnight else booked).isoformat(timespec="seconds"),
            "version": 1,
        }

    def _first_known(self, references: Iterable[Any]) -> Json | None:
        return next((row for it in references if (row := self.directory.row(it))), None)

    def _some_place(self) -> Json:
        return self.directory.locations[min(1, len(self.directory.locations) - 1)]


def visit_number(encounter: Resource) -> str | None:
    """The encounter's identifier of type VN or, without one, its first identifier."""
    return typed_identifier(encounter, "VN") or next((value for _, value in identifiers(encounter)), None)

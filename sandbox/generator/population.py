"""Filling the three systems: one patient after the other, each from a random stream of their own."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from random import Random

from sandbox.generator.calendar import TIME_ZONE, slots_of, with_offset
from sandbox.generator.catalogue import FAMILY, INTERNAL
from sandbox.generator.consents import consents_of
from sandbox.generator.datatypes import reference
from sandbox.generator.engagement import balance_of, contact_of, coverages_of
from sandbox.generator.observations import Bedside
from sandbox.generator.people import FIRST_CHART, chart_of, mrn_of, patient_resource
from sandbox.generator.practice import EMERGENCY_SITE, Practice, practice_for
from sandbox.generator.problems import ACUTE, CHRONIC, COMMON, Problem
from sandbox.generator.treatment import Chart, encounter_reference
from sandbox.generator.visits import (
    FIRST_APPOINTMENT,
    MOST_ENCOUNTERS,
    Booker,
    Visit,
    appointment_resource,
    encounter_resource,
)
from sandbox.records import Dataset, Json, Pms, Resource

WITHOUT_CONTACT = 23
"""Every so many patients, one is unknown to the CRM."""


def populate(patients: int, seed: int, today: date) -> Dataset:
    """A practice of *patients* patients, the same for the same arguments."""
    practice = practice_for(patients)
    dataset = Dataset(pms=Pms(time_zone=TIME_ZONE))
    dataset.pms.practitioners = [it.row for it in practice.practitioners]
    dataset.pms.locations = [it.row for it in practice.locations[:EMERGENCY_SITE]]
    with _undisturbed():
        for resource in practice.resources:
            dataset.add(resource)
        for number in range(1, patients + 1):
            _Newcomer(dataset, practice, number, seed, today).join()
    return dataset


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keeps the garbage collector off while a million objects are made that all stay."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Newcomer:
    """One patient's way into the three systems."""

    def __init__(self, dataset: Dataset, practice: Practice, number: int, seed: int, today: date) -> None:
        self._dataset = dataset
        self._practice = practice
        self._number = number
        self._today = today
        self._rng = Random(f"{seed}/{number}")
        doctors = practice.of_specialty((FAMILY, INTERNAL))
        self._doctor = doctors[0] if number == 1 else self._rng.choice(doctors)
        self._patient = patient_resource(self._rng, number, today, self._doctor)
        self._row = chart_of(self._patient, FIRST_CHART + number, mrn_of(number))
        name = f"{self._row['first_name']} {self._row['last_name']}"
        self._subject = reference("Patient", self._patient["id"], name)
        self._chart = Chart(self._rng, number, self._subject)

    def join(self) -> None:
        """Adds the patient and everything about them."""
        pms = self._dataset.pms
        self._dataset.add(self._patient)
        pms.patients.append(self._row)
        conditions = self._problems()
        visits = self._visits([problem for problem, _ in conditions])
        rows = [visit.row for visit in visits if visit.row is not None]
        pms.appointments += rows
        self._records(visits, {problem.name: condition for problem, condition in conditions})
        pms.balances.append(balance_of(self._rng, self._row["mrn"], self._today))
        self._add(consents_of(self._number, self._subject, self._today))
        pms.coverages += coverages_of(self._rng, self._row["mrn"], self._number, self._today)
        if self._number % WITHOUT_CONTACT:
            contact = contact_of(self._rng, self._patient, self._row, rows, self._number, self._today)
            self._dataset.contacts.append(contact)

    def _problems(self) -> list[tuple[Problem, Json]]:
        """Adds problems, allergies and care plan; gives each problem and the Reference to its Condition."""
        if self._number == 1:
            problems = [*CHRONIC[:3], next(it for it in CHRONIC if it.sensitivity == "ETHUD")]
        else:
            problems = self._rng.sample(
                CHRONIC[:COMMON], self._rng.choices((0, 1, 2, 3), (30, 35, 25, 10))[0]
            )
            problems += [self._rng.choice(CHRONIC[COMMON:])] if self._rng.random() < 0.12 else []
        found = []
        for place, problem in enumerate(problems, 1):
            since = self._long_ago()
            condition = self._chart.problem(place, problem, since, self._doctor.reference)
            self._dataset.add(condition)
            found.append((problem, reference("Condition", condition["id"], problem.name)))
        self._add(self._chart.allergies(self._long_ago()))
        if found and (self._number == 1 or self._rng.random() < 0.4):
            problem, condition = found[0]
            self._dataset.add(self._chart.care_plan(self._long_ago(), condition, problem))
        return found

    def _visits(self, problems: list[Problem]) -> list[Visit]:
        died = self._patient.get("deceasedDateTime")
        slots = slots_of(self._rng, self._number, self._today, date.fromisoformat(died) if died else None)
        reasons = [*problems, *problems, *self._rng.sample(ACUTE, 2)]
        booker = Booker(self._rng, self._practice, self._row, reasons, self._today)
        visits = booker.visits(slots, FIRST_APPOINTMENT + len(self._dataset.pms.appointments))
        met = sum(visit.encounter_id is not None for visit in visits)
        if not died and met < MOST_ENCOUNTERS and (self._number == 1 or self._rng.random() < 0.15):
            visits.append(booker.emergency(f"enc-e{self._number:06}"))
        return visits

    def _records(self, visits: Sequence[Visit], conditions: dict[str, Json]) -> None:
        for place, visit in enumerate(visits, 1):
            appointment = self._appointment(visit)
            if visit.encounter_id is not None:
                self._encounter(place, visit, conditions, appointment)

    def _appointment(self, visit: Visit) -> Json | None:
        if visit.row is None or (self._number > 1 and self._rng.random() < 0.4):
            return None
        resource = appointment_resource(visit, self._subject)
        self._dataset.add(resource)
        return reference("Appointment", resource["id"])

    def _encounter(
        self, place: int, visit: Visit, conditions: dict[str, Json], appointment: Json | None
    ) -> None:
        condition = conditions.get(visit.problem.name)
        if condition is None:
            found = self._chart.diagnosis(visit)
            self._dataset.add(found)
            condition = reference("Condition", found["id"], visit.problem.name)
        encounter = encounter_resource(visit, self._subject, condition, appointment)
        self._dataset.add(encounter)
        bedside = Bedside(
            self._rng,
            f"obs-{self._number:06}-{place}",
            encounter["meta"],
            self._subject,
            encounter_reference(visit),
            visit.practitioner.reference,
            with_offset(visit.slot.starts_at + timedelta(minutes=5)),
        )
        self._add(bedside.observations(self._number == 1))
        self._add(self._chart.at_visit(place, visit, condition))

    def _add(self, resources: Iterator[Resource]) -> None:
        for resource in resources:
            self._dataset.add(resource)

    def _long_ago(self) -> datetime:
        day = self._today - timedelta(days=self._rng.randint(400, 3_000))
        return datetime.combine(day, time(self._rng.randint(8, 16), 30))

"""Anonymised outcomes: what came of the appointments of a quarter, over all patients together."""

from __future__ import annotations

import strawberry

from policies import DataClass
from resolvers.declare import Fields

outcomes = Fields(DataClass.OUTCOMES, "__outcomes.read")
part = Fields(DataClass.PART, "")


@strawberry.type(
    description="A count, as closely as it may be told: a range of ten, or nothing where few are behind it."
)
class CohortCount:
    at_least: int | None = part("The least it can be; null where it is withheld.")
    at_most: int | None = part("The most it can be; null where it is withheld.")
    withheld: str | None = part("Why it is withheld; null where it is told.")


@strawberry.type(
    description="What came of the appointments of one quarter. Patients who object to it do not count, nor do"
    " appointments that could tell of something sensitive; it is counted alike for everyone who may see it."
)
class Outcomes:
    quarter: str | None = outcomes("The quarter: `2026-Q3`.", name="name")
    first_day: str | None = outcomes("Its first day: a date, in UTC.")
    last_day: str | None = outcomes("Its last day: a date, in UTC.")
    patients: CohortCount | None = outcomes("Patients who had an appointment, whatever came of it.")
    kept: CohortCount | None = outcomes("Appointments that were kept (`fulfilled`).")
    missed: CohortCount | None = outcomes("Appointments that were missed (`noshow`).")
    cancelled: CohortCount | None = outcomes("Appointments that were cancelled.")
    other: CohortCount | None = outcomes("Appointments with any other status, but for mistaken entries.")
    attendance_rate: float | None = outcomes(
        "Kept appointments as a share of kept and missed ones: 0 to 1, by the middles of the ranges."
    )
    seen: CohortCount | None = outcomes("Patients who kept an appointment.")
    followed_up: CohortCount | None = outcomes(
        "Of those, patients who were seen again on a later day, within 30 days of a visit of the quarter."
    )
    follow_up_rate: float | None = outcomes(
        "They as a share of those seen: 0 to 1, by the middles of the ranges."
    )

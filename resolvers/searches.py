"""What searches can be narrowed by. Each input field is classified as the data it asks about."""

import strawberry

from policies import DataClass
from resolvers.declare import classified


@strawberry.input(description="Patients who match all that is given.")
class PatientSearch:
    name: str | None = classified(
        DataClass.IDENTITY, "Patient.s", description="Any part of the name begins so.", default=None
    )
    family: str | None = classified(
        DataClass.IDENTITY, "Patient.s", description="The family name begins so.", default=None
    )
    given: str | None = classified(
        DataClass.IDENTITY, "Patient.s", description="A given name begins so.", default=None
    )
    birth_date: str | None = classified(
        DataClass.DEMOGRAPHICS, "Patient.s", description="Born on this date: `YYYY-MM-DD`.", default=None
    )
    gender: str | None = classified(
        DataClass.DEMOGRAPHICS, "Patient.s", description="FHIR AdministrativeGender.", default=None
    )
    identifier: str | None = classified(
        DataClass.IDENTITY, "Patient.s", description="Bears this identifier: `system|value`.", default=None
    )


@strawberry.input(description="Appointments that match all that is given.")
class AppointmentFilter:
    from_: str | None = classified(
        DataClass.SCHEDULE,
        "Appointment.s",
        name="from",
        description="Start then or later: a date or an instant.",
        default=None,
    )
    to: str | None = classified(
        DataClass.SCHEDULE, "Appointment.s", description="Start before: a date or an instant.", default=None
    )
    practitioner: strawberry.ID | None = classified(
        DataClass.SCHEDULE, "Appointment.s", description="Are with this practitioner.", default=None
    )
    status: list[str] | None = classified(
        DataClass.SCHEDULE, "Appointment.s", description="Have one of these status codes.", default=None
    )
    patient: strawberry.ID | None = classified(
        DataClass.SCHEDULE, "Appointment.s", description="Are this patient's.", default=None
    )

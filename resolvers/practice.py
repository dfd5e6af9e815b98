"""What the practice knows of a patient besides bookings: insurance and money."""

from __future__ import annotations

import strawberry

from policies import DataClass
from resolvers.datatypes import Money, Period
from resolvers.declare import Fields

coverage = Fields(DataClass.FINANCIAL, "Coverage.r")
balance = Fields(DataClass.FINANCIAL, "Account.r")


@strawberry.type(description="An insurance that may pay for care.")
class Coverage:
    id: strawberry.ID = coverage("The practice management system's id.", data=DataClass.REFERENCE)
    status: str | None = coverage("FHIR FinancialResourceStatus.")
    payor: str | None = coverage("Who pays.")
    plan: str | None = coverage("The plan.")
    subscriber_id: str | None = coverage("The member's number.")
    period: Period | None = coverage("When it holds.")


@strawberry.type(description="What a patient owes the practice.")
class Balance:
    amount: Money | None = balance("How much; less than zero is in the patient's favour.")
    as_of: str | None = balance("When it was so: an instant.")

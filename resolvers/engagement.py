"""The relationship: what the CRM knows of a person. Nothing clinical is in it."""

from __future__ import annotations

import strawberry

from policies import DataClass
from resolvers.declare import Fields

engagement = Fields(DataClass.ENGAGEMENT, "__engagement.read")
part = Fields(DataClass.PART, "")


@strawberry.type(description="By which channels a person agreed to be contacted; null where not asked.")
class Consents:
    email: bool | None = part("By e-mail.")
    sms: bool | None = part("By text message.")
    phone: bool | None = part("By telephone.")


@strawberry.type(description="Who in the practice looks after a relationship.")
class Owner:
    id: strawberry.ID | None = part("The CRM's id of them.")
    name: str | None = part("Their name.")


@strawberry.type(description="A person's relationship with the practice.")
class Engagement:
    lifecycle_stage: str | None = engagement("Lead, customer and so on, in the CRM's words.")
    score: float | None = engagement("How engaged the person is: 0 to 100.")
    attendance_rate: float | None = engagement(
        "Fulfilled appointments as a share of fulfilled and missed ones: 0 to 1. Cancelled ones do not count."
    )
    satisfaction: float | None = engagement("How satisfied the person is: 1 to 5.")
    consents: Consents | None = engagement("By which channels the person agreed to be contacted.")
    last_touch: str | None = engagement(
        "When the practice and the person last were in touch: an instant.", data=DataClass.HISTORY
    )
    owner: Owner | None = engagement("Who looks after the relationship.")

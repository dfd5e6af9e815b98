"""What the CRM and the PMS know besides visits: a contact with its engagement, a balance, coverages."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from random import Random

from sandbox.records import Contact, Json, Resource, care_key

FIRST_CONTACT = 90_000
"""Contacts are numbered from the one after this."""

_STAGES = ("lead", "opportunity", "customer", "customer", "customer", "evangelist")
_OWNERS = (("701", "Jamie Park"), ("702", "Robin Castellanos"), ("703", "Alex Whitfield"), (None, None))
_PAYERS = (
    ("Prairie State Health Plan", "PPO Silver"),
    ("Lincoln Mutual", "HMO Basic"),
    ("Medicare", "Part B"),
    ("Great Lakes Insurance", "High Deductible 3000"),
)


DEMO_PATIENT = {
    "lifecyclestage": "customer",
    "engagement_score": "82",
    "satisfaction_score": "4.6",
    "email_consent": "true",
    "sms_consent": "true",
    "phone_consent": "false",
    "hubspot_owner_id": "701",
    "owner_name": "Jamie Park",
}
"""What the CRM says of the first patient."""


def contact_of(
    rng: Random, patient: Resource, chart: Json, visits: Sequence[Json], number: int, today: date
) -> Contact:
    """The HubSpot contact of *patient*; *visits* are their PMS appointments."""
    owner_id, owner = rng.choice(_OWNERS)
    touched = datetime.combine(
        today - timedelta(days=rng.randint(1, 90)), time(rng.randint(13, 22), rng.randint(0, 59))
    )
    created = datetime.combine(today - timedelta(days=rng.randint(200, 1500)), time(15))
    return {
        "id": str(FIRST_CONTACT + number),
        "properties": {
            "care_key": care_key(patient["id"]),
            "email": chart["email"],
            "firstname": chart["first_name"],
            "lastname": chart["last_name"],
            "lifecyclestage": rng.choice(_STAGES),
            "engagement_score": str(rng.randint(0, 100)),
            "attendance_rate": attendance_rate(visits),
            "satisfaction_score": f"{rng.uniform(1, 5):.1f}" if rng.random() < 0.8 else None,
            "email_consent": _flag(rng),
            "sms_consent": _flag(rng),
            "phone_consent": _flag(rng),
            "last_touch_at": _stamp(touched),
            "hubspot_owner_id": owner_id,
            "owner_name": owner,
            **(DEMO_PATIENT if number == 1 else {}),
        },
        "createdAt": _stamp(created),
        "updatedAt": _stamp(touched),
        "archived": False,
    }


def attendance_rate(visits: Sequence[Json]) -> str | None:
    """Completed visits among those completed or missed, in two decimals; None where there is neither."""
    kept = sum(it["status"] == "completed" for it in visits)
    missed = sum(it["status"] == "no_show" for it in visits)
    return f"{kept / (kept + missed):.2f}" if kept + missed else None


def balance_of(rng: Random, mrn: str, today: date) -> Json:
    """What a patient owes the practice, as of the beginning of *today*; half of them owe nothing."""
    cents = rng.randint(1_000, 60_000) if rng.random() < 0.5 else 0
    as_of = datetime.combine(today, time()).isoformat()
    return {"patient_mrn": mrn, "amount_due": f"{cents / 100:.2f}", "currency": "USD", "as_of": as_of}


def coverages_of(rng: Random, mrn: str, number: int, today: date) -> list[Json]:
    """None to two insurance coverages, the current one first; the demo's patient has both."""
    count = 2 if number == 1 else rng.choices((0, 1, 2), (10, 70, 20))[0]
    turned = date(today.year - 1, 1, 1)
    found = []
    for place, (payer, plan) in enumerate(rng.sample(_PAYERS, count)):
        current = place == 0
        found.append(
            {
                "id": number * 10 + place,
                "patient_mrn": mrn,
                "payer_name": payer,
                "plan_name": plan,
                "member_id": f"{payer[:3].upper()}{rng.randint(10**8, 10**9 - 1)}",
                "status": "active" if current else "inactive",
                "starts_on": (turned if current else date(turned.year - 2, 1, 1)).isoformat(),
                "ends_on": None if current else (turned - timedelta(days=1)).isoformat(),
            }
        )
    return found


def _flag(rng: Random) -> str:
    return rng.choice(("true", "true", "false"))


def _stamp(at: datetime) -> str:
    return f"{at.isoformat()}.000Z"

"""The sandbox's practice in tables of a real database, as a practice's own software might have them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Engine,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    create_engine,
    insert,
)

from sandbox.records import Dataset
from sources.pms.database import Table as Mapped

STATUSES = {
    "scheduled": "booked",
    "confirmed": "booked",
    "arrived": "arrived",
    "checked_in": "checked-in",
    "in_session": "checked-in",
    "completed": "fulfilled",
    "cancelled": "cancelled",
    "no_show": "noshow",
}

_ALL = MetaData()

BOOKINGS = Table(
    "Bookings",
    _ALL,
    Column("BookingNo", Integer, primary_key=True),
    Column("ChartNo", String(20)),
    Column("State", String(20)),
    Column("Begins", DateTime),
    Column("Duration", Integer),
    Column("ProviderNpi", String(10)),
    Column("ProviderName", String(100)),
    Column("SiteNo", Integer),
    Column("SiteName", String(100)),
    Column("ServiceCode", String(20)),
    Column("ServiceName", String(100)),
    Column("Reason", String(500)),
    Column("ByVideo", Boolean),
    Column("VideoUrl", String(200)),
    Column("VisitNo", String(30)),
    Column("ChangedAt", DateTime),
    Column("Version", Integer),
    Column("Gone", Boolean),
    Column("Notes", String(200)),
)
SITES = Table(
    "sites",
    _ALL,
    Column("site_no", Integer, primary_key=True),
    Column("name", String(100)),
    Column("kind", String(20)),
    Column("phone", String(30)),
    Column("street", String(100)),
    Column("city", String(60)),
    Column("state", String(2)),
    Column("zip", String(10)),
)
POLICIES = Table(
    "policies",
    _ALL,
    Column("policy_no", Integer, primary_key=True),
    Column("chart_no", String(20)),
    Column("active", Boolean),
    Column("payer", String(100)),
    Column("plan_name", String(100)),
    Column("member", String(40)),
    Column("begins", Date),
    Column("ends", Date),
)
ACCOUNTS = Table(
    "accounts",
    _ALL,
    Column("chart_no", String(20), primary_key=True),
    Column("due", Numeric(12, 2)),
    Column("currency", String(3)),
    Column("as_of", DateTime),
)

MAPPED = {
    "appointments": Mapped(
        "appointments",
        "Bookings",
        {
            "id": "BookingNo",
            "mrn": "ChartNo",
            "status": "State",
            "start": "Begins",
            "minutes": "Duration",
            "npi": "ProviderNpi",
            "practitioner_name": "ProviderName",
            "location": "SiteNo",
            "location_name": "SiteName",
            "service_code": "ServiceCode",
            "service_name": "ServiceName",
            "reason": "Reason",
            "is_telehealth": "ByVideo",
            "video_url": "VideoUrl",
            "visit": "VisitNo",
            "updated": "ChangedAt",
            "version": "Version",
            "is_deleted": "Gone",
        },
    ),
    "locations": Mapped(
        "locations",
        "sites",
        {
            "id": "site_no",
            "name": "name",
            "kind": "kind",
            "phone": "phone",
            "line": "street",
            "city": "city",
            "state": "state",
            "postal_code": "zip",
        },
    ),
    "coverages": Mapped(
        "coverages",
        "policies",
        {
            "id": "policy_no",
            "mrn": "chart_no",
            "is_active": "active",
            "payor": "payer",
            "plan": "plan_name",
            "member": "member",
            "start": "begins",
            "end": "ends",
        },
    ),
    "balances": Mapped(
        "balances",
        "accounts",
        {"mrn": "chart_no", "amount": "due", "currency": "currency", "as_of": "as_of"},
    ),
}


def driven(url: str) -> Engine:
    """The database, for whoever owns it."""
    return create_engine(
        url.replace("postgresql://", "postgresql+psycopg://").replace("mariadb://", "mariadb+pymysql://")
    )


def laid_out(url: str, dataset: Dataset) -> Engine:
    """The tables, with the sandbox's practice in them."""
    owner = driven(url)
    _ALL.create_all(owner)
    pms = dataset.pms
    with owner.begin() as connection:
        connection.execute(insert(BOOKINGS), [booking(row) for row in pms.appointments])
        connection.execute(insert(SITES), [_site(row) for row in pms.locations])
        connection.execute(insert(POLICIES), [_policy(row) for row in pms.coverages])
        connection.execute(insert(ACCOUNTS), [_account(row) for row in pms.balances])
    return owner


def booking(row: dict[str, Any]) -> dict[str, Any]:
    """An appointment of the sandbox as a row of BOOKINGS."""
    return {
        "BookingNo": row["id"],
        "ChartNo": row["patient"]["mrn"],
        "State": row["status"],
        "Begins": datetime.fromisoformat(row["starts_at"]),
        "Duration": row["duration_minutes"],
        "ProviderNpi": row["practitioner"]["npi"],
        "ProviderName": row["practitioner"]["name"],
        "SiteNo": row["location"]["id"],
        "SiteName": row["location"]["name"],
        "ServiceCode": row["service_code"],
        "ServiceName": row["service_name"],
        "Reason": row["reason"],
        "ByVideo": row["is_telehealth"],
        "VideoUrl": row["video_url"],
        "VisitNo": row["visit_number"],
        "ChangedAt": datetime.fromisoformat(row["updated_at"]),
        "Version": row["version"],
        "Gone": None,
        "Notes": "not for us",
    }


def _site(row: dict[str, Any]) -> dict[str, Any]:
    place = row["address"]
    return {
        "site_no": row["id"],
        "name": row["name"],
        "kind": row["kind"].capitalize(),
        "phone": row["phone"],
        "street": place["line"],
        "city": place["city"],
        "state": place["state"],
        "zip": place["postal_code"],
    }


def _policy(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "policy_no": row["id"],
        "chart_no": row["patient_mrn"],
        "active": row["status"] == "active",
        "payer": row["payer_name"],
        "plan_name": row["plan_name"],
        "member": row["member_id"],
        "begins": _date(row["starts_on"]),
        "ends": _date(row["ends_on"]),
    }


def _account(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "chart_no": row["patient_mrn"],
        "due": row["amount_due"],
        "currency": row["currency"],
        "as_of": datetime.fromisoformat(row["as_of"]),
    }


def _date(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)

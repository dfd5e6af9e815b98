"""Owns which contact properties an engagement is made of, unless the settings name others."""

from __future__ import annotations

from dataclasses import dataclass

from sources.crm.columns import Columns


@dataclass(frozen=True)
class PropertyNames(Columns):
    """The contact properties that hold an engagement's parts; they differ from account to account."""

    lifecycle_stage: str = "lifecyclestage"
    score: str = "engagement_score"
    attendance_rate: str = "attendance_rate"
    satisfaction: str = "satisfaction_score"
    email_consent: str = "email_consent"
    sms_consent: str = "sms_consent"
    phone_consent: str = "phone_consent"
    last_touch: str = "last_touch_at"
    owner_id: str = "hubspot_owner_id"
    owner_name: str = "owner_name"

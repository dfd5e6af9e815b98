"""Owns which contact properties an engagement is made of, and which are asked for. Nothing else is."""

from __future__ import annotations

from dataclasses import dataclass

from sources.ports import Wanted


@dataclass(frozen=True)
class PropertyNames:
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

    def behind(self, wanted: Wanted) -> list[str]:
        """The properties behind the attributes *wanted* of an `Engagement`, in a fixed order.

        Raises:
            ValueError: an engagement has no such attribute.
        """
        table = {
            "care_key": (),
            "lifecycle_stage": (self.lifecycle_stage,),
            "score": (self.score,),
            "attendance_rate": (self.attendance_rate,),
            "satisfaction": (self.satisfaction,),
            "consents": (self.email_consent, self.sms_consent, self.phone_consent),
            "last_touch": (self.last_touch,),
            "owner": (self.owner_id, self.owner_name),
        }
        if not wanted <= table.keys():
            raise ValueError("`Engagement` has no such attribute; ask for those of the record")
        return [name for attribute, names in table.items() if attribute in wanted for name in names]

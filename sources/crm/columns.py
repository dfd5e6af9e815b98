"""Owns where in a CRM the parts of an engagement stand, and which columns are asked for. Nothing else is."""

from __future__ import annotations

from dataclasses import dataclass

from sources.ports import Wanted

NOT = "!"
"""Before a column's name: the column says the opposite, as `!HasOptedOutOfEmail` does of a consent."""


@dataclass(frozen=True)
class Columns:
    """The columns (fields, properties) that hold an engagement's parts; they differ from account to account.

    A consent may be told by a column that says the opposite: then `!` stands before its name.
    """

    lifecycle_stage: str
    score: str
    attendance_rate: str
    satisfaction: str
    email_consent: str
    sms_consent: str
    phone_consent: str
    last_touch: str
    owner_id: str
    owner_name: str

    def behind(self, wanted: Wanted) -> list[str]:
        """The columns behind the attributes *wanted* of an `Engagement`, each once, in a fixed order.

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
        behind = (name for attribute, names in table.items() if attribute in wanted for name in names)
        return list(dict.fromkeys(name.removeprefix(NOT) for name in behind))

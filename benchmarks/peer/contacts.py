"""The CRM port over the rig's HubSpot, which knows contacts by plain patient id and sends all they have."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.peer.crosswalk import Crosswalk
from sources.calling import Upstream
from sources.crm.hubspot import HubSpotEngagements, HubSpotSettings, PropertyNames
from sources.model import CareKey, Engagement
from sources.ports import Found, Wanted

KEY_PROPERTY = "ehr_patient_id"

_SENT = (
    "email",
    "firstname",
    "lastname",
    "lifecyclestage",
    "hs_lead_status",
    "hubspot_owner_id",
    "preferred_channel",
    "marketing_opt_in",
    "notes_last_contacted",
)


@dataclass(frozen=True)
class RigProperties(PropertyNames):
    """The rig's names for what an engagement has.

    All that its contacts have is asked for: it comes in any case, and what was not asked for is refused.
    """

    email_consent: str = "marketing_opt_in"
    last_touch: str = "notes_last_contacted"

    def behind(self, wanted: Wanted) -> list[str]:
        return list(dict.fromkeys((*super().behind(wanted), *_SENT)))


class RigContacts(HubSpotEngagements):
    """`HubSpotEngagements`, asked by plain ids where the gateway asks by opaque keys."""

    def __init__(self, name: str, upstream: Upstream, crosswalk: Crosswalk) -> None:
        super().__init__(HubSpotSettings(name, KEY_PROPERTY, RigProperties()), upstream)
        self._crosswalk = crosswalk

    async def engagements(self, keys: Sequence[CareKey], wanted: Wanted) -> Found[CareKey, Engagement]:
        key_of = {CareKey(id_): key for key in keys if (id_ := self._crosswalk.by_care_key(key)) is not None}
        found = await super().engagements(list(key_of), wanted)
        return {key_of[id_]: row for id_, row in found.items()}

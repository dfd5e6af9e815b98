"""The CRM port over HubSpot's contacts."""

from sources.crm.hubspot.engagements import HubSpotEngagements
from sources.crm.hubspot.properties import PropertyNames
from sources.crm.hubspot.settings import HubSpotSettings

__all__ = ["HubSpotEngagements", "HubSpotSettings", "PropertyNames"]

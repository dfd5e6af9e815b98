"""The CRM port over Dynamics 365: the contacts, or a table of one's own, of a Dataverse organisation."""

from sources.crm.dynamics.allowance import dynamics_allowance
from sources.crm.dynamics.engagements import DynamicsEngagements
from sources.crm.dynamics.oauth import client_certificate, client_secret, signing_pair
from sources.crm.dynamics.settings import ColumnNames, DynamicsSettings

__all__ = [
    "ColumnNames",
    "DynamicsEngagements",
    "DynamicsSettings",
    "client_certificate",
    "client_secret",
    "dynamics_allowance",
    "signing_pair",
]

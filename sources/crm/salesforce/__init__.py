"""The CRM port over Salesforce: person accounts, contacts, or another object that is on the list."""

from sources.crm.salesforce.engagements import SalesforceEngagements
from sources.crm.salesforce.oauth import client_credentials, jwt_bearer, signing_key
from sources.crm.salesforce.refusals import meant
from sources.crm.salesforce.settings import FieldNames, SalesforceSettings

__all__ = [
    "FieldNames",
    "SalesforceEngagements",
    "SalesforceSettings",
    "client_credentials",
    "jwt_bearer",
    "meant",
    "signing_key",
]

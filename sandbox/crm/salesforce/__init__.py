"""Owns the stand-in of Salesforce's REST API: sign-in, queries, records by id, descriptions."""

from sandbox.crm.salesforce.app import salesforce_app
from sandbox.crm.salesforce.sign_in import ConnectedApp

__all__ = ["ConnectedApp", "salesforce_app"]

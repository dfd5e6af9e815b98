"""Owns the stand-in CRM: HubSpot's contacts API."""

from sandbox.crm.app import crm_app

__all__ = ["crm_app"]

"""Owns the stand-in of HubSpot's contacts API."""

from sandbox.crm.hubspot.app import hubspot_app

__all__ = ["hubspot_app"]

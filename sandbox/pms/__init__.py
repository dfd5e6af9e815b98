"""Owns the stand-in practice management system: a proprietary REST API over a practice's records."""

from sandbox.pms.app import pms_app
from sandbox.pms.book import AppointmentBook

__all__ = ["AppointmentBook", "pms_app"]

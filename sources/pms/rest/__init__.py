"""The PMS ports over a practice's REST API."""

from sources.pms.rest.practice import RestPms
from sources.pms.rest.settings import PmsSettings

__all__ = ["PmsSettings", "RestPms"]

"""The PMS ports over a practice's HL7 v2 messages."""

from sources.pms.hl7v2.listener import ListenerSettings
from sources.pms.hl7v2.practice import Hl7Practice
from sources.pms.hl7v2.settings import Hl7Settings

__all__ = ["Hl7Practice", "Hl7Settings", "ListenerSettings"]

"""Owns what a test or a demo may turn on a stand-in: read what it was asked, make it misbehave."""

from sandbox.knobs.faults import Fault
from sandbox.knobs.middleware import KEPT, Knobs

__all__ = ["KEPT", "Fault", "Knobs"]

"""Owns the opaque key by which alone a CRM knows a patient."""

from __future__ import annotations

import hashlib
import hmac

from sources.model import CareKey, PatientId

_LENGTH = 40
_MIN_SECRET_BYTES = 16


def care_key(secret: bytes, patient: PatientId) -> CareKey:
    """The key of *patient*: the first 40 hex digits of HMAC-SHA256, which nobody without *secret* can undo.

    Raises:
        ValueError: the secret is too short to keep one.
    """
    if len(secret) < _MIN_SECRET_BYTES:
        raise ValueError(f"the care key's secret is too short; give at least {_MIN_SECRET_BYTES} bytes")
    return CareKey(hmac.digest(secret, patient.encode(), hashlib.sha256).hex()[:_LENGTH])

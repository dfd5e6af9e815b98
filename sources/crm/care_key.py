"""Owns the opaque key by which alone a CRM knows a patient."""

from __future__ import annotations

import hashlib
import hmac

from sources.model import CareKey, PatientId

_LENGTH = 40
_MIN_SECRET_BYTES = 16


class CareKeys:
    """Makes the keys of one CRM: the first 40 hex digits of HMAC-SHA256, undone by nobody without *secret*.

    Raises:
        ValueError: the secret is too short to keep one.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < _MIN_SECRET_BYTES:
            raise ValueError(f"the care key's secret is too short; give at least {_MIN_SECRET_BYTES} bytes")
        # Copied for each key: keying anew costs more than hashing an id.
        self._keyed = hmac.new(secret, digestmod=hashlib.sha256)

    def __call__(self, patient: PatientId) -> CareKey:
        """The key of *patient*."""
        mac = self._keyed.copy()
        mac.update(patient.encode())
        return CareKey(mac.hexdigest()[:_LENGTH])

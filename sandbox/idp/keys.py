"""Owns the provider's signing keys: one signs, all that ever signed stay published."""

import secrets
from typing import Any

from joserfc.jwk import KeyParameters, KeySet, RSAKey

ALGORITHM = "RS256"


class SigningKeys:
    """RSA keys, newest last. Rotation adds one; old tokens stay good until they expire."""

    def __init__(self) -> None:
        self._keys = [_new_key()]

    @property
    def current(self) -> RSAKey:
        """The key that signs."""
        return self._keys[-1]

    @property
    def published(self) -> KeySet:
        """Every key that a token of ours may be signed by."""
        return KeySet([*self._keys])

    def rotate(self) -> None:
        """Sign with a new key from now on."""
        self._keys.append(_new_key())

    def jwks(self) -> dict[str, Any]:
        """The public halves (RFC 7517)."""
        return {"keys": [key.as_dict(private=False) for key in self._keys]}


def _new_key() -> RSAKey:
    parameters: KeyParameters = {"kid": secrets.token_urlsafe(9), "use": "sig", "alg": ALGORITHM}
    return RSAKey.generate_key(2048, parameters=parameters)

"""Owns the private keys we sign assertions with, and what of them others may see.

SMART names two algorithms, ES384 and RS384: https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from joserfc.jwk import ECKey, RSAKey

_LEAST_BITS = 2048
_SHOWN = {"EC": ("kty", "crv", "x", "y"), "RSA": ("kty", "n", "e")}
"""The members of a JWK that are public, by its type (RFC 7518, 6.2.1 and 6.3.1); no other is ever shown."""


class SigningKey(NamedTuple):
    """A private key, and the one algorithm it is used with."""

    key: ECKey | RSAKey
    algorithm: str

    @property
    def key_id(self) -> str | None:
        """The key's `kid`."""
        return self.key.kid

    def public(self, key_id: str) -> dict[str, str]:
        """The public half, as a JWK under that id."""
        whole = self.key.as_dict(private=False)
        shown = {name: str(whole[name]) for name in _SHOWN[str(whole["kty"])]}
        return shown | {"kid": key_id, "use": "sig", "alg": self.algorithm}


def signing_key(given: str | Mapping[str, str | list[str]]) -> SigningKey:
    """The key in *given*: a JWK, or PEM.

    Raises:
        ValueError: it is not a private key on P-384, nor a private RSA key of 2048 bits or more. The words
            show nothing of it.
    """
    key = _imported(_decoded(given))
    if isinstance(key, ECKey) and key.is_private and key.curve_name == "P-384":
        return SigningKey(key, "ES384")
    if isinstance(key, RSAKey) and key.is_private and key.raw_value.key_size >= _LEAST_BITS:
        return SigningKey(key, "RS384")
    raise ValueError(
        "the key is not a private one on P-384 (ES384) or a private RSA one of 2048 bits (RS384); make one"
    )


def _decoded(given: str | Mapping[str, str | list[str]]) -> str | dict[str, str | list[str]]:
    """The JWK in a text that begins like one; PEM as it is."""
    if not isinstance(given, str):
        return dict(given)
    if not given.lstrip().startswith("{"):
        return given
    try:
        return msgspec.json.decode(given, type=dict[str, str | list[str]])
    except msgspec.DecodeError:
        raise ValueError("the key is not JSON that can be read; give it as a JWK or PEM") from None


def _imported(given: str | dict[str, str | list[str]]) -> ECKey | RSAKey:
    for kind in (ECKey, RSAKey):
        try:
            return kind.import_key(given)
        except Exception:  # noqa: BLE001, S112 (whatever the library says may hold the key)
            continue
    raise ValueError("the key cannot be read; give a private key, P-384 or RSA, as JWK or PEM")

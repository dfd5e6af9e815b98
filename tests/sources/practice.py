"""The running sandbox, and the key by which the gateway's backend client proves itself to it."""

from dataclasses import dataclass

from joserfc.jwk import ECKey

from sandbox.dataset import Dataset
from sandbox.serve import Addresses

KEY = ECKey.generate_key("P-384", {"kid": "gateway-1"})


@dataclass(frozen=True)
class Served:
    """Where the sandbox is, and what it serves."""

    at: Addresses
    dataset: Dataset

"""The signing key of the upstream's identity provider and a clinician's token made with it.

`python -m benchmarks.upstream.signing` prints a token for the contender at `PORT`; it reads `UPSTREAM` and
`BENCH_WORK`, which the runner sets. The key is made for one run and lies in its working folder only.
"""

import os
import time
import uuid
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

_KEY_FILE = "signing-key.pem"
_LIFETIME_S = 3600 * 6
_SCOPE = "openid fhirUser user/*.rs __engagement.read"


def public_keys(work: Path) -> dict[str, Any]:
    """The JWK Set to publish (RFC 7517); makes the key of this run if there is none yet."""
    return {"keys": [{**_key(work).as_dict(private=False), "use": "sig", "alg": "RS256"}]}


def token(work: Path, issuer: str, audience: str) -> str:
    """A clinician's access token (RFC 9068) that outlives the longest run."""
    now = int(time.time())
    key = _key(work)
    claims = {
        "iss": issuer,
        "aud": audience,
        "sub": "clinician",
        "client_id": "sandbox-cli",
        "role": "clinician",
        "fhirUser": "Practitioner/prac-0001",
        "scope": _SCOPE,
        "jti": uuid.uuid4().hex,
        "iat": now,
        "nbf": now,
        "exp": now + _LIFETIME_S,
    }
    return jwt.encode({"alg": "RS256", "kid": key.kid, "typ": "at+jwt"}, claims, key)


def _key(work: Path) -> RSAKey:
    file = work / _KEY_FILE
    if not file.exists():
        file.touch(mode=0o600)
        file.write_bytes(RSAKey.generate_key(2048).as_pem(private=True))
    key = RSAKey.import_key(file.read_bytes())
    return RSAKey.import_key(key.as_dict(private=True) | {"kid": key.thumbprint()})


if __name__ == "__main__":
    print(
        token(
            work=Path(os.environ["BENCH_WORK"]),
            issuer=os.environ["UPSTREAM"],
            audience=f"http://127.0.0.1:{os.environ['PORT']}",
        )
    )

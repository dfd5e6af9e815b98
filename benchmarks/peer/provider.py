"""The identity provider of a run: a key made at its start, the public half served, one token."""

import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

ISSUER = "http://identity-provider.invalid"

_LIFETIME_S = 3600 * 6
_SCOPE = "openid fhirUser user/*.rs __engagement.read"


def new_key() -> RSAKey:
    """A signing key with its thumbprint as `kid`."""
    key = RSAKey.generate_key(2048)
    return RSAKey.import_key(key.as_dict(private=True) | {"kid": key.thumbprint()})


def token(key: RSAKey, audience: str) -> str:
    """A clinician's access token (RFC 9068) that outlives the longest run."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": audience,
        "sub": "clinician",
        "client_id": "benchmark",
        "role": "clinician",
        "fhirUser": "Practitioner/pr-101",
        "scope": _SCOPE,
        "jti": uuid.uuid4().hex,
        "iat": now,
        "nbf": now,
        "exp": now + _LIFETIME_S,
    }
    return jwt.encode({"alg": "RS256", "kid": key.kid, "typ": "at+jwt"}, claims, key)


@contextmanager
def published(key: RSAKey) -> Iterator[str]:
    """The address where the public half of *key* is, as a JWK Set, for as long as the block runs."""
    key_set = {"keys": [{**key.as_dict(private=False), "use": "sig", "alg": "RS256"}]}
    body = json.dumps(key_set).encode()

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/jwks"
        finally:
            server.shutdown()
            thread.join()

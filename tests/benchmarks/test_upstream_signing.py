"""The upstream's token is one that the published keys verify."""

from pathlib import Path

from joserfc import jwt
from joserfc.jwk import KeySet

from benchmarks.upstream import signing


def test_a_token_is_verified_by_the_published_keys(tmp_path: Path) -> None:
    keys = signing.public_keys(tmp_path)
    signed = signing.token(tmp_path, "http://127.0.0.1:8600", "http://127.0.0.1:8602")

    found = jwt.decode(signed, KeySet.import_key_set({"keys": keys["keys"]}), algorithms=["RS256"])

    assert found.header["kid"] == keys["keys"][0]["kid"]
    assert found.header["typ"] == "at+jwt"
    assert found.claims["iss"] == "http://127.0.0.1:8600"
    assert found.claims["aud"] == "http://127.0.0.1:8602"
    assert found.claims["scope"] == "openid fhirUser user/*.rs __engagement.read"
    assert found.claims["exp"] - found.claims["iat"] == 6 * 3600


def test_only_the_public_half_is_published(tmp_path: Path) -> None:
    assert sorted(signing.public_keys(tmp_path)["keys"][0]) == ["alg", "e", "kid", "kty", "n", "use"]
    assert (tmp_path / "signing-key.pem").stat().st_mode & 0o777 == 0o600

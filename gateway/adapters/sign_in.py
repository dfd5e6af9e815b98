"""How we sign in to a FHIR server: by a key (SMART Backend Services), a secret, or one fixed token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal

from msgspec import Meta

from gateway.adapters.sections import Text, Url
from gateway.configuration import Secret, Section
from sources.calling import (
    Authorizer,
    SigningKey,
    StaticBearer,
    Tls,
    backend_services,
    client_credentials,
    signing_key,
)

_KEYS = ("key", "next_key", "last_key")


class SignIn(Section, frozen=True, kw_only=True):
    """How we sign in: with `key` (SMART Backend Services), `client_secret` or `token`.

    Without this table it is called without a token.
    """

    client_id: Annotated[
        Text | None, Meta(description="Who we are to it; with `key` or `client_secret`.")
    ] = None
    key: Annotated[
        Secret | None,
        Meta(description="Our private key, a JWK (EC P-384: ES384; RSA: RS384) with its `kid`."),
    ] = None
    next_key: Annotated[
        Secret | None,
        Meta(description="The key that is to follow: its public half is published already."),
    ] = None
    last_key: Annotated[
        Secret | None,
        Meta(description="The key before: its public half is published still, while servers may keep it."),
    ] = None
    client_secret: Annotated[Secret | None, Meta(description="Our secret.")] = None
    credentials_in: Annotated[
        Literal["header", "form"],
        Meta(description="Where the secret goes: into the header (Basic), or into the form."),
    ] = "header"
    token: Annotated[
        Secret | None, Meta(description="A token that does not change: for trials, not for patients.")
    ] = None
    scope: Annotated[Text, Meta(description="What we ask for.")] = "system/*.rs"
    token_url: Annotated[
        Url | None,
        Meta(
            description="The token endpoint. Not set: with `key` the server's smart-configuration is asked."
        ),
    ] = None

    def contradictions(self) -> Iterator[tuple[str, str]]:
        ways = [name for name in ("key", "client_secret", "token") if getattr(self, name) is not None]
        if len(ways) != 1:
            yield "key", "or `client_secret` or `token` is needed, and only one of them; set that one"
        if self.client_id is None and self.token is None:
            yield "client_id", "is missing; set it to who we are to the server"
        if self.client_secret is not None and self.token_url is None:
            yield "token_url", "is missing; set it, because `client_secret` is set"
        for name in _KEYS:
            secret: Secret | None = getattr(self, name)
            if secret is not None:
                yield from ((name, why) for why in _faults(secret))

    def authorizer(self, name: str, url: str, tls: Tls) -> Authorizer:
        """What signs the calls to the server *name* at *url*."""
        scopes = self.scope.split()
        if self.key is not None:
            key_id = _read(self.key).key_id or ""
            return backend_services(
                name,
                url,
                self.client_id or "",
                self.key.reveal(),
                key_id,
                scopes,
                token_url=self.token_url,
                tls=tls,
            )
        if self.client_secret is not None:
            return client_credentials(
                name,
                self.token_url or "",
                self.client_id or "",
                self.client_secret.reveal(),
                scopes,
                in_body=self.credentials_in == "form",
                tls=tls,
            )
        return StaticBearer("" if self.token is None else self.token.reveal())

    def public_keys(self) -> Sequence[Mapping[str, str]]:
        """The public halves of our keys: the one in use, the next and the last."""
        keys = [_read(secret) for name in _KEYS if (secret := getattr(self, name)) is not None]
        return [key.public(key.key_id) for key in keys if key.key_id is not None]


def _read(secret: Secret) -> SigningKey:
    return signing_key(secret.reveal())


def _faults(secret: Secret) -> Iterator[str]:
    try:
        if not _read(secret).key_id:
            yield "has no `kid`; give it one, by which the server finds its public half"
    except ValueError as fault:
        yield f"is not usable: {fault}"

"""Who asks: a bearer token becomes an `Actor`, or the request stops. Nothing of a token is ever repeated."""

from gateway.identity.authentication import Identity, provider_client
from gateway.identity.refusals import IdentityUnavailable, Refusal, Unauthenticated

__all__ = ["Identity", "IdentityUnavailable", "Refusal", "Unauthenticated", "provider_client"]

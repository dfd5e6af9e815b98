"""`[crm.NAME] kind = "hubspot"`: HubSpot's contacts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, field

from gateway.adapters.allowing import Allow, allowed, faults
from gateway.adapters.crm_fields import Fields, usual, with_fields
from gateway.adapters.http_section import Http
from gateway.adapters.sections import Built, CrmSection, Means, Text, Url
from gateway.configuration import Secret
from sources.calling import Authorizer, StaticBearer, Upstream, client_credentials
from sources.crm.hubspot import HubSpotEngagements, HubSpotSettings, PropertyNames
from sources.crm.hubspot.allowance import hubspot_allowance


class HubSpotCrm(CrmSection, frozen=True, kw_only=True, tag_field="kind", tag="hubspot"):
    """HubSpot, whose contacts bear the opaque key."""

    url: Annotated[Url, Meta(description="The base URL, without /crm.", examples=["https://api.hubapi.com"])]
    key_property: Annotated[
        Text, Meta(description="The unique property of a contact that holds the opaque key.")
    ] = "care_key"
    properties: Fields = field(default_factory=lambda: usual(PropertyNames()))
    token: Annotated[
        Secret | None, Meta(description="The access token of a private app. Set this, or a client.")
    ] = None
    client_id: Annotated[Text | None, Meta(description="Who we are to it.")] = None
    client_secret: Annotated[Secret | None, Meta(description="Our secret.")] = None
    allow: Allow = ()
    http: Http = field(default_factory=Http)

    def contradictions(self) -> Iterator[tuple[str, str]]:
        yield from faults(self.allow)
        client = (self.client_id, self.client_secret)
        if self.token is not None and client != (None, None):
            yield "token", "stands in the place of a client; take out `client_id` and `client_secret`"
        if self.token is None and None in client:
            yield "client_secret", "is missing, or `client_id` is; set both, or `token`"

    def build(self, name: str, means: Means) -> Built:
        upstream = Upstream(
            name,
            "crm/hubspot",
            self.url,
            authorizer=self._authorizer(name),
            limits=self.http.limits(self.timeout_s),
            tls=self.http.tls(),
            allowance=hubspot_allowance,
            observers=means.observers,
            allowed=allowed(self.allow),
        )
        names = with_fields(PropertyNames(), self.properties)
        settings = HubSpotSettings(name, self.key_property, names)
        return Built(HubSpotEngagements(settings, upstream), (upstream,))

    def _authorizer(self, name: str) -> Authorizer:
        if self.token is not None:
            return StaticBearer(self.token.reveal())
        secret = "" if self.client_secret is None else self.client_secret.reveal()
        return client_credentials(
            name,
            f"{self.url}/oauth/v1/token",
            self.client_id or "",
            secret,
            in_body=True,
            tls=self.http.tls(),
        )

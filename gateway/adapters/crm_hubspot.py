"""`[crm.NAME] kind = "hubspot"`: HubSpot's contacts."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from gateway.adapters.sections import Built, CrmSection, Means, Text, Url
from gateway.configuration import Secret
from sources.calling import Upstream, client_credentials
from sources.crm.hubspot import HubSpotEngagements, HubSpotSettings


class HubSpotCrm(CrmSection, frozen=True, kw_only=True, tag_field="kind", tag="hubspot"):
    """HubSpot, whose contacts bear the opaque key."""

    url: Annotated[Url, Meta(description="The base URL, without /crm.", examples=["https://api.hubapi.com"])]
    key_property: Annotated[
        Text, Meta(description="The unique property of a contact that holds the opaque key.")
    ] = "care_key"
    client_id: Annotated[Text, Meta(description="Who we are to it.", examples=["caregraph"])]
    client_secret: Annotated[Secret, Meta(description="Our secret.")]

    def build(self, name: str, means: Means) -> Built:
        authorizer = client_credentials(
            name, f"{self.url}/oauth/v1/token", self.client_id, self.client_secret.reveal(), in_body=True
        )
        upstream = Upstream(
            name,
            "crm/hubspot",
            self.url,
            authorizer=authorizer,
            limits=self.limits(),
            observers=means.observers,
        )
        return Built(HubSpotEngagements(HubSpotSettings(name, self.key_property), upstream), (upstream,))

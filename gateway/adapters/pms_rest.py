"""`[pms.NAME] kind = "rest"`: a practice management system with a REST API of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, field

from gateway.adapters.allowing import Allow, allowed, faults
from gateway.adapters.http_section import Http
from gateway.adapters.sections import Built, Means, PmsSection, Text, Url
from gateway.configuration import Secret
from sources.calling import Upstream, client_credentials, rate_limit_headers
from sources.pms.rest import PmsSettings, RestPms


class RestPractice(PmsSection, frozen=True, kw_only=True, tag_field="kind", tag="rest"):
    """A practice management system behind its REST API."""

    url: Annotated[Url, Meta(description="The base URL, without /v1.", examples=["https://pms.example"])]
    time_zone: Annotated[
        Text,
        Meta(
            description="The time zone of the practice: its API has local times.",
            examples=["America/Chicago"],
        ),
    ]
    client_id: Annotated[Text, Meta(description="Who we are to it.", examples=["caregraph"])]
    client_secret: Annotated[Secret, Meta(description="Our secret.")]
    allow: Allow = ()
    http: Http = field(default_factory=Http)

    def contradictions(self) -> Iterator[tuple[str, str]]:
        yield from faults(self.allow)
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield "time_zone", "is not known; set it to a name of the IANA time zone database"

    def build(self, name: str, means: Means) -> Built:
        authorizer = client_credentials(
            name,
            f"{self.url}/oauth/token",
            self.client_id,
            self.client_secret.reveal(),
            tls=self.http.tls(),
        )
        upstream = Upstream(
            name,
            "pms/rest",
            self.url,
            authorizer=authorizer,
            limits=self.http.limits(self.timeout_s),
            tls=self.http.tls(),
            allowance=rate_limit_headers,
            observers=means.observers,
            allowed=allowed(self.allow),
        )
        return Built(RestPms(PmsSettings(name, self.time_zone), upstream), (upstream,))

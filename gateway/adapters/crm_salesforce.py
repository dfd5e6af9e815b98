"""`[crm.NAME] kind = "salesforce"`: Salesforce, with Health Cloud or without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, field

from gateway.adapters.allowing import Allow, allowed, faults
from gateway.adapters.crm_fields import Fields, Stages, usual, with_fields
from gateway.adapters.http_section import Http
from gateway.adapters.sections import Built, CrmSection, Means, Text, Url
from gateway.configuration import Secret
from sources.calling import Authorizer, Upstream, usage_header
from sources.crm.salesforce import (
    FieldNames,
    SalesforceEngagements,
    SalesforceSettings,
    client_credentials,
    jwt_bearer,
    meant,
    signing_key,
)


class SalesforceCrm(CrmSection, frozen=True, kw_only=True, tag_field="kind", tag="salesforce"):
    """Salesforce, whose person accounts (or contacts) bear the opaque key."""

    url: Annotated[
        Url, Meta(description="The org's My Domain.", examples=["https://clinic.my.salesforce.com"])
    ]
    object: Annotated[
        Text,
        Meta(
            description="What is read: Account (persons alone), Contact, Task, CareProgramEnrollee or a"
            " custom object; never a clinical one."
        ),
    ] = "Account"
    key_field: Annotated[Text, Meta(description="Its external-id field that holds the opaque key.")] = (
        "Care_Key__c"
    )
    fields: Fields = field(default_factory=lambda: usual(FieldNames()))
    stages: Stages = field(default_factory=dict)
    api_version: Annotated[Text, Meta(description="The version of the REST interface.")] = "v67.0"
    client_id: Annotated[
        Text, Meta(description="The connected app's consumer key.", examples=["3MVG9CareGraph"])
    ]
    client_secret: Annotated[
        Secret | None, Meta(description="Its consumer secret. Set this, or `private_key`.")
    ] = None
    private_key: Annotated[
        Secret | None, Meta(description="The RSA key (PEM) whose certificate the connected app has.")
    ] = None
    username: Annotated[
        Text | None, Meta(description="The user whom we act as; with `private_key` alone.")
    ] = None
    allow: Allow = ()
    http: Http = field(default_factory=Http)
    audience: Annotated[
        Url,
        Meta(description="Whom assertions are for: with a Salesforce sandbox, https://test.salesforce.com."),
    ] = "https://login.salesforce.com"

    def contradictions(self) -> Iterator[tuple[str, str]]:
        yield from faults(self.allow)
        if (self.client_secret is None) == (self.private_key is None):
            yield "client_secret", "and `private_key` exclude each other; set one of them"
        elif (self.private_key is None) != (self.username is None):
            yield "username", "goes with `private_key`; set both or neither"
        try:
            if self.private_key is not None:
                signing_key(self.private_key.reveal())
        except ValueError as fault:
            yield "private_key", f"is not usable: {fault}"
        try:
            self._settings("crm")
        except ValueError as fault:
            yield "object", f"or its fields cannot be read: {fault}"

    def build(self, name: str, means: Means) -> Built:
        upstream = Upstream(
            name,
            "crm/salesforce",
            self.url,
            authorizer=self._authorizer(name),
            limits=self.http.limits(self.timeout_s),
            tls=self.http.tls(),
            allowance=usage_header("sforce-limit-info"),
            observers=means.observers,
            allowed=allowed(self.allow),
            meant=meant,
        )
        return Built(SalesforceEngagements(self._settings(name), upstream), (upstream,))

    def _settings(self, name: str) -> SalesforceSettings:
        return SalesforceSettings(
            name,
            self.object,
            self.key_field,
            with_fields(FieldNames(), self.fields),
            self.stages,
            api_version=self.api_version,
        )

    def _authorizer(self, name: str) -> Authorizer:
        if self.private_key is not None:
            return jwt_bearer(
                name,
                self.url,
                self.client_id,
                self.username or "",
                self.private_key.reveal(),
                audience=self.audience,
                tls=self.http.tls(),
            )
        secret = "" if self.client_secret is None else self.client_secret.reveal()
        return client_credentials(name, self.url, self.client_id, secret, tls=self.http.tls())

"""`[crm.NAME] kind = "dynamics"`: Dynamics 365, or any Dataverse organisation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, field

from gateway.adapters.allowing import Allow, allowed, faults
from gateway.adapters.crm_fields import Fields, Stages, usual, with_fields
from gateway.adapters.http_section import Http
from gateway.adapters.sections import Built, CrmSection, Means, Text, Url
from gateway.configuration import Secret
from sources.calling import Authorizer, Upstream
from sources.crm.dynamics import (
    ColumnNames,
    DynamicsEngagements,
    DynamicsSettings,
    client_certificate,
    client_secret,
    dynamics_allowance,
    signing_pair,
)


class DynamicsCrm(CrmSection, frozen=True, kw_only=True, tag_field="kind", tag="dynamics"):
    """Dynamics 365, whose contacts (or rows of a table of yours) bear the opaque key."""

    url: Annotated[
        Url,
        Meta(description="The organisation's URL.", examples=["https://clinic.crm.dynamics.com"]),
    ]
    table: Annotated[
        Text,
        Meta(description="What is read: contacts, accounts, leads or a custom table; never a clinical one."),
    ] = "contacts"
    id_column: Annotated[Text, Meta(description="Its primary key, which comes unasked.")] = "contactid"
    key_column: Annotated[Text, Meta(description="Its column that holds the opaque key.")] = "cg_carekey"
    columns: Fields = field(default_factory=lambda: usual(ColumnNames()))
    stages: Stages = field(default_factory=dict)
    lookup: Annotated[
        Literal["filter", "batch"],
        Meta(
            description="How rows are found: by a filter; or, the key being an alternate key, one request a"
            " row in one batch. An organisation that refuses the filter is asked by batches anyway."
        ),
    ] = "filter"
    tenant: Annotated[
        Text,
        Meta(
            description="The directory (tenant) of the app registration.",
            examples=["00000000-0000-0000-0000-000000000000"],
        ),
    ]
    client_id: Annotated[
        Text,
        Meta(
            description="The app registration, which is an application user of the organisation.",
            examples=["00000000-0000-0000-0000-000000000000"],
        ),
    ]
    client_secret: Annotated[Secret | None, Meta(description="Its secret. Set this, or `certificate`.")] = (
        None
    )
    certificate: Annotated[
        Secret | None, Meta(description="PEM with a private RSA key and the certificate that it was given.")
    ] = None
    authority: Annotated[Url, Meta(description="Where tokens come from; other clouds have others.")] = (
        "https://login.microsoftonline.com"
    )

    allow: Allow = ()
    http: Http = field(default_factory=Http)

    def contradictions(self) -> Iterator[tuple[str, str]]:
        yield from faults(self.allow)
        if (self.client_secret is None) == (self.certificate is None):
            yield "client_secret", "and `certificate` exclude each other; set one of them"
        try:
            if self.certificate is not None:
                signing_pair(self.certificate.reveal())
        except ValueError as fault:
            yield "certificate", f"is not usable: {fault}"
        try:
            self._settings("crm")
        except ValueError as fault:
            yield "table", f"or its columns cannot be read: {fault}"

    def build(self, name: str, means: Means) -> Built:
        upstream = Upstream(
            name,
            "crm/dynamics",
            self.url,
            authorizer=self._authorizer(name),
            limits=self.http.limits(self.timeout_s),
            tls=self.http.tls(),
            allowance=dynamics_allowance,
            observers=means.observers,
            allowed=allowed(self.allow),
        )
        return Built(DynamicsEngagements(self._settings(name), upstream), (upstream,))

    def _settings(self, name: str) -> DynamicsSettings:
        return DynamicsSettings(
            name,
            self.table,
            self.id_column,
            self.key_column,
            with_fields(ColumnNames(), self.columns),
            self.stages,
            lookup=self.lookup,
        )

    def _authorizer(self, name: str) -> Authorizer:
        us, tls = (name, self.url, self.tenant, self.client_id), self.http.tls()
        if self.certificate is not None:
            return client_certificate(*us, self.certificate.reveal(), authority=self.authority, tls=tls)
        secret = "" if self.client_secret is None else self.client_secret.reveal()
        return client_secret(*us, secret, authority=self.authority, tls=tls)

"""The settings of CRMs: what they make of a vendor's fields, and which of them contradict each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from gateway.adapters.crm_dynamics import DynamicsCrm
from gateway.adapters.crm_hubspot import HubSpotCrm
from gateway.adapters.crm_salesforce import SalesforceCrm
from gateway.adapters.sections import Means
from gateway.configuration import SettingsError, read
from sandbox.certificates import self_signed
from sandbox.crm.dynamics import dynamics_app
from sandbox.crm.dynamics.sign_in import TENANT
from sandbox.crm.salesforce import salesforce_app
from sandbox.serving import one
from sources.crm.dynamics import DynamicsEngagements
from sources.crm.salesforce import SalesforceEngagements

PEM = RSAKey.generate_key(2048).as_pem(private=True).decode()
SALESFORCE = {"url": "https://clinic.my.salesforce.com", "client_id": "app", "client_secret": "s3cret"}


def salesforce(**given: Any) -> SalesforceCrm:
    table = {name: value for name, value in {**SALESFORCE, **given}.items() if value is not None}
    return read(SalesforceCrm, table, {})


def fault(**given: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        salesforce(**given)
    (only,) = caught.value.faults
    return only


def test_fields_that_are_not_named_stand_where_they_usually_do() -> None:
    built = salesforce(fields={"score": "Score__c"}).build("crm", Means())

    assert isinstance(built.source, SalesforceEngagements)
    assert (built.source.name, built.source.kind) == ("crm", "crm")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"client_secret": None}, "exclude each other"),
        ({"private_key": PEM, "username": "me@clinic.example"}, "exclude each other"),
        ({"username": "me@clinic.example"}, "goes with `private_key`"),
        ({"client_secret": None, "private_key": PEM}, "goes with `private_key`"),
        ({"client_secret": None, "private_key": "x", "username": "me"}, "give an RSA private key as PEM"),
        ({"object": "HealthCondition"}, "clinical object of Health Cloud"),
        ({"object": "Case"}, "not on the list of objects"),
        ({"fields": {"score": "x;y"}}, "is no field of `Account`"),
        ({"fields": {"birth_date": "PersonBirthdate"}}, "fields"),
        ({"api_version": "newest"}, "the API version is none"),
    ],
)
def test_what_cannot_be_used_is_told_with_the_next_step(given: dict[str, Any], why: str) -> None:
    told = fault(**given)

    assert why in told
    assert PEM not in told


DYNAMICS = {"url": "https://clinic.crm.dynamics.com", "tenant": "t", "client_id": "app", "client_secret": "s"}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"client_secret": None}, "exclude each other"),
        ({"certificate": PEM}, "exclude each other"),
        ({"client_secret": None, "certificate": PEM}, "private RSA key and its certificate"),
        ({"table": "msemr_conditions"}, "clinical table"),
        ({"columns": {"score": "Score"}}, "is no column of `contacts`"),
        ({"lookup": "guess"}, "one of batch, filter"),
        ({"tenant": None}, "The directory (tenant)"),
    ],
)
def test_what_cannot_be_used_of_an_organisation_is_told_too(given: dict[str, Any], why: str) -> None:
    table = {name: value for name, value in {**DYNAMICS, **given}.items() if value is not None}
    with pytest.raises(SettingsError) as caught:
        read(DynamicsCrm, table, {})

    assert why in str(caught.value)
    assert PEM not in str(caught.value)


def test_an_organisation_is_asked_as_its_settings_say() -> None:
    built = read(DynamicsCrm, {**DYNAMICS, "stages": {"1": "lead"}}, {}).build("crm", Means())

    assert isinstance(built.source, DynamicsEngagements)
    assert len(built.upstreams) == 1


HUBSPOT = {"url": "https://api.hubapi.com"}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "set both, or `token`"),
        ({"client_id": "me"}, "set both, or `token`"),
        ({"token": "t", "client_id": "me", "client_secret": "s"}, "stands in the place of a client"),
    ],
)
def test_hubspot_is_told_of_a_token_or_of_a_client(given: dict[str, Any], why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        read(HubSpotCrm, HUBSPOT | given, {})

    assert read(HubSpotCrm, HUBSPOT | {"token": "t"}, {}).build("crm", Means()).upstreams


def test_a_user_may_sign_in_by_a_key() -> None:
    section = salesforce(client_secret=None, private_key=PEM, username="me@clinic.example")

    assert section.build("crm", Means()).upstreams


@pytest.mark.anyio
async def test_a_crm_is_reached_over_tls_by_its_settings_alone(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    trusting = {"http": {"ca_file": str(certificate.path)}, "timeout_s": 30.0}
    with one(salesforce_app([]), certificate=certificate) as org, one(dynamics_app([])) as organisation:
        told: dict[str, Any] = {
            "url": org,
            "client_id": "caregraph",
            "client_secret": "sandbox-salesforce-secret",
        }
        salesforce = read(SalesforceCrm, told | trusting, {}).build("crm", Means())
        told = {
            "url": organisation,
            "authority": organisation,
            "tenant": TENANT,
            "client_id": "caregraph",
            "client_secret": "sandbox-dynamics-secret",
            "timeout_s": 30.0,
        }
        dynamics = read(DynamicsCrm, told, {}).build("crm", Means())
        checked = [await built.source.check() for built in (salesforce, dynamics)]
        for built in (salesforce, dynamics):
            await built.upstreams[0].close()

    assert [each.said[0] for each in checked] == [
        "10 fields of `Account` can be read",
        "10 columns of `contacts` can be read",
    ]

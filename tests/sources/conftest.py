"""The sandbox, served once for all tests of the sources, and the adapters that speak to it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Literal

import pytest
from caregraph_hearth import HearthEngagements

from sandbox.admission import ClientCredentials
from sandbox.crm.dynamics import dynamics_app
from sandbox.crm.dynamics.contacts import STAGES
from sandbox.crm.dynamics.sign_in import TENANT
from sandbox.crm.salesforce import salesforce_app
from sandbox.dataset import generate
from sandbox.knobs import Knobs
from sandbox.serve import Options, background
from sandbox.serving import one
from sources.calling import Limits, Upstream, backend_services, client_credentials
from sources.crm.dynamics import DynamicsEngagements, DynamicsSettings, client_secret
from sources.crm.hubspot import HubSpotEngagements, HubSpotSettings
from sources.crm.salesforce import SalesforceEngagements, SalesforceSettings, meant
from sources.crm.salesforce import client_credentials as salesforce_sign_in
from sources.ehr.fhir import FhirRecords, FhirSettings
from sources.naming import alone
from sources.pms.rest import PmsSettings, RestPms
from tests.sources.hearth import hearth_of
from tests.sources.practice import KEY, Served
from tests.sources.stub import stub

PRACTICE = alone("pms", "urn:caregraph:sandbox:mrn", "urn:caregraph:sandbox:visit")

DYNAMICS_SECRET = "sandbox-dynamics-secret"
SALESFORCE_SECRET = "sandbox-salesforce-secret"
UNHURRIED = Limits(timeout_s=20.0)
"""A busy machine is no fault of the sandbox's."""


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    dataset = generate(30, today=date(2026, 11, 20))
    no_limits = Options(pms_requests_per_second=None, crm_requests_per_ten_seconds=None)
    jwks = {"keys": [KEY.as_dict(private=False)]}
    with background(dataset, backend_jwks=jwks, options=no_limits) as at:
        yield Served(at, dataset)


@pytest.fixture(scope="session")
def salesforce_at(served: Served) -> Iterator[str]:
    """Where a Salesforce org is that holds the same people; its knobs are below `/sandbox`."""
    sessions = ClientCredentials("caregraph", SALESFORCE_SECRET)
    org = salesforce_app(served.dataset.contacts, sessions=sessions, page_size=7)
    with one(Knobs(org, "salesforce", sessions.revoke)) as url:
        yield url


@pytest.fixture(scope="session")
def dynamics_at(served: Served) -> Iterator[str]:
    """Where a Dataverse organisation is that holds the same people; its knobs are below `/sandbox`."""
    sessions = ClientCredentials("caregraph", DYNAMICS_SECRET)
    organisation = dynamics_app(served.dataset.contacts, sessions=sessions, page_size=7)
    with one(Knobs(organisation, "dynamics", sessions.revoke)) as url:
        yield url


@pytest.fixture
async def ehr(served: Served) -> AsyncIterator[FhirRecords]:
    """The sandbox's EHR, with credentials as in SMART Backend Services."""
    url = served.at.ehr
    authorizer = backend_services("ehr", url, "caregraph", KEY.as_dict(private=True), "gateway-1")
    upstream = Upstream("ehr", "ehr", url, authorizer=authorizer, limits=UNHURRIED)
    settings = FhirSettings("ehr", url, PRACTICE)
    records = FhirRecords(settings, upstream)
    yield records
    await records.close()


@pytest.fixture
async def pms(served: Served) -> AsyncIterator[RestPms]:
    url = served.at.pms
    authorizer = client_credentials("pms", f"{url}/oauth/token", "caregraph", "sandbox-pms-secret")
    upstream = Upstream("pms", "pms", url, authorizer=authorizer, limits=UNHURRIED)
    practice = RestPms(PmsSettings("pms", served.dataset.pms.time_zone), upstream)
    yield practice
    await practice.close()


@pytest.fixture
async def crm(served: Served) -> AsyncIterator[HubSpotEngagements]:
    url = served.at.crm
    authorizer = client_credentials(
        "crm", f"{url}/oauth/v1/token", "caregraph", "sandbox-crm-secret", in_body=True
    )
    upstream = Upstream("crm", "crm", url, authorizer=authorizer, limits=UNHURRIED)
    engagements = HubSpotEngagements(HubSpotSettings("crm"), upstream)
    yield engagements
    await engagements.close()


@pytest.fixture
async def salesforce(salesforce_at: str) -> AsyncIterator[SalesforceEngagements]:
    authorizer = salesforce_sign_in("crm", salesforce_at, "caregraph", SALESFORCE_SECRET)
    upstream = Upstream("crm", "crm", salesforce_at, authorizer=authorizer, limits=UNHURRIED, meant=meant)
    engagements = SalesforceEngagements(SalesforceSettings("crm"), upstream)
    yield engagements
    await engagements.close()


@pytest.fixture
async def dynamics(dynamics_at: str) -> AsyncIterator[DynamicsEngagements]:
    """Asked by a filter."""
    async with dynamics_by("filter", dynamics_at) as engagements:
        yield engagements


@pytest.fixture
async def dynamics_in_batches(dynamics_at: str) -> AsyncIterator[DynamicsEngagements]:
    async with dynamics_by("batch", dynamics_at) as engagements:
        yield engagements


@pytest.fixture
async def hearth(served: Served) -> AsyncIterator[HearthEngagements]:
    """The example of docs/write-a-source.md, on a stand-in that holds the same people."""
    async with stub(hearth_of(served.dataset)) as source:
        engagements = HearthEngagements(Upstream("crm", "crm", source.url, limits=UNHURRIED))
        yield engagements
        await engagements.close()


@asynccontextmanager
async def dynamics_by(lookup: Literal["filter", "batch"], url: str) -> AsyncIterator[DynamicsEngagements]:
    authorizer = client_secret("crm", url, TENANT, "caregraph", DYNAMICS_SECRET, authority=url)
    upstream = Upstream("crm", "crm", url, authorizer=authorizer, limits=UNHURRIED)
    stages = {str(number): stage for stage, number in STAGES.items()}
    engagements = DynamicsEngagements(DynamicsSettings("crm", stages=stages, lookup=lookup), upstream)
    yield engagements
    await engagements.close()

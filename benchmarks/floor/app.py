"""The floor's ASGI application and its two operations: fewest upstream calls, as many at once as can be."""

import asyncio
import hmac
import os
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from msgspec import Struct
from pyreqwest.client import Client, ClientBuilder

from benchmarks.floor import answers, records

_UPSTREAM = os.environ["UPSTREAM"]
_CARE_KEY = hmac.new(b"sandbox-care-key", digestmod="sha256")  # hmac.digest would let go of the GIL each time
_MRN_SYSTEM = "urn:caregraph:sandbox:mrn"
_PROPERTIES = ["care_key", "lifecyclestage", "engagement_score", "attendance_rate"]

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Variables(Struct):
    """The variables of either operation."""

    id: str = ""


class Request(Struct):
    """A GraphQL request whose document is known by its operation name."""

    operationName: str
    variables: Variables


class Upstream:
    """The four calls, as the fastest client makes them."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def patient(self, patient_id: str) -> records.Patient:
        """One patient of the EHR."""
        return records.read_patient(await self._get(f"/fhir/Patient/{patient_id}"))

    async def patients(self, first: int) -> list[records.Patient]:
        """The first patients of the EHR."""
        found = records.read_patients(await self._get(f"/fhir/Patient?_count={first}"))
        return [entry.resource for entry in found.entry]

    async def encounters(self, patient_ids: list[str]) -> list[records.Encounter]:
        """The encounters of these patients."""
        found = records.read_encounters(await self._get("/fhir/Encounter?patient=" + ",".join(patient_ids)))
        return [entry.resource for entry in found.entry]

    async def appointments(self, mrns: list[str]) -> list[records.Appointment]:
        """The appointments of these medical record numbers."""
        body = await self._post("/v1/appointments/search", {"patient_mrns": mrns})
        return records.read_appointments(body).appointments

    async def contacts(self, care_keys: list[str]) -> dict[str, records.Properties]:
        """The contacts of these care keys, by key."""
        asked = {
            "idProperty": "care_key",
            "properties": _PROPERTIES,
            "inputs": [{"id": key} for key in care_keys],
        }
        body = await self._post("/crm/v3/objects/contacts/batch/read", asked)
        return {each.properties.care_key: each.properties for each in records.read_contacts(body).results}

    async def _get(self, path: str) -> memoryview:
        answer = await self._client.get(_UPSTREAM + path).build().send()
        return memoryview(await answer.bytes())

    async def _post(self, path: str, body: Message) -> memoryview:
        request = self._client.post(_UPSTREAM + path).header("content-type", "application/json")
        answer = await request.body_bytes(msgspec.json.encode(body)).build().send()
        return memoryview(await answer.bytes())


async def worklist(upstream: Upstream, _: Variables) -> Message:
    """Fifty patients: the EHR's first, then three calls for all of them at once."""
    patients = await upstream.patients(50)
    keys = {row.id: _care_key(row.id) for row in patients}
    mrns = {row.id: _mrn(row) for row in patients}
    async with asyncio.TaskGroup() as tasks:
        encounters = tasks.create_task(upstream.encounters(list(keys)))
        contacts = tasks.create_task(upstream.contacts(list(keys.values())))
        appointments = await upstream.appointments(list(mrns.values()))
    of_mrn: dict[str, list[answers.Edge]] = {mrn: [] for mrn in mrns.values()}
    for booked in appointments:
        of_mrn[booked.patient.mrn].append(answers.appointment(booked))
    of_patient: dict[str, list[answers.Edge]] = {ident: [] for ident in keys}
    for met in encounters.result():
        of_patient[met.subject.reference[8:]].append(answers.encounter(met))
    contact = contacts.result()
    nodes = [
        answers.patient(row, of_mrn[mrns[row.id]], of_patient[row.id], contact.get(keys[row.id]))
        for row in patients
    ]
    return {"patients": answers.Connection([answers.Edge(node) for node in nodes])}


async def patient(upstream: Upstream, variables: Variables) -> Message:
    """One patient: what needs only the id goes out at once, the PMS waits for the MRN."""
    ident = variables.id.removeprefix("Patient/")
    key = _care_key(ident)
    async with asyncio.TaskGroup() as tasks:
        encounters = tasks.create_task(upstream.encounters([ident]))
        contacts = tasks.create_task(upstream.contacts([key]))
        row = await upstream.patient(ident)
        appointments = await upstream.appointments([_mrn(row)])
    return {
        "patient": answers.patient(
            row,
            [answers.appointment(each) for each in appointments],
            [answers.encounter(each) for each in encounters.result()],
            contacts.result().get(key),
        )
    }


class App:
    """Bare ASGI: reads the request whole, answers it, knows no routes."""

    def __init__(self) -> None:
        self._operations = {"Worklist": worklist, "Patient": patient}
        self._read = msgspec.json.Decoder(Request).decode

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        request = self._read(await _body(receive))
        data = await self._operations[request.operationName](self._upstream, request.variables)
        answer = msgspec.json.encode({"data": data})
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        builder = ClientBuilder().gzip(False).brotli(False).zstd(False).deflate(False).error_for_status(True)
        async with builder.default_headers({"Authorization": "Bearer static"}).build() as client:
            self._upstream = Upstream(client)
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    return body


def _mrn(row: records.Patient) -> str:
    return next(each.value or "" for each in row.identifier if each.system == _MRN_SYSTEM)


def _care_key(patient_id: str) -> str:
    keyed = _CARE_KEY.copy()
    keyed.update(patient_id.encode())
    return keyed.hexdigest()[:40]


app = App()

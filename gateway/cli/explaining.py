"""What a persona's query would read: its plan, without anything being asked."""

from __future__ import annotations

import argparse
import sys
import time

from gateway.errors import RequestError
from gateway.execution.collect import Opaque
from gateway.execution.engine import Engine, Prepared
from gateway.execution.text import text
from gateway.operations import Operations
from gateway.settings import Limits
from policies import DEFAULT_PURPOSE, Actor, Audience, Policy, Scopes
from resolvers.schema import build, classify, core_of
from sandbox.idp import Persona, personas
from sources.model import PatientId

NO_TOKEN = ""


def run(chosen: argparse.Namespace) -> int:
    """Prints the plan of a query for a persona, without asking anyone anything."""
    query = sys.stdin.read() if chosen.query == "-" else chosen.query
    said, code = explained(query, chosen.persona)
    print(said, file=sys.stdout if code == 0 else sys.stderr)
    return code


def explained(query: str, persona: str) -> tuple[str, int]:
    """The plan as text and 0, or what is wrong and 2."""
    schema = core_of(build())
    try:
        operation = Operations(schema, Limits()).find(query)
    except RequestError as refused:
        return "\n".join(fault.message for fault in refused.faults), 2
    grant = Policy(classify(schema)).grant(actor_of(personas()[persona]))
    prepared = Prepared.of(operation.hash, operation.document, operation.definition)
    try:
        plan = Engine(schema, type_of=lambda row: type(row).__name__).plan(prepared, grant, {})
    except Opaque as opaque:
        return f"graphql-core runs this one whole ({opaque.reason}); every field is decided as it is read", 0
    return text(plan), 0


def actor_of(persona: Persona) -> Actor:
    """The actor that a token of that persona makes."""
    audience = Audience(persona.role)
    return Actor(
        issuer="sandbox",
        subject=persona.name,
        client_id="sandbox-cli",
        audience=audience,
        purpose=DEFAULT_PURPOSE[audience],
        scopes=Scopes.parse(" ".join(persona.scope)),
        patient=PatientId(persona.patient) if persona.patient is not None else None,
        fhir_user=persona.fhir_user,
        token_id=NO_TOKEN,
        expires_at=time.time() + 3600,
    )

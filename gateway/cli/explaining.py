"""What a persona's query would read and be denied: its plan and why, without anything being asked."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from graphql import GraphQLSchema

from gateway.execution.collect import Opaque
from gateway.execution.engine import Engine, Prepared
from gateway.execution.text import text
from gateway.operations import Operation, Operations
from gateway.settings import Limits
from gateway.visibility import Explainer
from gateway.visibility.text import text as explanation
from policies import DEFAULT_PURPOSE, Actor, Audience, Grant, Policy, Scopes
from resolvers.schema import build, classify, core_of
from resolvers.wiring import type_of
from sandbox.idp import Persona, personas
from sources.model import PatientId

NO_TOKEN = ""


def run(chosen: argparse.Namespace) -> int:
    """Prints the plan of a query for a persona and what of it is denied and why, without asking anyone."""
    query = sys.stdin.read() if chosen.query == "-" else chosen.query
    try:
        variables = json.loads(chosen.variables)
    except json.JSONDecodeError:
        print('--variables is not JSON; write an object such as \'{"id": "p1"}\'', file=sys.stderr)
        return 2
    said, code = explained(query, chosen.persona, variables)
    print(said, file=sys.stdout if code == 0 else sys.stderr)
    return code


def explained(query: str, persona: str, variables: object = None) -> tuple[str, int]:
    """The plan and the explanation as text and 0, or what is wrong and 2."""
    schema = core_of(build())
    operations = Operations(schema, Limits())
    grant = Policy(classify(schema)).grant(actor_of(personas()[persona]))
    access = Explainer(schema, operations)(grant, query, variables)
    if access.kind is None:
        return "\n".join(fault.message for fault in access.faults), 2
    plan = _planned(schema, operations.find(query), grant, variables)
    return "\n\n".join(part for part in (plan, explanation(access)) if part), 0


def _planned(schema: GraphQLSchema, operation: Operation, grant: Grant, variables: Any) -> str:
    """The plan as text; *variables* are known to fit."""
    prepared = Prepared.of(operation.hash, operation.document, operation.definition)
    coerced = Operations(schema, Limits()).coerced(operation, variables)
    try:
        return text(Engine(schema, type_of=type_of).plan(prepared, grant, coerced))
    except Opaque as opaque:
        return f"graphql-core runs this one whole ({opaque.reason}); every field is decided as it is read"


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

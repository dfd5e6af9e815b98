"""Who and where: practitioners, organizations and locations."""

from __future__ import annotations

import strawberry

from policies import DataClass
from resolvers.datatypes import Address, CodeableConcept, ContactPoint, HumanName, Identifier
from resolvers.declare import Fields
from resolvers.node import Node, identity

practitioner = Fields(DataClass.DIRECTORY, "Practitioner.r")
organization = Fields(DataClass.DIRECTORY, "Organization.r")
location = Fields(DataClass.DIRECTORY, "Location.r")


@strawberry.type(description="Someone who provides care, as the EHR knows them.")
class Practitioner(Node):
    id: strawberry.ID = identity(practitioner, "Practitioner")
    active: bool | None = practitioner("Whether the record is in use.")
    identifier: list[Identifier] | None = practitioner("Identifiers, the NPI among them.")
    npi: str | None = practitioner("The National Provider Identifier.", reads=["identifier"])
    name: list[HumanName] | None = practitioner("Names.")
    telecom: list[ContactPoint] | None = practitioner("How to reach them at work.")


@strawberry.type(description="A hospital, practice or other body.")
class Organization(Node):
    id: strawberry.ID = identity(organization, "Organization")
    active: bool | None = organization("Whether the record is in use.")
    name: str | None = organization("The name.")
    type: list[CodeableConcept] | None = organization("What kind of organization it is.")
    telecom: list[ContactPoint] | None = organization("How to reach it.")
    address: list[Address] | None = organization("Where it is.")


@strawberry.type(description="A place where care is given, a virtual one among them; the EHR's or the PMS's.")
class Location:
    id: strawberry.ID = location("The id in the source the location comes from.", data=DataClass.REFERENCE)
    status: str | None = location("FHIR LocationStatus.")
    name: str | None = location("The name.")
    mode: str | None = location("FHIR LocationMode: `instance` or `kind`.")
    type: list[CodeableConcept] | None = location("What is done there.")
    telecom: list[ContactPoint] | None = location("How to reach it.")
    address: Address | None = location("Where it is.")

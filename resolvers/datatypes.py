"""FHIR datatypes as the graph shows them. They are parts: the field that holds one is what policy decides."""

from __future__ import annotations

import strawberry

from policies import DataClass
from resolvers.declare import Fields

part = Fields(DataClass.PART, "")
words = Fields(DataClass.NOTES, "")
"""For what somebody wrote in words: it can name anyone, whatever the field that holds it is about."""
wording = Fields(DataClass.WORDING, "")
"""For words that stand beside codes. A code's own words, `Coding.display`, are its code system's, and a unit
is part of what a number says: they go with the field that holds them."""


@strawberry.type(description="A code from a code system.")
class Coding:
    system: str | None = part("The code system's URI.")
    code: str | None = part("The code.")
    display: str | None = part("The code in words.")


@strawberry.type(description="A concept by codes, by text, or both.")
class CodeableConcept:
    coding: list[Coding] = part("Codes for the concept.")
    text: str | None = wording("The concept in words.")


@strawberry.type(description="A span of time; an absent bound is open.")
class Period:
    start: str | None = part("When it starts: a FHIR dateTime.")
    end: str | None = part("When it ends: a FHIR dateTime.")


@strawberry.type(description="A business identifier, such as a medical record number.")
class Identifier:
    use: str | None = part("FHIR IdentifierUse.")
    type: CodeableConcept | None = part("What kind of identifier it is.")
    system: str | None = part("Whose identifier it is, as a URI.")
    value: str | None = part("The identifier.")


@strawberry.type(description="A person's name.")
class HumanName:
    use: str | None = part("FHIR NameUse.")
    text: str | None = part("The whole name.")
    family: str | None = part("The family name.")
    given: list[str] = part("Given names, in order.")
    prefix: list[str] = part("What comes before the name.")
    suffix: list[str] = part("What comes after the name.")


@strawberry.type(description="A telephone number, e-mail address or the like.")
class ContactPoint:
    system: str | None = part("FHIR ContactPointSystem, such as `phone`.")
    value: str | None = part("The number or address.")
    use: str | None = part("FHIR ContactPointUse.")


@strawberry.type(description="A postal address.")
class Address:
    use: str | None = part("FHIR AddressUse.")
    text: str | None = part("The whole address.")
    line: list[str] = part("Street, number and the like.")
    city: str | None = part("The city.")
    district: str | None = part("The district or county.")
    state: str | None = part("The state.")
    postal_code: str | None = part("The postal code.")
    country: str | None = part("The country.")


@strawberry.type(description="A measured amount.")
class Quantity:
    value: float | None = part("The number.")
    comparator: str | None = part("How the number is to be read, such as `<`.")
    unit: str | None = part("The unit, for people.")
    system: str | None = part("The unit's code system.")
    code: str | None = part("The unit's code, in UCUM.")


@strawberry.type(description="An amount of money.")
class Money:
    value: str = part("The amount, as a decimal number in text.")
    currency: str = part("The currency: an ISO 4217 code.")


@strawberry.type(description="A document's content, or where it lies.")
class Attachment:
    content_type: str | None = part("The media type.")
    language: str | None = part("The language: a BCP 47 tag.")
    data: str | None = part("The content, in base64.")
    url: str | None = part("Where the content can be had.")
    title: str | None = part("What it is called.")
    creation: str | None = part("When it was made: a FHIR dateTime.")


@strawberry.type(description="How a medication is to be taken.")
class Dosage:
    text: str | None = words("The instruction in words.")
    patient_instruction: str | None = words("The instruction, for the patient.")

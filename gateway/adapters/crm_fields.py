"""What the settings of a CRM say of its fields: where each part of an engagement stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal, TypeVar, get_args

from msgspec import Meta

from gateway.adapters.sections import Text
from sources.crm.columns import Columns

C = TypeVar("C", bound=Columns)

Part = Literal[
    "lifecycle_stage",
    "score",
    "attendance_rate",
    "satisfaction",
    "email_consent",
    "sms_consent",
    "phone_consent",
    "last_touch",
    "owner_id",
    "owner_name",
]

Fields = Annotated[
    Mapping[Part, Text],
    Meta(
        title="a table of the names of fields",
        description="Where the parts of an engagement stand; those left out stand where shown here. A `!`"
        " before the field of a consent: it says the opposite.",
    ),
]
Stages = Annotated[
    Mapping[Text, Text],
    Meta(
        title="a table",
        description="The lifecycle stages by the values of their field. Empty: the values are the stages.",
    ),
]


def usual(columns: Columns) -> Mapping[Part, str]:
    """*columns* as the settings write them."""
    return {part: getattr(columns, part) for part in get_args(Part)}


def with_fields(columns: C, given: Mapping[Part, str]) -> C:
    """*columns* with those *given* in their places."""
    return replace(columns, **{str(part): name for part, name in given.items()})

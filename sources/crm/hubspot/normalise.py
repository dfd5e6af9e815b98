"""Owns a contact's properties as an engagement: text to numbers, flags and instants. Pure."""

from __future__ import annotations

import math
import re
from datetime import datetime

from sources.calling import Nonconforming
from sources.crm.hubspot.properties import PropertyNames
from sources.crm.hubspot.wire import Properties
from sources.model import CareKey, Consents, Engagement, Owner

_SHAPE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")
_FLAGS = {"true": True, "false": False}


def engagement(key: CareKey, properties: Properties, names: PropertyNames) -> Engagement:
    """The engagement in *properties*; what was not asked for, or is empty, is None.

    Raises:
        Nonconforming: a property is not what it should be; the message names it.
    """
    get = properties.get
    owner_id = get(names.owner_id)
    return Engagement(
        care_key=key,
        lifecycle_stage=get(names.lifecycle_stage) or None,
        score=_number(properties, names.score, 0, 100),
        attendance_rate=_number(properties, names.attendance_rate, 0, 1),
        satisfaction=_number(properties, names.satisfaction, 1, 5),
        consents=_consents(properties, names),
        last_touch=_instant(properties, names.last_touch),
        owner=Owner(id=owner_id, name=get(names.owner_name) or None) if owner_id else None,
    )


def _consents(properties: Properties, names: PropertyNames) -> Consents | None:
    if names.email_consent not in properties:
        return None
    return Consents(
        email=_flag(properties, names.email_consent),
        sms=_flag(properties, names.sms_consent),
        phone=_flag(properties, names.phone_consent),
    )


def _number(properties: Properties, name: str, least: float, most: float) -> float | None:
    text = properties.get(name)
    if not text:
        return None
    try:
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise Nonconforming(f"contact.{name}: not a number from {least} to {most}")
    return value


def _flag(properties: Properties, name: str) -> bool | None:
    text = properties.get(name)
    if not text:
        return None
    if text not in _FLAGS:
        raise Nonconforming(f"contact.{name}: neither `true` nor `false`")
    return _FLAGS[text]


def _instant(properties: Properties, name: str) -> str | None:
    text = properties.get(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text) if _SHAPE.match(text) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Nonconforming(f"contact.{name}: not an instant")
    return text

"""What one patient's charts hold together, where several practices keep one; and how they are asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from resolvers.gate import Asked, Gate
from resolvers.request import NONE, SEARCH, Request
from sources.errors import SourceError, SourceMisread
from sources.model import Appointment, Balance, Charts, Money, Mrn
from sources.ports import Found, Listed, Wanted

V = TypeVar("V")

LAST = datetime.max.replace(tzinfo=UTC)


def starts(appointment: Appointment) -> datetime:
    """When a booking starts, to order by; one without a start comes last."""
    return datetime.fromisoformat(appointment.start) if appointment.start is not None else LAST


async def charted(
    request: Request,
    resource: str,
    ask: Callable[[Sequence[Mrn], Wanted], Awaitable[Found[Mrn, Listed[V]]]],
    keys: Sequence[Charts],
    order: Callable[[V], Any] | None,
) -> Found[Charts, Listed[V]]:
    """The rows of patients' charts, merged in that order where a patient has several."""
    gate = request.gate(resource, SEARCH)
    if gate.admits_nothing:
        return dict.fromkeys(keys, NONE)
    mrns, asked = await charts_asked(request, gate, keys)
    found = await ask(mrns, asked.wanted) if mrns else {}
    lists = {
        key: merged([gate.listed(found.get(chart.mrn), chart.patient_id, asked) for chart in key], order)
        for key in keys
    }
    for listed in lists.values():
        if isinstance(listed, Listed):
            request.miss(listed.missing)
    return lists


async def charts_asked(request: Request, gate: Gate, keys: Sequence[Charts]) -> tuple[list[Mrn], Asked]:
    """The MRNs of those patients whose rows may be asked for, and what is known of the others."""
    patients, asked = await request.asked(gate, [key[0].patient_id for key in keys])
    may = set(patients)
    mrns = [chart.mrn for key in keys if key[0].patient_id in may for chart in key]
    return list(dict.fromkeys(mrns)), asked


def merged(
    each: Sequence[Listed[V] | SourceError], order: Callable[[V], Any] | None
) -> Listed[V] | SourceError:
    """The rows of several lists as one. It is not complete where one of them could not be had.

    Without any that could be had, it is the first one's error.
    """
    if len(each) == 1:
        return each[0]
    had = [listed for listed in each if not isinstance(listed, SourceError)]
    missing = tuple(fault for fault in each if isinstance(fault, SourceError))
    if not had:
        return missing[0]
    rows = [row for listed in had for row in listed.rows]
    if order is not None:
        rows.sort(key=order)
    told = (*missing, *(fault for listed in had for fault in listed.missing))
    return Listed(tuple(rows), not told and all(listed.complete for listed in had), told)


def owed_in_all(each: Sequence[Balance | SourceError | None]) -> Balance | SourceError | None:
    """What a patient owes in all practices together, as of the oldest; None where none knows.

    An amount that one practice did not tell would be told too low: then its error is the answer.
    """
    for fault in each:
        if isinstance(fault, SourceError):
            return fault
    known = [balance for balance in each if isinstance(balance, Balance)]
    if len(known) < 2:
        return known[0] if known else None
    currencies = {balance.amount.currency for balance in known}
    if len(currencies) > 1:
        return SourceMisread("pms", "balances in several currencies, which have no sum")
    total = sum(Decimal(balance.amount.value) for balance in known)
    oldest = min(
        (balance.as_of for balance in known if balance.as_of), key=datetime.fromisoformat, default=None
    )
    amount = Money(value=str(total), currency=currencies.pop())
    return msgspec.structs.replace(known[0], amount=amount, as_of=oldest)

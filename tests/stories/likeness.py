"""What an answer should hold, worked out from the record itself: the graph has FHIR's own names."""

from __future__ import annotations

from typing import Any


def like(shown: Any, record: Any) -> Any:
    """The parts of *record* that *shown* has a field for, in its shape: equal to it, if it tells the truth.

    An element that is absent is null, or an empty list where a list is shown. Where the shapes differ, the
    record itself comes back, which then does not equal what is shown.
    """
    if isinstance(shown, dict) and isinstance(record, dict):
        return {name: like(value, record.get(name)) for name, value in shown.items()}
    if isinstance(shown, list) and record is None:
        return []
    if isinstance(shown, list) and isinstance(record, list):
        if len(shown) == len(record):
            return [like(one, of) for one, of in zip(shown, record, strict=True)]
        template = shown[0] if shown else None
        return [like(template, of) for of in record]
    return record

"""An answer with fields that are allowed is read, or does not conform: whatever else it holds."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sources.calling.answers import Nonconforming, Reader


class Row(msgspec.Struct, forbid_unknown_fields=True):
    id: int


READER: Reader[Row] = Reader(Row, "Row")
ALLOWED = frozenset({"Row.vendor"})


def test_what_is_allowed_is_dropped() -> None:
    assert READER.read(b'{"vendor": [1, {"a": 2}], "id": 7}', ALLOWED) == Row(7)


@pytest.mark.parametrize(
    "body",
    [
        b'{"vendor": 1, "id": ',
        b'{"vendor": 1, <html>',
        b'{"vendor": ' + b"[" * 9_000 + b"]" * 9_000 + b', "id": 7}',
        b'{"vendor": "\xff", "id": 7}',
    ],
    ids=["cut", "HTML", "nested without end", "no UTF-8"],
)
def test_what_cannot_be_read_behind_an_allowed_field_does_not_conform(body: bytes) -> None:
    with pytest.raises(Nonconforming, match=r"\ARow: not JSON that can be read\Z"):
        READER.read(body, ALLOWED)


@given(st.binary(max_size=40))
@example(b"}")
def test_any_bytes_behind_an_allowed_field_are_read_or_do_not_conform(rest: bytes) -> None:
    try:
        row = READER.read(b'{"id": 7, "vendor": 1' + rest, ALLOWED)
    except Nonconforming:
        return
    assert isinstance(row, Row)

"""What a practice writes or sends wrongly, with its patients' values where none should be."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Engine, insert, update

from tests.sources.practice_tables import BOOKINGS, booking

OfText = Callable[[bytes, int], bytes]
"""Spoils a text; the number says which of its rows."""

OfRow = Callable[[dict[str, Any]], dict[str, Any]]
"""What stands in a row of the database instead."""

Cells = list[list[str]]


def _cut(whole: bytes, _: int) -> bytes:
    return whole[: len(whole) // 2]


def _no_text(whole: bytes, _: int) -> bytes:
    middle = whole.index(b"cnry", len(whole) // 2)
    return whole[:middle] + b"\xff\xfe" + whole[middle:]


def _value(whole: bytes) -> bytes:
    return bytes(re.findall(rb"cnry\w{6}", whole)[0])


# -- files -------------------------------------------------------------------------------------


def _cells(change: Callable[[Cells, int], None]) -> OfText:
    def spoilt(whole: bytes, number: int) -> bytes:
        cells = list(csv.reader(io.StringIO(whole.decode())))
        change(cells, number)
        out = io.StringIO()
        csv.writer(out).writerows(cells)
        return out.getvalue().encode()

    return spoilt


def _put(column: str, instead: Callable[[dict[str, str]], str]) -> OfText:
    def change(cells: Cells, number: int) -> None:
        names, *rows, _ = cells
        row = rows[number % len(rows)]
        row[names.index(column)] = instead(dict(zip(names, row, strict=False)))

    return _cells(change)


def _shifted(cells: Cells, _: int) -> None:
    for row in cells[1:-1]:
        row[:] = [*row[1:], row[0]]


def _named_by_a_row(cells: Cells, number: int) -> None:
    cells[0] = list(cells[1 + number % (len(cells) - 2)])


def _longer(cells: Cells, _: int) -> None:
    for row in cells[1:-1]:
        row += row[7:10]


def _another_column(cells: Cells, _: int) -> None:
    cells[0].append(cells[1][7])
    for row in cells[1:-1]:
        row.append(row[7])


ROWS: dict[str, OfText] = {
    "half of a file": _cut,
    "bytes that are no text": _no_text,
    "no names of columns": _cells(lambda cells, _: cells.__delitem__(0)),
    "a row for names of columns": _cells(_named_by_a_row),
    "columns out of place": _cells(_shifted),
    "rows that are too long": _cells(_longer),
    "a column more, named by a value": _cells(_another_column),
    "a status nobody knows": _put("STATUS", lambda row: row["REASON"]),
    "a time that is none": _put("STARTS", lambda row: row["REASON"]),
    "a length that is none": _put("MINUTES", lambda row: row["REASON"]),
    "a quote that is not closed": lambda whole, _: whole.replace(b"cnry", b'"cnry', 1),
}


def _doctype(whole: bytes, _: int) -> bytes:
    return whole.replace(b"?>", b'?><!DOCTYPE coverages [<!ENTITY e "' + _value(whole) + b'">]>', 1)


ELEMENTS: dict[str, OfText] = {
    "half of an XML file": _cut,
    "XML with entities": _doctype,
    "elements named by values": lambda whole, _: re.sub(rb"<payer_name>(\w+)</payer_name>", rb"<\1/>", whole),
    "a count that is none": lambda whole, _: re.sub(
        rb'count="\d+"(.*?)(cnry\w{6})', rb'count="\2"\1\2', whole, count=1, flags=re.DOTALL
    ),
}


# -- messages ----------------------------------------------------------------------------------


def _replaced(pattern: bytes, *, count: int = 0) -> OfText:
    return lambda whole, _: re.sub(pattern, lambda _: _value(whole), whole, count=count)


def _without(segment: bytes) -> OfText:
    return lambda whole, _: re.sub(rb"\r" + segment + rb"\|[^\r]*", b"", whole)


def _cut_before_the_patient(whole: bytes, _: int) -> bytes:
    """Not within: half of an MRN is the MRN of another, as far as anybody can tell."""
    return whole.partition(b"\rPID|")[0][:-9]


MESSAGES: dict[str, OfText] = {
    "half of a message": _cut_before_the_patient,
    "bytes that are no text": _no_text,
    "a type nobody knows": _replaced(rb"SIU\^S\d\d\^SIU_S12", count=1),
    "a version nobody knows": _replaced(rb"\|2\.5\.1", count=1),
    "times that are none": _replaced(rb"\d{14}(?:[-+]\d{4})?"),
    "a status nobody knows": _replaced(rb"\w+\^\w+\^HL70278"),
    "no patient": _without(b"PID"),
    "no booking": _without(b"SCH"),
    "a segment with a name that is none": lambda whole, _: whole + _value(whole) + b"|1\r",
    "no header": lambda whole, _: whole.partition(b"\r")[2],
    "separators that are none": lambda whole, _: whole.replace(b"^~\\&", _value(whole), 1),
}


# -- rows of a database ------------------------------------------------------------------------

COLUMNS: dict[str, OfRow] = {
    "a status nobody knows": lambda row: {"State": row["Reason"]},
    "no chart": lambda _: {"ChartNo": None},
    "no time": lambda _: {"Begins": None},
    "a length that is none": lambda _: {"Duration": -1},
    "a chart with spaces": lambda row: {"ChartNo": f" {row['ChartNo'][:18]}"},
}


def written(owner: Engine, row: dict[str, Any], how: OfRow) -> None:
    """Puts what is wrong into that booking."""
    its = BOOKINGS.c.BookingNo == row["id"]
    with owner.begin() as connection:
        connection.execute(update(BOOKINGS).where(its).values(how(booking(row))))
    owner.dispose()


def written_anew(owner: Engine, rows: Sequence[dict[str, Any]]) -> None:
    """Puts every booking right."""
    with owner.begin() as connection:
        connection.execute(BOOKINGS.delete())
        connection.execute(insert(BOOKINGS), [booking(row) for row in rows])
    owner.dispose()

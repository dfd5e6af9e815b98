"""Owns the forms of files: CSV and XML, as rows of text with the line they stand in. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from sources.pms.files.faults import BadFile
from sources.pms.files.settings import FeedSettings


class Row(NamedTuple):
    """One row: where it stands, its text as it came, and its cells by column; None where they do not fit."""

    line: int
    raw: str
    cells: Mapping[str, str] | None


class Table(NamedTuple):
    """A file's columns and rows, and how many rows it says it has, if it says so."""

    columns: frozenset[str]
    rows: Sequence[Row]
    said: int | None


def table(content: bytes, feed: FeedSettings) -> Table:
    """The rows of a file of that feed; its columns are those it should have.

    Raises:
        BadFile: it is not of its form, has other columns, or not as many rows as it says.
    """
    read = _csv(content, feed) if feed.format == "csv" else _xml(content, feed)
    _check_columns(read, feed)
    if feed.whole == "trailer" and read.said is None:
        raise BadFile("it has no trailer: it may not have come whole")
    if read.said is not None and read.said != len(read.rows):
        raise BadFile("it has not as many rows as it says")
    return read


def _check_columns(read: Table, feed: FeedSettings) -> None:
    wanted = frozenset(feed.columns.values())
    missing = sorted(wanted - read.columns)
    # Of XML without a row nothing can be missing.
    if missing and (read.rows or feed.format == "csv"):
        raise BadFile(f"it has no column `{missing[0]}`")
    if read.columns - wanted - feed.ignored:
        raise BadFile("it has a column that is not known; name it in `columns` or in `ignored`")


def _csv(content: bytes, feed: FeedSettings) -> Table:
    try:
        text = content.decode(feed.charset)
    except UnicodeDecodeError:
        raise BadFile("it is not in its character set") from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=feed.delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        lines = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error:
        raise BadFile(f"line {reader.line_num} is no CSV") from None
    if len(set(header)) != len(header) or not all(header):
        raise BadFile("its header names a column twice, or one not at all")
    count = _trailer(lines, feed)
    rows = [Row(line, _raw(cells, feed), _cells(header, cells)) for line, cells in lines]
    return Table(frozenset(header), rows, count)


def _trailer(lines: list[tuple[int, list[str]]], feed: FeedSettings) -> int | None:
    """How many rows the last line says there are; it is taken off."""
    if not lines or lines[-1][1][0].strip() != feed.trailer:
        return None
    cells = lines.pop()[1]
    if len(cells) < 2 or not (cells[1].strip().isascii() and cells[1].strip().isdigit()):
        raise BadFile("its trailer says no number of rows")
    return int(cells[1])


def _cells(header: Sequence[str], cells: Sequence[str]) -> Mapping[str, str] | None:
    if len(cells) != len(header):
        return None
    return {name: cell.strip() for name, cell in zip(header, cells, strict=True)}


def _raw(cells: Iterable[str], feed: FeedSettings) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=feed.delimiter, lineterminator="").writerow(cells)
    return out.getvalue()


def _xml(content: bytes, feed: FeedSettings) -> Table:
    try:
        root = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise BadFile("it is no XML, or has what is not taken in it: a DTD, entities") from None
    rows = [_xml_row(number, element) for number, element in enumerate(root.iter(feed.row), 1)]
    known = {name for row in rows for name in row.cells or ()}
    # An element that is left out is an empty cell, as long as some row has it.
    filled = [
        row if row.cells is None else row._replace(cells=dict.fromkeys(known, "") | dict(row.cells))
        for row in rows
    ]
    said = root.get("count")
    if said is not None and not (said.isascii() and said.isdigit()):
        raise BadFile("its count says no number of rows")
    return Table(frozenset(known), filled, None if said is None else int(said))


def _xml_row(number: int, element: Element) -> Row:
    """A row of XML: its attributes and its elements; a row whose elements have elements does not fit."""
    cells = dict(element.attrib)
    raw = " ".join(text.strip() for text in element.itertext() if text.strip())
    for child in element:
        if len(child) or child.tag in cells:
            return Row(number, raw, None)
        cells[child.tag] = (child.text or "").strip()
    return Row(number, raw, cells)

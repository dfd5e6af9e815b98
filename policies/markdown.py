"""Markdown: tables and code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def codes(texts: Iterable[str]) -> str:
    """Texts as code, parted by commas."""
    return ", ".join(map(code, texts))


def code(text: str) -> str:
    """A text as code."""
    return f"`{text}`"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A table, line by line."""
    yield _line(head)
    yield _line(("---",) * len(head))
    yield from map(_line, rows)


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"

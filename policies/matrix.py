"""The policy in words: Markdown for people from compliance, generated from the rules themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from policies.actor import DEFAULT_PURPOSE, Audience
from policies.boundary import DESCRIPTIONS, PURPOSES, TABLE, rule
from policies.classification import Classified, Coordinate, DataClass
from policies.effects import Effect
from policies.masks import MASKS, Mask

SIGNS = {Effect.ALLOW: "allow", Effect.MASK: "mask", Effect.DENY: "–"}


def render(coordinates: Mapping[Coordinate, Classified]) -> str:
    """The whole page for *coordinates*: the same rules give the same text."""
    parts = (_opening(), _audiences(), _boundary(), _masks(), _rows(), _matrix(coordinates))
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _opening() -> Iterator[str]:
    yield "# Who may read what"
    yield ""
    yield "Generated from the rules in `policies/`; change those, not this page."
    yield ""
    yield "Every field and every argument of the schema has a **data class**, and an answer is decided field by"
    yield "field:"
    yield ""
    yield "1. The **boundary** says what each audience may read of each data class: *allow*, *mask*, or nothing"
    yield "   (–). What no rule opens is denied. A denial beats a mask, and a mask beats an allowance."
    yield "2. The token must hold the **scopes** the field needs. No scope opens what the boundary closes."
    yield "3. The **row** must be one the token reaches: its patient's, and what its granular scopes ask for."
    yield ""
    yield "A field that is denied is never asked of a source. A field these rules do not know is denied, and so"
    yield "is one whose rule fails."


def _audiences() -> Iterator[str]:
    yield "## Audiences"
    yield ""
    yield from _table(
        ("audience", "who", "purpose, if none is stated", "purposes it may state"),
        (
            (
                audience.value,
                DESCRIPTIONS[audience],
                f"`{DEFAULT_PURPOSE[audience].value}`",
                _purposes(audience),
            )
            for audience in Audience
        ),
    )
    yield ""
    yield "Purposes are codes of <http://terminology.hl7.org/CodeSystem/v3-ActReason>. A request with any"
    yield "other purpose is denied everything."


def _purposes(audience: Audience) -> str:
    return ", ".join(f"`{code}`" for code in sorted(purpose.value for purpose in PURPOSES[audience]))


def _boundary() -> Iterator[str]:
    yield "## The boundary"
    yield ""
    yield from _table(
        ("data class", *(audience.value for audience in Audience), "what it is"),
        (
            (data.value, *(SIGNS[rule(audience, data).effect] for audience in Audience), data.meaning)
            for data in DataClass
        ),
    )
    yield ""
    yield "Why:"
    for audience, lines in groupby(TABLE, key=lambda line: line.audience):
        yield ""
        yield f"**{audience.value}**"
        yield ""
        for line in lines:
            classes = ", ".join(data.value for data in line.classes)
            yield f"- {line.effect.name.lower()} {classes}: {line.because}"
    yield ""
    yield "A rule's id is made of its cell, such as"
    yield f"`{rule(Audience.CRM, DataClass.CLINICAL).id}`; a decision names the rules that made it."


def _masks() -> Iterator[str]:
    yield "## Masks"
    yield ""
    yield "Where the boundary says *mask*, a field is shown through its mask; a field without one is denied."
    yield "The masks follow Safe Harbor (45 CFR 164.514(b)(2))."
    yield ""
    yield from _table(
        ("mask", "what is left", "fields"),
        ((mask.id, mask.meaning, _fields_of(mask)) for mask in dict.fromkeys(MASKS.values())),
    )


def _fields_of(mask: Mask) -> str:
    return ", ".join(f"`{coordinate}`" for coordinate, taken in MASKS.items() if taken is mask)


def _rows() -> Iterator[str]:
    yield "## Rows"
    yield ""
    yield "- A patient's token, and every `patient/` scope, reaches the rows of that patient alone: those that"
    yield "  name the patient as their subject. A row out of reach looks like no row."
    yield "- A granular scope, such as `patient/Observation.rs?category=laboratory`, reaches the rows that carry"
    yield "  a matching code, whatever other codes they carry. Several scopes add up."
    yield "- A scope that asks for what can't be checked on a row reaches nothing."
    yield "- Practitioners, organizations and locations belong to no patient; a scope on them reaches all."


def _matrix(coordinates: Mapping[Coordinate, Classified]) -> Iterator[str]:
    yield "## Every field"
    yield ""
    yield "What each audience gets when its token holds the scopes the field needs. `field(argument:)` is an"
    yield "argument of that field."
    ordered = sorted(
        coordinates.items(), key=lambda item: (item[0].type, item[0].field, item[0].argument or "")
    )
    for kind, items in groupby(ordered, key=lambda item: item[0].type):
        yield ""
        yield f"### {kind}"
        yield ""
        yield from _table(
            ("field", "data class", "needs", *(audience.value for audience in Audience)),
            (_row(coordinate, classified) for coordinate, classified in items),
        )


def _row(coordinate: Coordinate, classified: Classified) -> tuple[str, ...]:
    name = str(coordinate).removeprefix(f"{coordinate.type}.")
    needs = f"`{classified.needs}`" if classified.needs.any_of else "nothing"
    cells = (_sign(audience, coordinate, classified.data) for audience in Audience)
    return (f"`{name}`", classified.data.value, needs, *cells)


def _sign(audience: Audience, coordinate: Coordinate, data: DataClass) -> str:
    effect = rule(audience, data).effect
    if effect is not Effect.MASK:
        return SIGNS[effect]
    mask = MASKS.get(coordinate)
    return f"mask: {mask.id}" if mask is not None else SIGNS[Effect.DENY]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield _line(head)
    yield _line(("---",) * len(head))
    for row in rows:
        yield _line(row)


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

"""The policy as a page: Markdown for people from compliance, generated from the rules themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

from policies.actor import DEFAULT_PURPOSE, Audience, Purpose
from policies.boundary import PERSONAS, PURPOSES, TABLE, rule
from policies.classification import Classified, Coordinate, DataClass
from policies.compartment import COMPARTMENT, DIRECTORY, PARAMETERS
from policies.decisions import crossing
from policies.effects import Effect
from policies.emergency import LONGEST_S
from policies.markdown import code, codes, table
from policies.masks import MASKS, UNMASKED, Mask
from policies.matrix_rows import row_conditions
from policies.plain import OPENING, PURPOSES_MEAN, what_each_sees, words
from policies.purposes import CLAIMED_ALONE, WITHIN
from policies.reasons import MEANINGS

SIGNS = {Effect.ALLOW: "allow", Effect.MASK: "mask", Effect.DENY: "–"}

PURPOSE_NOTE = """
Purposes are codes of <http://terminology.hl7.org/CodeSystem/v3-ActReason>. A token with any other purpose is
told nothing.

One request may state its own purpose (in `extensions.purposeOfUse`, else in the header `X-Purpose-Of-Use`,
else under that name when a WebSocket is opened). Where the token claims a purpose, a request may only keep it
or narrow it: {narrower}.
Where it claims none, a request may state any of its audience's but {claimed}, an emergency: a token has to
claim that, or the glass has to be broken (below). What is no code, or is not for who asks to state, is
refused, and nothing runs."""

BOUNDARY_NOTE = """\
## The boundary

*allow*: as it is. *mask*: less of it. –: not at all. Of two rules that disagree the stricter one holds.
"""

MASKS_NOTE = """\
## Masks

Where the boundary says *mask*, a field is shown through its mask; a field or argument without one is denied.
The masks follow Safe Harbor (45 CFR 164.514(b)(2)). What a mask can't read, it withholds.
"""

UNMASKED_NOTE = """
An answer names what it masked, and by which rules, in `extensions.masked`: a null of a field not named
there is a null of the record.

### Without a mask

These are denied where the boundary masks their class.
"""

ROWS_NOTE = """\
## Rows

- A patient's token, and every `patient/` scope, reaches the rows of that patient alone: those that name the
  patient as their subject. A row out of reach looks like no row.
- A granular scope, such as `patient/Observation.rs?category=laboratory`, reaches the rows that carry a
  matching code, whatever other codes they carry. Several scopes add up.
- A scope that asks for what can't be checked on a row reaches nothing.
- A directory's rows belong to no patient; a scope on the type reaches them all.
"""

BREAK_GLASS_NOTE = """\
## Break-glass

In an emergency a clinician who signed in may declare, on the request, one patient and a reason. For
that patient alone, and for {minutes} minutes, it lifts consent, sensitivity labels and limits of
purpose. It lifts no scope, nothing of the boundary above, and no protection of psychotherapy notes, which
need the patient's own authorization (45 CFR 164.508(a)(2)). What 42 CFR Part 2 protects it lifts only if
the request also states that a medical emergency is documented (42 CFR 2.51). Nobody of another audience,
and no system, may declare it. Each use is recorded before anything is read, with the reason, and raises an
alarm."""

FIELDS_NOTE = """\
## Every field

What each audience gets when its token holds the scopes the field needs; `field(argument:)` is an argument.

A field that needs nothing is a part of other fields' values, such as the city of an address or the
number of entries in a list. It is reached only through a field that leads to it, and shown only where that
one is."""


def render(coordinates: Mapping[Coordinate, Classified]) -> str:
    """The whole page for *coordinates*: the same rules give the same text."""
    glass = BREAK_GLASS_NOTE.format(minutes=LONGEST_S // 60)
    parts = (
        what_each_sees(),
        words(),
        _purposes(),
        _boundary(),
        _masks(),
        _rows(),
        *row_conditions(),
        (glass,),
        _reasons(),
        _fields(coordinates),
    )
    return "\n\n".join((OPENING, *("\n".join(part) for part in parts))) + "\n"


def _purposes() -> Iterator[str]:
    yield "## Purposes"
    yield ""
    yield from table(
        ("audience", "persona", "purpose, if none is stated", "purposes it may ask for"),
        (
            (
                audience.value,
                code(PERSONAS[audience]),
                code(DEFAULT_PURPOSE[audience].value),
                codes(sorted(purpose.value for purpose in PURPOSES[audience])),
            )
            for audience in Audience
        ),
    )
    yield ""
    yield from table(("purpose", "what it is"), ((code(at.value), PURPOSES_MEAN[at]) for at in Purpose))
    claimed = codes(sorted(purpose.value for purpose in CLAIMED_ALONE))
    yield PURPOSE_NOTE.format(narrower="; ".join(_narrower()), claimed=claimed)


def _narrower() -> Iterator[str]:
    for wide, narrow in WITHIN.items():
        yield f"{code(wide.value)} to {codes(sorted(purpose.value for purpose in narrow))}"


def _boundary() -> Iterator[str]:
    yield BOUNDARY_NOTE
    yield from table(
        ("data class", *_audience_names(), "what it is"),
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
            yield f"- *{line.effect.name.lower()}* {classes}: {line.because}"


def _masks() -> Iterator[str]:
    yield MASKS_NOTE
    yield from table(
        ("mask", "what is left", "fields"),
        ((mask.id, mask.meaning, codes(_fields_of(mask))) for mask in dict.fromkeys(MASKS.values())),
    )
    yield UNMASKED_NOTE
    yield from table(("field", "why it has no mask"), ((code(str(at)), why) for at, why in UNMASKED.items()))


def _fields_of(mask: Mask) -> Iterator[str]:
    return (str(coordinate) for coordinate, taken in MASKS.items() if taken is mask)


def _rows() -> Iterator[str]:
    yield ROWS_NOTE
    yield from table(
        ("type", "whose rows", "what a granular scope may ask"),
        (
            (kind, "the directory's" if kind in DIRECTORY else "a patient's", _parameters(kind))
            for kind in sorted(COMPARTMENT.keys() | DIRECTORY)
        ),
    )


def _parameters(kind: str) -> str:
    return codes(sorted(PARAMETERS.get(kind, {}))) or "nothing"


def _reasons() -> Iterator[str]:
    yield "## Reasons"
    yield ""
    yield "A decision names the rules that made it: the boundary's, such as"
    yield f"`{rule(Audience.CRM, DataClass.CLINICAL).id}`, the mask's, such as `mask-year`, or one of these."
    yield ""
    yield from table(
        ("reason", "what it says"), ((code(reason), meaning) for reason, meaning in MEANINGS.items())
    )


def _fields(coordinates: Mapping[Coordinate, Classified]) -> Iterator[str]:
    yield FIELDS_NOTE
    ordered = sorted(coordinates, key=str)
    for kind, fields in groupby(ordered, key=lambda at: at.type):
        yield ""
        yield f"### {kind}"
        yield ""
        yield from table(
            ("field", "data class", "needs", *_audience_names()),
            (_field(coordinate, coordinates[coordinate]) for coordinate in fields),
        )


def _field(coordinate: Coordinate, classified: Classified) -> tuple[str, ...]:
    name = str(coordinate).removeprefix(f"{coordinate.type}.")
    needs = " or ".join(code(str(need)) for need in classified.needs.any_of) or "nothing"
    signs = (_sign(audience, coordinate, classified.data) for audience in Audience)
    return (code(name), classified.data.value, needs, *signs)


def _sign(audience: Audience, coordinate: Coordinate, data: DataClass) -> str:
    decision = crossing(audience, coordinate, data)
    sign = SIGNS[decision.effect]
    return f"{sign}: {decision.mask.id}" if decision.mask is not None else sign


def _audience_names() -> tuple[str, ...]:
    return tuple(audience.value for audience in Audience)

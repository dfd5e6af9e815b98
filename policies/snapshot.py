"""The policy as data: what every audience may read of every coordinate, to be kept and compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from policies.actor import Audience, Purpose
from policies.boundary import PURPOSES, rule
from policies.classification import Classified, Coordinate
from policies.clearance import CLASSIFIED, HANDLED, RAISED_BY_CONSENT, clearance
from policies.compartment import COMPARTMENT, DIRECTORY, PARAMETERS
from policies.decisions import crossing
from policies.effects import Effect

FORMAT: Final = 1
"""Of the text. It goes up when a reader of the old one could misread the new one."""


class Ruled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an audience that holds the scopes gets of a coordinate, and the ids of the rules that say so."""

    effect: Literal["allow", "mask", "deny"]
    rules: tuple[str, ...]


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"data": "class"}):
    """A coordinate: its data class, the scopes it needs (any of them), and under what name it is decided."""

    data: str
    needs: tuple[str, ...]
    decided: str


class Rows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose a type's rows are, and the search parameters that a granular scope may use on it."""

    owner: Literal["patient", "directory"]
    asks: tuple[str, ...]


class Cleared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to which confidentiality, and about what, an audience may know of labelled rows for a purpose."""

    level: Annotated[str, Meta(pattern="^[ULMNRV]$")]
    about: tuple[str, ...]


class Handled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """To whom rows with a handling code are open, and to whom by consent."""

    open_to: tuple[str, ...]
    by_consent: tuple[str, ...]


class Labelled(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How rows are judged by their labels: `clearances` by audience and purpose, such as `ai TREAT`."""

    clearances: Mapping[str, Cleared]
    handling: Mapping[str, Handled]
    raised: tuple[str, ...]
    classified: tuple[str, ...]


class Snapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One policy. `decided` holds by name, and by audience, what is the same for many coordinates."""

    format: Literal[1]
    purposes: Mapping[str, tuple[str, ...]]
    decided: Mapping[str, Mapping[str, Ruled]]
    coordinates: Mapping[str, Field]
    rows: Mapping[str, Rows]
    labels: Labelled | None = None

    def ruled(self, coordinate: str, audience: str) -> Ruled:
        """What the audience gets of a coordinate of this policy; nothing, if it is not known to it."""
        of = self.decided[self.coordinates[coordinate].decided]
        return of.get(audience, Ruled("deny", ()))

    def audiences(self) -> set[str]:
        return {audience for of in self.decided.values() for audience in of}


class SnapshotUnreadable(Exception):
    """A text is no policy as it is kept."""


def snapshot(coordinates: Mapping[Coordinate, Classified]) -> Snapshot:
    """The policy of a schema's coordinates."""
    decided: dict[str, Mapping[str, Ruled]] = {}
    fields: dict[str, Field] = {}
    for coordinate in sorted(coordinates, key=str):
        classified = coordinates[coordinate]
        ruled = {audience.value: _ruled(audience, coordinate, classified) for audience in Audience}
        name = _name(coordinate, classified)
        decided[name] = ruled
        needs = tuple(sorted(str(need) for need in classified.needs.any_of))
        fields[str(coordinate)] = Field(classified.data.value, needs, name)
    return Snapshot(
        format=FORMAT,
        purposes={
            audience.value: tuple(sorted(purpose.value for purpose in PURPOSES[audience]))
            for audience in Audience
        },
        decided=dict(sorted(decided.items())),
        coordinates=fields,
        rows={
            kind: Rows(
                "directory" if kind in DIRECTORY else "patient", tuple(sorted(PARAMETERS.get(kind, ())))
            )
            for kind in sorted(COMPARTMENT.keys() | DIRECTORY)
        },
        labels=_labelled(),
    )


def _labelled() -> Labelled:
    cleared = {
        (audience, purpose): clearance(audience, purpose) for audience in Audience for purpose in Purpose
    }
    return Labelled(
        clearances={
            f"{audience.value} {purpose.value}": Cleared(of.level, tuple(sorted(of.sensitivities)))
            for (audience, purpose), of in cleared.items()
        },
        handling={
            code: Handled(_names(line.open_to), _names(line.by_consent))
            for code, line in sorted(HANDLED.items())
        },
        raised=_names(RAISED_BY_CONSENT),
        classified=_names(CLASSIFIED),
    )


def _names(audiences: Iterable[Audience]) -> tuple[str, ...]:
    return tuple(sorted(audience.value for audience in audiences))


def _ruled(audience: Audience, coordinate: Coordinate, classified: Classified) -> Ruled:
    decision = crossing(audience, coordinate, classified.data)
    effects: Mapping[Effect, Literal["allow", "mask", "deny"]]
    effects = {Effect.ALLOW: "allow", Effect.MASK: "mask", Effect.DENY: "deny"}
    return Ruled(effects[decision.effect], decision.reasons)


def _name(coordinate: Coordinate, classified: Classified) -> str:
    """The class; and, where it is masked for someone, what becomes of the coordinate then."""
    data = classified.data
    if all(rule(audience, data).effect is not Effect.MASK for audience in Audience):
        return str(data.value)
    masks = {
        decision.mask.id for a in Audience if (decision := crossing(a, coordinate, data)).mask is not None
    }
    return f"{data.value} {masks.pop() if masks else 'without a mask'}"


def written(policy: Snapshot) -> str:
    """The policy as text: JSON, a line for each coordinate, the same for the same rules."""
    parts = []
    for name, value in msgspec.to_builtins(policy).items():
        if not isinstance(value, dict):
            parts.append(f"{_json(name)}: {_json(value)}")
            continue
        lines = ",\n".join(f"  {_json(key)}: {_json(of)}" for key, of in value.items())
        parts.append(f"{_json(name)}: {{\n{lines}\n}}")
    return "{" + ",\n".join(parts) + "}\n"


def _json(value: object) -> str:
    return str(msgspec.json.encode(value), "utf-8")


def read(text: str | bytes) -> Snapshot:
    """The policy of a text.

    Raises:
        SnapshotUnreadable: it is none, or one of another format.
    """
    try:
        policy = msgspec.json.decode(text, type=Snapshot)
    except (msgspec.MsgspecError, UnicodeError):
        raise SnapshotUnreadable from None
    if any(field.decided not in policy.decided for field in policy.coordinates.values()):
        raise SnapshotUnreadable
    return policy

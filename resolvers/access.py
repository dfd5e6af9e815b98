"""What an operation would be given and denied: the rows that say so, and how the graph shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import strawberry

from policies import DataClass, Effect
from resolvers.declare import Fields


@dataclass(frozen=True)
class Rule:
    """A rule that decided. `meaning` is what it says, in words."""

    id: str
    meaning: str


@dataclass(frozen=True)
class Input:
    """An argument or an input field in use. What may be seen only masked may not be asked about."""

    coordinate: str
    effect: Effect
    rules: tuple[Rule, ...]
    missing_scopes: tuple[str, ...]


@dataclass(frozen=True)
class Selected:
    """One field at one place of an operation, for one object type.

    `path` holds response keys, `cause` the coordinate that decides: the field itself, or the input that
    denies it. `is_reached` is false below a denied field.
    """

    path: tuple[str, ...]
    coordinate: str
    effect: Effect
    cause: str
    rules: tuple[Rule, ...]
    mask: str | None
    missing_scopes: tuple[str, ...]
    inputs: tuple[Input, ...]
    is_reached: bool = True


@dataclass(frozen=True)
class Reached:
    """Which rows of a type may be in the answer, by the road they come: by their id, or by a search.

    `withheld` is what of these is kept back whatever the scopes are.
    """

    type: str
    by_id: tuple[str, ...]
    by_search: tuple[str, ...]
    withheld: tuple[str, ...]


@dataclass(frozen=True)
class Unusable:
    """Why an operation would not be run, or a field of it not be answered. Holds no value of a variable."""

    code: str
    message: str
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True)
class Access:
    """All of it. `missing_scopes` are the fewest that end every denial a scope can end, in one go."""

    kind: str | None = None
    faults: tuple[Unusable, ...] = ()
    fields: tuple[Selected, ...] = ()
    rows: tuple[Reached, ...] = ()
    missing_scopes: tuple[str, ...] = ()

    def count(self, effect: Effect) -> int:
        return sum(field.effect is effect and field.is_reached for field in self.fields)

    @property
    def denied(self) -> int:
        return self.count(Effect.DENY)

    @property
    def masked(self) -> int:
        return self.count(Effect.MASK)


class Explains(Protocol):
    """Explains an operation to the bearer of a grant (`resolvers.house.Grants`). Runs nothing."""

    def __call__(
        self, grant: Any, document: str, variables: Any, operation_name: str | None, /
    ) -> Access: ...


plain = Fields(DataClass.REFERENCE, "")

strawberry.enum(
    Effect, name="AccessEffect", description="What you get of a field: its value, less than that, or nothing."
)


@strawberry.type(description="A rule that decided.")
class AccessRule:
    id: str = plain("Its id, as errors name it.")
    meaning: str = plain("What it says.")


@strawberry.type(description="An argument or an input field that the operation uses.")
class AccessInput:
    coordinate: str = plain("Its schema coordinate, such as `Query.patients(search:)`.")
    effect: Effect = plain("What you get of it. An input is allowed or denied, never masked.")
    rules: list[AccessRule] = plain("The rules that decided.")
    missing_scopes: list[str] = plain("The fewest scopes that would end its denial; none if no scope would.")


@strawberry.type(description="One field at one place of the operation, for one type of object.")
class AccessField:
    path: list[str] = plain("The keys that lead to it in the answer, without positions in lists.")
    coordinate: str = plain("Its schema coordinate, such as `Patient.birthDate`.")
    effect: Effect = plain("What you get of it.")
    cause: str = plain("The coordinate that decides: the field itself, or the input that denies it.")
    rules: list[AccessRule] = plain("The rules that decided.")
    mask: str | None = plain("What is left of a masked value.")
    missing_scopes: list[str] = plain("The fewest scopes that would end its denial; none if no scope would.")
    inputs: list[AccessInput] = plain("The arguments and input fields it is given.")
    is_reached: bool = plain("False below a field that is denied: nothing of it is asked for.")


@strawberry.type(
    description="Which rows of a type may be in the answer. One of several conditions must hold."
)
class AccessRows:
    type: str = plain("The type.")
    by_id: list[str] = plain("The conditions for rows that come by their ids.")
    by_search: list[str] = plain("The conditions for rows that come by a search.")
    withheld: list[str] = plain("What of these rows is kept back, by their labels or by consent.")


@strawberry.type(description="Why the operation would not be run, or a field not be answered.")
class AccessFault:
    code: str = plain("The code that the error would have.")
    message: str = plain("What is wrong.")
    line: int | None = plain("Where in the document, if at one place.")
    column: int | None = plain("Where in that line.")


@strawberry.type(
    description="What an operation would be given and denied. Of introspection it does not tell."
)
class AccessExplanation:
    kind: str | None = plain("`query` or `subscription`; null if the operation would not be run.")
    faults: list[AccessFault] = plain("What is wrong with the operation; none if it can be run.")
    denied: int = plain("How many of the fields are denied.")
    masked: int = plain("How many of the fields are masked.")
    fields: list[AccessField] = plain("Every field, in the order of the document.")
    rows: list[AccessRows] = plain("Which rows may be in the answer.")
    missing_scopes: list[str] = plain("The fewest scopes that would end every denial a scope can end.")


__all__ = ["Access", "AccessExplanation", "Explains", "Input", "Reached", "Rule", "Selected", "Unusable"]

"""Owns conditions on rows as query languages write them: `and`, `or`, `not`, brackets. Pure.

What a comparison is, and which texts are tokens, is each language's own.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]
Condition: TypeAlias = Callable[[Row], bool]


@dataclass(frozen=True)
class Token:
    """A text, and the group of the language's pattern that it matched; words and signs mean what they are."""

    kind: str
    text: str


class Reader(ABC):
    """Reads a text from its start, token by token. Whatever does not fit raises what `refusal` makes."""

    def __init__(self, text: str, token: re.Pattern[str], refusal: Callable[[str], Exception]) -> None:
        self._token = token
        self._refusal = refusal
        self._tokens = list(self._read(text))
        self._at = 0

    @abstractmethod
    def comparison(self) -> Condition:
        """The one comparison that stands here."""

    def same(self, text: str, word: str) -> bool:
        """Whether a token is that word."""
        return text == word

    def condition(self) -> Condition:
        """What a row must be to pass the condition that stands here."""
        options = [self._all_of()]
        while self.accept("or"):
            options.append(self._all_of())
        return lambda row: any(one(row) for one in options)

    def _all_of(self) -> Condition:
        needs = [self._one()]
        while self.accept("and"):
            needs.append(self._one())
        return lambda row: all(one(row) for one in needs)

    def _one(self) -> Condition:
        if self.accept("not"):
            refused = self._one()
            return lambda row: not refused(row)
        if self.accept("("):
            inner = self.condition()
            self.expect(")")
            return inner
        return self.comparison()

    def next(self) -> Token:
        """The next token, whatever it is."""
        if self._at == len(self._tokens):
            raise self._refusal("unexpected end")
        self._at += 1
        return self._tokens[self._at - 1]

    def take(self, kind: str) -> str:
        """The next token, which is of that kind."""
        token = self.next()
        if token.kind != kind:
            raise self.unexpected(token.text)
        return token.text

    def accept(self, word: str) -> bool:
        """Whether that word or sign stands here; then it is read."""
        here = self._tokens[self._at : self._at + 1]
        found = bool(here) and here[0].kind in ("word", "sign") and self.same(here[0].text, word)
        self._at += found
        return found

    def expect(self, word: str) -> None:
        """Reads that word or sign, which must stand here."""
        if not self.accept(word):
            raise self._refusal(f"'{word}' expected")

    def end(self) -> None:
        """Nothing more may stand here."""
        if self._at < len(self._tokens):
            raise self.unexpected(self._tokens[self._at].text)

    def unexpected(self, text: str) -> Exception:
        return self._refusal(f"unexpected token: {text}")

    def _read(self, text: str) -> Iterator[Token]:
        at = 0
        while text[at:].strip():
            match = self._token.match(text, at)
            if match is None or match.lastgroup is None:
                raise self._refusal(f"unexpected character at position {at}")
            yield Token(match.lastgroup, match[match.lastgroup])
            at = match.end()

"""Owns how many keys a server is asked for at once: what is known of it, and what was found out.

A way that a server refuses is left for the next one, and what came of it is kept for each type and parameter,
so that a refusal costs one call once. docs/decisions tells why these ways and in this order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from sources.calling import in_chunks
from sources.errors import SourceError
from sources.fhir.asking import Parameters
from sources.fhir.bundles import PageReader
from sources.fhir.client import FhirClient, Results
from sources.fhir.outcomes import Refused
from sources.fhir.settings import FhirServer
from sources.fhir.vendors import REFERRED, Form, Way
from sources.model import Resource
from sources.ports import Found

K = TypeVar("K", bound=str)
V = TypeVar("V")
R = TypeVar("R", bound=Resource)

_IN_TURN = tuple(Way)


class Question(NamedTuple, Generic[R]):
    """What is asked of each key: resources the reader reads, whose *parameter* is the key, and the *rest*."""

    reader: PageReader[R]
    parameter: str
    rest: Parameters


class Strategies:
    """Asks one server for many keys, in the way it takes.

    *form* and *way* are how those are asked for that a reference names; None: as is known or found out.
    """

    def __init__(
        self, server: FhirServer, client: FhirClient, form: Form | None = None, way: Way | None = None
    ) -> None:
        self._server = server
        self._client = client
        self._form = form or client.facts.references
        self._by_reference = way
        self._taken: dict[tuple[str, str], Way] = {}

    @property
    def form(self) -> Form:
        """The form in which references are asked for."""
        return self._form

    def learn(self, form: Form, way: Way | None) -> None:
        """Ask by references so from now on, for every type: that much of it a server reads in one place."""
        self._form = form
        self._by_reference = way

    def value(self, parameter: str, key: str) -> str:
        """How *key* is given as a value of the search *parameter*."""
        return self._form.given(parameter, key)

    def known(self) -> Mapping[tuple[str, str], Way]:
        """The ways that served, by type and parameter."""
        return dict(self._taken)

    async def way(self, type_: str, parameter: str) -> Way:
        """The way in which keys of *parameter* are asked for next."""
        if self._by_reference is not None and parameter in REFERRED:
            return self._by_reference
        way = self._taken.get((type_, parameter)) or self._server.way(parameter)
        if way is not None:
            return way
        said = await self._client.capability()
        if parameter == "_id" and said is not None and said.lacks(type_, "_id"):
            return Way.BATCH if said.batch else Way.READS
        return Way.LIST

    async def ask(
        self,
        question: Question[R],
        keys: Sequence[K],
        told: Callable[[Sequence[K], Results[R]], Found[K, V]],
    ) -> Found[K, V]:
        """What each of *keys* gives. *told* parts the results of one exchange by the keys it was asked for.

        A key that failed maps to its error.

        Raises:
            SourceError: every key failed.
        """
        way = await self.way(question.reader.name, question.parameter)
        return await self._in_chunks(way, question, keys, told)

    async def _in_chunks(
        self,
        way: Way,
        question: Question[R],
        keys: Sequence[K],
        told: Callable[[Sequence[K], Results[R]], Found[K, V]],
    ) -> Found[K, V]:
        async def ask(chunk: Sequence[K]) -> Found[K, V]:
            try:
                found = await self._by(way, question, chunk, told)
            except Refused as refusal:
                instead = await self._instead(way, question, len(chunk), refusal)
                if instead is None:
                    raise
                return await self._in_chunks(instead, question, chunk, told)
            if way is not Way.LIST or len(chunk) > 1:
                self._taken[question.reader.name, question.parameter] = way
            return found

        return await in_chunks(keys, self._size(way), ask)

    async def _by(
        self,
        way: Way,
        question: Question[R],
        keys: Sequence[K],
        told: Callable[[Sequence[K], Results[R]], Found[K, V]],
    ) -> Found[K, V]:
        reader, parameter, rest = question
        values = [self.value(parameter, key) for key in keys]
        if way is Way.BATCH:
            return _told_each(keys, await self._client.batch(reader, parameter, values, rest), told)
        if way is Way.READS:
            return told(keys, await self._client.instance(reader, keys[0], rest))
        return told(keys, await self._client.search(reader, [(parameter, ",".join(values)), *rest]))

    async def _instead(self, way: Way, question: Question[R], count: int, refusal: Refused) -> Way | None:
        """The way to try when *way* was refused; None: what was asked is refused, in whichever way."""
        place = question.reader.name, question.parameter
        if self._taken.get(place) is way and not refusal.lists:
            return None
        by_id = question.parameter == "_id"
        for other in _IN_TURN[_IN_TURN.index(way) + 1 :]:
            if other is Way.BATCH and (count == 1 or not await self._takes_batches()):
                continue
            if other is Way.SEARCHES and way is Way.LIST and count == 1:
                continue  # it is the same search
            if other is not Way.READS or by_id:
                return other
        return None

    async def _takes_batches(self) -> bool:
        said = await self._client.capability()
        return said is not None and said.batch

    def _size(self, way: Way) -> int:
        facts = self._client.facts
        return {Way.LIST: facts.keys_per_call, Way.BATCH: facts.entries_per_batch}.get(way, 1)


def _told_each(
    keys: Sequence[K],
    answers: Sequence[Results[R] | SourceError],
    told: Callable[[Sequence[K], Results[R]], Found[K, V]],
) -> Found[K, V]:
    """What the answers of a batch tell of their keys. One with a row of another key's is no answer at all.

    Raises:
        Refused: every question was refused.
        SourceMisread: the answers are not in the order of the questions.
    """
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    if len(refused) == len(keys):
        raise refused[0]
    found: dict[K, V | SourceError] = {}
    for key, answer in zip(keys, answers, strict=True):
        found |= {key: answer} if isinstance(answer, SourceError) else told([key], answer)
    return found

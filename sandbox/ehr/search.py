"""Running a search: which ids match, in which order, and what their references bring along."""

from collections.abc import Iterable
from datetime import datetime

from sandbox.ehr.dates import END, interval_of_element
from sandbox.ehr.matching import led_to, passes
from sandbox.ehr.parameters import Kind, elements, parameters_of
from sandbox.ehr.query import Query
from sandbox.ehr.scopes import Access
from sandbox.ehr.store import Store


def matches(store: Store, query: Query) -> list[str]:
    """The ids that pass every filter of *query*, sorted as it says.

    Raises:
        Refusal: 400, a value of a filter can't be read.
    """
    type_ = query.type_
    led = [(asked, led_to(store, type_, asked)) for asked in query.filters]
    looked_up = [found for _, found in led if found is not None]
    tests = [passes(store, asked) for asked, found in led if found is None]
    ids = _common(looked_up) if looked_up else list(store.ids(type_))
    if tests:
        ids = [id_ for id_ in ids if (it := store.get(type_, id_)) and all(test(it) for test in tests)]
    return _sorted(store, query, ids)


def included(store: Store, query: Query, ids: Iterable[str], access: Access) -> list[tuple[str, str]]:
    """The (type, id) of what *ids* refer to by `_include`, each once, where *access* may read it."""
    found: dict[tuple[str, str], None] = {}
    for id_ in ids:
        resource = store.get(query.type_, id_)
        for include in query.includes if resource else ():
            for reference in elements(resource or {}, include.parameter):
                type_, _, target = (store.target(reference) or "").partition("/")
                if include.target in ("", type_) and access.allows(type_, "r") and store.get(type_, target):
                    found[type_, target] = None
    return list(found)


def _common(looked_up: list[Iterable[str]]) -> list[str]:
    first, *rest = looked_up
    others = [frozenset(ids) for ids in rest]
    return [id_ for id_ in first if all(id_ in ids for ids in others)]


def _sorted(store: Store, query: Query, ids: list[str]) -> list[str]:
    name = query.sort.removeprefix("-")
    if name == "_lastUpdated":
        updated = store.updates(query.type_).by_id
        return sorted(ids, key=updated.__getitem__, reverse=query.sort.startswith("-"))
    parameter = parameters_of(query.type_).get(name) if name else None
    if parameter is None or parameter.kind is not Kind.DATE:
        return ids

    def start(id_: str) -> datetime:
        found = [
            interval_of_element(it, store.zone)
            for it in elements(store.get(query.type_, id_) or {}, parameter)
        ]
        return min((it.start for it in found if it), default=END)

    return sorted(ids, key=start, reverse=query.sort.startswith("-"))

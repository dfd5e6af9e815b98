"""How settings are read: a TOML table and the environment in, one frozen record or all faults at once out.

A setting `audit.sink` is the key `sink` of the table `[audit]`, or the variable `CAREGRAPH_AUDIT_SINK`,
which wins; an empty variable counts as not set. Of tables that bear a name, such as `[pms.north]`, the file
says which there are and of which kind each is; a setting of one may be a variable as well:
`CAREGRAPH_PMS_NORTH_URL`. A secret may also be named by the path of a file that holds it:
`client_secret_file`, `CAREGRAPH_PMS_NORTH_CLIENT_SECRET_FILE`. No message here repeats a value.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hmac import compare_digest
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar, get_type_hints

import msgspec
from msgspec import inspect

PREFIX = "CAREGRAPH"
NAME = re.compile(r"[a-z][a-z0-9]{0,31}")
SEPARATE_VARIABLES = frozenset({f"{PREFIX}_CONFIG"})


class Secret:
    """A text that never shows: not in `repr`, `str`, a format or a pickle. `reveal()` gives it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not for writing down")


class SettingsError(Exception):
    """The settings cannot be used. `faults` has one line for each fault, with what to do about it."""

    def __init__(self, faults: Sequence[str]) -> None:
        lines = "\n".join(f"  - {fault}" for fault in faults)
        super().__init__(
            f"the settings cannot be used:\n{lines}\nevery setting is explained in docs/caregraph.toml"
        )
        self.faults = tuple(faults)


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One table of settings. A subclass's fields are settings, or sections in their turn."""

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """What is wrong with values that are each well-formed: the field, and what to do about it."""
        return iter(())


S = TypeVar("S", bound=Section)


class KindUnusable(Exception):
    """A kind that is not ours is not to be had; the text says why and what to do."""


class MoreKinds(Protocol):
    """Kinds of named sections besides those that a field's type lists."""

    def names(self, at: str) -> Sequence[str]:
        """The kinds there are for the field *at*."""
        ...

    def kind(self, at: str, name: str) -> type[Section]:
        """That kind's section. Raises KindUnusable."""
        ...


class NoMoreKinds:
    """The kinds that the types list are all there are."""

    def names(self, at: str) -> Sequence[str]:
        return ()

    def kind(self, at: str, name: str) -> type[Section]:
        raise KindUnusable("is not known")


def read(
    shape: type[S],
    table: Mapping[str, object],
    environ: Mapping[str, str],
    more: MoreKinds = NoMoreKinds(),  # noqa: B008 - it holds nothing
) -> S:
    """The settings of that shape. Raises SettingsError with every fault of both places."""
    reading = _Reading(environ, more)
    settings = reading.section(shape, table, ())
    reading.check_variables()
    if reading.faults or settings is None:
        raise SettingsError(reading.faults)
    return settings


def variable(path: Iterable[str]) -> str:
    """The environment variable of the setting at that path."""
    return "_".join((PREFIX, *path)).upper()


class _Reading:
    """One pass over both places, which gathers the faults it meets."""

    def __init__(self, environ: Mapping[str, str], more: MoreKinds) -> None:
        self.more = more
        self.environ = {name: text for name, text in environ.items() if text}
        self.known = set(SEPARATE_VARIABLES)
        self.settings: set[tuple[str, ...]] = set()
        self.faults: list[str] = []

    def section(self, shape: type[S], table: Mapping[str, object], path: tuple[str, ...]) -> S | None:
        hints = get_type_hints(shape, include_extras=True)
        described = {field.name: field for field in _fields(shape)}
        before = len(self.faults)
        self._refuse_unknown(table, described, path)
        values: dict[str, Any] = {}
        for name, field in described.items():
            nested, kinds = section_of(field), kinds_of(field)
            if nested is not None:
                self._nested(field, nested, table, (*path, name), values)
            elif kinds:
                values[name] = self._named(kinds, table, (*path, name))
            else:
                self._setting(field, hints[name], table, (*path, name), values)
        if len(self.faults) > before:
            return None
        made = shape(**values)
        for name, why in made.contradictions():
            at = (*path, *name.split("."))
            self.faults.append(_worded(at, why) if at in self.settings else f"`{'.'.join(at)}` {why}")
        return made

    def _nested(
        self,
        field: inspect.Field,
        shape: type[Section],
        table: Mapping[str, object],
        path: tuple[str, ...],
        values: dict[str, Any],
    ) -> None:
        inner = table.get(field.name)
        if inner is not None and not isinstance(inner, dict):
            self.faults.append(f"`{'.'.join(path)}` is not a table; write it as [{'.'.join(path)}]")
            return
        is_given = inner is not None or any(name.startswith(f"{variable(path)}_") for name in self.environ)
        if is_given or not is_optional(field):
            values[field.name] = self.section(shape, inner or {}, path)
        else:
            self.known.update(_variables(shape, path))

    def _named(
        self, kinds: Mapping[str, type[Section]], table: Mapping[str, object], path: tuple[str, ...]
    ) -> Mapping[str, Section]:
        """The sections of several kinds that bear names: `[pms.north]`, `[pms.south]`."""
        found = table.get(path[-1], {})
        if not isinstance(found, dict):
            self.faults.append(f"`{'.'.join(path)}` is not a table; write it as [{'.'.join(path)}.NAME]")
            return {}
        made: dict[str, Section] = {}
        for name, inner in found.items():
            section = self._of_a_kind(kinds, name, inner, (*path, name))
            if section is not None:
                made[name] = section
        return made

    def _of_a_kind(
        self, kinds: Mapping[str, type[Section]], name: str, inner: object, path: tuple[str, ...]
    ) -> Section | None:
        at = ".".join(path)
        if not isinstance(inner, dict):
            whole = ".".join(path[:-1])
            self.faults.append(f"`{at}` is not a table; give it a name and write it as [{whole}.NAME]")
            return None
        if NAME.fullmatch(name) is None:
            self.faults.append(
                f"`{at}` has no name that can be used; take lower-case letters and digits, 32 at most"
            )
            return None
        shape = self._kind(kinds, inner.get("kind", next(iter(kinds)) if len(kinds) == 1 else None), path)
        if shape is None:
            return None
        rest = {key: value for key, value in inner.items() if key != "kind"}
        return self.section(shape, rest, path)

    def _kind(
        self, kinds: Mapping[str, type[Section]], kind: object, path: tuple[str, ...]
    ) -> type[Section] | None:
        at, field = ".".join(path), ".".join(path[:-1])
        others = self.more.names(field)
        if isinstance(kind, str) and kind in kinds and kind in others:
            self.faults.append(f"`{at}.kind` is ours, and of an installed package too; remove that package")
            return None
        if isinstance(kind, str) and kind in others:
            try:
                return self.more.kind(field, kind)
            except KindUnusable as fault:
                self.faults.append(f"`{at}.kind` {fault}")
                return None
        if isinstance(kind, str) and kind in kinds:
            return kinds[kind]
        what = "is missing" if kind is None else "is not usable"
        self.faults.append(f"`{at}.kind` {what}; set it to one of {', '.join(sorted({*kinds, *others}))}")
        return None

    def _setting(
        self,
        field: inspect.Field,
        hint: Any,
        table: Mapping[str, object],
        path: tuple[str, ...],
        values: dict[str, Any],
    ) -> None:
        self.known.update(_names(field, path))
        self.settings.add(path)
        try:
            raw, is_text = self._found(field, table, path)
        except (OSError, UnicodeDecodeError):
            self.faults.append(_worded(path, "names a file that cannot be read; give it a readable path"))
            return
        if raw is None:
            if field.required:
                self.faults.append(_worded(path, f"is missing; {_next_step(field)}"))
            return
        try:
            values[field.name] = _converted(raw, field, hint, is_text)
        except (msgspec.ValidationError, ValueError):
            self.faults.append(_worded(path, f"is not usable; {_next_step(field)}"))

    def _found(
        self, field: inspect.Field, table: Mapping[str, object], path: tuple[str, ...]
    ) -> tuple[object, bool]:
        """What was set, if anything, and whether it is a variable's text."""
        name = variable(path)
        if name in self.environ:
            return self.environ[name], True
        if is_secret(field):
            file = self.environ.get(f"{name}_FILE") or table.get(f"{field.name}_file")
            if file is not None:
                return Path(str(file)).read_text(encoding="utf-8").strip(), False
        return table.get(field.name), False

    def _refuse_unknown(
        self, table: Mapping[str, object], described: Mapping[str, inspect.Field], path: tuple[str, ...]
    ) -> None:
        accepted = set(described) | {f"{name}_file" for name, field in described.items() if is_secret(field)}
        for key in table:
            if key not in accepted:
                self.faults.append(f"`{'.'.join((*path, key))}` is unknown; {_advice(key, accepted)}")

    def check_variables(self) -> None:
        """A misspelt variable is a setting that is silently not set: refuse it."""
        for name in sorted(self.environ):
            if name.startswith(f"{PREFIX}_") and name not in self.known:
                self.faults.append(f"variable {name} is unknown; {_advice(name, self.known)}")


def _fields(shape: type[Section]) -> tuple[inspect.Field, ...]:
    described = inspect.type_info(shape)
    assert isinstance(described, inspect.StructType)  # noqa: S101 - a Section is a Struct; for the type checker
    return described.fields


def _names(field: inspect.Field, path: tuple[str, ...]) -> tuple[str, ...]:
    name = variable(path)
    return (name, f"{name}_FILE") if is_secret(field) else (name,)


def _variables(shape: type[Section], path: tuple[str, ...]) -> Iterator[str]:
    for field in _fields(shape):
        yield from _names(field, (*path, field.name))


def _converted(raw: object, field: inspect.Field, hint: Any, is_text: bool) -> object:
    if is_text and isinstance(raw, str):
        raw = _parted(raw, field)
    return msgspec.convert(raw, hint, strict=not is_text, dec_hook=_secret)


def _parted(text: str, field: inspect.Field) -> object:
    """A variable's text as a list (`a,b`) or a table (`a=b,c=d`) where the setting is one."""
    kind = bare(field.type)
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(kind, inspect.DictType):
        return dict(_pair(part) for part in parts)
    return parts if isinstance(kind, inspect.VarTupleType) else text


def _pair(part: str) -> tuple[str, str]:
    key, equals, value = part.partition("=")
    if not equals:
        raise ValueError("a part of the table has no equals sign")
    return key.strip(), value.strip()


def _secret(kind: type, raw: object) -> Secret:
    if kind is not Secret or not isinstance(raw, str) or not raw:
        raise ValueError("not a secret")
    return Secret(raw)


def _worded(path: Iterable[str], what: str) -> str:
    return f"`{'.'.join(path)}` ({variable(path)}) {what}"


def _next_step(field: inspect.Field) -> str:
    meaning = str(noted(field.type, "description")).rstrip(".")
    return f"set it to {words(field.type)} ({meaning})"


def _advice(name: str, accepted: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(accepted), n=1, cutoff=0.75)
    return f"did you mean `{near[0]}`?" if near else "remove it"


def bare(kind: inspect.Type) -> inspect.Type:
    """The type without its notes and without `| None`."""
    if isinstance(kind, inspect.Metadata):
        return bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        return next(bare(one) for one in kind.types if not isinstance(one, inspect.NoneType))
    return kind


def is_secret(field: inspect.Field) -> bool:
    kind = bare(field.type)
    return isinstance(kind, inspect.CustomType) and kind.cls is Secret


def is_optional(field: inspect.Field) -> bool:
    """Whether the section may be left out as a whole, and is None then."""
    return not field.required and field.default is None


def section_of(field: inspect.Field) -> type[Section] | None:
    """The section a field is, if it is one."""
    kind = bare(field.type)
    if isinstance(kind, inspect.StructType) and issubclass(kind.cls, Section):
        return kind.cls
    return None


def kinds_of(field: inspect.Field) -> Mapping[str, type[Section]]:
    """The kinds of the named sections a field holds, by their tags; none if it holds no such sections."""
    kind = bare(field.type)
    if not isinstance(kind, inspect.DictType):
        return {}
    values = kind.value_type.types if isinstance(kind.value_type, inspect.UnionType) else (kind.value_type,)
    return {
        str(one.tag): one.cls
        for one in values
        if isinstance(one, inspect.StructType) and issubclass(one.cls, Section)
    }


def noted(kind: inspect.Type, key: str) -> object:
    """What the type's notes say under that key (`title`, `description`, `examples`), outermost first."""
    if isinstance(kind, inspect.Metadata):
        found = (kind.extra_json_schema or {}).get(key)
        return found if found is not None else noted(kind.type, key)
    if isinstance(kind, inspect.UnionType):
        return next((found for one in kind.types if (found := noted(one, key)) is not None), None)
    return None


def words(kind: inspect.Type) -> str:
    """What a value of that type is, for a sentence that says what to set."""
    title = noted(kind, "title")
    return title if isinstance(title, str) else _shape_words(bare(kind))


def _shape_words(kind: inspect.Type) -> str:
    match kind:
        case inspect.IntType():
            return f"an integer{_range(kind)}"
        case inspect.FloatType():
            return f"a number{_range(kind)}"
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType():
            return f"one of {', '.join(str(value) for value in kind.values)}"
        case inspect.EnumType():
            return f"one of {', '.join(str(member.value) for member in kind.cls)}"
        case inspect.StrType(min_length=None):
            return "a text"
        case inspect.VarTupleType():
            return f"a list, each {words(kind.item_type)}"
        case inspect.DictType():
            return f"a table with at least one entry, each {words(kind.value_type)}"
        case _:
            return "a text that is not empty"


def _range(kind: inspect.IntType | inspect.FloatType) -> str:
    low, high = (kind.ge if kind.ge is not None else kind.gt), kind.le
    if low is None or high is None:
        return ""
    return f" from {low} to {high}" if kind.ge is not None else f" above {low}, at most {high}"

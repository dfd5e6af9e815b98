"""The documented example of the settings file, made from the settings' own descriptions."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping

from msgspec import NODEFAULT, inspect

from gateway.configuration import (
    Section,
    is_optional,
    is_secret,
    kinds_of,
    noted,
    section_of,
    variable,
    words,
)

HEAD = """\
# Every setting of CareGraph. Give the file with `caregraph serve --config caregraph.toml`.
#
# A line without a leading `#` has to be set to yours; the others show their defaults.
# The sources, below [ehr], [pms] and [crm], bear names that are yours to choose: [pms.north], [pms.south].
# The variable beside a setting sets it too, and wins. Lists are `a,b` there, tables `a=b,c=d`.
# A secret is best kept out of this file: set its variable, or name a file that holds it
# (`client_secret_file`, or the variable with _FILE at its end).
"""


def page(shape: type[Section]) -> str:
    """The example file for settings of that shape."""
    return HEAD + "".join(_section(shape, (), is_required=True))


def _section(
    shape: type[Section], path: tuple[str, ...], *, is_required: bool, kind: str | None = None
) -> Iterator[str]:
    described = inspect.type_info(shape)
    assert isinstance(described, inspect.StructType)  # noqa: S101 - a Section is a Struct; for the type checker
    if path:
        mark = "" if is_required else "# "
        yield f"\n{_comment(shape.__doc__ or '')}{mark}[{'.'.join(path)}]\n"
        if kind is not None:
            yield f'\n# What it is.\n{mark}kind = "{kind}"\n'
    for field in described.fields:
        nested = section_of(field)
        if nested is None and not kinds_of(field):
            yield from _setting(field, (*path, field.name), is_required=is_required)
    for field in described.fields:
        nested = section_of(field)
        if nested is not None:
            needed = is_required and not is_optional(field)
            yield from _section(nested, (*path, field.name), is_required=needed)
        for nth, (kind, named) in enumerate(kinds_of(field).items()):
            at = (*path, field.name, kind)
            yield from _section(named, at, is_required=is_required and nth == 0, kind=kind)


def _setting(field: inspect.Field, path: tuple[str, ...], *, is_required: bool) -> Iterator[str]:
    description = noted(field.type, "description")
    what = words(field.type)
    yield f"\n{_comment(f'{description} {what[0].upper()}{what[1:]}. {variable(path)}')}"
    if is_secret(field):
        yield f"# {field.name} = …\n" if field.required else f"# {field.name} = … (not set)\n"
    elif not field.required and field.default is None:
        yield f"# {field.name} = … (not set)\n"
    elif not field.required:
        yield f"# {field.name} = {_toml(_default(field))}\n"
    else:
        examples = noted(field.type, "examples")
        example = examples[0] if isinstance(examples, list) else None
        yield f"{'' if is_required else '# '}{field.name} = {_toml(example)}\n"


def _default(field: inspect.Field) -> object:
    made = field.default_factory
    return field.default if made is NODEFAULT or not callable(made) else made()


def _comment(text: str) -> str:
    return textwrap.indent(textwrap.fill(" ".join(text.split()), 100, break_long_words=False), "# ") + "\n"


def _toml(value: object) -> str:
    """A value in TOML, whose strings, numbers and booleans are JSON's."""
    if isinstance(value, Mapping):
        if not value:
            return "{}"
        return "{ " + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(inner) for inner in value) + "]"
    return json.dumps(value)

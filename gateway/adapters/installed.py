"""Owns the kinds of sources that other installed packages bring, by the entry points `caregraph.sources`.

An entry point's name is the role and the kind, `crm.hearth`; its object is the kind's settings, a subclass of
the role's section. A package is imported only if the settings name its kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from gateway.adapters.sections import CrmSection, EhrSection, PmsSection, SourceSection
from gateway.configuration import KindUnusable, Section

GROUP = "caregraph.sources"
ROLES: dict[str, type[SourceSection]] = {"ehr": EhrSection, "pms": PmsSection, "crm": CrmSection}


class InstalledKinds:
    """What is installed now, as `gateway.configuration.MoreKinds`."""

    def __init__(self) -> None:
        self._found: dict[str, list[EntryPoint]] = {}
        for entry in entry_points(group=GROUP):
            self._found.setdefault(entry.name, []).append(entry)

    def names(self, at: str) -> Sequence[str]:
        """See `MoreKinds`."""
        named = (name.partition(".") for name in self._found)
        return [kind for role, _, kind in named if role == at]

    def kind(self, at: str, name: str) -> type[Section]:
        """See `MoreKinds`."""
        found = self._found[f"{at}.{name}"]
        if len(found) > 1:
            packages = ", ".join(sorted(_package(entry) for entry in found))
            raise KindUnusable(f"is brought by several packages ({packages}); uninstall all but one")
        return _checked(found[0], at, name)


def _checked(entry: EntryPoint, role: str, name: str) -> type[Section]:
    """The section that *entry* leads to."""
    by = f"is brought by the package {_package(entry)}"
    try:
        loaded: Any = entry.load()
    except Exception as fault:  # noqa: BLE001 - whatever a package does wrong when it is imported
        raise KindUnusable(
            f"{by}, which cannot be loaded ({type(fault).__name__}); mend or remove it"
        ) from None
    base = ROLES[role]
    if not (isinstance(loaded, type) and issubclass(loaded, base) and loaded is not base):
        raise KindUnusable(f"{by}, whose {entry.value} is no subclass of {base.__name__}; mend or remove it")
    if loaded.__struct_config__.tag != name:
        raise KindUnusable(f"{by}, whose {entry.value} has another `tag`; mend or remove it")
    return loaded


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else "without a name"

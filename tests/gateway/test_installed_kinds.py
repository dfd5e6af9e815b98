"""An installed package brings its kind of source; one that is not wanted is not so much as imported."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from caregraph_hearth import HearthCrm

from gateway.adapters.assembling import adapters
from gateway.configuration import SettingsError
from gateway.settings import Settings, read_settings
from sources.errors import SourceUnavailable
from sources.model import CareKey, Engagement
from sources.ports import Checked, Source
from tests.sources.stub import json_answer, stub

SETTINGS: dict[str, Any] = {
    "identity": {
        "issuer": "https://idp.example",
        "audience": "https://cg.example",
        "roles": {"c": "clinician"},
    },
    "keys": {"care_key_secret": "a-secret-of-the-tests"},
    "ehr": {"main": {"url": "https://ehr.example/fhir", "auth": {"token": "x"}}},
}
HEARTH = Path(__file__).parents[2] / "examples" / "hearth"
Install = Callable[[str, str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a package as an installer does: what it says of itself, beside its module."""

    def made(package: str, entry: str, module: str = "") -> None:
        about = tmp_path / f"{package.replace('-', '_')}-0.1.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.1\n")
        (about / "entry_points.txt").write_text(f"[caregraph.sources]\n{entry}\n")
        name = entry.partition("=")[2].partition(":")[0].strip()
        if module:
            (tmp_path / f"{name}.py").write_text(module)

    monkeypatch.syspath_prepend(str(tmp_path))
    return made


def settings_with(**crm: Any) -> Settings:
    return read_settings(environ={}, table={**SETTINGS, "crm": {"marketing": crm}})


@pytest.mark.anyio
async def test_a_kind_of_an_installed_package_is_a_source_like_any_other(install: Install) -> None:
    install("caregraph-hearth", "crm.hearth = caregraph_hearth:HearthCrm", "")
    key = CareKey("a" * 40)
    async with stub(lambda asked: json_answer({"people": [{"key": key, "score": 7}]})) as source:
        settings = settings_with(kind="hearth", url=source.url, token="secret")
        made = adapters(settings, ())
        found = await made.sources.crm.engagements([key], frozenset({"score"}))
        for upstream in made.upstreams:
            await upstream.close()

    assert isinstance(settings.crm["marketing"], HearthCrm)
    assert found == {key: Engagement(care_key=key, score=7.0)}
    assert source.asked[0].headers["authorization"] == "Bearer secret"


@pytest.fixture
def stand_in() -> Iterator[int]:
    """The port of the Hearth that one may try the walk-through with."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen([sys.executable, HEARTH / "stand_in.py", str(port)], stderr=subprocess.DEVNULL)
    yield port
    process.terminate()
    process.wait(30)


@pytest.mark.anyio
async def test_the_settings_of_the_walk_through_find_its_stand_in(install: Install, stand_in: int) -> None:
    install("caregraph-hearth", "crm.hearth = caregraph_hearth:HearthCrm", "")
    table = tomllib.loads((HEARTH / "caregraph.toml").read_text())
    assert table["crm"]["marketing"]["url"] == "http://127.0.0.1:8499"
    table["crm"]["marketing"]["url"] = f"http://127.0.0.1:{stand_in}"
    made = adapters(read_settings(environ={}, table=table), ())
    async with asyncio.timeout(30):
        found = await checked(made.sources.crm)
    for upstream in made.upstreams:
        await upstream.close()

    assert found == (True, ("people can be asked for by their key",))


async def checked(source: Source) -> Checked:
    """What is found of a source that has only just been started."""
    while True:
        try:
            return await source.check()
        except SourceUnavailable:
            await asyncio.sleep(0.1)


def test_its_settings_are_checked_and_found_in_variables_as_ours_are(install: Install) -> None:
    install("caregraph-hearth", "crm.hearth = caregraph_hearth:HearthCrm", "")
    table = {**SETTINGS, "crm": {"marketing": {"kind": "hearth"}}}

    with pytest.raises(SettingsError) as raised:
        read_settings(environ={"CAREGRAPH_CRM_MARKETING_URL": "https://hearth.example"}, table=table)

    assert [fault.partition(" is ")[0] for fault in raised.value.faults] == [
        "`crm.marketing.token` (CAREGRAPH_CRM_MARKETING_TOKEN)"
    ]


def test_a_package_is_imported_only_if_its_kind_is_named(install: Install) -> None:
    install("caregraph-mine", "crm.mine = a_module_of_mine:Mine", "raise SystemExit")
    settings_with(kind="hubspot", url="https://crm.example", token="x")

    assert "a_module_of_mine" not in sys.modules


def test_a_kind_that_nobody_brings_is_refused_and_those_there_are_are_named(install: Install) -> None:
    install("caregraph-hearth", "crm.hearth = caregraph_hearth:HearthCrm", "")
    with pytest.raises(SettingsError) as raised:
        settings_with(kind="rolodex")

    assert raised.value.faults == (
        "`crm.marketing.kind` is not usable; set it to one of dynamics, hearth, hubspot, salesforce",
    )


BROKEN = [
    (
        "import none_such",
        "is brought by the package caregraph-bad 0.1, which cannot be loaded (ModuleNotFoundError)",
    ),
    (
        "Bad = 1 / 0",
        "is brought by the package caregraph-bad 0.1, which cannot be loaded (ZeroDivisionError)",
    ),
    ("", "is brought by the package caregraph-bad 0.1, which cannot be loaded (ModuleNotFoundError)"),
    ("Good = 1", "is brought by the package caregraph-bad 0.1, which cannot be loaded (AttributeError)"),
    (
        "Bad = 'a text'",
        "is brought by the package caregraph-bad 0.1, whose bad_{n}:Bad is no subclass of CrmSection",
    ),
    (
        "from gateway.adapters.sections import PmsSection as Bad",
        "is brought by the package caregraph-bad 0.1, whose bad_{n}:Bad is no subclass of CrmSection",
    ),
    (
        "from gateway.adapters.crm_hubspot import HubSpotCrm as Bad",
        "is brought by the package caregraph-bad 0.1, whose bad_{n}:Bad has another `tag`",
    ),
]


@pytest.mark.parametrize("n", range(len(BROKEN)))
def test_a_package_that_is_broken_is_named_and_says_nothing_itself(n: int, install: Install) -> None:
    module, why = BROKEN[n]
    install("caregraph-bad", f"crm.bad = bad_{n}:Bad", module)

    with pytest.raises(SettingsError) as raised:
        settings_with(kind="bad")

    assert raised.value.faults == (f"`crm.marketing.kind` {why.format(n=n)}; mend or remove it",)


def test_no_package_takes_the_place_of_another_or_of_ours(install: Install) -> None:
    install("caregraph-hearth", "crm.hearth = caregraph_hearth:HearthCrm", "")
    install("another-hearth", "crm.hearth = another:Hearth", "")
    install("not-ours", "crm.hubspot = caregraph_hearth:HearthCrm", "")

    with pytest.raises(SettingsError) as twice:
        settings_with(kind="hearth")
    with pytest.raises(SettingsError) as ours:
        settings_with(kind="hubspot", url="https://crm.example", token="x")

    assert twice.value.faults == (
        "`crm.marketing.kind` is brought by several packages (another-hearth 0.1, caregraph-hearth 0.1);"
        " uninstall all but one",
    )
    assert ours.value.faults == (
        "`crm.marketing.kind` is ours, and of an installed package too; remove that package",
    )


def test_a_kind_of_one_role_is_none_of_another(install: Install) -> None:
    install("caregraph-hearth", "crm.hearth = caregraph_hearth:HearthCrm", "")

    with pytest.raises(SettingsError, match=r"`pms\.north\.kind` is not usable"):
        read_settings(environ={}, table={**SETTINGS, "pms": {"north": {"kind": "hearth"}}})

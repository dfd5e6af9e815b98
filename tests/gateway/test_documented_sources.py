"""Every kind of source has its page, whose examples can be used as they stand, but for secrets."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey
from msgspec import inspect

from gateway.configuration import SettingsError, kinds_of
from gateway.settings import Settings, read_settings

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = [
    pytest.param(block, id=f"{path.stem} {n}")
    for path in sorted((DOCS / "sources").glob("*.md"))
    for n, block in enumerate(re.findall(r"^```toml\n(.*?)^```$", path.read_text(), re.M | re.S))
]
BESIDE: dict[str, Any] = {
    "identity": {
        "issuer": "https://idp.example",
        "audience": "https://cg.example",
        "roles": {"c": "clinician"},
    },
    "keys": {"care_key_secret": "a-secret-of-the-tests"},
    "ehr": {"main": {"url": "https://ehr.example/fhir", "auth": {"token": "x"}}},
}
SECRETS = {"KEY": json.dumps(ECKey.generate_key("P-384", {"kid": "1"}).as_dict(private=True))}
PAGES = {("ehr", "fhir"): "fhir", ("pms", "fhir"): "pms-fhir"}
KINDS = [
    (described.name, kind)
    for described in getattr(inspect.type_info(Settings), "fields", ())
    for kind in kinds_of(described)
]
SAYS = (
    "```toml",
    "## Limits",
    "## `caregraph check`",
    "**What never leaves**",
    "(../faults.md)",
)


@pytest.mark.parametrize("block", BLOCKS)
def test_an_example_can_be_used_as_it_stands_but_for_secrets(block: str) -> None:
    table = {**BESIDE, **tomllib.loads(block)}
    secrets = {
        name: SECRETS.get(name.rpartition("_")[2], "a-secret")
        for name in re.findall(r"^# [a-z_]+: (CAREGRAPH_[A-Z0-9_]+)", block, re.M)
    }

    read_settings(environ=secrets, table=table)


def test_an_example_with_a_setting_that_is_none_would_be_refused() -> None:
    with pytest.raises(SettingsError):
        read_settings(environ={}, table={**BESIDE, "crm": {"x": {"kind": "hubspot", "colour": "red"}}})


@pytest.mark.parametrize(("role", "kind"), KINDS)
def test_every_kind_has_a_page_that_says_what_an_operator_needs(role: str, kind: str) -> None:
    page = PAGES.get((role, kind), kind)
    text = (DOCS / "sources" / f"{page}.md").read_text()

    assert [each for each in SAYS if each not in text] == []
    assert f'kind = "{kind}"' in text
    assert f"| `{role}` | `{kind}` |" in (DOCS / "sources" / "README.md").read_text()
    assert f"({page}.md)" in (DOCS / "sources" / "README.md").read_text()


def test_the_walk_through_shows_the_example_as_it_is() -> None:
    page = (DOCS / "write-a-source.md").read_text()
    code = (DOCS.parent / "examples" / "hearth" / "caregraph_hearth.py").read_text()
    lines = {line.strip() for line in code.splitlines()}
    shown = [
        line.strip()
        for block in re.findall(r"```python\n(.*?)```", page, re.S)
        for line in block.splitlines()
    ]

    signature = re.compile(r"(async def _asked\(self|def build\()")
    assert [line for line in shown if line and line not in lines and not signature.match(line)] == []
    written = [line.strip() for line in code.splitlines()]
    assert len([line for line in written if line and not line.startswith('"""')]) < 100

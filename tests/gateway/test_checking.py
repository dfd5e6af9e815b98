"""`caregraph check`: each source is tried by itself, and what is wrong is said with the next step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from gateway.cli import main
from gateway.cli.demo import demo_table
from sandbox.addresses import Addresses
from sandbox.dataset import generate
from sandbox.ehr.quirks import Quirks
from sandbox.serve import Options, background

KEY = ECKey.generate_key("P-384", {"kid": "test-1", "use": "sig", "alg": "ES384"}, private=True)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Addresses]:
    jwks = {"keys": [KEY.as_dict(private=False)]}
    with background(generate(2, today=date(2026, 11, 22)), backend_jwks=jwks) as addresses:
        yield addresses


@pytest.fixture
def table(sandbox: Addresses, tmp_path: Path) -> dict[str, Any]:
    made = demo_table(sandbox, KEY.as_dict(private=True), generate(0, today=date(2026, 11, 22)))
    made["audit"] = {"sink": "sqlite", "directory": str(tmp_path / "audit")}
    return made


def checked(
    table: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, tuple[bool, list[str]]]]:
    config = tmp_path / "caregraph.toml"
    config.write_text(toml(table), encoding="utf-8")
    code = main(["check", "--json", "--config", str(config)])
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return code, {one["at"]: (one["ok"], one["said"]) for one in found}


def toml(table: dict[str, Any], path: str = "") -> str:
    """Tables within tables, and plain values in them."""
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    text = (f"[{path}]\n" if path else "") + "".join(
        f"{key} = {json.dumps(it)}\n" for key, it in plain.items()
    )
    inner = {key: value for key, value in table.items() if isinstance(value, dict)}
    return text + "".join(toml(it, f"{path}.{key}" if path else key) for key, it in inner.items())


def test_what_answers_is_said_to(
    table: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = checked(table, tmp_path, capsys)

    assert code == 0
    assert sorted(found) == ["audit", "changes", "crm.crm", "ehr.ehr", "identity", "pms.pms"]
    assert all(ok for ok, _ in found.values())
    assert not (tmp_path / "audit").exists()


def test_each_thing_that_is_wrong_is_found_by_itself(
    table: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table["pms"]["pms"]["client_secret"] = "wrong"
    table["crm"]["crm"]["url"] = "http://127.0.0.1:9"
    (tmp_path / "audit").write_text("a file")

    code, found = checked(table, tmp_path, capsys)

    assert code == 1
    assert {at for at, (ok, _) in found.items() if not ok} == {"pms.pms", "crm.crm", "audit"}
    assert "see that our credentials are right" in found["pms.pms"][1][1]
    assert "see that its address is right" in found["crm.crm"][1][1]
    assert "wrong" not in json.dumps(found)


def test_an_identity_provider_that_is_none_is_found(
    table: dict[str, Any], sandbox: Addresses, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table["identity"]["issuer"] = sandbox.pms

    code, found = checked(table, tmp_path, capsys)

    assert (code, found["identity"][0]) == (1, False)


def test_a_source_of_another_kind_is_found(
    table: dict[str, Any], sandbox: Addresses, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = f"{sandbox.knobs('pms')}/faults"
    httpx.put(where, json={"mode": "html"}).raise_for_status()
    try:
        code, found = checked(table, tmp_path, capsys)
    finally:
        httpx.put(where, json={"mode": "none"}).raise_for_status()

    assert code == 1
    assert found["pms.pms"][0] is False


def test_an_ehr_whose_silence_about_consents_proves_nothing_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset, none = generate(2, today=date(2026, 11, 22)), frozenset({"Consent"})
    jwks = {"keys": [KEY.as_dict(private=False)]}
    quirks = Quirks(hidden=none, unnamed=none)
    with background(dataset, backend_jwks=jwks, options=Options(ehr_quirks=quirks)) as there:
        table = demo_table(there, KEY.as_dict(private=True), dataset)
        refused = checked(table, tmp_path, capsys)
        table["ehr"]["ehr"]["consents"] = "none"
        opened = checked(table, tmp_path, capsys)

    assert refused[0] == 1
    ok, said = refused[1]["ehr.ehr"]
    assert not ok
    assert any('set consents = "none" if it keeps none' in line for line in said)
    assert (opened[0], opened[1]["ehr.ehr"][0]) == (0, True)
    assert "consents: none are kept, and nobody is refused for one" in opened[1]["ehr.ehr"][1]


def test_people_read_it_with_marks_and_a_last_word(
    table: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "caregraph.toml"
    config.write_text(toml(table), encoding="utf-8")

    assert main(["check", "--config", str(config)]) == 0
    said = capsys.readouterr().out
    assert "✓ ehr.ehr" in said
    assert said.endswith("all of it can be used\n")
    assert main(["check", "--config", str(tmp_path / "none.toml")]) == 2
    assert "cannot be read" in capsys.readouterr().err

"""The explorer's routes: the page, its settings, its files, and the headers that guard them."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from gateway.transport.explorer import ExplorerConfig, Sample, explorer_routes
from gateway.transport.explorer.assets import FOLDER, BundleMissing, load_assets
from gateway.transport.explorer.page import content_security_policy
from tests.gateway.explorer_stage import served

SAMPLE = Sample("One patient", "clinician", "query P($id: ID!) { patient(id: $id) { id } }", {"id": "p1"})
FOR_ALL = Sample("Who am I", None, "{ me { role } }")


def config(**changes: Any) -> ExplorerConfig:
    settings: dict[str, Any] = {
        "endpoint": "/graphql",
        "issuer": "http://idp.example:8401",
        "authorization_endpoint": "http://idp.example:8401/authorize",
        "token_endpoint": "http://idp.example:8401/token",
        "client_id": "explorer",
        "scope": "openid user/*.rs",
        "samples": (SAMPLE, FOR_ALL),
    }
    return ExplorerConfig(**{**settings, **changes})


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with (
        served(Starlette(routes=explorer_routes(config()))) as address,
        httpx.Client(base_url=address, headers={"host": "gateway.example:8400"}) as opened,
    ):
        yield opened


def policy_of(response: httpx.Response) -> dict[str, list[str]]:
    directives = (part.split() for part in response.headers["content-security-policy"].split(";"))
    return {name: values for name, *values in directives}


def test_the_page_names_only_files_that_are_served_from_here(http: httpx.Client) -> None:
    page = http.get("/").text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(addresses) == 3
    assert all(address.startswith("/explorer/assets/") for address in addresses)
    assert [http.get(address).status_code for address in addresses] == [200, 200, 200]


def test_the_page_holds_no_inline_script_and_no_inline_style(http: httpx.Client) -> None:
    page = http.get("/").text
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page) == []


def test_the_policy_lets_scripts_come_from_this_server_only(http: httpx.Client) -> None:
    policy = policy_of(http.get("/"))
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == ["'self'"]
    assert policy["worker-src"] == ["'self'"]
    assert policy["frame-ancestors"] == ["'none'"]
    assert policy["base-uri"] == ["'none'"]
    assert "unsafe-eval" not in http.get("/").headers["content-security-policy"]


def test_the_page_may_connect_to_this_server_and_the_identity_provider_and_nowhere_else(
    http: httpx.Client,
) -> None:
    assert policy_of(http.get("/"))["connect-src"] == [
        "'self'",
        "ws://gateway.example:8400",
        "wss://gateway.example:8400",
        "http://idp.example:8401",
    ]


@given(st.text())
def test_no_host_header_adds_a_directive_or_a_wildcard_to_the_policy(host: str) -> None:
    policy = content_security_policy("http://idp.example", host)
    assert policy.count(";") == content_security_policy("http://idp.example", "").count(";")
    connect = next(part for part in policy.split("; ") if part.startswith("connect-src"))
    assert set(connect.split()) <= {
        "connect-src",
        "'self'",
        "http://idp.example",
        f"ws://{host}",
        f"wss://{host}",
    }
    assert "*" not in policy


@pytest.mark.parametrize("path", ["/", "/explorer/config.json"])
def test_page_and_settings_are_neither_kept_nor_framed_nor_passed_on(http: httpx.Client, path: str) -> None:
    headers = http.get(path).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


def test_the_settings_are_the_configuration_in_the_names_the_page_reads(http: httpx.Client) -> None:
    assert http.get("/explorer/config.json").json() == {
        "endpoint": "/graphql",
        "issuer": "http://idp.example:8401",
        "authorizationEndpoint": "http://idp.example:8401/authorize",
        "tokenEndpoint": "http://idp.example:8401/token",
        "clientId": "explorer",
        "scope": "openid user/*.rs",
        "samples": [
            {
                "title": "One patient",
                "persona": "clinician",
                "query": SAMPLE.query,
                "variables": {"id": "p1"},
            },
            {"title": "Who am I", "persona": None, "query": FOR_ALL.query, "variables": None},
        ],
    }


def test_hashed_files_may_be_kept_forever_and_the_others_are_asked_for_again(http: httpx.Client) -> None:
    script = load_assets().entry.script
    forever = http.get(f"/explorer/assets/{script}").headers["cache-control"]
    assert forever == "public, max-age=31536000, immutable"
    assert http.get("/explorer/assets/LICENSES.txt").headers["cache-control"] == "no-cache"


def test_a_file_is_the_same_with_and_without_compression(http: httpx.Client) -> None:
    address = f"/explorer/assets/{load_assets().entry.script}"
    plain = http.get(address, headers={"accept-encoding": "identity"})
    packed = http.get(address, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.content == packed.content == (FOLDER / load_assets().entry.script).read_bytes()
    assert plain.headers["content-type"] == "text/javascript; charset=utf-8"
    assert plain.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "name", ["page.py", "manifest.json", "..%2fpage.py", "%2e%2e%2f__init__.py", "", "LICENSES.txt%00"]
)
def test_what_is_not_in_the_bundle_is_not_found(http: httpx.Client, name: str) -> None:
    assert http.get(f"/explorer/assets/{name}").status_code == 404


@pytest.mark.parametrize(
    "endpoint", ["", "/token", "ftp://idp.example/token", "http://idp.example; script-src *", "http:///token"]
)
def test_a_token_endpoint_that_is_no_web_address_is_refused_at_start(endpoint: str) -> None:
    with pytest.raises(ValueError, match="not an absolute http or https URL"):
        explorer_routes(config(token_endpoint=endpoint))


def test_a_package_without_the_bundle_is_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(BundleMissing, match="scripts/explorer"):
        load_assets(tmp_path)


@pytest.mark.parametrize(
    "manifest", ["{", "{}", '{"script": "a-1.js", "style": "a-1.css", "icon": "a-1.svg"}']
)
def test_a_bundle_that_is_incomplete_is_refused_at_start(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(BundleMissing, match="incomplete"):
        load_assets(tmp_path)


def test_the_committed_bundle_holds_the_licence_of_each_package_the_page_is_made_from() -> None:
    notices = (FOLDER / "LICENSES.txt").read_text()
    wanted = json.loads((FOLDER.parents[3] / "explorer/package.json").read_text())["dependencies"]
    missing = [name for name, version in wanted.items() if f"\n{name} {version}\nLicence: " not in notices]
    assert missing == []


def test_the_bundle_stays_within_two_megabytes_on_the_wire() -> None:
    sizes = [len(gzip.compress(path.read_bytes())) for path in load_assets().files.values()]
    assert sum(sizes) < 2_000_000


def test_the_lock_file_names_no_registry() -> None:
    lock = (FOLDER.parents[3] / "explorer/package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert '"integrity"' in lock

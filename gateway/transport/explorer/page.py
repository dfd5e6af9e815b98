"""The explorer's page, its settings and the headers that keep it to itself."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from gateway.transport.explorer.assets import Assets, load_assets

ASSETS_PATH: Final = "/explorer/assets"
CONFIG_PATH: Final = "/explorer/config.json"


@dataclass(frozen=True, slots=True)
class Sample:
    """An operation ready to run. *persona* is whom it is meant for (`clinician`, …); None is for everyone."""

    title: str
    persona: str | None
    query: str
    variables: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class ExplorerConfig:
    """What the page needs to know. Public: it is served before anyone has signed in.

    *endpoint* is the path of GraphQL on this server, for HTTP and for `graphql-transport-ws`. *issuer*,
    *authorization_endpoint* and *token_endpoint* are absolute URLs from the identity provider's discovery
    document; *client_id* is a public client there whose redirect address is this server's `/`. *scope* is
    what the page asks for, separated by spaces; empty leaves it to the identity provider.
    """

    endpoint: str
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    client_id: str
    scope: str
    samples: tuple[Sample, ...] = ()


def explorer_routes(config: ExplorerConfig) -> list[BaseRoute]:
    """The routes of the explorer: `/`, its settings, its files.

    Raises:
        BundleMissing: the package was put together without the explorer's bundle.
        ValueError: the token endpoint is not an absolute http or https URL.
    """
    assets = load_assets()
    page = _page(assets)
    identity = _origin(config.token_endpoint)
    settings = _settings(config)

    async def show_page(request: Request) -> Response:
        policy = content_security_policy(identity, request.headers.get("host", ""))
        return HTMLResponse(page, headers={**_PRIVATE, "Content-Security-Policy": policy})

    async def show_settings(_request: Request) -> Response:
        return JSONResponse(settings, headers={**_PRIVATE, "Content-Security-Policy": "default-src 'none'"})

    return [
        Route("/", show_page),
        Route(CONFIG_PATH, show_settings),
        Route(f"{ASSETS_PATH}/{{name}}", assets.serve),
    ]


def content_security_policy(identity: str, host: str) -> str:
    """The policy of the page: files from this server only, connections to it and to the origin *identity*."""
    return "; ".join(
        (
            "default-src 'none'",
            # No 'unsafe-inline' and no 'unsafe-eval': every script is a file of the bundle.
            "script-src 'self'",
            "worker-src 'self'",
            # The editor positions text through style attributes and makes style elements as it themes it.
            "style-src 'self' 'unsafe-inline'",
            # Icons in the style sheet and the editor's icon font are embedded in it.
            "img-src 'self' data:",
            "font-src 'self' data:",
            " ".join(("connect-src 'self'", *_sockets(host), identity)),
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


# The address of the page holds the authorization code for a moment, so it is neither kept nor passed on.
_PRIVATE: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_HOST: Final = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")


def _sockets(host: str) -> Sequence[str]:
    """WebSocket addresses of this server, for browsers in which 'self' does not cover them.

    The Host header is the client's word: one that is not plainly a host adds nothing to the policy.
    """
    return (f"ws://{host}", f"wss://{host}") if _HOST.fullmatch(host) else ()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.netloc):
        raise ValueError(f"the token endpoint `{url}` is not an absolute http or https URL")
    return f"{parts.scheme}://{parts.netloc}"


def _settings(config: ExplorerConfig) -> dict[str, object]:
    return {
        "endpoint": config.endpoint,
        "issuer": config.issuer,
        "authorizationEndpoint": config.authorization_endpoint,
        "tokenEndpoint": config.token_endpoint,
        "clientId": config.client_id,
        "scope": config.scope,
        "samples": [
            {
                "title": sample.title,
                "persona": sample.persona,
                "query": sample.query,
                "variables": None if sample.variables is None else dict(sample.variables),
            }
            for sample in config.samples
        ],
    }


def _page(assets: Assets) -> str:
    script, style, icon = (
        f"{ASSETS_PATH}/{escape(name)}"
        for name in (assets.entry.script, assets.entry.style, assets.entry.icon)
    )
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light">
<title>CareGraph</title>
<link rel="icon" type="image/svg+xml" href="{icon}">
<link rel="stylesheet" href="{style}">
<script type="module" src="{script}"></script>
</head>
<body>
<div id="explorer"><p class="cg-boot">Loading the explorer…</p></div>
<noscript>The explorer needs JavaScript. The graph itself answers any HTTP client at its endpoint.</noscript>
</body>
</html>
"""

"""Owns the sign-in page: plain HTML of its own, no script, nothing from elsewhere."""

import base64
import hashlib
from collections.abc import Iterable
from html import escape
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse, Response

from sandbox.idp.errors import NO_STORE
from sandbox.idp.personas import Persona

_STYLE = """
:root { color-scheme: light dark; --ink: #16232b; --soft: #55666f; --line: #d5dee2; --paper: #f3f6f7;
  --card: #fff; --accent: #0b6e69; --tint: #e3f1f0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf0; --soft: #9db0b9; --line: #2c3c45;
  --paper: #0f181d; --card: #172329; --accent: #5cc8c0; --tint: #14312f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 3.5rem 1.25rem 3rem; }
header { display: flex; gap: .7rem; align-items: center; margin-bottom: 2rem; color: var(--soft); }
header svg { width: 1.9rem; height: 1.9rem; color: var(--accent); }
header strong { color: var(--ink); letter-spacing: .01em; }
h1 { margin: 0 0 .35rem; font-size: 1.7rem; line-height: 1.2; letter-spacing: -.01em; }
p { margin: 0 0 1.75rem; color: var(--soft); }
form { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); }
button { display: flex; flex-direction: column; gap: .3rem; padding: 1rem 1.1rem; text-align: left;
  font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line);
  border-radius: .7rem; cursor: pointer; transition: border-color .12s, background .12s; }
button:hover { border-color: var(--accent); background: var(--tint); }
button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
button b { font-size: 1.06rem; }
button span { color: var(--soft); font-size: .93rem; }
code { margin-top: auto; padding-top: .45rem; color: var(--accent); overflow-wrap: anywhere;
  font: .76rem/1.5 ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace; }
footer { margin-top: 2rem; font-size: .87rem; color: var(--soft); }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_MARK = (
    '<svg viewBox="0 0 32 32" fill="none" stroke="currentColor" stroke-width="2.4" aria-hidden="true">'
    '<circle cx="16" cy="7" r="4"/><circle cx="7" cy="24" r="4"/><circle cx="25" cy="24" r="4"/>'
    '<path d="M14 10.5 9 20.5M18 10.5l5 10M11 24h10"/></svg>'
)


def sign_in_page(request_id: str, client: str, redirect_uri: str, personas: Iterable[Persona]) -> Response:
    """Asks who to sign in as. The form may lead back to the client, so its origin is in the policy."""
    cards = "\n".join(_card(persona) for persona in personas)
    content = f"""<h1>Who are you today?</h1>
<p>The {escape(client)} asks you to sign in. There are no passwords here: choose a persona.</p>
<form method="post" action="/authorize/sign-in">
<input type="hidden" name="request" value="{escape(request_id)}">
{cards}
</form>
<footer>This is a sandbox, where anyone may be anyone: never load a real person's records into it.</footer>"""
    return _page("Sign in", content, 200, form_action=f"'self' {_origin(redirect_uri)}")


def notice_page(title: str, text: str, status: int) -> Response:
    """Says why there is nothing to sign in to; links nowhere."""
    content = f"<h1>{escape(title)}</h1>\n<p>{escape(text)}</p>"
    return _page(title, content, status, form_action="'none'")


def _card(persona: Persona) -> str:
    return (
        f'<button name="persona" value="{escape(persona.name)}"><b>{escape(persona.title)}</b>'
        f"<span>{escape(persona.may)}</span><code>{escape(' '.join(persona.scope))}</code></button>"
    )


def _page(title: str, content: str, status: int, form_action: str) -> Response:
    html = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · CareGraph sandbox</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<header>{_MARK}<span><strong>CareGraph</strong> sandbox</span></header>
{content}
</main>
</body>
</html>
"""
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action {form_action}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {
        **NO_STORE,
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    return HTMLResponse(html, status, headers)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"

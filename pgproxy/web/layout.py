"""What all pages have: head, navigation, styles, and the headers that keep them to themselves."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import Final

from aiohttp import web

from pgproxy.web.markup import Child, Html, joined, tag
from pgproxy.web.sessions import Session

STYLES: Final = resources.files("pgproxy.web").joinpath("pgproxy.css").read_bytes()
STYLES_PATH: Final = f"/assets/pgproxy-{hashlib.sha256(STYLES).hexdigest()[:16]}.css"
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def routes() -> list[web.RouteDef]:
    return [web.get(STYLES_PATH, _styles)]


def page(title: str, *content: Child, session: Session | None, status: int = 200, **headers: str) -> web.Response:
    """A whole page; `title` is its heading too."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="robots", content="noindex"),
        tag("title", f"{title} · pgproxy"),
        tag("link", rel="stylesheet", href=STYLES_PATH),
    )
    body = tag(
        "body",
        tag("a", "To the content", href="#content", class_="skip"),
        _header(session),
        tag("main", tag("h1", title), *content, id="content"),
    )
    text = joined(Html("<!DOCTYPE html>\n"), tag("html", head, body, lang="en"))
    sent = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, **headers}
    encoded = text.encode("utf-8", "replace")
    return web.Response(body=encoded, status=status, content_type="text/html", charset="utf-8", headers=sent)


def hidden(name: str, value: str) -> Html:
    return tag("input", type="hidden", name=name, value=value)


def _header(session: Session | None) -> Html:
    if session is None:
        return tag("header", tag("nav", "pgproxy approvals", aria_label="Site"))
    log_out = tag(
        "form",
        tag("span", session.person.name),
        hidden("token", session.form_token),
        tag("button", "Log out"),
        method="post",
        action="/logout",
    )
    return tag("header", tag("nav", tag("a", "pgproxy approvals", href="/"), aria_label="Site"), log_out)


async def _styles(request: web.Request) -> web.Response:
    kept = {"Cache-Control": "public, max-age=31536000, immutable"}
    return web.Response(body=STYLES, content_type="text/css", charset="utf-8", headers=kept)

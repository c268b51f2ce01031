"""HTTP as a program or a browser without scripts speaks it, to a running proxy."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

from tests.proxies import ProxyProcess

TOKEN = "reviewer-token-1"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def call(
    proxy: ProxyProcess,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    connection = http.client.HTTPConnection(proxy.http, timeout=20)
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read().decode())
    finally:
        connection.close()


def api(proxy: ProxyProcess, path: str, token: str = TOKEN, method: str = "GET", body: object = None) -> Answer:
    """A call with a reviewer's token; `body` is sent as JSON."""
    data = None if body is None else json.dumps(body).encode()
    return call(proxy, method, f"/api/v1{path}", data, {"Authorization": f"Bearer {token}"})


def decide(proxy: ProxyProcess, approval_id: str, decision: str, token: str = TOKEN, comment: str = "") -> Answer:
    body = {"decision": decision, "comment": comment}
    return api(proxy, f"/approvals/{approval_id}/decision", token, "POST", body)


class Forms(HTMLParser):
    """The forms of a page: for each address, the fields that are filled in."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self._fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            self._fields = {}
            self.found[given.get("action", "")] = self._fields
        elif tag == "input" and given.get("name"):
            self._fields[given["name"]] = given.get("value", "")
        elif tag == "button" and given.get("formaction"):
            self.found[given["formaction"]] = self._fields


@dataclass(slots=True)
class Browser:
    """Keeps cookies, sends forms."""

    proxy: ProxyProcess
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, method: str = "GET") -> Answer:
        return self._call(method, path)

    def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
        form = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        return self._call("POST", path, urlencode(fields).encode(), form)

    def log_in(self, token: str = TOKEN, **fields: str) -> Answer:
        return self.post("/login", {"token": token, **fields})

    def send(self, page: Answer, action: str, **fields: str) -> Answer:
        """Send the form of a page that has this address."""
        return self.post(action, {**Forms(page.text).found[action], **fields})

    def _call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        given = dict(headers or {})
        if self.cookies:
            given["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = call(self.proxy, method, path, body, given)
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            if value in ("", '""'):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer

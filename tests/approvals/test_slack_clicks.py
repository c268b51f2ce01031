"""A held statement of a real client, a card in Slack, and a click there: over the proxy's own HTTP site."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
from psycopg import errors

from pgproxy.approvals.model import Status
from tests.approvals.conftest import IDENTITIES, REVIEWERS, RULES, SCHEMA
from tests.approvals.reviewing import Reviewing, Running
from tests.proxies import ProxyProcess
from tests.servers import Database

SECRET = "a signing secret"


@dataclass
class Slack:
    """Takes cards of the incoming webhook and answers to clicks, and clicks as Slack does."""

    cards: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def click(self, proxy: ProxyProcess, card: dict[str, Any], action_id: str, user: str) -> int:
        (actions,) = [block["elements"] for block in card["blocks"] if block["type"] == "actions"]
        (action,) = [one for one in actions if one["action_id"] == action_id]
        payload = {
            "type": "block_actions",
            "user": {"id": user, "username": "somebody"},
            "message": card,
            "actions": [action],
            "response_url": self.url + "/response",
        }
        content = urlencode({"payload": json.dumps(payload)}).encode()
        timestamp = str(int(time.time()))
        signature = hmac.new(SECRET.encode(), f"v0:{timestamp}:".encode() + content, hashlib.sha256).hexdigest()
        headers = {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={signature}"}
        request = urllib.request.Request(f"http://{proxy.http}/integrations/slack", content, headers)
        with urllib.request.urlopen(request, timeout=20) as response:
            assert response.read() == b""
            return int(response.status)


@pytest.fixture(scope="module")
def slack() -> Iterator[Slack]:
    found = Slack()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["content-length"])))
            (found.answers if self.path == "/response" else found.cards).append(content)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def proxy(slack: Slack, database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyProcess]:
    with psycopg.connect(database.dsn(), autocommit=True) as connection:
        connection.execute(SCHEMA)
    extra: dict[str, object] = {
        "reviewers": {**REVIEWERS, "second": {"groups": ["security"], "slack": "U2"}},
        "notify": [{"slack": {"url": slack.url + "/hook", "signing_secret": SECRET}}],
    }
    folder: Path = tmp_path_factory.mktemp("slack")
    with ProxyProcess(folder, database.dsn(), RULES, IDENTITIES, extra) as proxy:
        yield proxy
    assert "Traceback" not in proxy.log
    assert SECRET not in proxy.log and slack.url not in proxy.log


@pytest.fixture
def agent(proxy: ProxyProcess, database: Database) -> Iterator[psycopg.Connection]:
    with proxy.connect(database.name, "agent", "agent-secret") as connection:
        yield connection


def shown(slack: Slack, statement: str) -> dict[str, Any]:
    return Reviewing.until(lambda: [card for card in slack.cards if statement in json.dumps(card)])[0]


def test_a_click_lets_an_export_go_on(agent: psycopg.Connection, proxy: ProxyProcess, slack: Slack) -> None:
    def copied() -> int:
        with agent.cursor().copy("COPY (SELECT name FROM users LIMIT 3) TO STDOUT") as copy:
            return len(list(copy))

    export = Running(copied)
    card = shown(slack, "LIMIT 3")
    assert slack.click(proxy, card, "approve", "U9") == 200
    Reviewing.until(lambda: [one for one in slack.answers if "no reviewer" in one["text"]])
    assert slack.click(proxy, card, "approve", "U2") == 200
    assert export.result() == 3
    (answer,) = Reviewing.until(lambda: [one for one in slack.answers if "second" in one["text"]])
    assert answer["replace_original"] is True
    (done,) = Reviewing(proxy, 0.0).until(lambda: Reviewing(proxy, 0.0).all(Status.EXECUTED))
    assert [(one.reviewer, one.via) for one in done.votes] == [("second", "slack")]
    assert len([one for one in slack.cards if done.id in json.dumps(one)]) == 1


def test_a_denial_elsewhere_is_told(agent: psycopg.Connection, proxy: ProxyProcess, slack: Slack) -> None:
    update = Running(lambda: agent.execute("UPDATE notes SET body = '<!channel>'"))
    card = shown(slack, "&lt;!channel&gt;")
    Reviewing(proxy, 0.0).deny("<!channel>", "<!here>")
    with pytest.raises(errors.InsufficientPrivilege):
        update.result()
    told = Reviewing.until(lambda: [one for one in slack.cards if "denied by security-oncall" in one["text"]])[0]
    assert "&lt;!here&gt;" in json.dumps(told)
    assert slack.click(proxy, card, "approve", "U2") == 200
    late = Reviewing.until(lambda: [one for one in slack.answers if "denied by security-oncall" in one["text"]])[0]
    assert late["replace_original"] is True

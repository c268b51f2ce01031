"""A held statement of a real client, and a bot that decides in the answer to the webhook."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from psycopg import errors

from pgproxy.approvals.links import Links
from pgproxy.approvals.model import Decision, Status
from pgproxy.service.files import load
from tests.approvals.conftest import IDENTITIES, REVIEWERS, RULES, SCHEMA
from tests.approvals.reviewing import Reviewing, Running
from tests.cli.command import pgproxy
from tests.proxies import ProxyProcess
from tests.servers import Database

SECRET = "whsec_" + base64.b64encode(b"what only the two of us know").decode()


@dataclass
class Bot:
    """Takes webhooks on a port of its own, and answers by what the statement says."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def answer(self, headers: Any, content: bytes) -> tuple[int, dict[str, str]]:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + content
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == expected
        message = json.loads(content)
        self.messages.append(message)
        statement = message["data"]["statement"]
        if "broken" in statement:
            return 410, {}
        decision = "deny" if "DELETE" in statement else "approve"
        reviewer = "outsider" if "COPY" in statement else "security-oncall"
        return 200, {"decision": decision, "reviewer": reviewer, "comment": f"{decision} by rule"}


@pytest.fixture(scope="module")
def bot() -> Iterator[Bot]:
    found = Bot()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, answer = found.answer(self.headers, self.rfile.read(int(self.headers["content-length"])))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}/a-path-that-opens-doors"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def shop(database: Database) -> Database:
    with psycopg.connect(database.dsn(), autocommit=True) as connection:
        connection.execute(SCHEMA)
    return database


@pytest.fixture(scope="module")
def proxy(bot: Bot, shop: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyProcess]:
    closed = "http://127.0.0.1:1/a-path-that-opens-doors"
    extra: dict[str, object] = {
        "reviewers": REVIEWERS,
        "store": "sqlite:///store.db",
        "notify": [
            {"webhook": {"url": closed, "secret": SECRET}},
            {"webhook": {"url": bot.url, "secret": SECRET, "reviewer": "second"}},
        ],
    }
    folder: Path = tmp_path_factory.mktemp("webhooks")
    with ProxyProcess(folder, shop.dsn(), RULES, IDENTITIES, extra) as proxy:
        yield proxy
    assert "Traceback" not in proxy.log
    for secret in ("a-path-that-opens-doors", SECRET, "token="):
        assert secret not in proxy.log


@pytest.fixture
def agent(proxy: ProxyProcess, database: Database) -> Iterator[psycopg.Connection]:
    with proxy.connect(database.name, "agent", "agent-secret") as connection:
        yield connection


@pytest.fixture
def reviewing(proxy: ProxyProcess) -> Reviewing:
    return Reviewing(proxy, 0.0)


def test_an_answer_approves(agent: psycopg.Connection, bot: Bot, reviewing: Reviewing) -> None:
    assert agent.execute("UPDATE notes SET body = 'by the bot'").rowcount == 2000
    asked = [one for one in bot.messages if "by the bot" in one["data"]["statement"]][-1]  # one bot for all servers
    done = reviewing.became(asked["data"]["id"], Status.EXECUTED)
    assert [(one.reviewer, one.via, one.comment) for one in done.votes] == [
        ("security-oncall", "webhook", "approve by rule")
    ]
    ends = reviewing.until(
        lambda: [one for one in bot.messages if one["type"] == "approval.resolved" and one["data"]["id"] == done.id]
    )
    assert ends[0]["data"]["status"] == "approved"
    url = urlsplit(asked["data"]["review_url"])
    assert url.path == f"/approvals/{done.id}"
    token = parse_qs(url.query)["token"][0]
    settings = load(reviewing.proxy.configuration).settings
    link = Links(settings.masking_key).read(token, done.id, done.asked.requested_at)
    assert link is not None and link.reviewer == "second"


def test_an_answer_denies(agent: psycopg.Connection) -> None:
    with pytest.raises(errors.InsufficientPrivilege) as caught:
        agent.execute("DELETE FROM notes")
    assert str(caught.value.diag.message_detail).endswith(": deny by rule")


def test_an_answer_of_somebody_else_decides_nothing(agent: psycopg.Connection, bot: Bot, reviewing: Reviewing) -> None:
    """`outsider` is a reviewer, but not of this rule: the export waits for one who is."""
    export = Running(lambda: agent.execute("COPY (SELECT id FROM notes LIMIT 3) TO STDOUT"))
    approval = reviewing.waiting("LIMIT 3")
    reviewing.until(lambda: [one for one in bot.messages if one["data"]["id"] == approval.id])
    reviewing.until(lambda: [1] * ("does not count" in reviewing.proxy.log))
    assert reviewing.one(approval.id).votes == ()
    reviewing.decide(approval.id, Decision.DENY)
    with pytest.raises(errors.InsufficientPrivilege):
        export.result()


def test_a_proxy_that_ends_says_what_it_cancels(shop: Database, bot: Bot, tmp_path: Path) -> None:
    extra: dict[str, object] = {"reviewers": REVIEWERS, "notify": [{"webhook": {"url": bot.url, "secret": SECRET}}]}
    with ProxyProcess(tmp_path, shop.dsn(), RULES, IDENTITIES, {**extra, "drain": "1s"}) as proxy:
        with proxy.connect(shop.name, "agent", "agent-secret") as agent:
            export = Running(lambda: agent.execute("COPY (SELECT id FROM notes LIMIT 7) TO STDOUT"))
            approval = Reviewing(proxy, 0.0).waiting("LIMIT 7")
            proxy.stop()
            with pytest.raises(psycopg.Error):
                export.result()
    ends = [one["data"] for one in bot.messages if one["type"] == "approval.resolved"]
    assert [one["status"] for one in ends if one["id"] == approval.id] == ["cancelled"]


def test_what_nobody_took_is_listed(agent: psycopg.Connection, reviewing: Reviewing) -> None:
    update = Running(lambda: agent.execute("UPDATE notes SET body = 'broken'"))
    approval = reviewing.deny("'broken'")
    with pytest.raises(errors.InsufficientPrivilege):
        update.result()

    def listed() -> list[dict[str, Any]]:
        done = pgproxy("approvals", "undelivered", "--json", "-c", str(reviewing.proxy.configuration))
        return [one for one in json.loads(done.out)["undelivered"] if one["approval"] == approval.id]

    found = reviewing.until(listed)
    assert {(one["entry"], one["problem"], one["attempts"]) for one in found} == {("webhook 2", "HTTP 410", 1)}
    done = pgproxy("approvals", "undelivered", "-c", str(reviewing.proxy.configuration))
    assert f"webhook 2  approval.requested  {approval.id}  1  HTTP 410" in done.out
    assert "opens-doors" not in done.out

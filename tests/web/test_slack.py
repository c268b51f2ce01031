"""Clicks in Slack, over HTTP: signed, by reviewers only, answered at once; the card follows what became of it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web

from pgproxy.approvals.model import Decision, Status
from pgproxy.config.settings import Notify, Reviewer
from pgproxy.net.desk import ApprovalDesk
from pgproxy.policy.holds import Hold
from pgproxy.web.slack import PATH, routes
from tests.approvals.office import SETTINGS, Client, Office, opened

SECRET = "signing secret"
TEAM = replace(
    SETTINGS,
    notify=(Notify("slack", "https://hooks.slack.example/x", SECRET, shows_values=False),),
    reviewers={
        "ada": Reviewer("ada", groups=("security",), slack="U1"),
        "eve": Reviewer("eve", groups=("security",), slack="U2"),
        "lead": Reviewer("lead", groups=("security",), slack="U3"),
        "outsider": Reviewer("outsider", slack="U4"),
    },
)


@asynccontextmanager
async def listening(application: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@dataclass
class Slack:
    """Slack's side: it clicks, and takes what is sent to the response_url."""

    office: Office
    desk: ApprovalDesk
    url: str = ""
    own_url: str = ""
    answers: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)

    async def take(self, request: web.Request) -> web.Response:
        self.answers.put_nowait(await request.json())
        return web.Response()

    async def post(self, content: bytes, age: float = 0.0, secret: str = SECRET) -> int:
        timestamp = str(int(self.office.clock.now - age))
        signed = f"v0:{timestamp}:".encode() + content
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest(),
        }
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.url + PATH, data=content, headers=headers) as r,
        ):
            await r.read()
            return r.status

    async def click(self, approval_id: str, action: str = "approve", user: str = "U1") -> dict[str, Any]:
        """What Slack is told in the end."""
        assert await self.post(self.form(approval_id, action, user)) == 200
        return await asyncio.wait_for(self.answers.get(), 20)

    def form(self, approval_id: str, action: str = "approve", user: str = "U1") -> bytes:
        payload = {
            "type": "block_actions",
            "message": {"text": "\N{GRINNING FACE}" * 6000},  # what the site takes of others is less
            "user": {"id": user, "username": "whoever"},
            "actions": [{"action_id": action, "value": approval_id}],
            "response_url": self.own_url + "/response",
        }
        return urlencode({"payload": json.dumps(payload)}).encode()


@pytest.fixture
async def slack(tmp_path: Path) -> AsyncIterator[Slack]:
    async with AsyncExitStack() as stack:
        office = await stack.enter_async_context(opened(tmp_path))
        desk = await office.desk(TEAM)
        found = Slack(office, desk)
        application, own = web.Application(client_max_size=64 * 1024), web.Application()
        application.add_routes(routes(desk, TEAM, office.clock))
        own.router.add_post("/response", found.take)
        found.url = await stack.enter_async_context(listening(application))
        found.own_url = await stack.enter_async_context(listening(own))
        yield found
        await desk.close()


@pytest.mark.parametrize(("action", "status"), [("approve", Status.APPROVED), ("deny", Status.DENIED)])
async def test_a_click_decides_and_the_card_shows_it(slack: Slack, action: str, status: Status) -> None:
    client = await Client(slack.desk).ask("DELETE FROM users WHERE name = 'Ada'")
    answer = await slack.click(client.id, action)
    assert await slack.office.status(client.id) is status
    assert answer["replace_original"] is True
    assert "ada" in answer["text"] and str(status) in answer["text"]
    assert not [block for block in answer["blocks"] if block["type"] == "actions"]
    assert "'Ada'" not in json.dumps(answer)  # values: false
    found = await slack.office.approvals.get(client.id)
    assert found is not None and [(one.reviewer, one.via) for one in found.votes] == [("ada", "slack")]


@pytest.mark.parametrize(
    ("user", "said"),
    [("U9", "no reviewer"), ("U3", "owns agent"), ("U4", "no reviewer of rule"), ("ada", "no reviewer")],
)
async def test_who_may_not_is_told_alone(slack: Slack, user: str, said: str) -> None:
    client = await Client(slack.desk).ask()
    answer = await slack.click(client.id, user=user)
    assert (answer["response_type"], answer["replace_original"]) == ("ephemeral", False)
    assert said in answer["text"]
    assert await slack.office.status(client.id) is Status.PENDING


async def test_a_vote_below_the_quorum_keeps_the_buttons(slack: Slack) -> None:
    client = await Client(slack.desk).ask("DELETE FROM users", Hold("export", ("security",), quorum=2))
    assert (await slack.click(client.id))["replace_original"] is False
    assert (await slack.click(client.id))["replace_original"] is False
    assert await slack.office.status(client.id) is Status.PENDING
    answer = await slack.click(client.id, user="U2")
    assert "ada, eve" in answer["text"]
    assert await slack.office.status(client.id) is Status.APPROVED


async def test_a_card_that_was_decided_elsewhere_says_so(slack: Slack) -> None:
    client = await Client(slack.desk).ask()
    await slack.office.decide(client.id, Decision.DENY, "<!channel>")
    answer = await slack.click(client.id)
    assert answer["replace_original"] is True and "denied by ada" in answer["text"]
    assert "<!channel>" not in json.dumps(answer)
    assert await slack.office.status(client.id) is Status.DENIED


async def test_unknown_and_expired_ones(slack: Slack) -> None:
    client = await Client(slack.desk).ask()
    assert "no such approval" in (await slack.click("apr_nothing"))["text"]
    slack.office.clock.now += 900
    assert "expired" in (await slack.click(client.id))["text"]


async def test_what_slack_did_not_sign_is_refused(slack: Slack) -> None:
    client = await Client(slack.desk).ask()
    form = slack.form(client.id)
    assert await slack.post(form, secret="other") == 401
    assert await slack.post(form, age=301) == 401
    assert await slack.post(form, age=-301) == 401
    assert await slack.post(b"payload=x") == 400
    assert await slack.post(slack.form(client.id, "open")) == 200
    async with aiohttp.ClientSession() as session, session.post(slack.url + PATH, data=form) as response:
        assert response.status == 401
    assert await slack.office.status(client.id) is Status.PENDING
    assert slack.answers.empty()


async def test_slack_is_answered_before_anything_is_decided(slack: Slack) -> None:
    client = await Client(slack.desk).ask()
    async with slack.office.store.transaction() as connection:
        await connection.exec_driver_sql("DELETE FROM pgproxy_instances")  # nobody else can write now
        assert await slack.post(slack.form(client.id)) == 200
        assert slack.answers.empty()
    await asyncio.wait_for(slack.answers.get(), 20)
    assert await slack.office.status(client.id) is Status.APPROVED


def test_without_an_entry_there_is_no_such_page() -> None:
    assert routes(ApprovalDesk(SETTINGS), SETTINGS) == []

"""Notifications to receivers on this machine: good, slow, dead and hostile ones; retries with a clock of the test's."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
from aiohttp import web

from pgproxy.approvals.messages import webhook as webhooks
from pgproxy.approvals.messages.undelivered import Undelivered
from pgproxy.approvals.model import Decision, Event, Kind, Person, Status
from pgproxy.config.settings import Notify, Reviewer, Settings
from pgproxy.net import channel as channels
from pgproxy.net import posting
from pgproxy.net.channel import JITTER, WAITS, Times
from pgproxy.net.desk import ApprovalDesk
from pgproxy.net.notifying import Notifier
from pgproxy.policy.holds import Hold
from pgproxy.session.holds import Filed
from pgproxy.storage.approvals import UNDELIVERED_SECONDS
from tests.approvals.office import SETTINGS, Client, Office, opened

SECRET = "a secret that nobody else knows"
REVIEWERS = {
    name: Reviewer(name, groups=groups)
    for name, groups in {"ada": ("security",), "eve": ("security",), "lead": ("security",), "outsider": ()}.items()
}
PATIENCE_SECONDS = 20.0

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Receiver:
    """A third party on a port of its own."""

    answer: Answering | None = None
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""
    came: asyncio.Event = field(default_factory=asyncio.Event)
    connections: set[object] = field(default_factory=set)

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(content) for _, content in self.requests]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.connections.add(request.transport)
        self.requests.append(({k.lower(): v for k, v in request.headers.items()}, await request.read()))
        self.came.set()
        return web.Response() if self.answer is None else await self.answer(request)

    async def got(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.requests) < count:
                self.came.clear()
                await self.came.wait()


@asynccontextmanager
async def receiving(answer: Answering | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver(answer)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook-of-a-secret-path"
    try:
        yield receiver
    finally:
        await runner.cleanup()


def answers(status: int = 200, body: str = "", **headers: str) -> Answering:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return answer


def decision(reviewer: str, verdict: str = "approve") -> Answering:
    return answers(200, json.dumps({"decision": verdict, "reviewer": reviewer, "comment": "by the bot"}))


@dataclass
class Sleeper:
    """No time passes; how long each wait would have been is kept."""

    waits: list[float] = field(default_factory=list)
    forever_after: int = 100
    slept: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)
        if len(self.waits) > self.forever_after:
            self.slept.set()
            await asyncio.Event().wait()


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path) as office:
        yield office


@dataclass
class Scene:
    office: Office
    desk: ApprovalDesk
    notifier: Notifier
    sleeper: Sleeper

    async def became(self, approval_id: str, status: Status) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.office.status(approval_id) is not status:
                continue

    async def buried(self, count: int = 1) -> list[Undelivered]:
        """What was given up, once there is so much."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(found := await self.office.approvals.undelivered()) < count:
                continue
        return found


@asynccontextmanager
async def scene(office: Office, *entries: Notify, chance: float = 0.5) -> AsyncIterator[Scene]:
    settings: Settings = replace(SETTINGS, reviewers=REVIEWERS, notify=entries)
    desk = ApprovalDesk(settings, office.clock)
    sleeper = Sleeper()
    notifier = Notifier(settings, desk, Times(office.clock, sleeper, lambda: chance))
    await desk.open(office.approvals)
    notifier.start("http://127.0.0.1:1")
    try:
        yield Scene(office, desk, notifier, sleeper)
    finally:
        await desk.close()
        await notifier.close()


def entry(receiver: Receiver | str, kind: Literal["webhook", "slack", "teams"] = "webhook", **more: Any) -> Notify:
    return Notify(kind, receiver if isinstance(receiver, str) else receiver.url, secret=SECRET, **more)


async def test_a_request_and_its_end_are_signed_and_sent_once(office: Office) -> None:
    async with receiving() as receiver, scene(office, entry(receiver)) as here:
        client = await Client(here.desk).ask()
        await receiver.got(1)
        await office.decide(client.id, Decision.DENY, "too many")
        await here.desk.tick()
        await here.desk.tick()
        await receiver.got(2)
        await here.notifier.close()
        assert [one["type"] for one in receiver.messages] == ["approval.requested", "approval.resolved"]
        assert {one["data"]["id"] for one in receiver.messages} == {client.id}
        assert receiver.messages[1]["data"]["status"] == "denied"
        for headers, content in receiver.requests:
            signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + content
            expected = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
            assert headers["webhook-signature"] == f"v1,{expected}"
            assert headers["webhook-timestamp"] == str(int(office.clock.now))
            assert headers["content-type"] == "application/json"
        assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 2


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
async def test_retries_keep_the_id_start_soon_and_grow(office: Office, chance: float) -> None:
    async with receiving(answers(500)) as receiver, scene(office, entry(receiver), chance=chance) as here:
        client = await Client(here.desk).ask()
        await receiver.got(len(WAITS) + 1)
        buried = await here.buried()
        waits = here.sleeper.waits
        assert waits[0] <= 2.0
        assert len(waits) == len(WAITS) and all(a * 2 < b for a, b in pairwise(waits))
        assert waits == [pytest.approx(wait * (1 + JITTER * (2 * chance - 1))) for wait in WAITS]
        assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1
        (one,) = buried
        assert (one.entry, one.type, one.approval) == ("webhook 1", "approval.requested", client.id)
        assert (one.attempts, one.problem) == (len(WAITS) + 1, "HTTP 500")
        assert one.message == receiver.requests[0][0]["webhook-id"]


async def test_a_receiver_that_comes_back_gets_it(office: Office) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=503 if len(receiver.requests) < 3 else 204)

    async with receiving(answer) as receiver, scene(office, entry(receiver)) as here:
        await Client(here.desk).ask()
        await receiver.got(3)
        await here.notifier.close()
        assert len(receiver.requests) == 3
        assert await office.approvals.undelivered() == []


@pytest.mark.parametrize(
    ("answer", "waits", "problem"),
    [
        (answers(410), 0, "HTTP 410"),
        (answers(302, Location="http://127.0.0.1:1/elsewhere"), len(WAITS), "redirects are not followed"),
        (answers(307, Location="/elsewhere"), len(WAITS), "redirects are not followed"),
        (answers(404), len(WAITS), "HTTP 404"),
    ],
)
async def test_what_is_not_taken_is_given_up(office: Office, answer: Answering, waits: int, problem: str) -> None:
    async with receiving(answer) as receiver, scene(office, entry(receiver)) as here:
        await Client(here.desk).ask()
        buried = await here.buried()
        assert problem in buried[0].problem
        assert len(receiver.requests) == waits + 1
        assert len(here.sleeper.waits) == waits


async def test_a_receiver_may_ask_for_more_time(office: Office) -> None:
    async with receiving(answers(429, Retry_After="30")) as receiver, scene(office, entry(receiver)) as here:
        await Client(here.desk).ask()
        await receiver.got(len(WAITS) + 1)
        assert here.sleeper.waits[:3] == [30.0, 30.0, 30.0]


# Decisions in answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "may_decide", "status"),
    [
        (decision("ada"), None, Status.APPROVED),
        (decision("ada", "deny"), None, Status.DENIED),
        (decision("ada"), ("ada",), Status.APPROVED),
        (decision("ada"), ("eve",), Status.PENDING),
        (decision("ada"), (), Status.PENDING),
        (decision("nobody"), None, Status.PENDING),
        (decision("outsider"), None, Status.PENDING),
        (decision("lead"), None, Status.PENDING),
        (decision("agent"), None, Status.PENDING),
        (answers(201, '{"decision": "approve", "reviewer": "ada"}'), None, Status.PENDING),
        (answers(200, '{"decision": "approve", "reviewer": "ada", "x": "' + "x" * 70_000 + '"}'), None, Status.PENDING),
        (answers(200, "<html>approve</html>"), None, Status.PENDING),
    ],
)
async def test_only_a_reviewer_who_may_decides(
    office: Office, answer: Answering, may_decide: tuple[str, ...] | None, status: Status
) -> None:
    async with receiving(answer) as receiver, scene(office, entry(receiver, may_decide=may_decide)) as here:
        client = await Client(here.desk).ask()
        await receiver.got(1)
        await here.notifier.close()
        assert await office.status(client.id) is status
        found = await office.approvals.get(client.id)
        assert found is not None
        expected = [] if status is Status.PENDING else [("ada", "webhook", "by the bot")]
        assert [(one.reviewer, one.via, one.comment) for one in found.votes] == expected
        assert await office.approvals.undelivered() == []


async def test_an_answer_that_would_grow_is_not_unpacked(office: Office) -> None:
    async def packed(_: web.Request) -> web.Response:
        content = json.dumps({"decision": "approve", "reviewer": "ada"}).encode()
        return web.Response(body=gzip.compress(content), headers={"Content-Encoding": "gzip"})

    async with receiving(packed) as receiver, scene(office, entry(receiver)) as here:
        client = await Client(here.desk).ask()
        await receiver.got(1)
        await here.notifier.close()
        assert receiver.requests[0][0]["accept-encoding"] == "identity"
        assert await office.status(client.id) is Status.PENDING


async def test_a_decision_in_the_answer_to_an_end_decides_nothing(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    async with receiving(answers()) as receiver, scene(office, entry(receiver)) as here:
        client = await Client(here.desk).ask("DELETE FROM users", Hold("export", ("security",), quorum=2))
        await receiver.got(1)
        receiver.answer = decision("eve")
        await office.decide(client.id, Decision.DENY)
        await here.desk.tick()
        await receiver.got(2)
        await here.notifier.close()
        found = await office.approvals.get(client.id)
        assert found is not None and [one.reviewer for one in found.votes] == ["ada"]
        assert "does not count" not in caplog.text


# Receivers that misbehave -------------------------------------------------------------------------------------------


async def test_one_that_hangs_delays_no_other_and_no_statement(office: Office) -> None:
    released = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await released.wait()
        return web.Response()

    async with (
        receiving(hang) as dead,
        receiving(decision("ada")) as alive,
        scene(office, entry(dead), entry("http://127.0.0.1:1/closed"), entry(alive)) as here,
    ):
        clients = [await Client(here.desk).ask(f"DELETE FROM t{at}") for at in range(20)]
        for client in clients:
            await here.became(client.id, Status.APPROVED)
        assert len(alive.requests) >= 20
        assert len(dead.requests) <= posting.CONNECTIONS
        released.set()


async def test_no_answer_in_time_is_tried_again(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "ANSWER_SECONDS", 0.05)

    async def hang(_: web.Request) -> web.Response:
        if len(receiver.requests) < 2:
            await asyncio.Event().wait()
        return web.Response()

    async with receiving(hang) as receiver, scene(office, entry(receiver)) as here:
        await Client(here.desk).ask()
        await receiver.got(2)
        assert len(here.sleeper.waits) == 1


async def test_an_answer_without_end_is_a_delivery(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(channels, "CLOSE_SECONDS", 5.0)

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"decision": "approve", "reviewer": "ada"')
        await asyncio.Event().wait()
        return response

    async with receiving(drip) as receiver, scene(office, entry(receiver)) as here:
        client = await Client(here.desk).ask()
        await receiver.got(1)
        await here.notifier.close()
        assert len(receiver.requests) == 1
        assert await office.status(client.id) is Status.PENDING
        assert await office.approvals.undelivered() == []


async def test_what_waits_at_the_end_is_kept_as_undelivered(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "CLOSE_SECONDS", 1000.0)  # for what is under way; what only waits ends at once
    async with receiving(answers(500)) as receiver, scene(office, entry(receiver)) as here:
        here.sleeper.forever_after = 0
        client = await Client(here.desk).ask()
        await receiver.got(1)
        await here.sleeper.slept.wait()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await here.notifier.close()
        (one,) = await office.approvals.undelivered()
        assert (one.approval, one.attempts, one.problem) == (client.id, 1, "HTTP 500")


async def test_nothing_is_logged_or_kept_that_opens_a_door(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with receiving(answers(500, "an answer with hook-of-a-secret-path")) as receiver:
        closed = "http://127.0.0.1:1/hook-of-a-secret-path"
        broken = "http://[::1/hook-of-a-secret-path"
        entries = (entry(receiver), entry(closed), entry(broken), entry(closed, "slack"), entry(closed, "teams"))
        async with scene(office, *entries) as here:
            await Client(here.desk).ask()
            buried = await here.buried(len(entries))
    shown = caplog.text + repr(buried) + repr(entries)
    for secret in ("hook-of-a-secret-path", SECRET, "token=", "127.0.0.1:1"):
        assert secret not in shown
    assert {one.entry for one in buried} == {"webhook 1", "webhook 2", "webhook 3", "slack 4", "teams 5"}


async def test_what_happens_before_the_start_is_told_then(office: Office) -> None:
    async with receiving() as receiver:
        settings = replace(SETTINGS, notify=(entry(receiver),))
        desk = await office.desk(settings)
        notifier = Notifier(settings, desk)
        client = await Client(desk).ask()
        assert receiver.requests == []
        notifier.start("https://p.example/")
        await receiver.got(1)
        await notifier.close()
        assert receiver.messages[0]["data"]["review_url"].startswith(f"https://p.example/approvals/{client.id}?token=")


async def test_a_message_that_cannot_be_made_holds_up_nobody(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> bytes:
        raise RuntimeError("a value")

    monkeypatch.setattr(webhooks, "body", fail)
    async with receiving() as receiver, scene(office, entry(receiver), entry(receiver, "teams")) as here:
        client = await Client(here.desk).ask()
        assert isinstance(client.last, Filed)
        await receiver.got(1)
    assert "webhook 1" in caplog.text and "RuntimeError" in caplog.text and "a value" not in caplog.text


@pytest.mark.parametrize(("slacks", "told"), [(1, 0), (2, 1)])
async def test_slack_is_not_told_what_was_decided_there(office: Office, slacks: int, told: int) -> None:
    """The card itself changes; with two entries nobody knows in which of them."""
    async with receiving() as receiver, scene(office, *[entry(receiver, "slack")] * slacks) as here:
        client = await Client(here.desk).ask()
        await receiver.got(slacks)
        vote = Event(Kind.VOTED, office.clock.now, decision=Decision.DENY, via="slack")
        await here.desk.decide(client.id, Person("ada", ("security",)), vote)
        await here.desk.tick()
        await here.notifier.close()
        assert len(receiver.requests) == slacks + told * slacks


async def test_what_nobody_took_is_kept_for_a_month(office: Office) -> None:
    for at in (0.0, 100.0, UNDELIVERED_SECONDS + 50):
        await office.approvals.bury(
            Undelivered(f"msg_{at}", at, "webhook 1", "approval.requested", "apr_1", 7, "HTTP 500")
        )
    assert [one.at for one in await office.approvals.undelivered()] == [UNDELIVERED_SECONDS + 50, 100.0]


async def test_each_kind_gets_its_own_form(office: Office) -> None:
    async with receiving() as webhook, receiving() as slack, receiving() as teams:
        entries = (
            entry(webhook, shows_values=False, reviewer="ada"),
            entry(slack, "slack"),
            entry(teams, "teams", shows_values=False),
        )
        async with scene(office, *entries) as here:
            await Client(here.desk).ask("DELETE FROM users WHERE name = 'Ada'")
            for receiver in (webhook, slack, teams):
                await receiver.got(1)
        assert webhook.messages[0]["data"]["statement"] == "DELETE FROM users WHERE name = ?"
        assert webhook.messages[0]["data"]["review_url"].startswith("http://127.0.0.1:1/approvals/apr_")
        assert "'Ada'" in json.dumps(slack.messages[0]["blocks"])
        assert "'Ada'" not in json.dumps(teams.messages[0]["attachments"])
        assert "webhook-id" not in slack.requests[0][0]

"""POST /integrations/slack: clicks on the buttons of a card. Slack is answered at once, and told the outcome later.

Who clicked is a reviewer or nobody; what a reviewer may do is decided where it is for everybody else.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import Final

import aiohttp
from aiohttp import web

from pgproxy.approvals.messages import slack
from pgproxy.approvals.messages.notice import shown_statement
from pgproxy.approvals.messages.slack import Click, Json
from pgproxy.approvals.model import Approval, CannotDecide, Event, Expired, Kind, Person, Resolved, Status
from pgproxy.config.settings import Notify, Settings
from pgproxy.storage.store import StoreUnavailable
from pgproxy.web.desk import Desk

log = logging.getLogger("pgproxy.slack")

PATH: Final = "/integrations/slack"
BODY_BYTES: Final = 512 * 1024
"""Slack sends the whole message back with each click, encoded twice."""
REPLY_SECONDS: Final = 10.0


def routes(desk: Desk, settings: Settings, clock: Callable[[], float] = time.time) -> list[web.RouteDef]:
    """None where no `notify` entry is Slack's."""
    entries = [entry for entry in settings.notify if entry.kind == "slack"]
    return [web.post(PATH, _Clicks(settings, entries, desk, clock).handle)] if entries else []


class _Clicks:
    def __init__(self, settings: Settings, entries: list[Notify], desk: Desk, clock: Callable[[], float]) -> None:
        self._reviewers = tuple(settings.reviewers.values())
        self._entries = entries
        self._desk = desk
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    async def handle(self, request: web.Request) -> web.Response:
        content = await request.clone(client_max_size=BODY_BYTES).read()
        entry = self._sender(request, content)
        if entry is None:
            return web.Response(status=401, text="not signed, or too old\n")
        try:
            click = slack.click(content)
        except ValueError:
            return web.Response(status=400, text="no payload\n")
        if click is not None:
            task = asyncio.get_running_loop().create_task(self._settle(click, entry))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return web.Response()

    def _sender(self, request: web.Request, content: bytes) -> Notify | None:
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        now = self._clock()
        signed = [one for one in self._entries if slack.is_signed(one.secret or "", timestamp, signature, content, now)]
        return signed[0] if signed else None

    async def _settle(self, click: Click, entry: Notify) -> None:
        answer = await self._answer(click, entry)
        problem = await _reply(click.response_url, answer)
        if problem:
            log.warning("slack is not told what became of %s: %s", click.approval_id, problem)

    async def _answer(self, click: Click, entry: Notify) -> Json:
        reviewer = slack.reviewer_of(click, self._reviewers)
        if reviewer is None:
            log.warning("slack: a click on %s by nobody who is a reviewer", click.approval_id)
            return slack.whispered("You are no reviewer here: ask the operator of pgproxy to add your Slack user id.")
        event = Event(Kind.VOTED, self._clock(), decision=click.decision, via="slack")
        try:
            approval = await self._desk.decide(click.approval_id, Person(reviewer.name, reviewer.groups), event)
        except (Resolved, Expired) as error:
            found = await self._find(click)
            return slack.whispered(f"Too late: {error}.") if found is None else _replaced(found, entry)
        except CannotDecide as error:
            return slack.whispered(f"This does not count: {error}.")
        except StoreUnavailable:
            return slack.whispered("Decisions cannot be kept at the moment; try again later.")
        if approval.status is Status.PENDING:
            return slack.whispered("Your approval counts; this rule asks for more of them.")
        return _replaced(approval, entry)

    async def _find(self, click: Click) -> Approval | None:
        """None: it is not there, or still pending although its time is over."""
        store = self._desk.store
        try:
            found = None if store is None else await store.get(click.approval_id)
        except StoreUnavailable:
            return None
        return None if found is None or found.status is Status.PENDING else found


def _replaced(approval: Approval, entry: Notify) -> Json:
    return slack.replacing(slack.resolved_card(approval, shown_statement(approval.asked.statement, entry)))


async def _reply(url: str, answer: Json) -> str:
    """What went wrong, without the address."""
    headers = {"Content-Type": "application/json"}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REPLY_SECONDS)) as session,
            session.post(url, data=json.dumps(answer), headers=headers, allow_redirects=False) as response,
        ):
            return "" if response.status == 200 else f"HTTP {response.status}"
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return type(error).__name__

"""One receiver of notifications: its own connections, and its own retries. What it does delays nobody else.

send ─▶ attempt ─▶ 2xx: delivered
                └▶ wait, longer each time ─▶ attempt … ─▶ given up: kept as undelivered
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import aiohttp

from pgproxy.approvals.messages.notice import NoticeType
from pgproxy.approvals.model import ApprovalId
from pgproxy.net.posting import CONNECTIONS, Reply, open_session, post

log = logging.getLogger("pgproxy.notify")

WAITS: Final = (1.0, 4.0, 15.0, 60.0, 240.0, 600.0)
"""Seconds before each further attempt; an approval is seldom open for longer."""
JITTER: Final = 0.25
"""Each wait is longer or shorter by at most this part."""
LONGEST_WAIT: Final = 900.0
MOST_OPEN: Final = 5000
CLOSE_SECONDS: Final = 3.0
GONE: Final = 410
"""The receiver wants nothing any more."""

ENDED: Final = "the proxy ended before it was delivered"


@dataclass(frozen=True, slots=True)
class Delivery:
    type: NoticeType
    approval_id: ApprovalId
    content: bytes = field(repr=False)
    message_id: str = field(default_factory=lambda: "msg_" + secrets.token_hex(12))
    """The same for every attempt."""


@dataclass(slots=True)
class Attempts:
    made: int = 0
    problem: str = ENDED


class Receiver(Protocol):
    """Who stands behind a channel."""

    @property
    def name(self) -> str:
        """For logs."""

    @property
    def url(self) -> str: ...

    def headers(self, delivery: Delivery) -> Mapping[str, str]:
        """Of one attempt."""

    async def received(self, delivery: Delivery, reply: Reply) -> None:
        """It took it, and answered so."""

    async def given_up(self, delivery: Delivery, attempts: Attempts) -> None:
        """It did not."""


@dataclass(frozen=True, slots=True)
class Times:
    """Where time and chance come from."""

    clock: Callable[[], float] = time.time
    """Seconds since 1970."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random


class Channel:
    def __init__(self, receiver: Receiver, times: Times) -> None:
        self._receiver = receiver
        self._times = times
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._open: dict[asyncio.Task[None], tuple[Delivery, Attempts]] = {}
        self._resting: set[asyncio.Task[None]] = set()
        """Between two attempts."""
        self._is_closing = False

    def send(self, delivery: Delivery) -> None:
        attempts = Attempts()
        is_full = len(self._open) >= MOST_OPEN
        if is_full:
            attempts.problem = "too many others wait"
        work = self._give_up(delivery, attempts) if is_full else self._deliver(delivery, attempts)
        task = asyncio.get_running_loop().create_task(work)
        self._open[task] = (delivery, attempts)
        task.add_done_callback(self._ended)

    async def close(self) -> None:
        """A last moment for what is under way; what does not arrive is given up."""
        self._is_closing = True
        for task in self._resting:
            task.cancel()
        if self._open:
            await asyncio.wait(tuple(self._open), timeout=CLOSE_SECONDS)
        for task in tuple(self._open):
            task.cancel()
        if self._open:
            await asyncio.wait(tuple(self._open))
        if self._session is not None:
            await self._session.close()

    async def _deliver(self, delivery: Delivery, attempts: Attempts) -> None:
        try:
            reply = await self._attempt_until_taken(delivery, attempts)
        except asyncio.CancelledError:  # only `close` does that
            reply = None
        if reply is None:
            await self._give_up(delivery, attempts)
        else:
            log.info("notify %s: %s of %s delivered", self._receiver.name, delivery.type, delivery.approval_id)
            await self._receiver.received(delivery, reply)

    async def _attempt_until_taken(self, delivery: Delivery, attempts: Attempts) -> Reply | None:
        """None: given up."""
        for wait in (*WAITS, None):
            async with self._slots:
                reply = await self._attempt(delivery)
            attempts.made += 1
            attempts.problem = reply.problem
            if reply.is_delivered:
                return reply
            log.warning(
                "notify %s: %s of %s, attempt %d: %s",
                self._receiver.name,
                delivery.type,
                delivery.approval_id,
                attempts.made,
                reply.problem,
            )
            if wait is None or reply.status == GONE or self._is_closing:
                return None
            await self._rest(
                max(wait * (1 + JITTER * (2 * self._times.chance() - 1)), min(reply.retry_after, LONGEST_WAIT))
            )
        return None

    async def _attempt(self, delivery: Delivery) -> Reply:
        if self._session is None:
            self._session = open_session()
        return await post(self._session, self._receiver.url, delivery.content, self._receiver.headers(delivery))

    async def _rest(self, seconds: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._resting.add(task)
        try:
            await self._times.sleep(seconds)
        finally:
            self._resting.discard(task)

    async def _give_up(self, delivery: Delivery, attempts: Attempts) -> None:
        log.error(
            "notify %s: %s of %s given up after %d attempts: %s",
            self._receiver.name,
            delivery.type,
            delivery.approval_id,
            attempts.made,
            attempts.problem,
        )
        await self._receiver.given_up(delivery, attempts)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._open.pop(task, None)
        with contextlib.suppress(asyncio.CancelledError):
            error = task.exception()
            if error is not None:  # a defect of ours; its text might hold an address
                log.error("notify %s: %s", self._receiver.name, type(error).__name__)

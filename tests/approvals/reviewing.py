"""A reviewer for tests: waits for a request in the store of a running proxy, and decides as the command line does."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from psycopg.sql import SQL

from pgproxy.approvals.model import Approval, Decision, Status
from pgproxy.config.settings import Settings
from pgproxy.service import approving
from pgproxy.service.files import load
from tests.proxies import ProxyProcess
from tests.servers import Database

Result = TypeVar("Result")

PATIENCE_SECONDS = 30.0
REVIEWER = "security-oncall"


@dataclass(frozen=True, slots=True)
class Reviewing:
    proxy: ProxyProcess
    since: float
    """Older requests are other tests'."""

    @property
    def settings(self) -> Settings:
        return load(self.proxy.configuration).settings

    def all(self, status: Status | None = None) -> list[Approval]:
        """Newest first."""
        found = asyncio.run(approving.newest(self.settings, status, 1000))
        return [one for one in found if one.asked.requested_at >= self.since]

    def one(self, approval_id: str) -> Approval:
        found = asyncio.run(approving.one(self.settings, approval_id))
        assert found is not None
        return found

    def waiting(self, statement: str) -> Approval:
        """The pending request whose text holds this, once it is there."""
        return self.until(lambda: [one for one in self.all(Status.PENDING) if statement in one.asked.statement])[0]

    def became(self, approval_id: str, status: Status) -> Approval:
        return self.until(lambda: [one for one in [self.one(approval_id)] if one.status is status])[0]

    def decide(self, approval_id: str, decision: Decision, comment: str = "", name: str = REVIEWER) -> Approval:
        return asyncio.run(approving.decide(self.settings, approval_id, name, decision, comment))

    def approve(self, statement: str, name: str = REVIEWER) -> Approval:
        return self.decide(self.waiting(statement).id, Decision.APPROVE, name=name)

    def deny(self, statement: str, comment: str = "") -> Approval:
        return self.decide(self.waiting(statement).id, Decision.DENY, comment)

    def reload(self, rules: str) -> None:
        """The proxy goes by these rules when this returns."""
        reloads = self.proxy.log.count("rules reloaded")
        self.proxy.write_rules(rules)
        self.proxy.signal(signal.SIGHUP)
        self.until(lambda: [1] * (self.proxy.log.count("rules reloaded") > reloads))

    @staticmethod
    def until(found: Callable[[], list[Result]]) -> list[Result]:
        """What is asked for, once there is some. Another process makes it: the store is asked again and again."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (results := found()):
            assert time.monotonic() < deadline, "nothing came"
            threading.Event().wait(0.02)
        return results


class Running(threading.Thread):
    """Does something that waits for a reviewer, beside the test."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._result: object = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = error

    def result(self) -> object:
        """What came of it, or its error, raised."""
        self.join(PATIENCE_SECONDS)
        assert not self.is_alive(), "it still waits"
        if self._error is not None:
            raise self._error
        return self._result


class Held(NamedTuple):
    """A statement that waits, and whoever waits for it."""

    approval: Approval
    running: Running


@contextmanager
def held(
    proxy: ProxyProcess, database: Database, reviewing: Reviewing, sql: str, user: str = "agent", reason: str = ""
) -> Iterator[Held]:
    """It is cancelled in the end, where it still waits."""
    with proxy.connect(database.name, user, f"{user}-secret") as connection:
        if reason:
            connection.execute(SQL("SET pgproxy.reason = {}").format(reason))

        def work() -> object:
            if not sql.startswith("COPY"):
                return connection.execute(sql).rowcount
            with connection.cursor().copy(sql) as copy:
                return b"".join(bytes(block) for block in copy)

        running = Running(work)
        approval = reviewing.waiting(sql)
        try:
            yield Held(approval, running)
        finally:
            connection.cancel_safe()
            running.join(PATIENCE_SECONDS)

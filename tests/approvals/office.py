"""Desks with a clock of the test's, over one store, and sessions that wait there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pgproxy.approvals.model import Decision, Event, Kind, Person, Status
from pgproxy.config.settings import Address, Credentials, Settings, Upstream
from pgproxy.net.desk import ApprovalDesk, Waiting
from pgproxy.policy.holds import Hold
from pgproxy.session.holds import ClientMode, Filed, HoldEvent, Refused
from pgproxy.storage.approvals import ApprovalStore, vote
from pgproxy.storage.store import Store, open_store
from tests.approvals.requests import request

ADA = Person("ada", ("security",))
SETTINGS = Settings(
    path=Path("pgproxy.yaml"),
    listen=Address("127.0.0.1", 0),
    upstream=Upstream("127.0.0.1", 5432, "shop", Credentials("app"), ("shop",)),
    masking_key=bytes(32),
)


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Office:
    """One store, and the desks of some proxies over it."""

    store: Store
    clock: Clock = field(default_factory=Clock)

    @property
    def approvals(self) -> ApprovalStore:
        return ApprovalStore(self.store)

    async def desk(self, settings: Settings = SETTINGS) -> ApprovalDesk:
        desk = ApprovalDesk(settings, self.clock)
        await desk.open(self.approvals)
        return desk

    async def decide(self, approval_id: str, decision: Decision = Decision.APPROVE, comment: str = "") -> None:
        event = Event(Kind.VOTED, self.clock.now, decision=decision, comment=comment)
        await vote(self.approvals, approval_id, ADA, event)

    async def status(self, approval_id: str) -> Status:
        found = await self.approvals.get(approval_id)
        assert found is not None
        return found.status


@dataclass
class Client:
    """A session that waits at a desk."""

    desk: ApprovalDesk
    heard: list[HoldEvent] = field(default_factory=list)
    waiting: Waiting | None = None

    async def ask(self, text: str = "DELETE FROM users", *holds: Hold, mode: ClientMode = "", **more: bool) -> Client:
        asked = request(text, *holds, mode=mode, in_transaction=more.get("in_transaction", False))
        self.waiting = self.desk.ask(asked, self.heard.append)
        await self.desk.close()
        return self

    @property
    def id(self) -> str:
        filed = next(one for one in self.heard if isinstance(one, Filed))
        return filed.approval_id

    @property
    def last(self) -> HoldEvent:
        return self.heard[-1]

    @property
    def refusal(self) -> str:
        assert isinstance(self.last, Refused)
        return f"{self.last.error.sqlstate} {self.last.error.message} {self.last.error.detail}"


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Office]:
    store = await open_store(f"sqlite:///{folder / 'store.db'}")
    yield Office(store)
    await store.close()

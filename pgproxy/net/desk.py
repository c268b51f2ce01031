"""Where held statements wait: requests go into the store, decisions come out of it, whoever made them.

    ask ─▶ a grant is there: released ─▶ Granted
        ─▶ nobody shall wait: filed (ticket) or not (deny) ─▶ Refused
        ─▶ filed ─▶ Filed (NOTICE, every half a minute) ─▶ approved: released ─▶ Granted
                                                        └▶ denied, expired ─▶ Refused

`released` is durable before the session hears `Granted`, and only one asker gets it. Other proxies and the command line
decide through the store, which is asked a few times a second while something waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from pgproxy.approvals.model import FINAL, Approval, ApprovalId, Asked, Decision, Event, Kind, Person, Status
from pgproxy.config.settings import HoldMode, Holds, Settings
from pgproxy.errors import ApprovalExpired, ApprovalRequired, ProxyError, StatementDenied
from pgproxy.session.holds import Filed, Granted, HoldEvent, HoldRequest, Outcome, Permit, Refused
from pgproxy.storage.approvals import ApprovalStore, Outrun, vote
from pgproxy.storage.store import StoreUnavailable

log = logging.getLogger("pgproxy.approvals")

TICK_SECONDS: Final = 0.25
REMIND_SECONDS: Final = 30.0
BEAT_SECONDS: Final = 2.0
DEAD_SECONDS: Final = 15.0
"""An instance of which nothing was heard for so long is gone, with all connections that it held."""
RETRY_SECONDS: Final = 1.0

STRICTEST: Final[tuple[HoldMode, ...]] = ("deny", "ticket", "wait")

AWAY = StatementDenied(
    "this statement needs an approval, and approvals cannot be kept at the moment",
    detail="rule builtin.approval: the store cannot be written",
    hint="Try again later; statements that need no approval go on.",
)

Tell = Callable[[HoldEvent], None]


@dataclass(slots=True)
class Waiting:
    """One statement that waits, from `ask` on."""

    request: HoldRequest
    tell: Tell
    approval: Approval | None = None
    """Once it is filed."""
    reminded_at: float = 0.0
    why_withdrawn: str = ""
    is_over: bool = False
    """The session was told, or waits no longer."""


@dataclass(slots=True)
class Watchers:
    """Whoever wants to know of requests and their ends: notifications."""

    requested: list[Callable[[Approval], None]] = field(default_factory=list)
    resolved: list[Callable[[Approval], None]] = field(default_factory=list)
    """It is not pending any more; once, by the proxy that filed it."""
    finished: list[Callable[[Approval], None]] = field(default_factory=list)
    """What was approved was executed, or failed."""


class ApprovalDesk:
    """Of one proxy process.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        self._store: ApprovalStore | None = None
        self.instance = secrets.token_hex(8)
        self.watchers = Watchers()
        self._waiting: dict[ApprovalId, Waiting] = {}
        self._tickets: set[ApprovalId] = set()
        """Filed here, and pending when last looked at."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._beat_at = float("-inf")
        self._is_failing = False

    # Life ------------------------------------------------------------------------------------------------------

    async def open(self, store: ApprovalStore) -> None:
        """Raises StoreUnavailable."""
        self._store = store
        await self._tend(self._clock())

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._wake.wait()
            self._wake.clear()
            await self.tick()

    async def close(self) -> None:
        """What was withdrawn or ended is in the store when this returns."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))

    @property
    def store(self) -> ApprovalStore | None:
        """For reading; None before `open`."""
        return self._store

    async def decide(self, approval_id: ApprovalId, person: Person | None, event: Event) -> Approval:
        """Count a reviewer's decision, wherever the request was filed.

        Args:
            person: None: whoever held an unnamed link.
            event: with its decision, comment, time and way.

        Raises:
            CannotDecide, StoreUnavailable.
        """
        if self._store is None:
            raise StoreUnavailable("store: not open")
        approval = await vote(self._store, approval_id, person, event)
        log.info("approval %s %s by %s via %s", approval.id, event.decision, person and person.name, event.via)
        self._wake.set()
        return approval

    async def tick(self) -> None:
        """Look what became of all that waits."""
        now = self._clock()
        try:
            await self._tend(now)
            await self._look(now)
        except StoreUnavailable as error:
            if not self._is_failing:
                log.error("approvals wait: %s", error)
            self._is_failing = True
        else:
            self._is_failing = False

    # Asking ----------------------------------------------------------------------------------------------------

    def ask(self, request: HoldRequest, tell: Tell) -> Waiting:
        """`tell` hears `Filed` any number of times, then one `Granted` or `Refused`, unless it is withdrawn."""
        waiting = Waiting(request, tell)
        self._start(self._ask(waiting))
        return waiting

    def withdraw(self, waiting: Waiting, why: str) -> None:
        """Nobody waits any more; nothing more is told."""
        waiting.is_over = True
        waiting.why_withdrawn = why
        approval = waiting.approval
        if approval is not None:
            self._waiting.pop(approval.id, None)
            self._start(self._settle(approval.id, Event(Kind.CANCELLED, self._clock(), text=why)))

    def outcome(self, outcome: Outcome) -> None:
        """How an execution that was released ended; kept as soon as the store takes it."""
        kind = Kind.FAILED if outcome.error else Kind.EXECUTED
        event = Event(kind, self._clock(), rows=outcome.rows, text=outcome.error)
        self._start(self._settle(outcome.approval_id, event))

    async def _ask(self, waiting: Waiting) -> None:
        request, store, now = waiting.request, self._store, self._clock()
        mode = self._mode(request)
        if store is None or mode == "deny":
            self._tell(waiting, Refused(_nobody_waits(request)))
            return
        try:
            if await self._use_grant(store, waiting, now):
                return
            if mode == "ticket":
                await self._file_ticket(store, waiting, now)
            else:
                await self._file_waiting(store, waiting, now)
        except StoreUnavailable as error:
            log.error("%s", error)
            self._tell(waiting, Refused(AWAY))
        except Exception:
            self._tell(waiting, Refused(AWAY))  # whatever it is, nobody waits for ever
            raise

    async def _use_grant(self, store: ApprovalStore, waiting: Waiting, now: float) -> bool:
        """An earlier approval of the same statement that nobody used."""
        for approval in await self._equal(store, waiting.request, now):
            is_usable = approval.status is Status.APPROVED and not approval.is_released and approval.asked.is_ticket
            if is_usable and now < approval.usable_until and await self._release(store, approval, waiting):
                return True
        return False

    async def _equal(self, store: ApprovalStore, request: HoldRequest, now: float) -> list[Approval]:
        """An approval counts from when it was given, so requests up to twice as old may be meant."""
        longest = max(hold.expires_seconds for hold in request.holds)
        return await store.equal(request.binding, now - 2 * longest)

    async def _file_ticket(self, store: ApprovalStore, waiting: Waiting, now: float) -> None:
        request = waiting.request
        for approval in await self._equal(store, request, now):
            status, asked = approval.status, approval.asked
            if status is Status.PENDING and asked.is_ticket and now < asked.expires_at:
                self._tell(waiting, Refused(_ticket(approval)))
                return
            if status is Status.DENIED and asked.is_ticket and now < _ended_at(approval) + asked.expires_seconds:
                self._tell(waiting, Refused(_denied(approval)))
                return
        if not await self._has_room(store, waiting):
            return
        approval = await store.file(self._asked(request, now, is_ticket=True))
        self._tickets.add(approval.id)
        self._announce(approval)
        self._tell(waiting, Refused(_ticket(approval)))

    async def _file_waiting(self, store: ApprovalStore, waiting: Waiting, now: float) -> None:
        if not await self._has_room(store, waiting):
            return
        approval = await store.file(self._asked(waiting.request, now, is_ticket=False))
        waiting.approval = approval
        if waiting.is_over:  # withdrawn meanwhile
            await self._settle(approval.id, Event(Kind.CANCELLED, self._clock(), text=waiting.why_withdrawn))
            return
        self._waiting[approval.id] = waiting
        waiting.reminded_at = now
        waiting.tell(_filed(approval))
        self._announce(approval)

    async def _has_room(self, store: ApprovalStore, waiting: Waiting) -> bool:
        name = waiting.request.identity.name
        most = self._holds(waiting.request).max_pending
        pending = await store.newest(Status.PENDING, name, limit=most)
        if len(pending) < most:
            return True
        error = ApprovalRequired(
            f"approval required, and {most} statements of {name} wait for one already",
            detail=f"rule {waiting.request.holds[0].rule}: holds.max_pending {most}",
            hint="Wait until a reviewer has decided, or cancel one that waits.",
        )
        self._tell(waiting, Refused(error))
        return False

    def _asked(self, request: HoldRequest, now: float, *, is_ticket: bool) -> Asked:
        identity = request.identity
        return Asked(
            id="apr_" + secrets.token_hex(8),
            identity=identity.name,
            source=identity.source,
            groups=identity.groups,
            owner=identity.owner,
            database=identity.database,
            statement=request.statement,
            statement_class=request.statement_class,
            parameters=request.parameters,
            holds=request.holds,
            reason=request.reason,
            tables=request.tables,
            columns=request.columns,
            masked_columns=request.masked_columns,
            estimated_rows=request.estimated_rows,
            binding=request.binding,
            objects=request.objects,
            is_opaque=request.is_opaque,
            in_transaction=request.in_transaction,
            is_ticket=is_ticket,
            process_id=request.process_id,
            requested_at=now,
            expires_at=now + min(hold.expires_seconds for hold in request.holds),
            instance=self.instance,
        )

    def _holds(self, request: HoldRequest) -> Holds:
        settings, identity = self._settings, request.identity
        entry = settings.identities.get(identity.name if identity.source == "file" else "*")
        return settings.holds if entry is None or entry.holds is None else entry.holds

    def _mode(self, request: HoldRequest) -> HoldMode:
        """Deny beats ticket beats wait."""
        holds = self._holds(request)
        modes: set[HoldMode] = {self._settings.holds.mode, holds.mode}
        if request.mode:
            modes.add(request.mode)
        if request.in_transaction:
            modes.add(holds.in_transaction)
        return next(mode for mode in STRICTEST if mode in modes)

    # What becomes of it ----------------------------------------------------------------------------------------

    async def _look(self, now: float) -> None:
        store = self._store
        if store is None or not (self._waiting or self._tickets):
            return
        if self._tickets:
            for ticket, status in (await store.statuses(tuple(self._tickets))).items():
                if status is not Status.PENDING:
                    self._tickets.discard(ticket)
                    approval = await store.get(ticket)
                    if approval is not None:
                        self._announce_end(approval)
        for approval_id, status in (await store.statuses(tuple(self._waiting))).items():
            waiting = self._waiting.get(approval_id)
            if waiting is None or waiting.approval is None:
                continue
            if status is not Status.PENDING:
                await self._resolve(store, waiting, approval_id)
            elif now >= waiting.approval.asked.expires_at:
                await self._settle(approval_id, Event(Kind.EXPIRED, now))
                await self._resolve(store, waiting, approval_id)
            elif now >= waiting.reminded_at + REMIND_SECONDS:
                waiting.reminded_at = now
                waiting.tell(_filed(waiting.approval))

    async def _resolve(self, store: ApprovalStore, waiting: Waiting, approval_id: ApprovalId) -> None:
        approval = await store.get(approval_id)
        if approval is None or approval.status is Status.PENDING:
            return
        if approval.status is not Status.EXPIRED:  # what expired was settled, and announced, here
            self._announce_end(approval)
        if approval.status is Status.APPROVED and not approval.is_released:
            await self._release(store, approval, waiting)
            return
        error = _denied(approval) if approval.status is Status.DENIED else _expired(approval)
        self._tell(waiting, Refused(error))

    async def _release(self, store: ApprovalStore, approval: Approval, waiting: Waiting) -> bool:
        """Durable, then told. False: somebody else was first, or nobody waits any more."""
        if waiting.is_over:
            return False
        try:
            released = await store.append(approval, [Event(Kind.RELEASED, self._clock())])
        except Outrun:
            return False
        if waiting.is_over:
            self._start(self._settle(released.id, Event(Kind.FAILED, self._clock(), text=_left(waiting))))
            return False
        asked = approval.asked
        self._tell(waiting, Granted(Permit(approval.id, asked.holds, asked.objects)))
        return True

    def _tell(self, waiting: Waiting, event: HoldEvent) -> None:
        if waiting.approval is not None:
            self._waiting.pop(waiting.approval.id, None)
        if not waiting.is_over:
            waiting.is_over = True
            waiting.tell(event)

    async def _settle(self, approval_id: ApprovalId, event: Event) -> None:
        """Add its end, unless it has one; while the store is away, again and again."""
        while self._store is not None:
            try:
                approval = await self._store.get(approval_id)
                if approval is None or approval.status in FINAL:
                    return
                after = await self._store.append(approval, [event])
                if after.is_released:
                    self._announce_finish(after)
                elif after.id not in self._tickets:
                    self._announce_end(after)
                return
            except Outrun:
                continue
            except StoreUnavailable as error:
                log.error("the end of approval %s waits to be written: %s", approval_id, error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _tend(self, now: float) -> None:
        """Say that this proxy lives, and settle what dead ones held."""
        store = self._store
        if store is None or now < self._beat_at + BEAT_SECONDS:
            return
        self._beat_at = now
        await store.beat(self.instance, now)
        dead = await store.dead(self.instance, now - DEAD_SECONDS)
        for instance in dead:
            for approval in await store.open(instance):
                if approval.is_released:
                    text = "the proxy ended while it ran; whether it was executed is not known"
                    await self._settle(approval.id, Event(Kind.FAILED, now, text=text))
                elif not approval.asked.is_ticket:
                    await self._settle(approval.id, Event(Kind.CANCELLED, now, text="the proxy that held it ended"))
        if dead:
            await store.forget(dead)
        for approval in await store.open():
            if now >= approval.usable_until and approval.id not in self._waiting and not approval.is_released:
                await self._settle(approval.id, Event(Kind.EXPIRED, now))

    # Telling others --------------------------------------------------------------------------------------------

    def _announce(self, approval: Approval) -> None:
        log.info("approval %s requested rule=%s identity=%s", approval.id, approval.asked.rule, approval.asked.identity)
        for watcher in self.watchers.requested:
            watcher(approval)

    def _announce_end(self, approval: Approval) -> None:
        log.info("approval %s %s", approval.id, approval.status)
        for watcher in self.watchers.resolved:
            watcher(approval)

    def _announce_finish(self, approval: Approval) -> None:
        log.info("approval %s %s", approval.id, approval.status)
        for watcher in self.watchers.finished:
            watcher(approval)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _filed(approval: Approval) -> Filed:
    return Filed(approval.id, _clock_text(approval.asked.expires_at))


def _clock_text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _ended_at(approval: Approval) -> float:
    finished = approval.finished
    return approval.asked.requested_at if finished is None else finished.at


def _left(waiting: Waiting) -> str:
    return f"{waiting.why_withdrawn or 'the client left'}; it was not executed"


def _nobody_waits(request: HoldRequest) -> ProxyError:
    rule = request.holds[0].rule
    return ApprovalRequired(
        f"approval required by rule {rule}, and this proxy holds no statement here",
        detail=f"rule {rule}",
        hint="Ask a DBA to run it, or send it outside a transaction.",
    )


def _ticket(approval: Approval) -> ProxyError:
    return ApprovalRequired(
        f"approval required by rule {approval.asked.rule}",
        detail=f"approval={approval.id}",
        hint=f"Send the same statement again once it was approved, until {_clock_text(approval.asked.expires_at)}; "
        "SET pgproxy.on_hold = 'wait' waits for the decision.",
    )


def _denied(approval: Approval) -> ProxyError:
    vote = next((one for one in reversed(approval.votes) if one.decision is Decision.DENY), None)
    comment = f": {vote.comment}" if vote is not None and vote.comment else ""
    return StatementDenied(
        "a reviewer denied this statement", detail=f"approval={approval.id}{comment}", hint="Ask the reviewer."
    )


def _expired(approval: Approval) -> ProxyError:
    status = approval.status
    message = "the approval was not given in time" if status is Status.EXPIRED else f"the approval is {status}"
    return ApprovalExpired(message, detail=f"approval={approval.id}", hint="Send the statement again to ask once more.")

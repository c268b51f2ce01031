"""Approvals in the store. Events are only ever added, each by number: of two racing ones the second is refused."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pgproxy.approvals.documents import asked_from_json, asked_to_json, event_from_json, event_to_json
from pgproxy.approvals.messages.undelivered import Undelivered
from pgproxy.approvals.model import FINAL, Approval, ApprovalId, Asked, Event, Person, Status, Unknown, decided
from pgproxy.storage.store import Store
from pgproxy.storage.tables import APPROVAL_EVENTS, APPROVALS, INSTANCES, UNDELIVERED

UNDELIVERED_SECONDS: Final = 30 * 86400.0
"""So long what nobody took is listed."""


class Outrun(Exception):
    """Another event came first: look again."""


class ApprovalStore:
    """Methods raise StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def file(self, asked: Asked) -> Approval:
        """Keep a new request; durable when this returns."""
        approval = Approval(asked)
        async with self._store.transaction() as connection:
            await connection.execute(
                insert(APPROVALS).values(
                    id=asked.id,
                    identity=asked.identity,
                    binding=asked.binding,
                    instance=asked.instance,
                    requested_at=asked.requested_at,
                    status=str(approval.status),
                    is_open=True,
                    asked=asked_to_json(asked),
                )
            )
        return approval

    async def append(self, approval: Approval, events: Sequence[Event]) -> Approval:
        """Add events behind those that `approval` has; durable when this returns.

        Raises:
            Outrun: it has others by now.
        """
        after = approval.with_events(*events)
        status = after.status
        async with self._store.transaction() as connection:
            for number, event in enumerate(events, len(approval.events) + 1):
                row = {"approval": approval.id, "number": number, "event": event_to_json(event)}
                if not await self._store.add(connection, APPROVAL_EVENTS, row):
                    raise Outrun
            changed = update(APPROVALS).where(APPROVALS.c.id == approval.id)
            await connection.execute(changed.values(status=str(status), is_open=status not in FINAL))
        return after

    async def get(self, approval_id: ApprovalId) -> Approval | None:
        found = await self._select(APPROVALS.c.id == approval_id)
        return found[0] if found else None

    async def many(self, ids: Collection[ApprovalId]) -> list[Approval]:
        return await self._select(APPROVALS.c.id.in_(list(ids))) if ids else []

    async def statuses(self, ids: Collection[ApprovalId]) -> dict[ApprovalId, Status]:
        found: dict[ApprovalId, Status] = {}
        wanted = list(ids)
        async with self._store.transaction() as connection:
            for start in range(0, len(wanted), 500):
                chosen = APPROVALS.c.id.in_(wanted[start : start + 500])
                rows = await connection.execute(select(APPROVALS.c.id, APPROVALS.c.status).where(chosen))
                found.update((row.id, Status(row.status)) for row in rows)
        return found

    async def newest(
        self, status: Status | None = None, identity: str | None = None, limit: int = 100
    ) -> list[Approval]:
        """Newest first."""
        where = [] if status is None else [APPROVALS.c.status == str(status)]
        if identity is not None:
            where.append(APPROVALS.c.identity == identity)
        return await self._select(*where, limit=limit)

    async def equal(self, binding: str, since: float) -> list[Approval]:
        """Requests of the same identity, database, text and parameters; newest first."""
        return await self._select(APPROVALS.c.binding == binding, APPROVALS.c.requested_at >= since)

    async def open(self, instance: str | None = None) -> list[Approval]:
        """What is not final; of that proxy, where one is named."""
        where = [] if instance is None else [APPROVALS.c.instance == instance]
        return await self._select(APPROVALS.c.is_open, *where, limit=None)

    async def _select(self, *where: Any, limit: int | None = 1000) -> list[Approval]:
        wanted = select(APPROVALS.c.id, APPROVALS.c.asked).where(*where).order_by(APPROVALS.c.requested_at.desc())
        async with self._store.transaction() as connection:
            rows = (await connection.execute(wanted if limit is None else wanted.limit(limit))).all()
            events = await _events(connection, [row.id for row in rows])
        return [Approval(asked_from_json(row.asked), tuple(events.get(row.id, ()))) for row in rows]

    # Notifications that nobody took ----------------------------------------------------------------------------

    async def bury(self, message: Undelivered) -> None:
        await self._store.put(UNDELIVERED, [asdict(message)])
        async with self._store.transaction() as connection:
            await connection.execute(delete(UNDELIVERED).where(UNDELIVERED.c.at < message.at - UNDELIVERED_SECONDS))

    async def undelivered(self, limit: int = 100) -> list[Undelivered]:
        """Newest first."""
        wanted = select(UNDELIVERED).order_by(UNDELIVERED.c.at.desc()).limit(limit)
        async with self._store.transaction() as connection:
            return [Undelivered(**row._mapping) for row in await connection.execute(wanted)]

    # Which proxies live ----------------------------------------------------------------------------------------

    async def beat(self, instance: str, now: float) -> None:
        await self._store.put(INSTANCES, [{"instance": instance, "seen_at": now}])

    async def dead(self, instance: str, before: float) -> set[str]:
        """Other instances of which nothing was heard since."""
        wanted = select(INSTANCES.c.instance).where(INSTANCES.c.seen_at < before, INSTANCES.c.instance != instance)
        async with self._store.transaction() as connection:
            return {row.instance for row in await connection.execute(wanted)}

    async def forget(self, instances: Collection[str]) -> None:
        async with self._store.transaction() as connection:
            await connection.execute(delete(INSTANCES).where(INSTANCES.c.instance.in_(list(instances))))


async def vote(store: ApprovalStore, approval_id: ApprovalId, person: Person | None, event: Event) -> Approval:
    """Count a reviewer's decision; of racing ones exactly one settles it.

    Args:
        person: None: whoever held an unnamed link.
        event: with its decision, comment, time and way.

    Raises:
        CannotDecide, StoreUnavailable.
    """
    while True:
        approval = await store.get(approval_id)
        if approval is None:
            raise Unknown("there is no such approval")
        events = decided(approval, person, event)
        if not events:
            return approval
        try:
            return await store.append(approval, events)
        except Outrun:
            continue


async def _events(connection: AsyncConnection, ids: Sequence[ApprovalId]) -> dict[ApprovalId, list[Event]]:
    found: dict[ApprovalId, list[Event]] = {}
    for start in range(0, len(ids), 500):
        wanted = (
            select(APPROVAL_EVENTS.c.approval, APPROVAL_EVENTS.c.event)
            .where(APPROVAL_EVENTS.c.approval.in_(ids[start : start + 500]))
            .order_by(APPROVAL_EVENTS.c.approval, APPROVAL_EVENTS.c.number)
        )
        for row in await connection.execute(wanted):
            found.setdefault(row.approval, []).append(event_from_json(row.event))
    return found

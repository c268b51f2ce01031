"""Counted probes in the store, so that a restart does not give an identity a new day."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, select

from pgproxy.policy.probes import Spent
from pgproxy.storage.store import Store
from pgproxy.storage.tables import PROBES


async def read_probes(store: Store, since: float) -> list[Spent]:
    """What was spent after that moment, oldest first. Raises StoreUnavailable."""
    wanted = select(PROBES.c.identity, PROBES.c.scope, PROBES.c.digest, PROBES.c.at)
    async with store.transaction() as connection:
        rows = await connection.execute(wanted.where(PROBES.c.at > since).order_by(PROBES.c.at))
        return [Spent(row.identity, row.scope, bytes(row.digest), row.at) for row in rows]


async def write_probes(store: Store, spent: Iterable[Spent]) -> None:
    """Raises StoreUnavailable."""
    await store.put(PROBES, (one._asdict() for one in spent))


async def forget_probes(store: Store, before: float) -> None:
    """Drop what no window can hold any more. Raises StoreUnavailable."""
    async with store.transaction() as connection:
        await connection.execute(delete(PROBES).where(PROBES.c.at <= before))

"""Pins in the store: which mask entry covered which stored column when it was first seen."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import and_, delete, select

from pgproxy.policy.pins import Pin
from pgproxy.storage.store import Store
from pgproxy.storage.tables import PINS


async def read_pins(store: Store) -> list[Pin]:
    """Of all databases. Raises StoreUnavailable."""
    async with store.transaction() as connection:
        rows = await connection.execute(select(PINS.c.database, PINS.c.relation, PINS.c.attnum, PINS.c.entry))
        return [Pin(*row) for row in rows]


async def write_pins(store: Store, pins: Iterable[Pin]) -> None:
    """Raises StoreUnavailable."""
    await store.put(PINS, (pin._asdict() for pin in pins))


async def forget_pins(store: Store, pins: Iterable[Pin]) -> None:
    """Raises StoreUnavailable."""
    given = list(pins)
    if not given:
        return
    async with store.transaction() as connection:
        for pin in given:
            same = and_(*(PINS.c[name] == value for name, value in pin._asdict().items()))
            await connection.execute(delete(PINS).where(same))

"""The pins of a database, for commands that look at the store beside a running proxy."""

from __future__ import annotations

from pgproxy.config.settings import Settings
from pgproxy.policy.pins import PinBook
from pgproxy.storage.pins import read_pins
from pgproxy.storage.store import is_new, open_store


async def pins_of(settings: Settings, database: str | None = None) -> PinBook:
    """Of the database of `upstream.dsn`, or another. A store that is not there yet is not made, and has none.

    Raises:
        StoreUnavailable.
    """
    database = database or settings.upstream.database
    if is_new(settings.store):
        return PinBook(database)
    store = await open_store(settings.store)
    try:
        return PinBook(database, [pin for pin in await read_pins(store) if pin.database == database])
    finally:
        await store.close()

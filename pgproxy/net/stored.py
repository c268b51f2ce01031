"""What sessions share and the store keeps: the pins of each database, the probes of each identity.

Sessions use it in memory. Changes are written about once a second, and once more at the end; while the store is away
they wait, and masking and counting go on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import Final

from pgproxy.catalog.model import Catalog
from pgproxy.policy.pins import Pin, PinBook
from pgproxy.policy.probes import ProbeLedger, Spent
from pgproxy.policy.rules import Rules
from pgproxy.storage.pins import forget_pins, read_pins, write_pins
from pgproxy.storage.probes import forget_probes, read_probes, write_probes
from pgproxy.storage.store import Store, StoreUnavailable

log = logging.getLogger("pgproxy.store")

FLUSH_SECONDS: Final = 1.0
LONGEST_WINDOW_SECONDS: Final = 86_400.0


class StoredState:
    """Without a store (`load` not called) it lives as long as the process.

    Args:
        pins: what is known to begin with.
    """

    def __init__(self, pins: Iterable[Pin] = ()) -> None:
        self.probes = ProbeLedger()
        self._books: dict[str, PinBook] = {}
        self._take(pins, ())
        self._store: Store | None = None
        self._is_failing = False

    async def load(self, store: Store) -> None:
        """Take over what the store has, and write there from now on. Raises StoreUnavailable."""
        since = time.time() - LONGEST_WINDOW_SECONDS
        await forget_probes(store, since)
        self._take(await read_pins(store), await read_probes(store, since))
        self._store = store

    def _take(self, pins: Iterable[Pin], spent: Iterable[Spent]) -> None:
        by_database: dict[str, list[Pin]] = {}
        for pin in pins:
            by_database.setdefault(pin.database, []).append(pin)
        self._books = {database: PinBook(database, known) for database, known in by_database.items()}
        self.probes = ProbeLedger(spent)

    def pins(self, database: str) -> PinBook:
        return self._books.setdefault(database, PinBook(database))

    def see_database(self, database: str, catalog: Catalog, rules: Rules) -> None:
        """Pin what the rules cover in the whole catalog, and forget what it does not have any more."""
        book = self.pins(database)
        book.forget_missing(catalog)
        book.see(catalog.relations.values(), catalog, rules)

    async def keep(self) -> None:
        """Write changes until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write what changed; where the store is away it waits for the next time."""
        if self._store is None:
            return
        try:
            for book in tuple(self._books.values()):
                await self._flush_pins(self._store, book)
            await self._flush_probes(self._store)
        except StoreUnavailable as error:
            if not self._is_failing:
                log.error("pins and probes wait to be written: %s", error)
            self._is_failing = True
        else:
            if self._is_failing:
                log.info("store %s is back", self._store.name)
            self._is_failing = False

    async def _flush_pins(self, store: Store, book: PinBook) -> None:
        unwritten, gone = book.take_changes()
        try:
            await forget_pins(store, gone)
            await write_pins(store, unwritten)
        except BaseException:
            book.give_back(unwritten, gone)
            raise

    async def _flush_probes(self, store: Store) -> None:
        spent = self.probes.take_unwritten()
        try:
            await write_probes(store, spent)
        except BaseException:
            self.probes.give_back(spent)
            raise

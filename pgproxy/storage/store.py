"""Opens the store and gives its transactions; every way in which a store can fail becomes `StoreUnavailable`."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy import Table, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.schema import CreateIndex, CreateTable

from pgproxy.config.problems import OperatorError
from pgproxy.storage.tables import METADATA

CONNECT_SECONDS: Final = 10.0
_BUSY_SECONDS: Final = 10
"""SQLite has one writer at a time; other workers wait for it."""
_LOCK: Final = 7_306_092_418_233_205_603
"""Advisory lock of PostgreSQL while tables are made: of several proxies one makes them."""
_SQLITE: Final = "sqlite:///"
_BATCH: Final = 500


class StoreUnavailable(OperatorError):
    """The store cannot be reached, read or written; the message is one line, without a password or a stored value."""


class Store:
    """One open store. Methods raise StoreUnavailable."""

    def __init__(self, engine: AsyncEngine, name: str) -> None:
        self._engine = engine
        self.name = name

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, sqlite3.Error) as error:
            raise StoreUnavailable(f"store {self.name}: {_reason(error)}") from None

    async def put(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
        """Insert rows; one with the key of a stored one replaces it."""
        given = [dict(row) for row in rows]
        if not given:
            return
        keys = [column.name for column in table.primary_key]
        others = [column.name for column in table.columns if column.name not in keys]
        insert: Any = sqlite.insert if self._engine.dialect.name == "sqlite" else postgresql.insert
        statement = insert(table)
        if others:
            changed = {name: statement.excluded[name] for name in others}
            statement = statement.on_conflict_do_update(index_elements=keys, set_=changed)
        else:
            statement = statement.on_conflict_do_nothing(index_elements=keys)
        async with self.transaction() as connection:
            for start in range(0, len(given), _BATCH):
                await connection.execute(statement, given[start : start + _BATCH])

    async def add(self, connection: AsyncConnection, table: Table, row: Mapping[str, Any]) -> bool:
        """Insert a row; False: its key is taken."""
        insert: Any = sqlite.insert if self._engine.dialect.name == "sqlite" else postgresql.insert
        done = await connection.execute(insert(table).values(dict(row)).on_conflict_do_nothing())
        return bool(done.rowcount)

    async def check(self) -> None:
        """Whether it answers."""
        async with self.transaction() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self._engine.dispose()


async def open_store(url: str) -> Store:
    """Connect, and make what tables are missing.

    Args:
        url: `sqlite:///PATH` or `postgresql://…`, as asyncpg reads it.

    Raises:
        StoreUnavailable.
    """
    store = _sqlite(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else _postgresql(url)
    try:
        async with store.transaction() as connection:
            if connection.dialect.name == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            for table in METADATA.sorted_tables:
                await connection.execute(CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    await connection.execute(CreateIndex(index, if_not_exists=True))
    except BaseException:
        await store.close()
        raise
    return store


def is_new(url: str) -> bool:
    """Whether opening it would make a file that is not there yet."""
    return url.startswith(_SQLITE) and not Path(url.removeprefix(_SQLITE)).exists()


def _sqlite(path: str) -> Store:
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}", connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")  # an approval that was released must not come back
        cursor.close()

    return Store(engine, path)


def _postgresql(url: str) -> Store:
    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(
            url, timeout=CONNECT_SECONDS, server_settings={"application_name": "pgproxy store"}
        )

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, pool_pre_ping=True, pool_size=2)
    return Store(engine, "postgresql")


def _reason(error: BaseException) -> str:
    """Without the statement and its parameters, which SQLAlchemy would add."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig.__cause__ or error.orig  # of asyncpg's errors SQLAlchemy makes its own
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    if isinstance(error, sqlite3.Error):
        return str(error)
    if isinstance(error, asyncpg.PostgresError):
        return " ".join(str(error.args[0] if error.args else "").split()) or type(error).__name__
    return type(error).__name__

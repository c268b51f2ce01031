"""The store on SQLite and on PostgreSQL: what was put is read by the next process; what is wrong is said."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from pgproxy.policy.pins import Pin
from pgproxy.policy.probes import Spent
from pgproxy.storage.pins import forget_pins, read_pins, write_pins
from pgproxy.storage.probes import forget_probes, read_probes, write_probes
from pgproxy.storage.store import StoreUnavailable, is_new, open_store
from tests.servers import Database

Url = Callable[[], str]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    database: Database = request.getfixturevalue("database")
    database.sql("DROP TABLE IF EXISTS pgproxy_pins, pgproxy_probes")
    return database.dsn()


async def test_pins_are_kept_and_forgotten(url: str, database: Database) -> None:
    store = await open_store(url)
    one, other = Pin("shop", 2**31 + 5, 3, "public.users.ssn"), Pin("shop", 16384, 1, "*.*.*card*")
    await write_pins(store, [one, other])
    await write_pins(store, [one])
    await store.close()
    again = await open_store(url)
    assert sorted(await read_pins(again)) == sorted([one, other])
    await forget_pins(again, [other])
    assert await read_pins(again) == [one]
    await again.close()


async def test_probes_keep_their_last_use(url: str, database: Database) -> None:
    store = await open_store(url)
    await write_probes(store, [Spent("file:a", "guessing", bytes([n % 256, n // 256]), float(n)) for n in range(1200)])
    await write_probes(store, [Spent("file:a", "guessing", b"\x00\x00", 5000.5)])
    assert await read_probes(store, 1198.5) == [
        Spent("file:a", "guessing", bytes([1199 % 256, 1199 // 256]), 1199.0),
        Spent("file:a", "guessing", b"\x00\x00", 5000.5),
    ]
    await forget_probes(store, 5000.0)
    assert len(await read_probes(store, 0.0)) == 1
    await store.close()


async def test_proxies_that_start_together_share_it(url: str, database: Database) -> None:
    stores = await asyncio.gather(*(open_store(url) for _ in range(4)))
    await asyncio.gather(*(write_pins(s, [Pin("shop", 20000 + n, 1, "a.b.c")]) for n, s in enumerate(stores)))
    assert len(await read_pins(stores[0])) == 4
    for store in stores:
        await store.close()


async def test_sqlite_says_what_is_wrong_without_a_value(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="unable to open database file"):
        await open_store(f"sqlite:///{tmp_path}/missing/store.db")
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database" * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        await open_store(f"sqlite:///{broken}")
    url = f"sqlite:///{tmp_path}/store.db"
    assert is_new(url)
    store = await open_store(url)
    assert not is_new(url)
    with sqlite3.connect(tmp_path / "store.db") as raw:
        raw.execute("DROP TABLE pgproxy_pins")
    raw.close()
    with pytest.raises(StoreUnavailable) as raised:
        await write_pins(store, [Pin("secret-database", 1, 1, "x")])
    assert "secret-database" not in str(raised.value) and "no such table" in str(raised.value)
    await store.close()


async def test_a_postgresql_that_is_away_or_refuses(database: Database) -> None:
    with pytest.raises(StoreUnavailable) as refused:
        await open_store(database.server.dsn("no_such_database", password="hidden-word"))
    assert "does not exist" in str(refused.value) and "hidden-word" not in str(refused.value)
    with pytest.raises(StoreUnavailable, match="store postgresql: "):
        await open_store("postgresql://postgres:hidden-word@127.0.0.1:1/x")

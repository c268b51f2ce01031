"""asyncpg: binary formats, prepared statements described once and bound often, portals."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.clients.people import COLUMNS, EVERYTHING, Place
from tests.clients.statements import READS, REFUSED, WRITES, Asked


@pytest.fixture
async def pair(place: Place) -> AsyncIterator[tuple[Any, Any]]:
    """Connections through the proxy, and direct to what ought to be seen."""
    masked, seen = await asyncpg.connect(place.masked), await asyncpg.connect(place.seen)
    yield masked, seen
    await masked.close()
    await seen.close()


async def prepared(connection: Any, asked: Asked) -> tuple[list[tuple[str, Any]], list[tuple[Any, ...]]]:
    statement = await connection.prepare(asked.sql)
    described = [(attribute.name, attribute.type) for attribute in statement.get_attributes()]
    return described, [tuple(row) for row in await statement.fetch(*asked.parameters)]


async def test_rows_are_as_direct(pair: tuple[Any, Any]) -> None:
    masked, seen = pair
    for asked in READS:
        assert await prepared(masked, asked) == await prepared(seen, asked), asked.title
        assert await masked.fetch(asked.sql, *asked.parameters) == await seen.fetch(asked.sql, *asked.parameters)


async def test_returned_rows_are_as_direct(pair: tuple[Any, Any]) -> None:
    for asked in WRITES:
        results = []
        for connection in pair:
            transaction = connection.transaction()
            await transaction.start()
            results.append(await prepared(connection, asked))
            await transaction.rollback()
        assert results[0] == results[1], asked.title


async def test_values_have_the_types_of_their_columns(place: Place, pair: tuple[Any, Any]) -> None:
    raw = await asyncpg.connect(place.raw)
    real, masked = await raw.fetch(EVERYTHING), await pair[0].fetch(EVERYTHING)
    await raw.close()
    for real_row, masked_row in zip(real, masked, strict=True):
        for column in COLUMNS:
            assert masked_row[column.plain] == real_row[column.plain]
            assert type(masked_row[column.name]) is type(real_row[column.name]) or column.name == "address"
            assert masked_row[column.name] is None or masked_row[column.name] != real_row[column.name]


async def test_statement_described_once_is_masked_at_every_bind(pair: tuple[Any, Any]) -> None:
    results = []
    for connection in pair:
        statement = await connection.prepare("SELECT * FROM users WHERE id = $1")
        results.append([await statement.fetchrow(number % 6) for number in range(60)])
    assert results[0] == results[1]


async def test_first_value_is_masked(pair: tuple[Any, Any]) -> None:
    masked, seen = pair
    assert await masked.fetchval("SELECT email FROM users ORDER BY id") == await seen.fetchval(
        "SELECT email FROM users ORDER BY id"
    )


async def test_cursor_with_prefetch_is_masked(pair: tuple[Any, Any]) -> None:
    results = []
    for connection in pair:
        async with connection.transaction():
            rows = [row async for row in connection.cursor(EVERYTHING, prefetch=2)]
            cursor = await connection.cursor("SELECT id, name FROM users WHERE id > $1 ORDER BY id", 1)
            parts = [await cursor.fetch(1), await cursor.fetch(2), await cursor.fetchrow(), await cursor.fetch(9)]
            results.append((rows, parts))
    assert results[0] == results[1]
    assert [len(part) for part in results[0][1][:2]] == [1, 2]


async def test_two_cursors_in_turn_are_each_masked(pair: tuple[Any, Any]) -> None:
    results = []
    for connection in pair:
        async with connection.transaction():
            one = await connection.cursor("SELECT id, name FROM users ORDER BY id")
            other = await connection.cursor("SELECT email, plain_email, tags FROM users ORDER BY id")
            results.append([await cursor.fetch(1) for _ in range(5) for cursor in (one, other)])
    assert results[0] == results[1]


async def test_many_values_written_come_back_masked(pair: tuple[Any, Any]) -> None:
    masked, seen = pair
    transaction = masked.transaction()
    await transaction.start()
    await masked.executemany(
        "INSERT INTO users (id, team, name, tags) VALUES ($1, 1, $2, $3)",
        [(number, "Ada Lovelace", ["a", "b, c", None]) for number in range(100, 200)],
    )
    found = await masked.fetch("SELECT DISTINCT name, tags FROM users WHERE id >= 100")
    assert found == await seen.fetch("SELECT name, tags FROM users WHERE id = 1")
    await transaction.rollback()


async def test_types_are_looked_up_through_the_proxy(pair: tuple[Any, Any]) -> None:
    results = []
    for connection in pair:
        for name in ("json", "jsonb"):
            await connection.set_type_codec(name, schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
        await connection.set_type_codec("mood", schema="public", encoder=str, decoder=str.upper)
        results.append(await connection.fetch("SELECT mood, phone, profile, letter, ARRAY[plain_mood] FROM users"))
        await connection.reload_schema_state()
        results[-1] += await connection.fetch("SELECT mood, phone FROM users")
    assert results[0] == results[1]


async def test_denial_is_an_error_and_the_connection_stays(pair: tuple[Any, Any]) -> None:
    masked, _ = pair
    for way in (masked.fetch, masked.execute, masked.prepare):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await way(REFUSED)
    for way in (masked.fetch, masked.execute):  # DO is decided when it runs
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await way("DO $$ BEGIN PERFORM name FROM users; END $$")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await masked.copy_from_query("SELECT 1 FROM users WHERE name > 'M'", output=lambda data: None)
    assert await masked.fetchval("SELECT 1") == 1


async def test_pool_gives_masked_connections_after_reset(place: Place, pair: tuple[Any, Any]) -> None:
    expected = await pair[1].fetch(EVERYTHING)
    async with asyncpg.create_pool(place.masked, min_size=2, max_size=2) as pool:
        for _ in range(6):
            async with pool.acquire() as connection:
                assert await connection.fetch(EVERYTHING) == expected
                await connection.execute("SET application_name = 'someone'")

"""A session that no rule concerns: what PostgreSQL accepts passes, whatever a driver does."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import struct
import uuid
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psycopg
import pytest

from tests.net.conftest import SECRET, Way
from tests.net.raw_client import RawClient, eventually, fields_of, message, query
from tests.proxies import ProxyProcess
from tests.servers import Database


def parse(sql: str, name: str = "") -> bytes:
    return message(b"P", name.encode() + b"\0" + sql.encode() + b"\0\0\0")


BIND = message(b"B", b"\0\0" + bytes(6))
EXECUTE = message(b"E", b"\0" + bytes(4))
SYNC = message(b"S")
FLUSH = message(b"H")


def run(sql: str) -> bytes:
    return parse(sql) + BIND + EXECUTE


@pytest.fixture
def connection(way: Way) -> Iterator[psycopg.Connection]:
    with way.proxy.connect(way.database.name, "agent", SECRET) as connection:
        yield connection


@pytest.fixture
def client(way: Way) -> Iterator[RawClient]:
    with way.raw() as client:
        client.log_in(way.user, way.database.name)
        yield client


def tags_of(messages: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(tag for tag, _ in messages)


# Queries -----------------------------------------------------------------------------------------------------------


def test_a_string_of_statements_is_one_transaction(client: RawClient) -> None:
    assert tags_of(client.ask("SELECT 1; SELECT 2; ; SELECT 3")) == b"TDCTDCTDCZ"
    assert tags_of(client.ask("CREATE TEMP TABLE gone (); SELECT 1/0; SELECT 2")) == b"CEZ"
    assert tags_of(client.ask("SELECT * FROM gone")) == b"EZ"
    assert tags_of(client.ask("")) == b"IZ"


def test_a_pipeline_is_answered_in_order_and_discarded_after_an_error(client: RawClient) -> None:
    client.send(run("SELECT 1"), run("SELECT 1/0"), run("SELECT 3"), SYNC, run("SELECT 4"), SYNC, query("SELECT 5"))
    assert tags_of(client.read_until(b"Z")) in (b"12DC12EZ", b"12DC1EZ")
    assert tags_of(client.read_until(b"Z")) == b"12DCZ"
    assert tags_of(client.read_until(b"Z")) == b"TDCZ"


def test_flush_brings_answers_without_ending_anything(client: RawClient) -> None:
    client.send(parse("SELECT 1"), message(b"D", b"S\0"), FLUSH)
    assert tags_of([client.read() for _ in range(3)]) == b"1tT"
    client.send(BIND, EXECUTE, FLUSH)
    assert tags_of([client.read() for _ in range(3)]) == b"2DC"
    client.send(SYNC)
    assert client.read() == (b"Z", b"I")


def test_a_portal_is_read_in_parts(client: RawClient) -> None:
    some = message(b"E", b"\0" + struct.pack("!I", 2))
    client.send(parse("SELECT generate_series(1, 5)"), BIND, some, some, some, SYNC)
    assert tags_of(client.read_until(b"Z")) == b"12DDsDDsDCZ"


def test_a_function_is_called_by_the_protocol(client: RawClient) -> None:
    client.send(message(b"F", struct.pack("!IHHHi4sH", 77, 1, 1, 1, 4, b"\0\0\0\x07", 1)))  # int4 → "char"
    assert tags_of(client.read_until(b"Z")) in (b"VZ", b"EZ")


def test_psycopg_pipelines(connection: psycopg.Connection) -> None:
    with connection.pipeline():
        cursors = [connection.execute("SELECT %s::int", [number]) for number in range(200)]
        assert [cursor.fetchone() for cursor in cursors] == [(number,) for number in range(200)]


async def test_asyncpg_runs_binary_prepared_statements_and_cursors(way: Way) -> None:
    connection = await asyncpg.connect(way.proxy.dsn(way.database.name, "agent", SECRET), ssl=False)
    try:
        value = uuid.uuid4()
        assert await connection.fetchval("SELECT $1::uuid", value) == value
        statement = await connection.prepare("SELECT g, g * 1.5::float8 FROM generate_series(1, $1) g")
        async with connection.transaction():
            rows = [tuple(row) async for row in statement.cursor(1000, prefetch=100)]
        assert rows == [(number, number * 1.5) for number in range(1, 1001)]
        await connection.executemany("SELECT $1::int", [(number,) for number in range(100)])
    finally:
        await connection.close()


def test_errors_are_the_servers_word_for_word(way: Way, client: RawClient) -> None:
    with way.database_raw() as direct:
        direct.log_in(way.user, way.database.name)
        for statement in (
            "SELECT 1/0",
            "SELEC 1",
            "SELECT * FROM nowhere",
            "DO $$BEGIN RAISE 'x' USING HINT='h'; END$$",
        ):
            assert client.ask(statement) == direct.ask(statement)


def test_notices_and_settings_are_reported(client: RawClient) -> None:
    messages = client.ask("DO $$BEGIN RAISE NOTICE 'heard'; END$$; SET application_name = 'renamed'")
    assert [fields_of(body)["M"] for tag, body in messages if tag == b"N"] == ["heard"]
    assert (b"S", b"application_name\0renamed\0") in messages


# COPY --------------------------------------------------------------------------------------------------------------


def test_copy_in_and_out(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TEMP TABLE lines (number int, line text)")
    with connection.cursor() as cursor:
        with cursor.copy("COPY lines FROM STDIN") as copy:
            for number in range(20_000):
                copy.write_row((number, "x" * 100))
        with cursor.copy("COPY lines TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(["int4", "text"])
            assert sum(1 for _ in copy.rows()) == 20_000
        with pytest.raises(ValueError, match="enough"), cursor.copy("COPY lines FROM STDIN") as copy:
            copy.write_row((1, "x"))
            raise ValueError("enough")
        assert cursor.execute("SELECT count(*) FROM lines").fetchone() == (20_000,)


def test_copy_fails_on_bad_data_and_the_session_goes_on(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TEMP TABLE numbers (number int)")
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        with connection.cursor().copy("COPY numbers FROM STDIN") as copy:
            copy.write("1\nnone\n")
    assert connection.execute("SELECT 'on'").fetchone() == ("on",)


COPY_IN = "COPY copied FROM STDIN"
ROW, WRONG_ROW = message(b"d", b"7\n"), message(b"d", b"none\n")
DONE, FAIL = message(b"c"), message(b"f", b"no\0")

COPIES: list[list[tuple[bytes, bytes]]] = [
    [(run(COPY_IN) + SYNC, b"12G"), (ROW + DONE + SYNC, b"CZ")],
    [(run(COPY_IN) + FLUSH, b"12G"), (ROW + DONE + SYNC, b"CZ")],
    [(run(COPY_IN) + SYNC + ROW + DONE + SYNC, b"12GCZ")],
    [(run(COPY_IN) + ROW + DONE + SYNC, b"12GCZ")],
    [(run("SELECT 1") + SYNC + run(COPY_IN) + SYNC + ROW + DONE + SYNC, b"12DCZ12GCZ")],
    [(run(COPY_IN) + SYNC, b"12G"), (ROW + SYNC + ROW + FAIL + SYNC, b"EZ")],
    [(run(COPY_IN) + SYNC, b"12G"), (WRONG_ROW + DONE + SYNC, b"EZ")],
    [(run("COPY nowhere FROM STDIN") + SYNC + ROW + DONE + SYNC, b"12EZZ")],
    [(query(COPY_IN), b"G"), (ROW + SYNC + ROW + DONE, b"CZ")],
    [(query(COPY_IN) + ROW + DONE + query(COPY_IN) + ROW + DONE, b"GCZGCZ")],
    [(query(COPY_IN + "; SELECT 1"), b"G"), (ROW + DONE, b"CTDCZ")],
    [(query("SELECT 1; " + COPY_IN + ";" + COPY_IN), b"TDCG"), (ROW + DONE, b"CG"), (ROW + FAIL, b"EZ")],
    [(query(COPY_IN), b"G"), (WRONG_ROW + DONE + query(COPY_IN), b"EZG"), (ROW + DONE, b"CZ")],
    [(query("COPY nowhere FROM STDIN") + ROW + DONE + query(COPY_IN), b"EZG"), (ROW + DONE, b"CZ")],
]
"""What is sent, and the types of the answers to it."""


def test_a_session_knows_when_copying_is_over(database: Database, tmp_path: Path) -> None:
    """A drain would else wait for it, and a client's end would cancel what comes next."""
    with ProxyProcess(tmp_path, database.dsn()) as proxy, contextlib.ExitStack() as stack:
        clients = []
        for steps in COPIES:
            clients.append(client := stack.enter_context(RawClient(proxy.port)))
            client.log_in("postgres", database.name)
            client.ask("CREATE TEMP TABLE copied (number int)")
            for sent, expected in steps:
                client.send(sent)
                assert tags_of([client.read() for _ in expected]) == expected, steps
        proxy.signal(signal.SIGTERM)
        for steps, client in zip(COPIES, clients, strict=True):
            client.socket.settimeout(5)
            assert client.last_error().get("C") == "57P01", steps


# Everything else ---------------------------------------------------------------------------------------------------


async def test_notifications_arrive_while_nothing_is_asked(way: Way) -> None:
    heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    listener = await asyncpg.connect(way.proxy.dsn(way.database.name, way.user), ssl=False)
    try:
        await listener.add_listener("news", lambda _, __, channel, payload: heard.put_nowait((channel, payload)))
        await asyncio.to_thread(way.sql, "NOTIFY news, 'good'")
        assert await asyncio.wait_for(heard.get(), 10) == ("news", "good")
    finally:
        await listener.close()


def test_large_objects(connection: psycopg.Connection) -> None:
    content = bytes(range(256)) * 4000
    [(oid,)] = connection.execute("SELECT lo_from_bytea(0, %b)", [content]).fetchall()
    assert connection.execute("SELECT lo_get(%s)", [oid]).fetchone() == (content,)
    assert connection.execute("SELECT lo_unlink(%s)", [oid]).fetchone() == (1,)


def test_a_value_of_many_megabytes_both_ways(connection: psycopg.Connection) -> None:
    value = "0123456789" * 2_000_000
    assert connection.execute("SELECT %s::text", [value]).fetchone() == (value,)


def test_replication(way: Way) -> None:
    with way.raw() as client:
        process_id, _ = client.log_in(way.user, way.database.name, replication="database").key
        slot = f"s{process_id}"
        assert tags_of(client.ask("IDENTIFY_SYSTEM")) == b"TDCZ"
        way.sql(f"CREATE PUBLICATION \"{slot}\" FOR ALL TABLES WITH (publish = 'insert')")
        assert b"E" not in tags_of(client.ask(f'CREATE_REPLICATION_SLOT "{slot}" TEMPORARY LOGICAL "pgoutput"'))
        options = f"proto_version '1', publication_names '{slot}'"
        client.send(query(f'START_REPLICATION SLOT "{slot}" LOGICAL 0/0 ({options})'))
        assert client.read()[0] == b"W"
        way.sql("CREATE TABLE IF NOT EXISTS replicated (line text); INSERT INTO replicated VALUES ('carried over')")
        while b"carried over" not in (body := client.read()[1]):
            assert body
        client.send(DONE)
        assert client.read_until(b"Z")[-1] == (b"Z", b"I")
    eventually(lambda: not way.is_connected(process_id))


def test_two_phase_commit_savepoints_and_cursors(connection: psycopg.Connection) -> None:
    with connection.transaction(), connection.cursor("named") as cursor:
        cursor.execute("SELECT generate_series(1, 5000)")
        assert len(cursor.fetchmany(10)) == 10
        assert len(cursor.fetchall()) == 4990
        with pytest.raises(psycopg.errors.DivisionByZero), connection.transaction():
            connection.execute("SELECT 1/0")
        assert connection.execute("SELECT 1").fetchone() == (1,)

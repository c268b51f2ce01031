"""Cancelling: the right session and no other, by whoever has the key and nobody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import asyncpg
import psycopg
import pytest

from tests.net.conftest import Way
from tests.net.raw_client import eventually, fields_of, query, send_cancel

ENDLESS = "SELECT pg_sleep(600)"


@pytest.mark.parametrize("asked", [(3, 0), (3, 2)])
def test_the_key_cancels_its_session_and_no_other(way: Way, asked: tuple[int, int]) -> None:
    with way.raw() as one, way.raw() as other:
        process_id, secret = one.log_in(way.user, way.database.name, asked).key
        other_process_id, other_secret = other.log_in(way.user, way.database.name, asked).key
        one.send(query(ENDLESS))
        other.send(query(ENDLESS))
        eventually(lambda: way.is_running(process_id) and way.is_running(other_process_id))
        send_cancel(way.proxy.port, process_id, secret)
        tags = one.read_until(b"Z")
        assert [fields_of(body)["C"] for tag, body in tags if tag == b"E"] == ["57014"]
        assert way.is_running(other_process_id)
        assert one.value("SELECT 'goes on'") == "goes on"
        send_cancel(way.proxy.port, other_process_id, other_secret)
        assert other.read_until(b"Z")[-1][0] == b"Z"


def wrong_keys(process_id: int, secret: bytes, other_process_id: int) -> list[tuple[int, bytes]]:
    flipped = bytes([secret[0] ^ 1]) + secret[1:]
    return [
        (process_id, flipped),
        (process_id, secret + b"\0"),
        (process_id, secret[:1]),
        (process_id, bytes(256)),
        (other_process_id, secret),
        (0, secret),
        (0xFFFFFFFF, secret),
    ]


def test_a_wrong_key_cancels_nothing(way: Way) -> None:
    with way.raw() as one, way.raw() as other:
        process_id, secret = one.log_in(way.user, way.database.name).key
        other_process_id, _ = other.log_in(way.user, way.database.name).key
        one.send(query(ENDLESS))
        other.send(query(ENDLESS))
        eventually(lambda: way.is_running(process_id) and way.is_running(other_process_id))
        for key in wrong_keys(process_id, secret, other_process_id):
            send_cancel(way.proxy.port, *key)
        assert way.is_running(process_id)
        assert way.is_running(other_process_id)


def test_the_servers_own_key_is_not_the_clients(way: Way) -> None:
    """The proxy's secret is not the server's: past the proxy it cancels nothing."""
    with way.raw() as client:
        process_id, secret = client.log_in(way.user, way.database.name).key
        client.send(query(ENDLESS))
        eventually(lambda: way.is_running(process_id))
        send_cancel(way.database.server.port, process_id, secret)
        assert way.is_running(process_id)


def test_a_key_is_void_when_its_session_is_over(way: Way) -> None:
    with way.raw() as client:
        key = client.log_in(way.user, way.database.name).key
    eventually(lambda: not way.is_connected(key[0]))
    send_cancel(way.proxy.port, *key)
    assert way.proxy.is_running


@pytest.mark.parametrize("cancel", [psycopg.Connection.cancel, psycopg.Connection.cancel_safe])
@pytest.mark.parametrize(("user", "password"), [("agent", "an agent's s3cret"), (None, "")])
def test_psycopg_cancels(
    way: Way, cancel: Callable[[psycopg.Connection], None], user: str | None, password: str
) -> None:
    with way.proxy.connect(way.database.name, user or way.user, password) as connection:
        process_id = connection.info.backend_pid
        ended: list[BaseException] = []

        def run() -> None:
            try:
                connection.execute(ENDLESS)
            except psycopg.errors.QueryCanceled as error:
                ended.append(error)

        worker = threading.Thread(target=run)
        worker.start()
        eventually(lambda: way.is_running(process_id))
        cancel(connection)
        worker.join(timeout=20)
        assert len(ended) == 1
        assert connection.execute("SELECT 1").fetchone() == (1,)


async def test_asyncpg_cancels_what_takes_too_long(way: Way) -> None:
    connection = await asyncpg.connect(way.proxy.dsn(way.database.name, way.user), ssl=False)
    try:
        with pytest.raises(asyncio.TimeoutError):
            await connection.execute(ENDLESS, timeout=0.2)
        assert await connection.fetchval("SELECT 1") == 1
    finally:
        await connection.close()


def test_a_client_that_leaves_takes_its_statement_along(way: Way) -> None:
    with way.raw() as client:
        process_id, _ = client.log_in(way.user, way.database.name).key
        client.send(query(ENDLESS))
        eventually(lambda: way.is_running(process_id))
    eventually(lambda: not way.is_connected(process_id))


def test_a_client_that_says_goodbye_takes_its_statement_along(way: Way) -> None:
    with way.raw() as client:
        process_id, _ = client.log_in(way.user, way.database.name).key
        client.send(query(ENDLESS), b"X\0\0\0\4")
        eventually(lambda: way.is_running(process_id))
    eventually(lambda: not way.is_connected(process_id))


def test_a_client_that_leaves_in_a_transaction_leaves_nothing_open(way: Way) -> None:
    with way.raw() as client:
        process_id, _ = client.log_in(way.user, way.database.name).key
        client.ask("BEGIN")
        client.ask("LOCK TABLE pg_catalog.pg_class IN ACCESS SHARE MODE")
    eventually(lambda: not way.is_connected(process_id))


def test_what_was_sent_before_goodbye_is_answered(way: Way) -> None:
    with way.raw() as client:
        client.log_in(way.user, way.database.name)
        client.send(query("SELECT g FROM generate_series(1, 50000) g"), query("SELECT 'last'"), b"X\0\0\0\4")
        messages = client.read_until(b"")
    rows = [body[6:] for tag, body in messages if tag == b"D"]
    assert len(rows) == 50_001
    assert rows[-1] == b"last"
    assert [tag for tag, _ in messages[-2:]] == [b"Z", b""]

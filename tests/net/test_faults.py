"""What goes wrong on either side of a session, and that the proxy outlives it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgproxy.demo.cluster import free_port
from tests.net.conftest import SECRET, Way
from tests.net.raw_client import RawClient, eventually, message, query, startup_packet
from tests.proxies import ProxyProcess
from tests.servers import Server, start_server

MALFORMED = {
    "unknown type": b"\x01\0\0\0\4",
    "a server's message": message(b"Z", b"I"),
    "a password": message(b"p", b"secret\0"),
    "a startup packet": startup_packet({"user": "x"}),
    "length below its own": b"Q\0\0\0\3",
    "length zero": b"S\0\0\0\0",
    "negative length": b"Q\xff\xff\xff\xff",
    "statement over the limit": b"Q\x7f\xff\xff\xff",
    "close over the limit": b"C" + struct.pack("!I", 1 << 20),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_message_ends_the_session_with_08p01(way: Way, data: bytes) -> None:
    with way.raw() as client:
        process_id, _ = client.log_in(way.user, way.database.name).key
        client.send(data)
        error = client.last_error()
    assert (error["C"], error["S"]) == ("08P01", "FATAL")
    eventually(lambda: not way.is_connected(process_id))
    assert way.proxy.is_running


def test_who_sends_more_hears_the_last_word(way: Way) -> None:
    """A socket that is closed with unread bytes in it resets the connection, and the error would be lost."""
    with way.raw() as client:
        client.log_in(way.user, way.database.name)
        client.send(MALFORMED["unknown type"] + bytes(4 << 20))
        error = client.last_error()
    assert (error["C"], error["S"]) == ("08P01", "FATAL")


def test_a_malformed_message_ends_what_runs(way: Way) -> None:
    with way.raw() as client:
        process_id, _ = client.log_in(way.user, way.database.name).key
        client.send(query("SELECT pg_sleep(600)"))
        eventually(lambda: way.is_running(process_id))
        client.send(b"?\0\0\0\4")
        assert client.last_error()["C"] == "08P01"
        eventually(lambda: not way.is_connected(process_id))


def test_a_message_byte_by_byte_is_a_message(way: Way) -> None:
    with way.raw() as client:
        for byte in startup_packet({"user": way.user, "database": way.database.name}):
            client.send(bytes([byte]))
        client.read_until(b"Z")
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in query("SELECT 'slowly'"):
            client.send(bytes([byte]))
        assert (b"D", b"\0\1\0\0\0\6slowly") in client.read_until(b"Z")


def test_a_session_that_the_server_ends_hears_its_words(way: Way) -> None:
    with way.raw() as client:
        process_id, _ = client.log_in(way.user, way.database.name).key
        client.send(query("SELECT pg_sleep(600)"))
        eventually(lambda: way.is_running(process_id))
        way.sql(f"SELECT pg_terminate_backend({process_id})")
        error = client.last_error()
    assert (error["C"], error["M"]) == ("57P01", "terminating connection due to administrator command")


def test_an_idle_session_that_the_server_ends_hears_its_words(way: Way) -> None:
    with way.raw() as client:
        process_id, _ = client.log_in(way.user, way.database.name).key
        way.sql(f"SELECT pg_terminate_backend({process_id})")
        assert client.last_error()["C"] == "57P01"


# The server is not there -------------------------------------------------------------------------------------------


def refused_with(port: int, user: str, password: str = "") -> str:
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(host="127.0.0.1", port=port, dbname="x", user=user, password=password)
    return str(caught.value)


def test_without_a_server_a_client_hears_08006_and_the_proxy_lives(tmp_path: Path) -> None:
    identities: dict[str, object] = {"agent": {"password": SECRET}, "*": {"auth": "upstream"}}
    with ProxyProcess(tmp_path, f"postgresql://app@127.0.0.1:{free_port()}/x", identities=identities) as proxy:
        for _ in range(2):
            with RawClient(proxy.port) as client:
                client.send(startup_packet({"user": "anybody", "database": "x"}))
                assert client.last_error()["C"] == "08006"
        assert "the upstream server cannot be reached" in refused_with(proxy.port, "agent", SECRET)
        assert proxy.get("/readyz")[0] == 503
        assert proxy.get("/healthz")[0] == 200
        eventually(lambda: "WARNING pgproxy upstream not reachable" in proxy.log)


@pytest.fixture(scope="module")
def mute(silent_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyProcess]:
    """A proxy whose server takes connections and never answers."""
    dsn = f"postgresql://app@127.0.0.1:{silent_port}/x?connect_timeout=1&sslmode=disable"
    identities: dict[str, object] = {"agent": {"password": SECRET}, "*": {"auth": "upstream"}}
    with ProxyProcess(tmp_path_factory.mktemp("mute"), dsn, identities=identities) as proxy:
        yield proxy


def test_a_server_that_does_not_answer_is_08006_within_the_connect_timeout(mute: ProxyProcess) -> None:
    with RawClient(mute.port) as client:
        client.socket.settimeout(5)
        client.send(startup_packet({"user": "anybody", "database": "x"}))
        assert client.last_error()["C"] == "08006"
    assert "did not answer" in refused_with(mute.port, "agent", SECRET)


def sendable(connection: socket.socket, limit_bytes: int) -> int:
    """How much can be sent before nothing more is taken for a while."""
    chunk = message(b"d", bytes(65_531))
    connection.setblocking(False)
    sent = 0
    while sent < limit_bytes and select.select([], [connection], [], 0.3)[1]:
        try:
            sent += connection.send(chunk)
        except ConnectionError:
            break
    return sent


def test_what_a_client_sends_before_its_turn_is_not_hoarded(mute: ProxyProcess) -> None:
    with RawClient(mute.port) as client:
        client.send(startup_packet({"user": "anybody", "database": "x"}))
        assert sendable(client.socket, 1 << 26) < 1 << 24


def test_a_server_that_does_not_read_slows_its_client_down(way: Way) -> None:
    way.sql("CREATE TABLE IF NOT EXISTS locked (line text)")
    with way.raw() as owner, way.raw() as client:
        owner.log_in(way.user, way.database.name)
        owner.ask("BEGIN; LOCK TABLE locked")
        process_id, _ = client.log_in(way.user, way.database.name).key
        client.send(query("COPY locked FROM STDIN"))
        eventually(lambda: way.is_running(process_id))
        assert sendable(client.socket, 1 << 26) < 1 << 25


# The server goes away ----------------------------------------------------------------------------------------------


@pytest.fixture
def doomed() -> Iterator[Server]:
    server = start_server()
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.server
def test_a_lost_server_is_told_and_a_new_one_is_found(doomed: Server, tmp_path: Path) -> None:
    with ProxyProcess(tmp_path, doomed.dsn()) as proxy, RawClient(proxy.port) as running, RawClient(proxy.port) as idle:
        process_id, _ = running.log_in("postgres", "postgres").key
        idle.log_in("postgres", "postgres")
        running.send(query("SELECT pg_sleep(600)"))
        eventually(lambda: state_of(doomed, process_id) == "active")
        # The kernel closes the backend's socket without a word; then the server ends all others and recovers.
        os.kill(process_id, signal.SIGKILL)
        assert running.last_error()["C"] == "08006"
        assert idle.last_error()["C"] in ("57P01", "57P02", "08006")
        eventually(lambda: can_connect(proxy))
        with RawClient(proxy.port) as client:
            client.log_in("postgres", "postgres")
            client.send(query("SELECT pg_sleep(600)"))
            postmaster = int((doomed.data / "postmaster.pid").read_text().splitlines()[0])
            os.kill(postmaster, signal.SIGQUIT)
            assert client.last_error()["C"] in ("57P01", "57P02", "08006")
        eventually(lambda: proxy.get("/readyz")[0] == 503, within_seconds=5)
        with RawClient(proxy.port) as client:
            client.send(startup_packet({"user": "postgres", "database": "postgres"}))
            assert client.last_error()["C"] == "08006"
        assert proxy.get("/healthz")[0] == 200


def state_of(server: Server, process_id: int) -> str:
    return str(server.sql(f"SELECT state FROM pg_stat_activity WHERE pid = {process_id}")[0][0])


def can_connect(proxy: ProxyProcess) -> bool:
    with contextlib.suppress(psycopg.OperationalError):
        proxy.connect("postgres", "postgres").close()
        return True
    return False


# Clients that do not read ------------------------------------------------------------------------------------------


def resident_kib(process_id: int) -> int:
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT repeat('x', 1000) FROM generate_series(1, 200000)",
        "SELECT repeat('x', 200000000)",
        "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 200000)) TO STDOUT",
    ],
    ids=["rows", "one value", "copy"],
)
def test_memory_does_not_grow_with_a_result_that_nobody_reads(way: Way, statement: str) -> None:
    before = resident_kib(way.proxy.process_id)
    with way.raw() as client:
        process_id, _ = client.log_in(way.user, way.database.name).key
        client.send(query(statement))
        eventually(lambda: waits_for_its_client(way, process_id))
        assert resident_kib(way.proxy.process_id) - before < 30_000
        received = 0
        while received < 200_000_000:
            received += len(client.socket.recv(1 << 20))
        assert resident_kib(way.proxy.process_id) - before < 30_000


def waits_for_its_client(way: Way, process_id: int) -> bool:
    return way.sql(f"SELECT wait_event FROM pg_stat_activity WHERE pid = {process_id}") == [("ClientWrite",)]


def test_one_client_that_does_not_read_does_not_stop_another(way: Way) -> None:
    with way.raw() as sleeper, way.raw() as client:
        process_id, _ = sleeper.log_in(way.user, way.database.name).key
        sleeper.send(query("SELECT repeat('x', 1000) FROM generate_series(1, 200000)"))
        eventually(lambda: waits_for_its_client(way, process_id))
        client.log_in(way.user, way.database.name)
        assert len(client.ask("SELECT g FROM generate_series(1, 10000) g")) == 10_003
    eventually(lambda: not way.is_connected(process_id))


def test_a_hundred_clients_at_once(way: Way) -> None:
    answers: list[str] = []

    def come(number: int) -> None:
        with way.raw() as client:
            client.log_in(way.user, way.database.name)
            answers.append(client.value(f"SELECT {number}"))

    threads = [threading.Thread(target=come, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(map(int, answers)) == list(range(100))

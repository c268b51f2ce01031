"""What a connection begins with: versions, requests before the StartupMessage, and what is no startup at all."""

from __future__ import annotations

import struct

import psycopg
import pytest

from tests.net.conftest import Way
from tests.net.raw_client import GSSENC_REQUEST, SSL_REQUEST, fields_of, startup_packet

GARBAGE = {
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "zeros": bytes(64),
    "length below the header": struct.pack("!IHH", 7, 3, 0),
    "length over the limit": struct.pack("!IHH", 10_005, 3, 0),
    "negative length": struct.pack("!iHH", -1, 3, 0),
    "protocol 2": struct.pack("!IHH", 9, 2, 0) + b"\0",
    "protocol 4": struct.pack("!IHH", 9, 4, 0) + b"\0",
    "unknown request": struct.pack("!IHH", 8, 1234, 5699),
    "cancel without a key": struct.pack("!IHHI", 12, 1234, 5678, 1),
    "parameter without a value": struct.pack("!IHH", 13, 3, 0) + b"user\0",
    "no end of parameters": struct.pack("!IHH", 15, 3, 0) + b"user\0x\0",
    "bytes after the end": struct.pack("!IHH", 17, 3, 0) + b"user\0x\0\0\0",
}


@pytest.mark.parametrize("packet", GARBAGE.values(), ids=GARBAGE.keys())
def test_what_is_no_startup_packet_ends_with_08p01(way: Way, packet: bytes) -> None:
    with way.raw() as client:
        client.send(packet)
        error = client.last_error()
    assert (error["C"], error["S"]) == ("08P01", "FATAL")
    assert way.proxy.is_running


@pytest.mark.parametrize("size", [0, 1, 4, 7, 20])
def test_a_client_that_leaves_in_its_startup_packet_harms_nobody(way: Way, size: int) -> None:
    with way.raw() as client:
        client.send(startup_packet({"user": way.user, "database": way.database.name})[:size])
    with way.raw() as client:
        client.log_in(way.user, way.database.name)
        assert client.value("SELECT 'still here'") == "still here"


def test_gssenc_and_tls_are_refused_and_the_startup_goes_on(way: Way) -> None:
    with way.raw() as client:
        client.send(GSSENC_REQUEST)
        assert client.receive(1) == b"N"
        client.send(SSL_REQUEST)
        assert client.receive(1) == b"N"
        client.log_in(way.user, way.database.name)
        assert client.value("SELECT 7") == "7"


@pytest.mark.parametrize("request_packet", [GSSENC_REQUEST, SSL_REQUEST], ids=["gssenc", "tls"])
def test_a_request_made_twice_ends_with_08p01(way: Way, request_packet: bytes) -> None:
    with way.raw() as client:
        client.send(request_packet)
        assert client.receive(1) == b"N"
        client.send(request_packet)
        assert client.last_error()["C"] == "08P01"


@pytest.mark.parametrize(
    ("asked", "options", "minor", "unknown"),
    [
        ((3, 9), {}, 2, []),
        ((3, 0), {"_pq_.x": "1"}, 0, ["_pq_.x"]),
        ((3, 9), {"_pq_.x": "1", "_pq_.y": ""}, 2, ["_pq_.x", "_pq_.y"]),
        ((3, 2), {"_pq_.x": "1"}, 2, ["_pq_.x"]),
    ],
)
def test_what_is_not_spoken_is_negotiated(
    way: Way, asked: tuple[int, int], options: dict[str, str], minor: int, unknown: list[str]
) -> None:
    with way.raw() as client:
        client.send(startup_packet({"user": way.user, "database": way.database.name, **options}, asked))
        tag, body = client.read()
        assert tag == b"v"
        assert struct.unpack("!HHI", body[:8]) == (3, minor, len(unknown))
        assert body[8:].decode().split("\0")[:-1] == unknown
        assert client.read_until(b"Z")[-1][0] == b"Z"
        assert client.value("SELECT 1") == "1"


@pytest.mark.parametrize("asked", [(3, 0), (3, 2)])
def test_a_version_that_is_spoken_is_not_negotiated(way: Way, asked: tuple[int, int]) -> None:
    with way.raw() as client:
        tags = [tag for tag, _ in client.log_in(way.user, way.database.name, asked).messages]
    assert tags[0] == b"R"
    assert b"v" not in tags


@pytest.mark.parametrize(("asked", "length"), [((3, 0), 4), ((3, 2), 32), ((3, 9), 32)])
def test_the_key_has_the_backends_process_id_and_the_length_of_the_version(
    way: Way, asked: tuple[int, int], length: int
) -> None:
    with way.raw() as client:
        process_id, secret = client.log_in(way.user, way.database.name, asked).key
        assert client.value("SELECT pg_backend_pid()") == str(process_id)
    assert len(secret) == length


def test_libpq_speaks_3_2_with_the_proxy(way: Way) -> None:
    if psycopg.pq.version() < 180000:
        pytest.skip("libpq before 18 does not speak 3.2")
    with way.proxy.connect(way.database.name, way.user, min_protocol_version="3.2") as connection:
        assert connection.execute("SELECT pg_backend_pid()").fetchone() == (connection.info.backend_pid,)


def test_parameters_and_options_reach_the_server_and_come_back(way: Way) -> None:
    with way.raw() as client:
        logged_in = client.log_in(
            way.user,
            way.database.name,
            application_name="unmistakable",
            DateStyle="German",
            options="-c work_mem=7MB -c my.words=two\\ words",
        )
        assert logged_in.parameters["application_name"] == "unmistakable"
        assert logged_in.parameters["DateStyle"] == "German, DMY"
        assert client.value("SHOW work_mem") == "7MB"
        assert client.value("SHOW my.words") == "two words"


def test_what_the_server_says_of_itself_is_what_it_says_directly(way: Way) -> None:
    with way.raw() as client, way.database_raw() as direct:
        through = client.log_in(way.user, way.database.name).parameters
        assert through == direct.log_in(way.user, way.database.name).parameters


def test_the_servers_own_refusal_passes(way: Way) -> None:
    with way.raw() as client:
        client.send(startup_packet({"user": way.user, "database": way.database.name, "no_such_setting": "1"}))
        assert client.last_error()["C"] == "42704"


def test_a_startup_without_a_user_is_refused(way: Way) -> None:
    with way.raw() as client:
        client.send(startup_packet({"database": way.database.name}))
        assert client.last_error()["C"] == "28000"


def test_a_message_that_is_no_password_ends_the_login(way: Way) -> None:
    with way.raw() as client:
        client.send(startup_packet({"user": "agent", "database": way.database.name}))
        assert client.read()[0] == b"R"
        client.send(b"Q\0\0\0\x0dSELECT 1\0")
        tag, body = client.read()
        assert (tag, fields_of(body)["C"]) == (b"E", "08P01")
        assert client.read() == (b"", b"")


@pytest.mark.parametrize("length", [3, 70_000, 0xFFFFFFFF])
def test_a_password_message_of_impossible_length_ends_the_login(way: Way, length: int) -> None:
    with way.raw() as client:
        client.send(startup_packet({"user": "agent", "database": way.database.name}))
        assert client.read()[0] == b"R"
        client.send(b"p" + struct.pack("!I", length))
        assert client.last_error()["C"] == "08P01"

"""`UpstreamLogin` and the table of `login.relay`, held against PostgreSQL itself."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pgproxy.login.certificates import certificate_hash
from pgproxy.login.scram import SCRAM_SHA_256, SCRAM_SHA_256_PLUS
from pgproxy.login.upstream import Request, UpstreamLogin, read_mechanisms, write_mechanisms
from pgproxy.login.verifiers import KeyCache, Verifier
from tests.servers import Login, Server

PASSWORDS = ["pencil", "e\u0301\u00a0\u2168", "\u0627a\u0628 mixed", "\ue000 private", " spaces ", "'quoted\\"]


class Refused(Exception):
    """The server's ErrorResponse: its SQLSTATE."""


class Connection:
    """Just enough of a frontend to log in."""

    def __init__(self, server: Server, user: str, *, tls: bool) -> None:
        self._socket: socket.socket = socket.create_connection((server.host, server.port), timeout=10)
        if tls:
            self._socket.sendall(b"\0\0\0\x08\x04\xd2\x16\x2f")
            assert self._socket.recv(1) == b"S"
            context = ssl.create_default_context(cafile=str(server.ca))
            self._socket = context.wrap_socket(self._socket, server_hostname="localhost")
        body = b"\0\x03\0\0user\0" + user.encode() + b"\0database\0postgres\0\0"
        self._socket.sendall((len(body) + 4).to_bytes(4, "big") + body)

    def receive(self) -> tuple[int, bytes]:
        tag, body = self._read(1), self._read(int.from_bytes(self._read(4), "big") - 4)
        if tag == b"E":
            fields = dict((field[:1], field[1:]) for field in body.split(b"\0") if field)
            raise Refused(fields[b"C"].decode())
        assert tag == b"R"
        return int.from_bytes(body[:4], "big"), body[4:]

    def send(self, body: bytes) -> None:
        self._socket.sendall(b"p" + (len(body) + 4).to_bytes(4, "big") + body)

    def certificate(self) -> bytes | None:
        return self._socket.getpeercert(binary_form=True) if isinstance(self._socket, ssl.SSLSocket) else None

    def close(self) -> None:
        self._socket.close()

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._socket.recv(size - len(data))
            assert more
            data += more
        return data


@contextmanager
def connected(server: Server, user: str, *, tls: bool = False) -> Iterator[Connection]:
    connection = Connection(server, user, tls=tls)
    try:
        yield connection
    finally:
        connection.close()


def log_in(
    connection: Connection, login: UpstreamLogin, *, offer_to_client: tuple[str, ...] | None = None
) -> tuple[list[int], tuple[str, ...]]:
    """The codes that the server sent, and what it offered."""
    codes: list[int] = []
    offered: tuple[str, ...] = ()
    while not login.is_complete:
        code, payload = connection.receive()
        codes.append(code)
        if code == Request.SASL:
            offered = read_mechanisms(payload)
            payload = write_mechanisms(offer_to_client or offered)
        answer = login.respond(code, payload)
        if answer is not None:
            connection.send(answer)
    return codes, offered


@pytest.mark.parametrize(
    ("method", "codes"), [("scram-sha-256", [10, 11, 12, 0]), ("md5", [5, 0]), ("password", [3, 0]), ("trust", [0])]
)
def test_every_method(postgres: Server, method: Login, codes: list[int]) -> None:
    user = f"login_every_method_{method}"
    postgres.new_role(user, "pencil", login=method)
    with connected(postgres, user) as connection:
        login = UpstreamLogin(user, "pencil", channel_binding=None, keys=KeyCache())
        assert log_in(connection, login)[0] == codes


@pytest.mark.parametrize("method", ["scram-sha-256", "md5", "password"])
def test_wrong_password_is_the_servers_error(postgres: Server, method: Login) -> None:
    user = f"login_wrong_{method}"
    postgres.new_role(user, "pencil", login=method)
    with connected(postgres, user) as connection, pytest.raises(Refused, match="28P01"):
        log_in(connection, UpstreamLogin(user, "crayon", channel_binding=None, keys=KeyCache()))


@pytest.mark.parametrize("number", range(len(PASSWORDS)))
def test_passwords_are_prepared_and_stored_alike(postgres: Server, number: int) -> None:
    user, password = f"login_prepared_{number}", PASSWORDS[number]
    postgres.new_role(user, password, login="scram-sha-256")
    with connected(postgres, user) as connection:
        log_in(connection, UpstreamLogin(user, password, channel_binding=None, keys=KeyCache()))
    ((stored,),) = postgres.sql("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [user])
    verifier = Verifier.parse(stored)
    challenge = verifier.challenge
    assert Verifier.from_password(password, challenge.salt, challenge.iterations) == verifier
    assert verifier.stored_form() == stored


def test_server_takes_our_verifier(postgres: Server) -> None:
    user = "login_our_verifier"
    postgres.new_role(user, Verifier.from_password("pencil", b"a salt of ours").stored_form(), login="scram-sha-256")
    with connected(postgres, user) as connection:
        log_in(connection, UpstreamLogin(user, "pencil", channel_binding=None, keys=KeyCache()))


@pytest.mark.parametrize(
    ("upstream_tls", "client_tls", "accepted"),
    [(False, False, True), (False, True, True), (True, False, True), (True, True, False)],
)
def test_what_becomes_of_a_relayed_scram_offer(
    postgres_tls: Server, upstream_tls: bool, client_tls: bool, accepted: bool
) -> None:
    """The client sees SCRAM-SHA-256 alone; with TLS on its leg it says that it could have bound the channel."""
    user = f"login_relayed_{upstream_tls}_{client_tls}".lower()
    postgres_tls.new_role(user, "pencil", login="scram-sha-256")
    client = UpstreamLogin(user, "pencil", channel_binding=bytes(32) if client_tls else None, keys=KeyCache())
    with connected(postgres_tls, user, tls=upstream_tls) as connection:
        if accepted:
            codes, offered = log_in(connection, client, offer_to_client=(SCRAM_SHA_256,))
            assert codes == [10, 11, 12, 0]
            assert offered == ((SCRAM_SHA_256_PLUS, SCRAM_SHA_256) if upstream_tls else (SCRAM_SHA_256,))
        else:
            with pytest.raises(Refused, match="28000"):
                log_in(connection, client, offer_to_client=(SCRAM_SHA_256,))


@pytest.mark.parametrize("required", [False, True])
def test_channel_binding(postgres_tls: Server, required: bool) -> None:
    user = f"login_bound_{required}".lower()
    postgres_tls.new_role(user, "pencil", login="scram-sha-256")
    with connected(postgres_tls, user, tls=True) as connection:
        der = connection.certificate()
        assert der is not None
        binding = certificate_hash(der)
        assert binding is not None
        login = UpstreamLogin(
            user, "pencil", channel_binding=binding, keys=KeyCache(), require_channel_binding=required
        )
        assert log_in(connection, login)[0] == [10, 11, 12, 0]


def test_binding_to_another_certificate_is_refused(postgres_tls: Server) -> None:
    user = "login_bound_elsewhere"
    postgres_tls.new_role(user, "pencil", login="scram-sha-256")
    with connected(postgres_tls, user, tls=True) as connection, pytest.raises(Refused, match="28000"):
        log_in(connection, UpstreamLogin(user, "pencil", channel_binding=bytes(32), keys=KeyCache()))

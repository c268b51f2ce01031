"""Who comes in: identities of the proxy's, users that the server authenticates, and every method of the server."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import asyncpg
import psycopg
import pytest

from tests.net.raw_client import RawClient, fields_of, message, startup_packet
from tests.proxies import ProxyProcess
from tests.servers import Database, Login, Server

AGENT_PASSWORD = "an agent's s3cret"
ROLE_PASSWORD = "role:p@ss/w0rd?"
METHODS: tuple[Login, ...] = ("trust", "password", "md5", "scram-sha-256")


def role_of(method: str) -> str:
    return f"net_login_{method}"


@pytest.fixture(scope="module")
def roles(postgres: Server) -> dict[str, str]:
    """Role → its password, one for each method of pg_hba.conf."""
    for method in METHODS:
        postgres.new_role(role_of(method), ROLE_PASSWORD, login=method)
    return {role_of(method): ROLE_PASSWORD for method in METHODS}


@pytest.fixture(scope="module")
def named(
    database: Database, roles: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProxyProcess]:
    """A proxy that knows its users by name and nobody else, and offers one database."""
    [(verifier,)] = database.sql("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [role_of("scram-sha-256")])
    identities: dict[str, object] = {
        "plain": {"password": AGENT_PASSWORD},
        "stored": {"password": verifier},
        "shut-out": {"password": AGENT_PASSWORD, "upstream": {"user": role_of("md5"), "password": "not-the-one-9"}},
        "penniless": {"password": AGENT_PASSWORD, "upstream": {"user": role_of("scram-sha-256")}},
    }
    for role, password in roles.items():
        identities[f"agent-{role}"] = {"password": AGENT_PASSWORD, "upstream": {"user": role, "password": password}}
    folder = tmp_path_factory.mktemp("named")
    with ProxyProcess(folder, database.dsn(), identities=identities, databases=[database.name]) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def open_to_all(
    database: Database, roles: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProxyProcess]:
    """A proxy that leaves everybody to the server."""
    with ProxyProcess(tmp_path_factory.mktemp("open"), database.dsn()) as proxy:
        yield proxy


# Identities of the proxy's -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("identity", "password"), [("plain", AGENT_PASSWORD), ("stored", ROLE_PASSWORD)])
def test_an_identity_comes_in_with_its_password_as_the_role_of_the_dsn(
    named: ProxyProcess, database: Database, identity: str, password: str
) -> None:
    with named.connect(database.name, identity, password) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("postgres",)


@pytest.mark.parametrize("method", METHODS)
def test_an_identity_is_mapped_to_a_role_by_every_method_of_the_server(
    named: ProxyProcess, database: Database, method: str
) -> None:
    with named.connect(database.name, f"agent-{role_of(method)}", AGENT_PASSWORD) as connection:
        assert connection.execute("SELECT session_user").fetchone() == (role_of(method),)


async def test_asyncpg_comes_in(named: ProxyProcess, database: Database) -> None:
    connection = await asyncpg.connect(named.dsn(database.name, "plain", AGENT_PASSWORD), ssl=False)
    try:
        assert await connection.fetchval("SELECT $1::int + 1", 6) == 7
    finally:
        await connection.close()


def test_pg8000_comes_in(named: ProxyProcess, database: Database) -> None:
    connection = pytest.importorskip("pg8000.dbapi").connect(
        "stored", named.host, database.name, named.port, ROLE_PASSWORD, ssl_context=False
    )
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT %s + 1", (6,))
        assert cursor.fetchone() == [7]
    finally:
        connection.close()


def refusal(proxy: ProxyProcess, database: str, user: str, password: str) -> str:
    with pytest.raises(psycopg.OperationalError) as caught:
        proxy.connect(database, user, password)
    return str(caught.value).partition("FATAL:")[2].strip()


def test_a_wrong_password_and_an_unknown_user_are_told_the_same(named: ProxyProcess, database: Database) -> None:
    told = {
        refusal(named, database.name, user, "wrong").replace(user, "USER") for user in ("plain", "stored", "nobody")
    }
    assert told == {'password authentication failed for user "USER"'}


def scram_challenge(proxy: ProxyProcess, database: str, user: str) -> tuple[list[bytes], bytes, bytes, dict[str, str]]:
    """Mechanisms, salt and count that a user is shown, and the error for a proof that proves nothing."""
    with RawClient(proxy.port) as client:
        client.send(startup_packet({"user": user, "database": database}))
        tag, body = client.read()
        assert (tag, body[:4]) == (b"R", b"\0\0\0\x0a")
        mechanisms = body[4:].split(b"\0")
        first = b"n,,n=,r=fyko+d2lbbFgONRv9qkxdawL"
        client.send(message(b"p", b"SCRAM-SHA-256\0" + len(first).to_bytes(4, "big") + first))
        tag, body = client.read()
        nonce, salt, count = body[4:].split(b",")
        proof = base64.b64encode(bytes(32))
        client.send(message(b"p", b"c=biws," + nonce + b",p=" + proof))
        tag, body = client.read()
        assert tag == b"E"
        error = fields_of(body)
        assert client.read() == (b"", b"")
    return mechanisms, salt, count, error


def test_an_unknown_user_gets_a_handshake_that_does_not_change(named: ProxyProcess, database: Database) -> None:
    mechanisms, salt, count, error = scram_challenge(named, database.name, "nobody")
    assert scram_challenge(named, database.name, "nobody") == (mechanisms, salt, count, error)
    known_mechanisms, known_salt, known_count, known_error = scram_challenge(named, database.name, "plain")
    assert (mechanisms, len(salt), count) == (known_mechanisms, len(known_salt), known_count)
    assert salt != known_salt
    assert error == {**known_error, "M": known_error["M"].replace("plain", "nobody")}
    assert error["C"] == "28P01"


def test_the_star_is_no_user(named: ProxyProcess, open_to_all: ProxyProcess, database: Database) -> None:
    assert refusal(named, database.name, "*", AGENT_PASSWORD) == 'password authentication failed for user "*"'
    assert 'role "*" does not exist' in refusal(open_to_all, database.name, "*", "")


def test_a_database_that_is_not_offered_is_refused(named: ProxyProcess, database: Database) -> None:
    with RawClient(named.port) as client:
        client.send(startup_packet({"user": "plain", "database": "postgres"}))
        assert client.read()[0] == b"R", "nobody is told before the password"
    assert refusal(named, "postgres", "plain", AGENT_PASSWORD).startswith('database "postgres" is not one')


def test_the_database_left_out_is_the_dsns(named: ProxyProcess, database: Database) -> None:
    connection = pytest.importorskip("pg8000.dbapi").connect(
        "plain", named.host, None, named.port, AGENT_PASSWORD, ssl_context=False
    )
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone() == [database.name]
    finally:
        connection.close()


@pytest.mark.parametrize("identity", ["shut-out", "penniless"])
def test_a_role_that_the_server_refuses_to_the_proxy_is_no_fault_of_the_clients_password(
    named: ProxyProcess, database: Database, identity: str
) -> None:
    told = refusal(named, database.name, identity, AGENT_PASSWORD)
    assert "password authentication failed" not in told
    assert "not-the-one-9" not in told + named.log
    assert AGENT_PASSWORD not in told + named.log


# Users of the server's ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_the_server_authenticates_whom_the_proxy_does_not_know(
    open_to_all: ProxyProcess, database: Database, method: str
) -> None:
    with open_to_all.connect(database.name, role_of(method), ROLE_PASSWORD) as connection:
        assert connection.execute("SELECT session_user").fetchone() == (role_of(method),)


@pytest.mark.parametrize("method", METHODS[1:])
@pytest.mark.parametrize("password", ["wrong", ""])
def test_a_password_that_the_server_refuses_is_refused_in_its_words(
    open_to_all: ProxyProcess, database: Database, method: str, password: str
) -> None:
    through = refusal(open_to_all, database.name, role_of(method), password)
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(database.dsn(role_of(method), password))
    assert through == str(caught.value).partition("FATAL:")[2].strip()


async def test_asyncpg_is_relayed(open_to_all: ProxyProcess, database: Database) -> None:
    dsn = open_to_all.dsn(database.name, role_of("scram-sha-256"), ROLE_PASSWORD)
    connection = await asyncpg.connect(dsn, ssl=False)
    try:
        assert await connection.fetchval("SELECT session_user") == role_of("scram-sha-256")
    finally:
        await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(dsn, ssl=False, password="wrong")


def test_a_database_that_does_not_exist_is_refused_in_the_servers_words(open_to_all: ProxyProcess) -> None:
    assert refusal(open_to_all, "no such database", role_of("trust"), "") == (
        'database "no such database" does not exist'
    )


def test_a_user_who_leaves_at_the_password_harms_nobody(open_to_all: ProxyProcess, database: Database) -> None:
    with RawClient(open_to_all.port) as client:
        client.send(startup_packet({"user": role_of("md5"), "database": database.name}))
        assert client.read()[0] == b"R"
        client.send(message(b"X"))
        assert client.read() == (b"", b"")
    with open_to_all.connect(database.name, role_of("md5"), ROLE_PASSWORD) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)

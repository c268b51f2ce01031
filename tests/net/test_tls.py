"""TLS on the client's leg, and what becomes of a login when both legs have it."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import psycopg
import pytest

from tests.certificates import Authority
from tests.net.raw_client import SSL_REQUEST, RawClient, eventually, fields_of, query, startup_packet
from tests.proxies import ProxyProcess
from tests.servers import Database, Server

AGENT = "agent"
PASSWORD = "an agent's s3cret"
ROLE = "net_tls_scram"
ROLE_PASSWORD = "a role's s3cret"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def files(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca.crt, server.crt, agent.crt and other.crt with their keys."""
    folder = tmp_path_factory.mktemp("tls")
    (folder / "ca.crt").write_bytes(authority.certificate)
    for name, common_name in [("server", "localhost"), (AGENT, AGENT), ("other", "other")]:
        authority.issue(common_name).write(folder, name)
    Authority("another").issue(AGENT).write(folder, "forged")
    return folder


Start = Callable[..., ProxyProcess]


@pytest.fixture(scope="module")
def start(files: Path, database: Database, tmp_path_factory: pytest.TempPathFactory) -> Start:
    def start(mode: str, upstream: str = "") -> ProxyProcess:
        identities: dict[str, object] = {AGENT: {"password": PASSWORD}, "*": {"auth": "upstream"}}
        tls = {"cert": str(files / "server.crt"), "key": str(files / "server.key"), "mode": mode}
        if mode == "verify-client":
            tls["client_ca"] = str(files / "ca.crt")
        folder = tmp_path_factory.mktemp(f"proxy-{mode}")
        return ProxyProcess(folder, upstream or database.dsn(), identities=identities, extra={"tls": tls})

    return start


@pytest.fixture(scope="module")
def scram_role(postgres: Server) -> str:
    postgres.new_role(ROLE, ROLE_PASSWORD, login="scram-sha-256")
    return ROLE


@pytest.fixture(scope="module")
def prefer(start: Start) -> Iterator[ProxyProcess]:
    with start("prefer") as proxy:
        yield proxy


@pytest.fixture(scope="module")
def require(start: Start) -> Iterator[ProxyProcess]:
    with start("require") as proxy:
        yield proxy


@pytest.fixture(scope="module")
def verify_client(start: Start) -> Iterator[ProxyProcess]:
    with start("verify-client") as proxy:
        yield proxy


def client_context(files: Path, *, alpn: bool = True) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(files / "ca.crt"))
    if alpn:
        context.set_alpn_protocols(["postgresql"])
    return context


def needs_libpq(version: int) -> None:
    if psycopg.pq.version() < version:
        pytest.skip(f"libpq is older than {version // 10000}")


# prefer ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sslmode", "is_used"), [("disable", False), ("allow", False), ("prefer", True), ("require", True)]
)
def test_prefer_takes_both(prefer: ProxyProcess, database: Database, sslmode: str, is_used: bool) -> None:
    with prefer.connect(database.name, AGENT, PASSWORD, sslmode=sslmode) as connection:
        assert connection.pgconn.ssl_in_use == is_used
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_certificate_holds_before_verify_full(prefer: ProxyProcess, database: Database, files: Path) -> None:
    options = {"sslmode": "verify-full", "sslrootcert": str(files / "ca.crt")}
    with prefer.connect(database.name, AGENT, PASSWORD, **options) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_password_is_bound_to_the_channel(prefer: ProxyProcess, database: Database) -> None:
    options = {"sslmode": "require", "channel_binding": "require", "require_auth": "scram-sha-256"}
    with prefer.connect(database.name, AGENT, PASSWORD, **options) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        prefer.connect(database.name, AGENT, "wrong", **options)


def test_binding_is_offered_only_inside_tls(prefer: ProxyProcess, database: Database, files: Path) -> None:
    offers = []
    for tls in (None, client_context(files)):
        with RawClient(prefer.port, tls=tls) as client:
            client.send(startup_packet({"user": AGENT, "database": database.name}))
            offers.append(client.read()[1][4:].rstrip(b"\0").split(b"\0"))
    assert offers == [[b"SCRAM-SHA-256"], [b"SCRAM-SHA-256-PLUS", b"SCRAM-SHA-256"]]


def test_libpq_begins_with_tls(prefer: ProxyProcess, database: Database) -> None:
    needs_libpq(170000)
    options = {"sslmode": "require", "sslnegotiation": "direct", "channel_binding": "require"}
    with prefer.connect(database.name, AGENT, PASSWORD, **options) as connection:
        assert connection.pgconn.ssl_in_use
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_direct_tls_without_the_protocols_name_is_not_served(
    prefer: ProxyProcess, database: Database, files: Path
) -> None:
    with RawClient(prefer.port, tls=client_context(files, alpn=False)) as client:
        client.send(startup_packet({"user": AGENT, "database": database.name}))
        assert client.receive(1) == b""


def test_tls_is_not_asked_for_inside_tls(prefer: ProxyProcess, files: Path) -> None:
    with RawClient(prefer.port, tls=client_context(files)) as client:
        client.send(SSL_REQUEST)
        assert client.last_error()["C"] == "08P01"


def test_what_was_sent_in_the_clear_is_not_taken_for_encrypted(prefer: ProxyProcess, database: Database) -> None:
    """Bytes behind an SSLRequest may be another's: CVE-2021-23214."""
    with RawClient(prefer.port) as client:
        client.send(SSL_REQUEST + startup_packet({"user": "postgres", "database": database.name}))
        answer = client.receive(1 << 12)
    assert answer[:1] == b"S"
    assert b"08P01" in answer


def test_a_handshake_that_fails_harms_nobody(prefer: ProxyProcess, database: Database) -> None:
    with RawClient(prefer.port) as client:
        client.send(SSL_REQUEST)
        assert client.receive(1) == b"S"
        client.send(b"this is no handshake" * 10)
        client.read_until(b"")
    with RawClient(prefer.port) as client:
        client.send(b"\x16\x03\x01" + bytes(100))
        client.read_until(b"")
    with prefer.connect(database.name, AGENT, PASSWORD, sslmode="require") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_cancel_comes_through_tls(prefer: ProxyProcess, database: Database, files: Path) -> None:
    with RawClient(prefer.port, tls=client_context(files)) as client:
        process_id, secret = client.log_in("postgres", database.name).key
        client.send(query("SELECT pg_sleep(600)"))
        activity = f"SELECT state FROM pg_stat_activity WHERE pid = {process_id}"
        eventually(lambda: database.sql(activity) == [("active",)])
        with RawClient(prefer.port, tls=client_context(files)) as other:
            other.send(
                (12 + len(secret)).to_bytes(4, "big") + b"\x04\xd2\x16\x2e" + process_id.to_bytes(4, "big") + secret
            )
            assert other.receive(1) == b""
        assert [fields_of(body)["C"] for tag, body in client.read_until(b"Z") if tag == b"E"] == ["57014"]


def test_a_large_result_comes_through_tls(prefer: ProxyProcess, database: Database) -> None:
    with prefer.connect(database.name, AGENT, PASSWORD, sslmode="require") as connection:
        rows = connection.execute("SELECT g, repeat('x', 500) FROM generate_series(1, 20000) g").fetchall()
    assert rows == [(number, "x" * 500) for number in range(1, 20001)]


async def test_asyncpg_comes_through_tls(prefer: ProxyProcess, database: Database, files: Path) -> None:
    context = ssl.create_default_context(cafile=str(files / "ca.crt"))
    connection = await asyncpg.connect(prefer.dsn(database.name, AGENT, PASSWORD), ssl=context)
    try:
        assert await connection.fetchval("SELECT 1") == 1
    finally:
        await connection.close()


# require, verify-client --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["require", "verify-client"])
@pytest.mark.parametrize("user", [AGENT, "postgres", "nobody"])
def test_without_tls_it_ends_before_any_password(
    request: pytest.FixtureRequest, database: Database, mode: str, user: str
) -> None:
    proxy: ProxyProcess = request.getfixturevalue(mode.replace("-", "_"))
    with RawClient(proxy.port) as client:
        client.send(startup_packet({"user": user, "database": database.name}))
        tag, body = client.read()
        assert (tag, fields_of(body)["S"], fields_of(body)["C"]) == (b"E", "FATAL", "28000")
        assert client.read() == (b"", b"")


def test_require_takes_tls(require: ProxyProcess, database: Database) -> None:
    with require.connect(database.name, AGENT, PASSWORD, sslmode="require") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def with_certificate(files: Path, name: str) -> dict[str, str]:
    return {
        "sslmode": "verify-full",
        "sslrootcert": str(files / "ca.crt"),
        "sslcert": str(files / f"{name}.crt"),
        "sslkey": str(files / f"{name}.key"),
    }


def test_verify_client_wants_certificate_and_password(
    verify_client: ProxyProcess, database: Database, files: Path
) -> None:
    options = with_certificate(files, AGENT)
    with verify_client.connect(database.name, AGENT, PASSWORD, **options) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed for user"):
        verify_client.connect(database.name, AGENT, "wrong", **options)


def test_another_users_certificate_is_as_bad_as_a_wrong_password(
    verify_client: ProxyProcess, database: Database, files: Path
) -> None:
    with pytest.raises(psycopg.OperationalError, match=f'password authentication failed for user "{AGENT}"'):
        verify_client.connect(database.name, AGENT, PASSWORD, **with_certificate(files, "other"))
    with pytest.raises(psycopg.OperationalError, match='password authentication failed for user "postgres"'):
        verify_client.connect(database.name, "postgres", **with_certificate(files, AGENT))


@pytest.mark.parametrize("name", ["forged", ""])
def test_a_certificate_of_another_authority_or_none_does_not_come_in(
    verify_client: ProxyProcess, database: Database, files: Path, name: str
) -> None:
    options = with_certificate(files, name) if name else {"sslmode": "require", "sslcert": "/nonexistent"}
    with pytest.raises(psycopg.OperationalError) as caught:
        verify_client.connect(database.name, AGENT, PASSWORD, **options)
    assert "password" not in str(caught.value)


def test_sigterm_does_not_wait_for_the_goodbye_of_tls(start: Start, database: Database, files: Path) -> None:
    with start("prefer") as proxy, RawClient(proxy.port, tls=client_context(files)) as client:
        client.log_in("postgres", database.name)
        started = time.monotonic()
        assert proxy.stop() == 0
        assert time.monotonic() - started < 10
        assert client.last_error()["C"] == "57P01"


# Both legs ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def both_legs(start: Start, postgres_tls: Server) -> Iterator[ProxyProcess]:
    postgres_tls.new_role(ROLE, ROLE_PASSWORD, login="scram-sha-256")
    dsn = postgres_tls.dsn("postgres", ROLE, ROLE_PASSWORD, sslmode="verify-full", sslrootcert=str(postgres_tls.ca))
    with start("prefer", dsn) as proxy:
        yield proxy


def test_an_identity_comes_through_tls_on_both_legs(both_legs: ProxyProcess) -> None:
    options = {"sslmode": "require", "channel_binding": "require"}
    with both_legs.connect("postgres", AGENT, PASSWORD, **options) as connection:
        used = connection.execute("SELECT ssl, session_user::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert used.fetchone() == (True, ROLE)


def test_scram_is_relayed_to_a_server_with_tls(both_legs: ProxyProcess) -> None:
    options = {"sslmode": "disable", "require_auth": "scram-sha-256"}
    with both_legs.connect("postgres", ROLE, ROLE_PASSWORD, **options) as connection:
        assert connection.execute("SELECT session_user::text").fetchone() == (ROLE,)


def test_scram_is_relayed_from_a_client_with_tls(prefer: ProxyProcess, database: Database, scram_role: str) -> None:
    options = {"sslmode": "require", "require_auth": "scram-sha-256"}
    with prefer.connect(database.name, scram_role, ROLE_PASSWORD, **options) as connection:
        assert connection.execute("SELECT session_user::text").fetchone() == (scram_role,)


def test_with_tls_on_both_legs_the_password_is_asked_inside_the_clients(both_legs: ProxyProcess) -> None:
    options = {"sslmode": "require", "require_auth": "password"}
    with both_legs.connect("postgres", ROLE, ROLE_PASSWORD, **options) as connection:
        assert connection.execute("SELECT session_user::text").fetchone() == (ROLE,)
    with pytest.raises(psycopg.OperationalError, match=f'password authentication failed for user "{ROLE}"'):
        both_legs.connect("postgres", ROLE, "wrong", **options)
    with pytest.raises(psycopg.OperationalError, match=r"requirement .* failed"):
        both_legs.connect("postgres", ROLE, ROLE_PASSWORD, sslmode="require", require_auth="scram-sha-256")

"""Reaching the server as `sslmode` says, against servers with and without TLS."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pgproxy.config.settings import Credentials, SslMode, Upstream
from pgproxy.demo.cluster import free_port
from pgproxy.errors import UpstreamUnreachable
from pgproxy.net.upstream import UpstreamConnector
from tests.certificates import Authority
from tests.servers import Server

ANOTHER_NAME = "127.1"
"""The same address by a name that no certificate has."""


def upstream(server: Server, sslmode: SslMode, *, host: str = "127.0.0.1", root: Path | None = None) -> Upstream:
    return Upstream(
        host,
        server.port,
        "postgres",
        Credentials("postgres"),
        ("*",),
        sslmode=sslmode,
        sslrootcert=root,
    )


async def is_encrypted(settings: Upstream) -> bool:
    link = await UpstreamConnector(settings).connect()
    found = link.ssl_object is not None
    link.abort()
    return found


@pytest.fixture(scope="module")
def other_ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "other.crt"
    path.write_bytes(Authority("another").certificate)
    return path


@pytest.mark.parametrize(("sslmode", "expected"), [("disable", False), ("prefer", True), ("require", True)])
async def test_without_a_root_certificate_any_will_do(postgres_tls: Server, sslmode: SslMode, expected: bool) -> None:
    assert await is_encrypted(upstream(postgres_tls, sslmode)) == expected


@pytest.mark.parametrize("sslmode", ["require", "verify-ca", "verify-full"])
async def test_a_certificate_of_the_right_authority_is_taken(postgres_tls: Server, sslmode: SslMode) -> None:
    for host in ("127.0.0.1", "localhost"):
        assert await is_encrypted(upstream(postgres_tls, sslmode, host=host, root=postgres_tls.ca))


@pytest.mark.parametrize("sslmode", ["require", "verify-ca", "verify-full"])
async def test_a_certificate_of_another_authority_is_not(
    postgres_tls: Server, other_ca: Path, sslmode: SslMode
) -> None:
    with pytest.raises(UpstreamUnreachable) as caught:
        await is_encrypted(upstream(postgres_tls, sslmode, root=other_ca))
    assert "TLS" in caught.value.message
    assert caught.value.detail


async def test_a_certificate_for_another_host_counts_only_for_verify_full(postgres_tls: Server) -> None:
    assert await is_encrypted(upstream(postgres_tls, "verify-ca", host=ANOTHER_NAME, root=postgres_tls.ca))
    with pytest.raises(UpstreamUnreachable):
        await is_encrypted(upstream(postgres_tls, "verify-full", host=ANOTHER_NAME, root=postgres_tls.ca))


@pytest.mark.parametrize("sslmode", ["verify-ca", "verify-full"])
async def test_without_a_root_certificate_verifying_trusts_the_system_alone(
    postgres_tls: Server, sslmode: SslMode
) -> None:
    with pytest.raises(UpstreamUnreachable):
        await is_encrypted(upstream(postgres_tls, sslmode))


@pytest.mark.parametrize("sslmode", ["require", "verify-ca", "verify-full"])
async def test_a_server_without_tls_will_not_do(postgres: Server, other_ca: Path, sslmode: SslMode) -> None:
    with pytest.raises(UpstreamUnreachable, match="does not offer TLS"):
        await is_encrypted(upstream(postgres, sslmode, root=other_ca))


@pytest.mark.parametrize("sslmode", ["allow", "prefer", "disable"])
async def test_a_server_without_tls_will_do_where_it_may(postgres: Server, sslmode: SslMode) -> None:
    assert not await is_encrypted(upstream(postgres, sslmode))


async def test_a_unix_socket_needs_no_tls(postgres: Server) -> None:
    assert not await is_encrypted(upstream(postgres, "prefer", host=str(postgres.socket_folder)))


@pytest.mark.parametrize("host", ["127.0.0.1", "/nonexistent", "no-such-host.invalid"])
async def test_a_server_that_is_not_there(postgres: Server, host: str) -> None:
    settings = Upstream(host, free_port(), "postgres", Credentials("postgres"), ("*",))
    with pytest.raises(UpstreamUnreachable) as caught:
        await is_encrypted(settings)
    assert caught.value.sqlstate == "08006"


async def test_a_server_that_is_silent_is_given_up(silent_port: int) -> None:
    settings = Upstream(
        "127.0.0.1", silent_port, "postgres", Credentials("postgres"), ("*",), connect_timeout_seconds=0.1
    )
    started = time.monotonic()
    with pytest.raises(UpstreamUnreachable, match=r"within 0\.1 s"):
        await is_encrypted(settings)
    assert time.monotonic() - started < 5

"""A proxy that concerns nobody: one for each worker, for tests that do not harm it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.net.raw_client import RawClient
from tests.proxies import ProxyProcess
from tests.servers import Database, Server

SECRET = "an agent's s3cret"


@dataclass(frozen=True, slots=True)
class Way:
    """A database, and a proxy without rules before it.

    `user` is relayed and needs no password; "agent" is an identity of the proxy's with the password `SECRET`.
    """

    database: Database
    proxy: ProxyProcess
    user: str

    def raw(self) -> RawClient:
        return RawClient(self.proxy.port)

    def database_raw(self) -> RawClient:
        """Past the proxy."""
        return RawClient(self.database.server.port)

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """Directly, as the superuser."""
        return self.database.sql(statement)

    def is_running(self, process_id: int) -> bool:
        """Whether this backend runs a statement."""
        return self.sql(f"SELECT state FROM pg_stat_activity WHERE pid = {process_id}") == [("active",)]

    def is_connected(self, process_id: int) -> bool:
        return bool(self.sql(f"SELECT 1 FROM pg_stat_activity WHERE pid = {process_id}"))


@pytest.fixture(scope="session")
def way(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    name = f"net_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    database = postgres.new_database(name)
    postgres.new_role(name, attributes="SUPERUSER REPLICATION")
    identities: dict[str, object] = {"agent": {"password": SECRET}, "*": {"auth": "upstream"}}
    with ProxyProcess(tmp_path_factory.mktemp("way"), database.dsn(), identities=identities) as proxy:
        yield Way(database, proxy, name)


@pytest.fixture(scope="session")
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        yield listening.getsockname()[1]

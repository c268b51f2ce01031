"""A database whose meaning changes while statements are prepared, and a proxy in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.proxies import ProxyProcess
from tests.servers import Database

AGENT, PASSWORD = "agent", "agent-secret"

RULES = """
masks:
  "*.people": {ssn: redact}
  "*.patients": {"*": redact}
  "closed.*": {"*": redact}
  "*.*": {secret: redact}
"""


@dataclass(frozen=True, slots=True)
class Place:
    database: Database
    proxy: ProxyProcess

    @property
    def agent(self) -> str:
        return self.proxy.dsn(self.database.name, AGENT, PASSWORD)

    def change(self, statements: str) -> None:
        """Past the proxy, in a session of its own."""
        self.database.sql(statements)


@pytest.fixture(scope="module")
def proxied(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    identities: dict[str, object] = {AGENT: {"password": PASSWORD}}
    with ProxyProcess(tmp_path_factory.mktemp("proxy"), database.dsn(), rules=RULES, identities=identities) as proxy:
        yield Place(database, proxy)


@pytest.fixture
def place(proxied: Place) -> Place:
    """With nothing in the database."""
    proxied.change("""
        DROP SCHEMA IF EXISTS public, aside, closed, was CASCADE;
        CREATE SCHEMA public; CREATE SCHEMA aside; CREATE SCHEMA closed;
    """)
    return proxied

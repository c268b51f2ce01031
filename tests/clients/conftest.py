"""A database of people with a proxy in front of it, one of each for a module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.clients.people import AGENT, AGENT_PASSWORD, DBA, DBA_PASSWORD, RULES, Place, build, fill_seen
from tests.proxies import ProxyProcess
from tests.servers import Database


@contextmanager
def started(database: Database, folder: Path) -> Iterator[Place]:
    reader, seer = f"{database.name}_reader", f"{database.name}_seer"
    build(database, reader, seer)
    identities: dict[str, object] = {
        AGENT: {"password": AGENT_PASSWORD, "groups": ["agents"], "upstream": {"user": reader}},
        DBA: {"password": DBA_PASSWORD, "upstream": {"user": reader}},
    }
    with ProxyProcess(folder, database.dsn(), rules=RULES, identities=identities) as proxy:
        place = Place(database, proxy, reader, seer)
        fill_seen(place)
        yield place


@pytest.fixture(scope="module")
def place(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with started(database, tmp_path_factory.mktemp("people")) as place:
        yield place

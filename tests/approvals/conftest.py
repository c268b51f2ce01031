"""A proxy whose rules hold statements, and a reviewer."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest

from tests.approvals.reviewing import Reviewing
from tests.proxies import ProxyProcess
from tests.servers import Database

SCHEMA = """
DROP TABLE IF EXISTS users, notes, old_notes CASCADE;
DROP VIEW IF EXISTS large;
CREATE TABLE users (id int PRIMARY KEY, name text, ssn text);
INSERT INTO users SELECT n, 'user ' || n, lpad(n::text, 9, '0') FROM generate_series(1, 50) AS n;
CREATE TABLE notes (id int PRIMARY KEY, body text);
INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, 2000) AS n;
ANALYZE users; ANALYZE notes;
"""

RULES = """
masks:
  public.users:
    ssn: {partial: {keep_last: 4}}
approvals:
  - {name: export, on: [copy_to], reviewers: [security]}
  - {name: wide-update, on: [update, delete], without_where: true}
  - {name: large-read, on: [select], estimated_rows_over: 1000, tables: ["public.notes"]}
  - {name: schema, on: [ddl, grant, truncate]}
  - {name: raw-ssn, on: [select], columns: ["public.users.ssn"], reveal_on_approval: true, max_rows: 10}
"""

IDENTITIES: dict[str, object] = {
    "agent": {"password": "agent-secret", "groups": ["agents"], "owner": "lead"},
    "other": {"password": "other-secret"},
}

REVIEWERS: dict[str, object] = {
    "security-oncall": {"token": "reviewer-token-1", "groups": ["security"]},
    "second": {"token": "reviewer-token-2", "groups": ["security"]},
    "lead": {"token": "reviewer-token-3", "groups": ["security"]},
    "outsider": {"token": "reviewer-token-4"},
    "agent": {"token": "reviewer-token-5", "groups": ["security"]},
}


@pytest.fixture(scope="module")
def proxy(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyProcess]:
    extra: dict[str, object] = {"reviewers": REVIEWERS, "store": "sqlite:///store.db"}
    folder = tmp_path_factory.mktemp("holding")
    with ProxyProcess(folder, database.dsn(), RULES, IDENTITIES, extra) as proxy:
        yield proxy
    assert "Traceback" not in proxy.log


@pytest.fixture
def holding(proxy: ProxyProcess, database: Database) -> ProxyProcess:
    """Over fresh tables."""
    with psycopg.connect(database.dsn(), autocommit=True) as connection:
        connection.execute(SCHEMA)
    return proxy


@pytest.fixture
def reviewing(holding: ProxyProcess) -> Reviewing:
    return Reviewing(holding, time.time())

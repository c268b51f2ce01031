"""Renames past a real proxy, while it runs and while it is down: what was masked stays masked."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pgproxy.service.checking import check
from tests.cli.command import pgproxy
from tests.proxies import ProxyProcess
from tests.servers import Database

RULES = """
masks:
  public.users: {ssn: redact}
  "*.*": {"*card*": redact}
"""


def proxy_of(database: Database, folder: Path, rules: str = RULES, **extra: object) -> ProxyProcess:
    role = f"{database.name}_reader"
    database.sql(f'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{role}"; GRANT CREATE ON SCHEMA public TO "{role}"')
    identities: dict[str, object] = {"agent": {"password": "pw", "upstream": {"user": role}}}
    return ProxyProcess(folder, database.dsn(), rules=rules, identities=identities, extra=extra)


@pytest.fixture(scope="module")
def with_role(database: Database) -> Database:
    database.server.new_role(f"{database.name}_reader")
    return database


@pytest.fixture
def users(with_role: Database) -> Database:
    database = with_role
    database.sql(
        "DROP TABLE IF EXISTS users, customers, vault, pgproxy_pins, pgproxy_probes;"
        "CREATE TABLE users (id int PRIMARY KEY, name text, ssn text);"
        "INSERT INTO users VALUES (1, 'Ada', '123-45-6789');"
        "CREATE TABLE vault (id int, card text, note text); INSERT INTO vault VALUES (1, '4111', 'x')"
    )
    return database


def seen(proxy: ProxyProcess, database: Database, sql: str) -> list[tuple[object, ...]]:
    with proxy.connect(database.name, "agent", "pw") as connection:
        return connection.execute(sql.encode()).fetchall()


def until(told: Callable[[], bool]) -> None:
    """What the proxy writes beside the path is there within a few seconds."""
    end = time.monotonic() + 20
    while not told():
        assert time.monotonic() < end
        time.sleep(0.05)


async def test_a_rename_past_the_proxy_takes_no_mask_away(users: Database, tmp_path: Path) -> None:
    with proxy_of(users, tmp_path) as proxy:
        users.sql("ALTER TABLE users RENAME COLUMN ssn TO social; ALTER TABLE users RENAME TO customers")
        assert seen(proxy, users, "SELECT name, social FROM customers") == [("Ada", "[redacted]")]
        users.sql("ALTER TABLE customers RENAME COLUMN name TO ssn")  # a swap: the new one by its name, the old by pin
        users.sql("CREATE TABLE users (id int, ssn text); INSERT INTO users VALUES (1, 'new-secret')")
        role = f"{users.name}_reader"
        users.sql(f'GRANT SELECT ON users TO "{role}"')
        assert seen(proxy, users, "SELECT ssn FROM users") == [("[redacted]",)]
        assert seen(proxy, users, "SELECT ssn, social FROM customers") == [("Ada", "[redacted]")]
    # Down, renamed, and up again.
    users.sql("ALTER TABLE customers RENAME COLUMN social TO tax; ALTER TABLE vault RENAME COLUMN card TO number")
    with proxy_of(users, tmp_path) as proxy:
        assert seen(proxy, users, "SELECT tax FROM customers") == [("[redacted]",)]
        assert seen(proxy, users, "SELECT number, note FROM vault") == [("[redacted]", "x")]
    found = [str(problem) for problem in await check(tmp_path / "pgproxy.yaml", offline=False)]
    renamed = [line for line in found if "is now called" in line]
    assert len(renamed) == 2 and any("public.customers.tax" in line for line in renamed), found
    assert all(re.search(r"rules\.yaml:\d+:\d+: error", line) for line in renamed)


async def test_an_edited_rule_settles_it(users: Database, tmp_path: Path) -> None:
    with proxy_of(users, tmp_path):
        pass
    users.sql("ALTER TABLE users RENAME COLUMN ssn TO social")
    rules = RULES.replace("ssn", "social")
    with proxy_of(users, tmp_path, rules) as proxy:
        assert seen(proxy, users, "SELECT social FROM users") == [("[redacted]",)]
    assert not [one for one in await check(tmp_path / "pgproxy.yaml", offline=False) if "is now called" in str(one)]
    gone = RULES.replace("public.users: {ssn: redact}", "public.users: {name: redact}")
    with proxy_of(users, tmp_path, gone) as proxy:
        assert seen(proxy, users, "SELECT name, social FROM users") == [("[redacted]", "123-45-6789")]


def test_a_table_made_while_it_runs_is_pinned_when_it_is_seen(users: Database, tmp_path: Path) -> None:
    store = users.dsn()
    with proxy_of(users, tmp_path, store=store) as proxy:
        users.sql("CREATE TABLE later (id int, my_card text); INSERT INTO later VALUES (1, '4222')")
        users.sql(f'GRANT SELECT ON later TO "{users.name}_reader"')
        assert seen(proxy, users, "SELECT my_card FROM later") == [("[redacted]",)]
        users.sql("ALTER TABLE later RENAME COLUMN my_card TO plain")
        assert seen(proxy, users, "SELECT plain FROM later") == [("[redacted]",)]
        oid = users.sql("SELECT 'later'::regclass::oid")[0][0]
        until(lambda: bool(users.sql("SELECT 1 FROM pgproxy_pins WHERE relation = %s", [oid])))
        proxy.stop(9)
    with proxy_of(users, tmp_path, store=store) as proxy:
        assert seen(proxy, users, "SELECT plain FROM later") == [("[redacted]",)]
        users.sql("DROP TABLE later")
    with proxy_of(users, tmp_path, store=store):
        until(lambda: not users.sql("SELECT 1 FROM pgproxy_pins WHERE relation = %s", [oid]))


def test_a_store_that_goes_away_stops_no_statement(users: Database, tmp_path: Path) -> None:
    other = users.server.new_database(f"{users.name}_store")
    with proxy_of(users, tmp_path, store=other.dsn()) as proxy:
        assert proxy.get("/readyz")[0] == 200
        users.server.sql(f'ALTER DATABASE "{other.name}" ALLOW_CONNECTIONS false')
        users.server.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{other.name}'")
        users.sql("CREATE TABLE away (card text); INSERT INTO away VALUES ('4333')")
        users.sql(f'GRANT SELECT ON away TO "{users.name}_reader"')
        assert seen(proxy, users, "SELECT card FROM away") == [("[redacted]",)]
        until(lambda: proxy.get("/readyz")[0] == 503)
        users.sql("ALTER TABLE away RENAME COLUMN card TO plain")
        assert seen(proxy, users, "SELECT plain FROM away") == [("[redacted]",)]
        users.server.sql(f'ALTER DATABASE "{other.name}" ALLOW_CONNECTIONS true')
        oid = users.sql("SELECT 'away'::regclass::oid")[0][0]
        until(lambda: bool(other.sql("SELECT 1 FROM pgproxy_pins WHERE relation = %s", [oid])))
        users.sql("DROP TABLE away")


def test_a_store_that_is_down_at_start_is_a_clear_error(users: Database, tmp_path: Path) -> None:
    proxy_of(users, tmp_path, store="postgresql://postgres:hidden-word@127.0.0.1:1/x").write()
    ended = pgproxy("serve", "-c", tmp_path / "pgproxy.yaml")
    assert ended.code == 1 and ended.err == ["error: store postgresql: Connection refused"]
    ended = pgproxy("check", "-c", tmp_path / "pgproxy.yaml")
    assert ended.code == 1 and any("error: store postgresql: Connection refused" in line for line in ended.err)

"""Masked columns compared with what the server chooses, and with expressions over that."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from tests.proxies import ProxyProcess
from tests.servers import Database

LIMIT = 10
RULES = f"""
masks:
  public.people: {{born: {{truncate: year}}, pin: hash, owner: hash, seen: {{truncate: hour}}}}
limits:
  - {{name: guessing, for: [agent], probes: {LIMIT}, per: hour, then: deny}}
"""
SCHEMA = """
CREATE TABLE people (id int, born date, pin int, owner text, seen timestamptz);
INSERT INTO people VALUES (1, current_date, 4711, current_user, now()), (2, current_date - 1, 1, 'x', '2020-01-01');
"""


@pytest.fixture(scope="module")
def filled(database: Database) -> Database:
    with psycopg.connect(database.dsn(), autocommit=True) as connection:
        connection.execute(SCHEMA)
    return database


@pytest.fixture
def agent(filled: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[psycopg.Connection]:
    """Under a proxy of its own, so with a budget of its own."""
    identities: dict[str, object] = {"agent": {"password": "secret", "upstream": {"user": "postgres"}}}
    folder = tmp_path_factory.mktemp("chosen")
    with ProxyProcess(folder, filled.dsn(), rules=RULES, identities=identities) as proxy:
        with psycopg.connect(proxy.dsn(filled.name, "agent", "secret"), autocommit=True) as connection:
            yield connection


def left(agent: psycopg.Connection) -> int:
    """How many probes there is still room for. It uses them up."""
    for number in range(LIMIT + 1):
        try:
            agent.execute("SELECT count(*) FROM people WHERE pin = %s", (1_000_000 + number,))
        except errors.ConfigurationLimitExceeded:
            return number
    raise AssertionError("no limit")


@pytest.mark.parametrize(
    ("condition", "rows", "probes"),
    [
        ("born = current_date", [1], 0),
        ("owner = current_user", [1], 0),
        ("born = now()::date", [1], 1),
        ("born = current_date - 1", [2], 1),
        ("born IN (current_date, current_date - 1, current_date - 2)", [1, 2], 2),
        ("born = (now() - interval '1 day')::date", [2], 1),
        ("born = date_trunc('day', now())", [1], 1),
        ("born = current_date - 1 AND born <> current_date - 2", [2], 2),
        ("owner = lower(current_user::text)", [1], 1),
    ],
)
def test_the_same_for_a_day_is_the_same_probe(
    agent: psycopg.Connection, condition: str, rows: list[int], probes: int
) -> None:
    for _ in range(2):
        found = agent.execute(f"SELECT id FROM people WHERE {condition} ORDER BY id").fetchall()
        assert found == [(row,) for row in rows]
    with agent.transaction():
        agent.execute(f"SELECT id FROM people WHERE {condition}", prepare=True)
    assert left(agent) == LIMIT - probes


@pytest.mark.parametrize(
    "condition",
    [
        "pin = extract(epoch FROM now())::int % 10000",
        "seen = now() - interval '1 hour'",
        "pin = pg_backend_pid() % 10000",
        "pin = to_char(now(), 'SSSS')::int",
        "pin = extract(epoch FROM statement_timestamp() - interval '1 day')::int",
        "pin = date_part('second', current_timestamp)::int",
    ],
)
def test_what_moves_on_is_a_probe_each_time(agent: psycopg.Connection, condition: str) -> None:
    for _ in range(3):
        agent.execute(f"SELECT id FROM people WHERE {condition}")
    agent.execute("PREPARE p(int) AS SELECT id FROM people WHERE pin = $1")
    for _ in range(2):
        agent.execute("EXECUTE p(extract(epoch FROM now())::int % 10000)")
    assert left(agent) == LIMIT - 5


def test_a_time_zone_is_another_day(agent: psycopg.Connection) -> None:
    for zone in ("UTC", "+14", "-12"):
        agent.execute(f"SET TimeZone = '{zone}'")
        agent.execute("SELECT id FROM people WHERE born = now()::date")
    assert left(agent) == LIMIT - 3


def test_a_day_is_written(agent: psycopg.Connection) -> None:
    with agent.transaction(force_rollback=True):
        agent.execute("UPDATE people SET born = now()::date WHERE id = 2")
        agent.execute("INSERT INTO people (id, born) VALUES (3, current_date - 2)")
    assert left(agent) == LIMIT - 2


@pytest.mark.parametrize(
    "condition",
    [
        "pin = (extract(epoch FROM clock_timestamp()) * 1000)::int % 10000",
        "pin = ascii(gen_random_uuid()::text)",
        "born = current_date - id",
        "born >= current_date - 1",
        "born = current_date - (random() * 100)::int",
        "EXISTS (SELECT FROM generate_series(1, 100) g WHERE born = current_date - g)",
    ],
)
def test_what_is_many_values_is_refused(agent: psycopg.Connection, condition: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        agent.execute(f"SELECT id FROM people WHERE {condition}")

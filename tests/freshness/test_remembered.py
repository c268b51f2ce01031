"""Statements that differ in constants share one analysis, except where a constant matters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.freshness.conftest import AGENT, PASSWORD, Place
from tests.proxies import ProxyProcess
from tests.servers import Database

RULES = """
masks:
  public.people: {ssn: redact, profile: {json: {"$.secret": redact}}}
defaults: {predicates: equality}
"""
PREDICATES_DENIED = RULES.replace("equality", "deny")
TABLE = """
    DROP SCHEMA IF EXISTS public, aside, closed, was CASCADE; CREATE SCHEMA public;
    CREATE TABLE people (id int, name text, ssn text, profile jsonb);
    INSERT INTO people VALUES (1, 'Ada', '079-05-1120', '{"city": "London", "secret": "Z"}'),
      (2, 'Bob', '078-05-1121', '{"city": "Praha", "secret": "Y"}');
"""


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Iterator[Place]:
    database.sql(TABLE)
    with ProxyProcess(tmp_path, database.dsn(), rules=RULES, identities={AGENT: {"password": PASSWORD}}) as proxy:
        yield Place(database, proxy)


@pytest.fixture
def agent(place: Place) -> Iterator[psycopg.Connection]:
    with psycopg.connect(place.agent, autocommit=True) as connection:
        yield connection


def rows(agent: psycopg.Connection, statement: str) -> list[tuple[object, ...]]:
    return agent.execute(statement.encode()).fetchall()


def test_each_statement_has_its_own_rows(agent: psycopg.Connection) -> None:
    for number, name in ((1, "Ada"), (2, "Bob"), (3, None), (1, "Ada")):
        found = rows(agent, f"SELECT name, ssn FROM people WHERE id = {number}")
        assert found == ([] if name is None else [(name, "[redacted]")])


def test_a_path_into_a_document_matters(agent: psycopg.Connection) -> None:
    for _ in range(2):
        assert rows(agent, "SELECT profile ->> 'city' FROM people WHERE id = 1") == [("London",)]
        assert rows(agent, "SELECT profile ->> 'secret' FROM people WHERE id = 1") != [("Z",)]
        assert rows(agent, "SELECT profile -> 'city' ->> 'secret' FROM people WHERE id = 1") == [(None,)]
        assert rows(agent, "SELECT profile #>> '{city}' FROM people WHERE id = 1") == [("London",)]
        assert rows(agent, "SELECT profile #>> '{secret}' FROM people WHERE id = 1") != [("Z",)]


def test_another_text_of_the_same_meaning_is_witnessed_itself(place: Place, agent: psycopg.Connection) -> None:
    for count in (1, 2):
        assert rows(agent, "SELECT ssn FROM people WHERE id = 1") == [("[redacted]",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            rows(agent, 'SELECT U&"ss\\006e" FROM people WHERE id = 4711')
        assert place.proxy.log.count(" differential what='columns' grammar='ssn' sqlglot=") == count
    assert "4711" not in place.proxy.log


def test_the_name_of_a_setting_matters(agent: psycopg.Connection) -> None:
    assert rows(agent, "SELECT set_config('work_mem', '4MB', false)") == [("4MB",)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows(agent, "SELECT set_config('debug_print_rewritten', 'off', false)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows(agent, "SELECT set_config('client_min_messages', 'error', false)")


def test_null_is_no_constant_like_others(agent: psycopg.Connection) -> None:
    assert rows(agent, "SELECT name FROM people WHERE id = 1") == [("Ada",)]
    assert rows(agent, "SELECT name FROM people WHERE id = NULL") == []


def test_rules_about_the_text_are_kept(place: Place, agent: psycopg.Connection) -> None:
    place.proxy.reload(RULES + "deny: [{name: wide, on: [update], without_where: true}]\n")
    agent.execute("UPDATE people SET name = 'Ada' WHERE id = 1")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        agent.execute("UPDATE people SET name = 'Ada' WHERE true")
    agent.execute("UPDATE people SET name = 'Ada' WHERE id = 2")


def test_rules_that_come_later_see_the_statement_itself(place: Place, agent: psycopg.Connection) -> None:
    """Prepared under rules that masked nothing in it, from what another statement left."""
    rows(agent, "SELECT count(*) FROM people WHERE name = 'Ada'")
    cursor = agent.execute("SELECT count(*) FROM people WHERE name = 'Bob'", prepare=True)
    assert cursor.fetchall() == [(1,)]
    place.proxy.reload(RULES.replace("ssn: redact", "name: redact"))
    assert agent.execute("SELECT count(*) FROM people WHERE name = 'Bob'", prepare=True).fetchall() == [(1,)]
    place.proxy.reload(PREDICATES_DENIED.replace("ssn: redact", "name: redact"))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        agent.execute("SELECT count(*) FROM people WHERE name = 'Bob'", prepare=True)


def test_one_identity_does_not_get_the_verdict_of_another(database: Database, tmp_path: Path) -> None:
    database.sql(TABLE)
    rules = RULES + "reveal: [{to: [dba], columns: ['public.people.*']}]\n"
    identities: dict[str, object] = {AGENT: {"password": PASSWORD}, "dba": {"password": PASSWORD}}
    statement = b"SELECT ssn FROM people WHERE id = 1"
    with ProxyProcess(tmp_path, database.dsn(), rules=rules, identities=identities) as proxy:
        for _ in range(2):
            with (
                proxy.connect(database.name, "dba", PASSWORD) as dba,
                proxy.connect(database.name, AGENT, PASSWORD) as it,
            ):
                assert dba.execute(statement).fetchall() == [("079-05-1120",)]
                assert it.execute(statement).fetchall() == [("[redacted]",)]

"""At REPEATABLE READ and SERIALIZABLE a transaction sees the catalog as it was; the server runs what it is.

A change by others since the snapshot is never judged by the old names; ordinary transactions notice nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.freshness.conftest import Place
from tests.freshness.test_changes import CHANGES, SECRET, Change, asked, make

LEVELS = ("REPEATABLE READ", "SERIALIZABLE", "SERIALIZABLE READ ONLY DEFERRABLE")
RAN_AGAIN = "40001"


@pytest.fixture(params=CHANGES, ids=lambda name: name.replace(" ", "-"))
def change(request: pytest.FixtureRequest, place: Place) -> Change:
    change = CHANGES[request.param]
    if place.database.server.version < change.since:
        pytest.skip(f"PostgreSQL {change.since} has it")
    place.change(change.before + "; CREATE TABLE other (id int)")
    return change


@pytest.fixture
def agent(place: Place) -> Iterator[psycopg.Connection]:
    with psycopg.connect(place.agent, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("was_known", [False, True], ids=["new", "asked before"])
def test_a_change_since_the_snapshot(place: Place, change: Change, agent: psycopg.Connection, was_known: bool) -> None:
    if was_known:
        agent.execute(change.statement)
    agent.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    agent.execute("SELECT count(*) FROM other")
    make(change, place)
    assert SECRET not in asked(lambda: agent.execute(change.statement))


def test_a_change_since_the_snapshot_for_a_prepared_statement(
    place: Place, change: Change, agent: psycopg.Connection
) -> None:
    for _ in range(7):
        agent.execute(change.statement, prepare=True)
    agent.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    agent.execute("SELECT count(*) FROM other")
    make(change, place)
    assert SECRET not in asked(lambda: agent.execute(change.statement, prepare=True))


PEOPLE = f"""
    CREATE TABLE people (id int, name text, ssn text); INSERT INTO people VALUES (1, 'Ada', '{SECRET}');
    CREATE TABLE parts (id int, name text) PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF parts DEFAULT;
    INSERT INTO parts VALUES (1, 'Ada');
    CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE moods (mood mood); INSERT INTO moods VALUES ('sad');
"""
ORDINARY = (
    ("SELECT name FROM people", "Ada"),
    ("SELECT ssn FROM people", "[redacted]"),
    ("SELECT name FROM parts", "Ada"),
    ("SELECT mood::text FROM moods", "sad"),
    ("SELECT relname FROM pg_class WHERE relname = 'people'", "people"),
)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("prepare", [False, True], ids=["unprepared", "prepared"])
def test_ordinary_transactions_run(place: Place, agent: psycopg.Connection, level: str, prepare: bool) -> None:
    place.change(PEOPLE)
    for _ in range(2):
        agent.execute(f"BEGIN ISOLATION LEVEL {level}")
        for statement, expected in ORDINARY:
            assert agent.execute(statement, prepare=prepare).fetchall() == [(expected,)]
        agent.execute("COMMIT")


def test_what_others_change_elsewhere_does_not_matter(place: Place, agent: psycopg.Connection) -> None:
    place.change(PEOPLE + "CREATE TABLE other (id int)")
    agent.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    assert agent.execute("SELECT name FROM people").fetchall() == [("Ada",)]
    place.change(
        "ALTER TABLE other RENAME TO another; CREATE TABLE people2 (id int); INSERT INTO people VALUES (2, 'B')"
    )
    assert agent.execute("SELECT name FROM people").fetchall() == [("Ada",)]


def test_the_default_of_the_session_counts(place: Place) -> None:
    place.change(CHANGES["a table renamed under a view"].before + "; CREATE TABLE other (id int)")
    options = "-c default_transaction_isolation=serializable"
    with psycopg.connect(place.agent, options=options) as agent:
        agent.execute("SELECT count(*) FROM other")
        place.change(CHANGES["a table renamed under a view"].change)
        with pytest.raises(psycopg.errors.SerializationFailure) as caught:
            agent.execute("SELECT x FROM v")
        assert caught.value.diag.message_detail == "rule builtin.snapshot"
        agent.rollback()
        assert agent.execute("SELECT x FROM v").fetchall() == [("[redacted]",)]


def test_an_imported_snapshot_counts(place: Place, agent: psycopg.Connection) -> None:
    place.change(CHANGES["a table renamed under a view"].before)
    with psycopg.connect(place.database.dsn(), autocommit=True) as exporter:
        exporter.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        row = exporter.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        place.change(CHANGES["a table renamed under a view"].change)
        agent.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        imported = asked(lambda: agent.execute(f"SET TRANSACTION SNAPSHOT '{row[0]}'"))
        assert SECRET not in asked(lambda: agent.execute("SELECT x FROM v")), imported


def test_temporary_tables_work(place: Place, agent: psycopg.Connection) -> None:
    place.change(PEOPLE)
    agent.execute("CREATE TEMP TABLE kept (id int, note text)")
    agent.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    agent.execute("INSERT INTO kept VALUES (1, 'a')")
    agent.execute("CREATE TEMP TABLE made (id int, note text)")
    agent.execute("INSERT INTO made VALUES (1, 'b')")
    joined = "SELECT name, kept.note, made.note FROM people JOIN kept USING (id) JOIN made USING (id)"
    assert agent.execute(joined).fetchall() == [("Ada", "a", "b")]
    agent.execute("ROLLBACK")


def test_the_present_is_asked_again_after_its_connection_was_lost(place: Place, agent: psycopg.Connection) -> None:
    place.change(PEOPLE)
    for _ in range(2):
        agent.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        assert agent.execute("SELECT name FROM people").fetchall() == [("Ada",)]
        agent.execute("COMMIT")
        place.change(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'pgproxy catalog'"
        )

"""pg_cancel_backend and pg_terminate_backend under masks: for sessions of the same identity, named by the client."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from tests.clients.people import Place

WAYS = {
    "literal": "SELECT pg_terminate_backend({pid})",
    "parameter": "SELECT pg_terminate_backend(%s)",
    "cast parameter": "SELECT pg_terminate_backend(%s::int4, 20000)",
    "in FROM": "SELECT * FROM pg_terminate_backend({pid}) AS ended",
}


@pytest.mark.parametrize("statement", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("prepare", [False, True], ids=["once", "prepared"])
def test_sessions_of_the_same_identity_end(place: Place, statement: str, prepare: bool) -> None:
    with psycopg.connect(place.masked, autocommit=True) as agent, psycopg.connect(place.masked) as other:
        process = other.info.backend_pid
        given = [process] if "%s" in statement else []
        assert agent.execute(statement.format(pid=process), given, prepare=prepare).fetchone() == (True,)
        with pytest.raises(psycopg.OperationalError):
            other.execute("SELECT pg_sleep(10)")


@pytest.mark.parametrize("statement", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("whose", ["revealed", "raw"])
def test_sessions_of_others_go_on(place: Place, statement: str, whose: str) -> None:
    with (
        psycopg.connect(place.masked, autocommit=True) as agent,
        psycopg.connect(getattr(place, whose), autocommit=True) as other,
    ):
        process = other.info.backend_pid
        given = [process] if "%s" in statement else []
        with pytest.raises(errors.InsufficientPrivilege) as refused:
            agent.execute(statement.format(pid=process), given)
        assert refused.value.diag.message_detail == "rule builtin.signal"
        assert other.execute("SELECT 1").fetchone() == (1,)


def test_other_process_in_the_same_statement_is_looked_at(place: Place) -> None:
    with (
        psycopg.connect(place.masked, autocommit=True) as agent,
        psycopg.connect(place.masked, autocommit=True) as same,
        psycopg.connect(place.raw, autocommit=True) as application,
    ):
        for statement in ("SELECT pg_cancel_backend({})", "EXPLAIN SELECT pg_cancel_backend({})"):
            agent.execute(statement.format(same.info.backend_pid))
            with pytest.raises(errors.InsufficientPrivilege):
                agent.execute(statement.format(application.info.backend_pid))
        agent.execute("PREPARE stop (int) AS SELECT pg_cancel_backend($1)")
        agent.execute(f"EXECUTE stop ({same.info.backend_pid})")
        with pytest.raises(errors.InsufficientPrivilege):
            agent.execute(f"EXECUTE stop ({application.info.backend_pid})")
        again = "SELECT pg_cancel_backend(%s)"
        assert agent.execute(again, [same.info.backend_pid], prepare=True).fetchone() == (True,)
        with pytest.raises(errors.InsufficientPrivilege):
            agent.execute(again, [application.info.backend_pid], prepare=True)
        assert same.execute("SELECT 1").fetchone() == (1,)


def test_its_own_session_ends(place: Place) -> None:
    with psycopg.connect(place.masked, autocommit=True) as agent, pytest.raises(psycopg.OperationalError):
        agent.execute("SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.mark.parametrize(
    "process",
    ["pid", "users.id", "(SELECT max(pid) FROM pg_stat_activity)", "1 + 2", "abs(-5)", "CASE WHEN true THEN 5 END"],
)
def test_process_that_is_computed_is_refused(place: Place, process: str) -> None:
    with psycopg.connect(place.masked, autocommit=True) as agent:
        with pytest.raises(errors.InsufficientPrivilege) as refused:
            agent.execute(f"SELECT pg_terminate_backend({process}) FROM users, pg_stat_activity".encode())
        assert refused.value.diag.message_detail == "rule builtin.function"


def test_code_signals_nobody(place: Place) -> None:
    place.database.sql("CREATE FUNCTION stop_sql(p int) RETURNS bool LANGUAGE sql AS 'SELECT pg_cancel_backend(p)'")
    plpgsql = "LANGUAGE plpgsql AS 'BEGIN RETURN pg_cancel_backend(p); END'"
    place.database.sql(f"CREATE FUNCTION stop_code(p int) RETURNS bool {plpgsql}")
    place.database.sql("CREATE FUNCTION stop_alias(int) RETURNS bool LANGUAGE internal AS 'pg_cancel_backend'")
    place.database.sql("CREATE OPERATOR !!! (rightarg = int, function = pg_cancel_backend)")
    with psycopg.connect(place.masked, autocommit=True) as agent:
        process = agent.info.backend_pid
        for call in (f"stop_sql({process})", f"stop_code({process})", f"stop_alias({process})", f"!!! {process}"):
            with pytest.raises(errors.InsufficientPrivilege):
                agent.execute(f"SELECT {call}, pg_cancel_backend(pg_backend_pid())".encode())


def test_materialized_view_signals_nobody_else(place: Place) -> None:
    with psycopg.connect(place.raw, autocommit=True) as application:
        view = f"CREATE MATERIALIZED VIEW stopping AS SELECT pg_cancel_backend({application.info.backend_pid}) AS a"
        place.database.sql(f"{view} WITH NO DATA")
        place.database.sql(f"ALTER MATERIALIZED VIEW stopping OWNER TO {place.reader}")
        with psycopg.connect(place.masked, autocommit=True) as agent:
            with pytest.raises(errors.InsufficientPrivilege) as refused:
                agent.execute("REFRESH MATERIALIZED VIEW stopping")
            assert refused.value.diag.message_detail == "rule builtin.signal"

"""The server's own tables under masks: definitions as direct; secrets and samples of data as NULL, never compared."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.clients.people import Place


@pytest.fixture(scope="module")
def agent(place: Place) -> Iterator[psycopg.Connection]:
    place.database.sql("ANALYZE")
    with psycopg.connect(place.masked, autocommit=True) as connection:
        yield connection


def test_samples_of_data_come_as_null(place: Place, agent: psycopg.Connection) -> None:
    statement = "SELECT * FROM pg_stats WHERE schemaname = 'public' ORDER BY tablename, attname"
    with psycopg.connect(place.raw, autocommit=True) as owner:
        direct = owner.cursor(row_factory=dict_row).execute(statement).fetchall()
    seen = agent.cursor(row_factory=dict_row).execute(statement).fetchall()
    assert len(direct) == len(seen) > 20
    assert any(row["most_common_vals"] or row["histogram_bounds"] for row in direct)
    keys = {"schemaname", "tablename", "attname", "inherited"}
    for stored, row in zip(direct, seen, strict=True):
        assert {name: row[name] for name in keys} == {name: stored[name] for name in keys}
        assert [name for name in row if row[name] is not None and name not in keys] == []


def test_other_sessions_statements_come_as_null(place: Place, agent: psycopg.Connection) -> None:
    with psycopg.connect(place.raw, autocommit=True) as other:
        other.execute("SELECT 'a secret of another session'")
        rows = agent.execute(
            "SELECT pid, state, query, backend_type FROM pg_stat_activity WHERE pid = %s", (other.info.backend_pid,)
        ).fetchall()
        assert rows == [(other.info.backend_pid, "idle", None, "client backend")]
        (whole,) = agent.cursor(row_factory=dict_row).execute(
            "SELECT * FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        )
        assert whole["query"] is None and whole["pid"] is not None and whole["usename"] == place.reader


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("SELECT pid FROM pg_stat_activity WHERE query LIKE '%secret%'", "builtin.secret"),
        ("SELECT pid FROM pg_stat_activity ORDER BY query", "builtin.secret"),
        ("SELECT a FROM pg_stat_activity a", "builtin.secret"),
        ("SELECT row_to_json(a) FROM pg_stat_activity a", "builtin.secret"),
        ("SELECT pg_stat_get_activity(NULL)", "builtin.secret"),
        ("SELECT attname FROM pg_stats WHERE null_frac > 0.5", "builtin.secret"),
        ("SELECT unnest(histogram_bounds::text::text[]) FROM pg_stats", "builtin.secret"),
        ("SELECT pg_stat_get_backend_activity(1)", "builtin.function"),
        ("SELECT pg_read_file('PG_VERSION')", "builtin.function"),
        ("SELECT lo_get(1)", "builtin.function"),
        ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity", "builtin.function"),
        ("SELECT query_to_xml('SELECT name FROM users', true, true, '')", "builtin.function"),
        ("SELECT pg_notify('a', name) FROM users", "public.users.name"),
        ("SELECT pg_notify('a', string_agg(name, ',')) FROM users", "public.users.name"),
        ("SELECT set_config('my.name', name, false) FROM users", "public.users.name"),
        ("SELECT set_config('application_name', max(name), false) FROM users", "public.users.name"),
        ("SELECT setseed(age / 1e6) FROM users", "public.users.age"),
        ("SELECT pg_advisory_lock(account) FROM users", "public.users.account"),
    ],
)
def test_what_would_tell_is_refused(agent: psycopg.Connection, statement: str, rule: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
        agent.execute(statement.encode())
    assert refused.value.diag.message_detail is not None
    assert refused.value.diag.message_detail.startswith(f"rule {rule}")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(query), count(*) > 0 FROM pg_stat_activity",
        "SELECT umoptions FROM pg_user_mappings",
        "SELECT pg_notify('ids', max(id)::text) FROM users",
        "SELECT setseed(max(plain_age) / 1e6) FROM users WHERE id = 1",
        "SELECT set_config('my.name', plain_name, false) FROM users WHERE id = 1",
        "SELECT pg_advisory_xact_lock(id) FROM users",
        "SELECT name, statement FROM pg_prepared_statements WHERE false",
        "SELECT * FROM pg_cursors",
    ],
)
def test_what_tells_nothing_passes(agent: psycopg.Connection, statement: str) -> None:
    agent.execute(statement.encode())

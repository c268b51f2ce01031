"""Tables made of a query's rows: temporary ones keep the masks of what fed them, permanent ones take none."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from pgproxy.wire import trace
from pgproxy.wire.query import Bind, Describe, Execute, Parse, Query, Sync
from tests.clients.people import Place
from tests.clients.wire_client import Said, WireClient, connected

DENIED = psycopg.errors.InsufficientPrivilege
Run = Callable[[str], list[tuple[object, ...]]]


@pytest.fixture
def agent(place: Place) -> Iterator[WireClient]:
    with connected(place.masked) as client:
        yield client


@pytest.fixture(params=[False, True], ids=["simple", "extended"])
def run(place: Place, request: pytest.FixtureRequest) -> Iterator[Run]:
    """Runs a statement in one protocol and brings its rows; what is permanent does not stay."""
    with psycopg.connect(place.masked) as connection:
        cursor = connection.cursor(binary=request.param)

        def run(statement: str) -> list[tuple[object, ...]]:
            cursor.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

        yield run
        connection.rollback()


def cells(said: list[Said]) -> list[object]:
    return [value for one in said if one[0] == "DataRow" for value in one[1:]]


def states(said: list[Said]) -> list[object]:
    return [one[1] for one in said if one[0] == "ErrorResponse"]


def extended(statement: str) -> list[trace.Message]:
    return [Parse("", statement), Bind("", ""), Describe("P", ""), Execute(""), Sync()]


QUERY = "SELECT id, name, email, plain_name FROM users"


@pytest.mark.parametrize(
    "statement",
    [
        f"CREATE TEMP TABLE t AS {QUERY}",
        f"CREATE TEMPORARY TABLE IF NOT EXISTS t (id, name, email, plain_name) ON COMMIT DROP AS ({QUERY})",
        f"CREATE TABLE pg_temp.t AS {QUERY} WITH DATA",
        "SELECT id, name, email, plain_name INTO TEMP t FROM users",
        "SELECT id, name, email, plain_name INTO TEMPORARY TABLE pg_temp.t FROM users WHERE id < 3"
        " UNION ALL SELECT id, name, email, plain_name FROM users WHERE id >= 3",
        f"SET LOCAL search_path = pg_temp, public; CREATE TABLE t AS {QUERY}",
    ],
)
def test_a_temporary_table_keeps_the_masks_of_what_fed_it(run: Run, statement: str) -> None:
    expected = run(f"{QUERY} ORDER BY id")
    for part in statement.split("; "):
        run(part)
    assert run("SELECT id, name, email, plain_name FROM t ORDER BY id") == expected
    assert run("SELECT upper(t.name), t.plain_name FROM t WHERE id = 1") == [(None, "Ada Lovelace")]
    assert run("SELECT count(*) FROM t JOIN users ON t.email = users.email AND t.id = users.id")[0][0] == 4
    assert run("WITH c AS (SELECT * FROM t) SELECT name FROM c WHERE id = 1") == [(expected[0][1],)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT t FROM t",
        "SELECT row_to_json(t) FROM t",
        "SELECT 1 FROM t WHERE name > 'M'",
        "SELECT id FROM t ORDER BY email",
        "UPDATE t SET plain_name = name",
        "INSERT INTO teams (id, title) SELECT id + 100, name FROM t",
        "CREATE TABLE u AS SELECT name FROM t",
        "SELECT 1 FROM t JOIN users ON t.name = users.plain_name",
        "INSERT INTO t (plain_name) SELECT name FROM users",
        "INSERT INTO t (name) SELECT email FROM users",
        "ALTER TABLE t RENAME COLUMN name TO plain",
        "ALTER TABLE t ALTER COLUMN name TYPE integer USING length(name)",
        "CREATE UNIQUE INDEX ON t (name)",
        "CREATE TEMP TABLE u () INHERITS (t)",
        "CREATE TEMP TABLE u AS SELECT t FROM t",
    ],
)
def test_what_a_table_forbids_its_temporary_copy_forbids(run: Run, statement: str) -> None:
    run(f"CREATE TEMP TABLE t AS {QUERY}")
    with pytest.raises(DENIED):
        run(statement)


def test_masks_follow_into_copies_of_copies_views_and_back(run: Run) -> None:
    masked = run("SELECT name FROM users ORDER BY id")
    run(f"CREATE TEMP TABLE t AS {QUERY}")
    run("CREATE TEMP TABLE u AS SELECT *, name AS again FROM t")
    run("DROP TABLE t")
    run("CREATE TEMP VIEW seen AS SELECT id, again AS plain_name FROM u")
    assert run("SELECT plain_name FROM seen ORDER BY id") == masked
    run("INSERT INTO u (id, name, again) SELECT 100 + id, name, name FROM users")
    assert run("SELECT again FROM u WHERE id > 100 ORDER BY id") == masked
    run("UPDATE u SET name = again WHERE id = 1")
    run("UPDATE users SET name = u.name FROM u WHERE u.id = users.id")
    run("DROP VIEW seen")
    run("ALTER TABLE u DROP COLUMN id, ADD COLUMN id text DEFAULT 'new'")
    shown = run("SELECT * FROM u")
    assert {row[0] for row in shown} <= {row[0] for row in masked} and {row[-1] for row in shown} == {"new"}


def test_what_was_derived_stays_hidden_and_is_compared_with_nothing(run: Run) -> None:
    run("CREATE TEMP TABLE t AS SELECT id, left(name, 1) AS first, length(email) AS long, count(phone) AS phones"
        " FROM users GROUP BY id, name, email")  # fmt: skip
    assert run("SELECT first, long, phones FROM t WHERE id = 1") == [(None, None, 1)]
    for condition in ("first = 'A'", "long = 3", "first IS NOT NULL"):
        run("SAVEPOINT s")
        with pytest.raises(DENIED):
            run(f"SELECT id FROM t WHERE {condition}")
        run("ROLLBACK TO s")


def test_rollback_brings_a_dropped_table_back_with_its_masks(run: Run) -> None:
    (masked,) = run("SELECT name FROM users WHERE id = 1")
    run("SAVEPOINT a")
    run(f"CREATE TEMP TABLE t AS {QUERY}")
    run("SAVEPOINT b")
    run("DROP TABLE t")
    run("CREATE TEMP TABLE t AS SELECT 1 AS id, 'plain' AS name")
    assert run("SELECT name FROM t") == [("plain",)]
    run("ROLLBACK TO b")
    assert run("SELECT name FROM t WHERE id = 1") == [masked]
    run("ROLLBACK TO a")
    run("CREATE TEMP TABLE t (id integer, name text)")
    run("INSERT INTO t VALUES (1, 'plain')")
    assert run("SELECT name FROM t") == [("plain",)]


def test_a_table_that_is_there_already_keeps_its_masks(run: Run) -> None:
    (masked,) = run("SELECT name FROM users WHERE id = 1")
    run(f"CREATE TEMP TABLE t AS {QUERY}")
    run("CREATE TEMP TABLE IF NOT EXISTS t AS SELECT 1 AS id, 'x' AS name")
    run("CREATE TEMP TABLE IF NOT EXISTS t AS SELECT plain_name, email FROM users WITH NO DATA")
    assert run("SELECT name FROM t WHERE id = 1") == [masked]
    run("CREATE TEMP TABLE plain AS SELECT 1 AS id, 'x' AS name")
    run(f"CREATE TEMP TABLE IF NOT EXISTS plain AS {QUERY}")
    assert run("SELECT name FROM plain") == [("x",)]


def test_an_empty_table_can_be_filled_with_what_it_was_made_for(run: Run) -> None:
    masked = run("SELECT email FROM users ORDER BY id")
    run("CREATE TEMP TABLE t AS SELECT id, email FROM users WITH NO DATA")
    run("INSERT INTO t SELECT id, email FROM users")
    assert run("SELECT email FROM t ORDER BY id") == masked


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t (id, name) VALUES (7, 'Ada Lovelace')",
        "INSERT INTO t (name) SELECT 'Ada ' || i FROM generate_series(1, 9) i",
        "INSERT INTO t (name) SELECT name FROM users UNION ALL SELECT 'Ada Lovelace'",
        "INSERT INTO t (name) SELECT coalesce(name, 'Ada Lovelace') FROM users",
        "INSERT INTO t (name) SELECT plain_name FROM users",
        "INSERT INTO t (age) SELECT count(name) FROM users, generate_series(1, 7)",
        "INSERT INTO t (id) VALUES (7)",
        "UPDATE t SET name = 'Ada Lovelace'",
        "UPDATE t SET age = 3, name = NULL",
        "MERGE INTO t USING teams ON t.id = teams.id WHEN MATCHED THEN UPDATE SET name = title",
    ],
)
def test_values_of_ones_own_do_not_get_under_its_masks(run: Run, statement: str) -> None:
    """They would come out masked, each beside what it was: a book of the masks of all values."""
    run("CREATE TEMP TABLE t AS SELECT id, name, age FROM users")
    run("ALTER TABLE t ALTER COLUMN name SET DEFAULT 'Ada Lovelace'")
    with pytest.raises(DENIED):
        run(statement)


def test_nulls_and_columns_without_masks_are_written_as_one_likes(run: Run) -> None:
    run("CREATE TEMP TABLE t AS SELECT id, name, plain_name FROM users")
    run("INSERT INTO t VALUES (7, NULL, 'x')")
    run("INSERT INTO t (id, plain_name) VALUES (8, 'x')")
    run("UPDATE t SET name = NULL, plain_name = 'x' WHERE id = 1")
    run("DELETE FROM t WHERE name IS NULL")
    run("TRUNCATE t")


def test_a_temporary_table_that_shadows_a_masked_one(run: Run) -> None:
    (masked,) = run("SELECT name FROM users WHERE id = 1")
    run("CREATE TEMP TABLE users AS SELECT id, plain_name AS name, name AS plain_name FROM users")
    assert run("SELECT name, plain_name FROM users WHERE id = 1") == [("Ada Lovelace", *masked)]
    assert run("SELECT name, plain_name FROM public.users WHERE id = 1") == [(*masked, "Ada Lovelace")]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE made AS SELECT id, plain_name FROM users",
        "CREATE UNLOGGED TABLE made WITH (fillfactor = 90) AS SELECT team, count(name) FROM users GROUP BY team",
        "SELECT * INTO made FROM teams",
        "CREATE TABLE public.made AS TABLE teams WITH NO DATA",
        "CREATE TABLE made AS WITH t AS (SELECT * FROM team_directory) SELECT title, plain_name FROM t",
        "CREATE MATERIALIZED VIEW made AS SELECT id, plain_name FROM users",
    ],
)
def test_what_is_not_masked_may_be_kept(run: Run, statement: str) -> None:
    run(statement)
    run("SELECT * FROM made")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE made AS SELECT id, name FROM users",
        "CREATE TABLE IF NOT EXISTS public.made AS SELECT upper(email) FROM directory",
        "SELECT max(salary) INTO made FROM users",
        "CREATE TABLE made AS SELECT id FROM users WHERE name > 'M'",
        "CREATE TEMP TABLE made AS SELECT id FROM users ORDER BY name",
        "CREATE TEMP TABLE made AS SELECT u FROM users u",
        "CREATE MATERIALIZED VIEW made AS SELECT id FROM users WHERE name LIKE 'A%'",
        "CREATE MATERIALIZED VIEW made AS SELECT u FROM users u",
        "EXPLAIN ANALYZE CREATE TABLE made AS SELECT id, name FROM users",
    ],
)
def test_nothing_masked_gets_into_what_stays(run: Run, statement: str) -> None:
    with pytest.raises(DENIED):
        run(statement)


def test_a_refusal_says_what_would_pass(run: Run) -> None:
    with pytest.raises(DENIED, match=r"public\.made\.name") as caught:
        run("CREATE TABLE made AS SELECT id, name FROM users")
    assert "TEMPORARY" in (caught.value.diag.message_hint or "")


def test_a_materialized_view_stands_for_what_it_was_made_from(run: Run) -> None:
    masked = run("SELECT name FROM users ORDER BY id")
    run("CREATE MATERIALIZED VIEW made AS SELECT id, name AS who FROM users")
    assert run("SELECT who FROM made ORDER BY id") == masked


def test_refresh_runs_the_query_as_it_is_by_now(run: Run) -> None:
    """The views that a materialized view reads may have been replaced by what was never allowed."""
    run("CREATE VIEW seen AS SELECT id, name AS who FROM users")
    run('CREATE MATERIALIZED VIEW "Made" AS SELECT id, who FROM seen')
    run('REFRESH MATERIALIZED VIEW "Made"')
    run('REFRESH MATERIALIZED VIEW public."Made" WITH NO DATA')
    run("CREATE OR REPLACE VIEW seen AS SELECT id, name AS who FROM users WHERE name > 'M'")
    run("SAVEPOINT s")
    with pytest.raises(DENIED, match=r"public\.users\.name"):
        run('REFRESH MATERIALIZED VIEW "Made"')
    run("ROLLBACK TO s")
    with pytest.raises(psycopg.errors.UndefinedTable):
        run("REFRESH MATERIALIZED VIEW nowhere")


def test_a_view_is_looked_into_at_each_execution(agent: WireClient) -> None:
    """Nothing announces at CREATE TABLE AS that a view it reads was replaced since it was prepared."""
    agent.ask(Query("BEGIN"), Query("CREATE TEMP VIEW seen AS SELECT id, plain_name AS x FROM users"))
    agent.ask(Parse("c", "CREATE TEMP TABLE t AS SELECT x FROM seen"), Bind("p", "c"), Sync())
    agent.ask(Query("CREATE OR REPLACE TEMP VIEW seen AS SELECT id, name AS x FROM users"))
    assert not states(agent.ask(Execute("p"), Sync()))
    shown = agent.ask(Query("SELECT x FROM t"))
    assert cells(shown) and b"Ada Lovelace" not in cells(shown)


def test_a_name_that_is_shadowed_after_parse(agent: WireClient) -> None:
    agent.ask(Query("CREATE TEMP TABLE warm (x integer)"), Query("BEGIN"))
    agent.ask(Parse("c", "CREATE TEMP TABLE t AS SELECT name || '' AS x FROM users"), Bind("p", "c"), Sync())
    agent.ask(Query("CREATE TEMP VIEW users AS SELECT 'another' AS name"))
    agent.ask(Execute("p"), Sync())
    assert b"Ada Lovelace" not in cells(agent.ask(Query("SELECT x FROM t")))


def test_everything_in_one_pipeline(agent: WireClient) -> None:
    (masked,) = cells(agent.ask(Query("SELECT name FROM users WHERE id = 1")))
    said = agent.ask(
        *extended("CREATE TEMP TABLE t AS SELECT id, name FROM users")[:-1],
        *extended("SELECT name FROM t WHERE id = 1")[:-1],
        *extended("DROP TABLE t")[:-1],
        *extended("CREATE TEMP TABLE t AS SELECT 1 AS id, 'x' AS name")[:-1],
        *extended("SELECT name FROM t WHERE id = 1"),
    )
    assert not states(said) and cells(said) == [masked, b"x"]
    tags = [one[1] for one in said if one[0] == "CommandComplete"]
    assert tags == ["SELECT 5", "SELECT 1", "DROP TABLE", "SELECT 1", "SELECT 1"]


def test_a_string_of_statements(agent: WireClient) -> None:
    (masked,) = cells(agent.ask(Query("SELECT name FROM users WHERE id = 1")))
    said = agent.ask(
        Query("CREATE TEMP TABLE t ON COMMIT DROP AS SELECT id, name FROM users; SELECT name FROM t WHERE id = 1")
    )
    assert cells(said) == [masked]
    assert states(agent.ask(Query("SELECT name FROM t"))) == ["42P01"]
    said = agent.ask(Query("SELECT 1; CREATE TABLE made AS SELECT name FROM users; SELECT 2"))
    assert states(said) == ["42501"] and cells(said) == [b"1"]


def test_errors_quote_nothing_of_a_temporary_copy(agent: WireClient) -> None:
    agent.ask(Query("CREATE TEMP TABLE t AS SELECT id, name FROM users"))
    agent.send([Query("INSERT INTO t (id, name) SELECT 99999999999, name FROM t")])
    assert ("ErrorResponse", "22003") in agent.hear("ReadyForQuery")


def test_a_session_that_reveals_everything_makes_what_it_likes(place: Place) -> None:
    with psycopg.connect(place.revealed) as connection:
        connection.execute("CREATE TABLE made AS SELECT id, name FROM users")
        assert connection.execute("SELECT name FROM made WHERE id = 1").fetchone() == ("Ada Lovelace",)
        connection.rollback()


@pytest.mark.parametrize("copied", ["t", "t (name)", "(SELECT name FROM t)", "(TABLE t)"])
@pytest.mark.parametrize("how", ["", " (FORMAT csv)", " (FORMAT binary)"])
def test_a_temporary_copy_is_copied_out_masked(place: Place, copied: str, how: str) -> None:
    with psycopg.connect(place.masked) as connection:
        connection.execute("CREATE TEMP TABLE t AS SELECT id, name FROM users WHERE id = 1")
        (masked,) = connection.execute("SELECT name FROM t").fetchone() or ("",)
        with connection.cursor().copy(f"COPY {copied} TO STDOUT{how}".encode()) as copy:
            data = b"".join(copy)
    assert masked.encode() in data and b"Ada Lovelace" not in data


def test_nothing_is_copied_in_under_masks(place: Place) -> None:
    with psycopg.connect(place.masked) as connection:
        connection.execute("CREATE TEMP TABLE t AS SELECT id, name FROM users")
        with connection.cursor().copy("COPY t (id) FROM STDIN") as copy:
            copy.write_row((7,))
        connection.commit()
        for columns in ("", " (name)"):
            with pytest.raises(DENIED), connection.cursor().copy(f"COPY t{columns} FROM STDIN".encode()) as copy:
                copy.write("1\tAda Lovelace\n")
            connection.rollback()

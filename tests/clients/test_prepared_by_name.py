"""PREPARE, EXECUTE and DEALLOCATE, which share their names with the prepared statements of the protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from pgproxy.wire.query import Bind, Close, Describe, Execute, Parse, Query, Sync
from tests.clients.people import Place
from tests.clients.wire_client import Said, WireClient, connected

NAMES = "SELECT id, name, plain_name FROM users WHERE id <= $1 ORDER BY id"
Ask = Callable[..., list[Said]]


@pytest.fixture
def agent(place: Place) -> Iterator[WireClient]:
    with connected(place.masked) as client:
        yield client


@pytest.fixture(params=["simple", "extended"])
def run(agent: WireClient, request: pytest.FixtureRequest) -> Callable[[str], list[Said]]:
    """Runs one statement in one protocol."""

    def run(statement: str) -> list[Said]:
        if request.param == "simple":
            return agent.ask(Query(statement))
        return agent.ask(Parse("", statement), Bind("", ""), Describe("P", ""), Execute(""), Sync())

    return run


def cells(said: list[Said]) -> list[object]:
    return [value for one in said if one[0] == "DataRow" for value in one[1:]]


def states(said: list[Said]) -> list[object]:
    return [one[1] for one in said if one[0] == "ErrorResponse"]


def tags(said: list[Said]) -> list[object]:
    return [one[1] for one in said if one[0] == "CommandComplete"]


@pytest.fixture
def masked(agent: WireClient) -> list[object]:
    """What the protocol's own prepared statement brings."""
    found = cells(agent.ask(Parse("", NAMES), Bind("", "", (), (b"2",)), Execute(""), Sync()))
    assert len(found) == 6 and b"Ada Lovelace" == found[2] != found[1]
    return found


def test_execute_brings_masked_rows(run: Ask, masked: list[object]) -> None:
    assert tags(run(f"PREPARE s (integer) AS {NAMES}")) == ["PREPARE"]
    for arguments in ("2", "1 + 1", "'2'", "length('ab')", "cast(2.2 as integer)"):
        said = run(f"EXECUTE s ({arguments})")
        assert cells(said) == masked and tags(said) == ["SELECT 2"]
        assert [one[0] for one in said].count("RowDescription") == 1
    assert tags(run("DEALLOCATE s")) == ["DEALLOCATE"]
    assert states(run("EXECUTE s (2)")) == ["26000"]
    assert tags(run(f"PREPARE s AS {NAMES}")) == ["PREPARE"]
    assert cells(run("EXECUTE s (2)")) == masked
    assert tags(run("DEALLOCATE ALL")) == ["DEALLOCATE ALL"]
    assert states(run("EXECUTE s (2)")) == ["26000"]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id FROM users WHERE name > 'M'",
        "SELECT u FROM users u",
        "INSERT INTO teams (id, title) SELECT id + 50, name FROM users",
        "WITH w AS (UPDATE users SET plain_name = name RETURNING 1) SELECT * FROM w",
        "MERGE INTO teams t USING users u ON t.id = u.id WHEN MATCHED THEN UPDATE SET title = u.name",
        "SELECT * FROM nowhere",
    ],
)
def test_what_is_denied_is_not_prepared(run: Ask, query: str) -> None:
    state = "42P01" if "nowhere" in query else "42501"
    assert states(run(f"PREPARE s AS {query}")) == [state]
    assert states(run("EXECUTE s")) == ["26000"]
    assert tags(run("PREPARE s AS SELECT 1")) == ["PREPARE"]
    assert states(run("PREPARE s AS SELECT 2")) == ["42P05"]
    assert cells(run("EXECUTE s")) == [b"1"]


@pytest.mark.parametrize(
    "arguments",
    [
        "set_config('search_path', 'other', false)",
        "pg_read_file('x')",
        "(SELECT name FROM users LIMIT 1)",
    ],
)
def test_arguments_are_looked_at(run: Ask, arguments: str) -> None:
    run("PREPARE s (text) AS SELECT $1")
    (state,) = states(run(f"EXECUTE s ({arguments})"))
    assert state in ("42501", "0A000", "42883")


def test_one_name_space_for_both(agent: WireClient, masked: list[object]) -> None:
    agent.ask(Query(f"PREPARE s (integer) AS {NAMES}"))
    said = agent.ask(Bind("", "s", (), (b"2",)), Describe("P", ""), Execute(""), Sync())
    assert cells(said) == masked
    assert agent.ask(Describe("S", "s"), Sync())[0] == ("ParameterDescription", 23)
    agent.ask(Close("S", "s"), Sync())
    assert states(agent.ask(Query("EXECUTE s (2)"))) == ["26000"]
    agent.ask(Parse("p", NAMES), Sync())
    assert cells(agent.ask(Query("EXECUTE p (2)"))) == masked
    assert states(agent.ask(Query("DEALLOCATE p"), Bind("", "p", (), (b"2",)), Sync())) == ["26000"]


def test_binary_results_of_execute(agent: WireClient, place: Place) -> None:
    agent.ask(Query("PREPARE s AS SELECT name, age FROM users WHERE id = 1"))
    (name, age) = cells(agent.ask(Parse("", "EXECUTE s"), Bind("", "", (), (), (1,)), Execute(""), Sync()))
    (text, number) = cells(agent.ask(Query("SELECT name, age FROM users WHERE id = 1")))
    assert name == text and isinstance(age, bytes) and str(int.from_bytes(age, signed=True)).encode() == number


def test_prepare_outlives_its_transaction(agent: WireClient, masked: list[object]) -> None:
    agent.ask(Query("BEGIN"), Query(f"PREPARE s (integer) AS {NAMES}"), Query("ROLLBACK"))
    assert cells(agent.ask(Query("EXECUTE s (2)"))) == masked
    agent.ask(Query("DISCARD ALL"))
    assert states(agent.ask(Query("EXECUTE s (2)"))) == ["26000"]


def test_a_denied_prepare_in_a_transaction_leaves_no_name(agent: WireClient) -> None:
    agent.ask(Query("BEGIN"), Query("PREPARE s AS SELECT u FROM users u"))
    assert states(agent.ask(Query("EXECUTE s"))) == ["25P02"]
    agent.ask(Query("ROLLBACK"))
    assert states(agent.ask(Query("EXECUTE s"))) == ["26000"]
    assert tags(agent.ask(Query("PREPARE s AS SELECT 1"))) == ["PREPARE"]


def test_a_name_that_changes_hands_in_one_pipeline(agent: WireClient) -> None:
    agent.ask(Query("PREPARE s AS SELECT plain_name || '' FROM users"))
    said = agent.ask(
        Parse("1", "DEALLOCATE s"), Bind("1", "1"), Parse("2", "PREPARE s AS SELECT name || '' FROM users"),
        Bind("2", "2"), Parse("3", "EXECUTE s"), Bind("3", "3"), Execute("1"), Execute("2"), Execute("3"), Sync(),
    )  # fmt: skip
    assert tags(said) == ["DEALLOCATE", "PREPARE", "SELECT 5"] and set(cells(said)) == {None}


def test_a_changed_view_is_decided_anew(agent: WireClient, masked: list[object]) -> None:
    agent.ask(Query("CREATE TEMP VIEW seen AS SELECT id, plain_name || '' AS x FROM users"))
    agent.ask(Query("PREPARE s AS SELECT x FROM seen WHERE id = 1"))
    assert cells(agent.ask(Query("EXECUTE s"))) == [b"Ada Lovelace"]
    agent.ask(Query("CREATE OR REPLACE TEMP VIEW seen AS SELECT id, name || '' AS x FROM users"))
    for statement in ("EXECUTE s", "BEGIN; EXECUTE s; COMMIT", "EXECUTE s"):
        assert cells(agent.ask(Query(statement))) == [None]
    agent.ask(Query("CREATE TEMP TABLE t AS EXECUTE s"))
    assert cells(agent.ask(Query("SELECT x FROM t"))) == [None]
    agent.ask(Query("CREATE OR REPLACE TEMP VIEW seen AS SELECT id, '' AS x FROM users WHERE name > 'M'"))
    assert states(agent.ask(Query("EXECUTE s"))) == ["42501"]
    assert states(agent.ask(Query("EXPLAIN ANALYZE EXECUTE s"))) == ["42501"]


def test_a_relation_that_shadows_what_was_prepared_is_not_taken_for_it(agent: WireClient) -> None:
    agent.ask(Query("CREATE TEMP TABLE warm (x integer)"), Query("PREPARE s AS SELECT name || '' FROM users"))
    agent.ask(Query("CREATE TEMP VIEW users AS SELECT 'another' AS name"))
    assert b"Ada Lovelace" not in cells(agent.ask(Query("EXECUTE s")))
    agent.ask(Query("CREATE TEMP TABLE t AS EXECUTE s"))
    assert b"Ada Lovelace" not in cells(agent.ask(Query("SELECT * FROM t")))


def test_create_table_as_execute(run: Ask, masked: list[object]) -> None:
    run(f"PREPARE s (integer) AS {NAMES}")
    assert tags(run("CREATE TEMP TABLE t AS EXECUTE s (2)")) == ["SELECT 2"]
    assert cells(run("SELECT * FROM t ORDER BY id")) == masked
    assert states(run("CREATE TABLE made AS EXECUTE s (2)")) == ["42501"]
    run("PREPARE plain AS SELECT id, plain_name FROM users")
    run("BEGIN")
    assert tags(run("CREATE TABLE made AS EXECUTE plain")) == ["SELECT 5"]
    run("ROLLBACK")
    assert states(run("CREATE TEMP TABLE u AS EXECUTE unknown")) == ["26000"]


def test_explain_execute(run: Ask, masked: list[object]) -> None:
    run(f"PREPARE s (integer) AS {NAMES}")
    for statement in ("EXPLAIN EXECUTE s (2)", "EXPLAIN (ANALYZE, TIMING OFF) EXECUTE s (2)"):
        shown = cells(run(statement))
        assert shown and not {b"Ada Lovelace"} & set(shown)
    assert states(run("EXPLAIN EXECUTE unknown")) == ["26000"]
    assert states(run("EXPLAIN EXECUTE s (set_config('search_path', 'x', false)::integer)")) == ["42501"]


def test_what_writes_can_be_prepared(run: Ask) -> None:
    run("BEGIN")
    run("PREPARE w (integer, text) AS INSERT INTO teams (id, title) VALUES ($1, $2) RETURNING title")
    assert cells(run("EXECUTE w (70, 'seventy')")) == [b"seventy"]
    run("PREPARE n AS UPDATE users SET name = 'x'")
    assert tags(run("EXECUTE n")) == ["UPDATE 5"]
    run("ROLLBACK")


def test_names_of_the_proxys_own_are_kept(run: Ask) -> None:
    for name in ("_pgproxy_check", "_pgproxy_catalog"):
        for statement in (f"PREPARE {name} AS SELECT 1", f"EXECUTE {name}", f"DEALLOCATE {name}"):
            assert states(run(statement)) == ["42501"]


def test_a_driver_may_prepare_under_a_name_that_sql_executes(place: Place) -> None:
    with psycopg.connect(place.masked, autocommit=True) as connection:
        connection.pgconn.prepare(b"of_driver", b"SELECT name FROM users WHERE id = $1", None)
        (row,) = connection.execute("EXECUTE of_driver (1)").fetchall()
        assert row == connection.execute("SELECT name FROM users WHERE id = 1").fetchone()
        connection.execute("PREPARE of_sql (int) AS SELECT name FROM users WHERE id = $1")
        result = connection.pgconn.exec_prepared(b"of_sql", [b"1"])
        assert result.get_value(0, 0) == str(row[0]).encode()


def test_whoever_sees_everything_prepares_what_they_like(place: Place) -> None:
    with psycopg.connect(place.revealed, autocommit=True) as connection:
        connection.execute("PREPARE s (int) AS SELECT name FROM users WHERE id = $1")
        assert connection.execute("EXECUTE s (1)").fetchone() == ("Ada Lovelace",)


@pytest.mark.parametrize("way", ["protocol", "SQL"])
def test_a_body_that_is_read_anew_lets_no_shadow_in(place: Place, agent: WireClient, way: str) -> None:
    """A function's body is announced at each Bind; the names of the statement itself stay what they were at Parse."""
    place.database.sql("CREATE OR REPLACE FUNCTION one() RETURNS integer LANGUAGE sql STABLE AS 'SELECT 1'")
    agent.ask(Query("CREATE TEMP TABLE warm (x integer)"))
    text = "SELECT name || '', one() FROM users"
    agent.ask(*(Parse("s", text), Sync()) if way == "protocol" else (Query(f"PREPARE s AS {text}"),))
    agent.ask(Query("CREATE TEMP VIEW users AS SELECT 'another' AS name"))
    for messages in ((Bind("", "s"), Execute(""), Sync()), (Query("EXECUTE s"),)):
        assert b"Ada Lovelace" not in cells(agent.ask(*messages))

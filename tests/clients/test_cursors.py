"""SQL cursors and EXPLAIN: what is inside is decided for every execution, and rows come masked by every way."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from pgproxy.wire.query import Bind, Close, Execute, Parse, Query, Sync
from tests.clients.people import Place
from tests.clients.wire_client import Said, WireClient, connected

NAMES = "SELECT id, name, plain_name FROM users ORDER BY id"


@pytest.fixture
def agent(place: Place) -> Iterator[WireClient]:
    with connected(place.masked) as client:
        yield client


@pytest.fixture
def names(place: Place) -> set[bytes]:
    """The stored names."""
    return {name.encode() for (name,) in place.database.sql("SELECT name FROM users WHERE name IS NOT NULL")}


def cells(said: list[Said], column: int) -> list[object]:
    return [one[column + 1] for one in said if one[0] == "DataRow"]


def states(said: list[Said]) -> list[object]:
    return [one[1] for one in said if one[0] == "ErrorResponse"]


@pytest.mark.parametrize("binary", [False, True])
def test_named_cursors_of_a_driver_bring_the_same_masked_rows(place: Place, binary: bool) -> None:
    with psycopg.connect(place.masked) as connection:
        plain = connection.execute(NAMES, binary=binary).fetchall()
        with connection.cursor("reader", binary=binary) as cursor:
            cursor.itersize = 2
            cursor.execute(NAMES)
            assert cursor.fetchall() == plain
        with connection.cursor("scrolling", scrollable=True, withhold=True) as cursor:
            cursor.execute("SELECT name FROM users WHERE id > %s ORDER BY id", (0,))
            connection.commit()
            cursor.fetchmany(2)
            cursor.scroll(-1)
            assert cursor.fetchone() == connection.execute("SELECT name FROM users WHERE id = 2").fetchone()


def test_fetch_brings_masked_rows_in_both_protocols(agent: WireClient, names: set[bytes]) -> None:
    said = agent.ask(Query(f"BEGIN; DECLARE c CURSOR FOR {NAMES}; FETCH 2 FROM c"))
    assert len(cells(said, 1)) == 2 and not names & set(cells(said, 1))
    said = agent.ask(Parse("f", "FETCH 1 FROM c"), Bind("", "f"), Execute(""), Bind("", "f"), Execute(""), Sync())
    assert len(cells(said, 1)) == 2 and not names & set(cells(said, 1))
    said = agent.ask(Query("MOVE ABSOLUTE 1 IN c"), Query("FETCH NEXT FROM c"), Query("COMMIT"))
    assert len(cells(said, 1)) == 1 and not names & set(cells(said, 1))
    assert states(agent.ask(Query("FETCH 1 FROM c"))) == ["34000"]


def test_a_cursor_over_a_predicate_on_a_mask_is_refused(agent: WireClient) -> None:
    denied = "SELECT plain_name FROM users WHERE name > 'M'"
    for statement in (f"BEGIN; DECLARE c CURSOR FOR {denied}", f"EXPLAIN {denied}", f"EXPLAIN ANALYZE {denied}"):
        assert states(agent.ask(Query(statement))) == ["42501"]
        agent.ask(Query("ROLLBACK"))


def test_a_prepared_declare_is_decided_at_each_execution(agent: WireClient, names: set[bytes]) -> None:
    """Nothing announces that the view changed between Bind and Execute; the analysis just before it sees it."""
    agent.ask(Query("BEGIN"), Query("CREATE TEMP VIEW seen AS SELECT id, plain_name AS x FROM users"))
    agent.ask(Parse("d", "DECLARE c CURSOR FOR SELECT x FROM seen"), Bind("p", "d"), Sync())
    agent.ask(Query("CREATE OR REPLACE TEMP VIEW seen AS SELECT id, name AS x FROM users"))
    assert not states(agent.ask(Execute("p"), Sync()))
    said = agent.ask(Query("FETCH ALL FROM c"))
    assert cells(said, 0) and not names & set(cells(said, 0))


def test_a_name_that_is_declared_anew_in_the_same_pipeline_is_the_new_cursor(
    agent: WireClient, names: set[bytes]
) -> None:
    """All is bound before anything runs: which cursor FETCH reads is known only when the rest was answered."""
    agent.ask(Query("BEGIN"), Query("DECLARE c CURSOR FOR SELECT plain_name FROM users"))
    agent.ask(
        Parse("close", "CLOSE c"), Bind("1", "close"),
        Parse("declare", "DECLARE c CURSOR FOR SELECT name FROM users"), Bind("2", "declare"),
        Parse("fetch", "FETCH ALL FROM c"), Bind("3", "fetch"), Sync(),
    )  # fmt: skip
    said = agent.ask(Execute("1"), Execute("2"), Execute("3"), Sync())
    assert not states(said) and cells(said, 0) and not names & set(cells(said, 0))


def test_fetch_reads_a_portal_of_the_protocol_under_its_decision(agent: WireClient, names: set[bytes]) -> None:
    agent.ask(Query("BEGIN"), Query("DECLARE p CURSOR FOR SELECT plain_name FROM users"), Query("CLOSE p"))
    agent.ask(Parse("s", "SELECT name FROM users"), Bind("p", "s"), Sync())
    said = agent.ask(Query("FETCH ALL FROM p"))
    assert cells(said, 0) and not names & set(cells(said, 0))
    agent.ask(Close("P", "p"), Sync(), Query("DECLARE p CURSOR FOR SELECT name FROM users"))
    said = agent.ask(Query("FETCH 2 FROM p"))
    assert len(cells(said, 0)) == 2 and not names & set(cells(said, 0))
    assert states(agent.ask(Query("FETCH ALL FROM nowhere"))) == ["34000"]


def test_a_portal_whose_name_is_declared_anew_in_the_same_pipeline(agent: WireClient, names: set[bytes]) -> None:
    agent.ask(
        Query("BEGIN"), Parse("plain", "SELECT plain_name FROM users"), Bind("p", "plain"),
        Parse("close", "CLOSE p"), Bind("1", "close"),
        Parse("declare", "DECLARE p CURSOR FOR SELECT name FROM users"), Bind("2", "declare"), Sync(),
    )  # fmt: skip
    said = agent.ask(Execute("1"), Execute("2"), Execute("p"), Sync())
    assert cells(said, 0) and not names & set(cells(said, 0))


def test_a_fetch_that_was_begun_keeps_the_decision_of_its_rows(agent: WireClient, names: set[bytes]) -> None:
    """The server keeps what the first Execute of a FETCH brought; the name may mean another cursor by the second."""
    agent.ask(Query("BEGIN"), Query("DECLARE c CURSOR FOR SELECT name FROM users"))
    said = agent.ask(Parse("f", "FETCH ALL FROM c"), Bind("x", "f"), Execute("x", 1), Sync())
    assert len(cells(said, 0)) == 1
    agent.ask(Query("CLOSE c"), Query("DECLARE c CURSOR FOR SELECT plain_name FROM users"))
    said = agent.ask(Execute("x"), Sync())
    assert cells(said, 0) and not names & set(cells(said, 0))


def test_a_cursor_of_a_rolled_back_savepoint_is_not_read(agent: WireClient, names: set[bytes]) -> None:
    agent.ask(Query("BEGIN"), Query("SAVEPOINT s"), Query("DECLARE c CURSOR FOR SELECT plain_name FROM users"))
    agent.ask(Query("ROLLBACK TO s"), Parse("s", "SELECT name FROM users"), Bind("c", "s"), Sync())
    said = agent.ask(Query("FETCH ALL FROM c"))
    assert not names & set(cells(said, 0))


def test_explain_shows_the_plan_of_what_would_run(place: Place) -> None:
    with psycopg.connect(place.masked, autocommit=True) as connection:
        for statement in (
            f"EXPLAIN {NAMES}",
            "EXPLAIN (ANALYZE, TIMING OFF) SELECT plain_name FROM users WHERE id = 1",
        ):
            assert any("users" in line for (line,) in connection.execute(statement).fetchall())
        assert connection.execute("EXPLAIN SELECT name FROM users WHERE id = %s", (1,)).fetchall()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("EXPLAIN ANALYZE INSERT INTO users (id, plain_name) SELECT 77, name FROM users")


@pytest.mark.parametrize("bind_first", [False, True], ids=["after Parse", "after Bind"])
def test_a_name_that_is_shadowed_after_parse_is_not_taken_for_another(
    agent: WireClient, names: set[bytes], bind_first: bool
) -> None:
    """The server resolves what is inside DECLARE at Parse; what is made later and shadows it changes nothing."""
    agent.ask(Query("CREATE TEMP TABLE warm (x integer)"), Query("BEGIN"))
    agent.ask(Parse("d", "DECLARE c CURSOR FOR SELECT name || '' FROM users"), Sync())
    if bind_first:
        agent.ask(Bind("p", "d"), Sync())
    agent.ask(Query("CREATE TEMP VIEW users AS SELECT 'another' AS name"))
    if not bind_first:
        agent.ask(Bind("p", "d"), Sync())
    said = agent.ask(Execute("p"), Sync(), Query("FETCH ALL FROM c"))
    assert not names & set(cells(said, 0))


def test_the_row_of_a_cursor_is_changed_as_any_other(place: Place) -> None:
    place.database.sql("CREATE TABLE tasks AS SELECT id, name AS done_by FROM users; GRANT ALL ON tasks TO public")
    with psycopg.connect(place.masked) as agent:
        agent.execute("DECLARE tasks CURSOR FOR SELECT id FROM tasks WHERE id = 2 FOR UPDATE")
        agent.execute("FETCH tasks")
        changed = agent.execute("UPDATE tasks SET id = 20 WHERE CURRENT OF tasks RETURNING id").fetchall()
        assert changed == [(20,)]
        agent.execute("DECLARE people CURSOR FOR SELECT id FROM users WHERE id = 1 FOR UPDATE")
        agent.execute("FETCH people")
        shown = agent.execute("UPDATE users SET id = 1 WHERE CURRENT OF people RETURNING name").fetchall()
        assert shown == agent.execute("SELECT name FROM users WHERE id = 1").fetchall()
        agent.rollback()

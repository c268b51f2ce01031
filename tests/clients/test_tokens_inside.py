"""Tokens inside other statements: cursors, EXPLAIN, COPY, PREPARE and EXECUTE, VALUES that are selected from."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from tests.clients.cards import Place, started
from tests.servers import Database


@pytest.fixture(scope="module")
def place(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with started(database, tmp_path_factory.mktemp("tokens")) as place:
        yield place


@pytest.fixture
def connection(place: Place) -> Iterator[psycopg.Connection]:
    """In a transaction that is rolled back."""
    with psycopg.connect(place.dsn) as connection:
        yield connection
        connection.rollback()


@pytest.mark.parametrize("as_parameter", [False, True])
def test_a_cursor_is_declared_for_a_token(place: Place, connection: psycopg.Connection, as_parameter: bool) -> None:
    card = place.shown()["card"][1]
    declare = "/* é */ DECLARE c CURSOR FOR SELECT id, card FROM cards WHERE card = "
    if as_parameter:
        connection.execute(declare + "%s", (card,))
    else:
        connection.execute(declare + f"'{card}'")
    assert connection.execute("FETCH ALL FROM c").fetchall() == [(1, card)]
    assert connection.execute("SELECT statement FROM pg_cursors WHERE name = 'c'").fetchall() == [(None,)]


def test_several_statements_with_a_cursor(place: Place, connection: psycopg.Connection) -> None:
    card = place.shown()["card"][1]
    cursor = connection.execute(f"SELECT 'é'; DECLARE c CURSOR FOR SELECT id FROM cards WHERE card = '{card}'; FETCH c")
    while cursor.nextset():
        pass
    assert cursor.fetchall() == [(1,)]


@pytest.mark.parametrize("as_parameter", [False, True])
def test_a_table_is_made_by_a_token(place: Place, connection: psycopg.Connection, as_parameter: bool) -> None:
    card = place.shown()["card"][1]
    for number, head in enumerate(
        ("CREATE TEMP TABLE made_0 AS SELECT id, card FROM cards", "SELECT id, card INTO TEMP made_1 FROM cards")
    ):
        if as_parameter and number == 0:
            connection.execute(f"{head} WHERE card = %s", (card,))
        else:
            connection.execute(f"{head} WHERE card = '{card}'")
        assert connection.execute(f"SELECT * FROM made_{number}").fetchall() == [(1, card)]


def test_rows_found_by_a_token_are_copied_out(place: Place, connection: psycopg.Connection) -> None:
    shown = {column: values[1] for column, values in place.shown().items()}
    condition = f"card IN ('{shown['card']}') AND account = {shown['account']}"
    with connection.cursor().copy(f"/* é */ COPY (SELECT id, card FROM cards WHERE {condition}) TO STDOUT") as copy:
        assert b"".join(copy).decode() == f"1\t{shown['card']}\n"


def test_a_plan_is_made_for_the_token_as_it_stands(place: Place, connection: psycopg.Connection) -> None:
    """The real value would show in it. And it is a probe, of which the limit is three: statistics would tell whether it
    is a stored value."""
    card = place.shown()["card"][2]
    for plan in (
        connection.execute(f"EXPLAIN SELECT id FROM cards WHERE card = '{card}'").fetchall(),
        connection.execute("EXPLAIN (FORMAT json) UPDATE cards SET card = %s WHERE card = %s", (card, card)).fetchall(),
    ):
        assert "4242" not in str(plan)
    assert card in str(connection.execute("EXPLAIN SELECT id FROM cards WHERE card = %s", (card,)).fetchall())
    with pytest.raises(errors.ConfigurationLimitExceeded):
        for number in range(4):
            connection.execute(f"EXPLAIN SELECT id FROM cards WHERE label = '{number}'")


@pytest.mark.parametrize(
    "sql",
    [
        "EXPLAIN ANALYZE SELECT id FROM cards WHERE card = '{card}'",
        "EXPLAIN (ANALYZE, COSTS off) SELECT id FROM cards WHERE card = '{card}'",
        "EXPLAIN (VERBOSE, ANALYZE) SELECT id FROM cards WHERE card = '{card}'",
        "EXPLAIN EXECUTE fixed",
        "EXPLAIN EXECUTE given('{card}')",
        "EXPLAIN ANALYZE EXECUTE given('{card}')",
        "CREATE MATERIALIZED VIEW mv AS SELECT id FROM cards WHERE card = '{card}'",
        "CREATE VIEW vw AS SELECT id FROM cards WHERE card = '{card}'",
        "EXECUTE given('{card}'::text)",
        "EXECUTE given(lower('{card}'))",
        "EXECUTE given((SELECT '{card}'))",
        "EXECUTE twice('{card}')",
    ],
)
def test_what_would_show_the_real_value_takes_no_token(place: Place, connection: psycopg.Connection, sql: str) -> None:
    card = place.shown()["card"][2]
    connection.execute("PREPARE given(text) AS SELECT id FROM cards WHERE card = $1")
    connection.execute(f"PREPARE fixed AS SELECT id FROM cards WHERE card = '{card}'")
    with pytest.raises(psycopg.Error) as caught:
        connection.execute("PREPARE twice(text) AS SELECT $1, id FROM cards WHERE card = $1")
        connection.execute(sql.format(card=card))
    assert caught.value.sqlstate == "42501"
    assert "4242 4242" not in str(vars(caught.value.diag))


def test_prepare_and_execute_by_name(place: Place, connection: psycopg.Connection) -> None:
    shown = {column: values[1] for column, values in place.shown().items()}
    card = shown["card"]
    connection.execute(f"/* é */ PREPARE fixed AS SELECT id, card FROM cards WHERE card = '{card}'")
    connection.execute(
        "PREPARE given(int, text, bigint) AS SELECT id FROM cards WHERE id = $1 AND card = $2 AND account = $3"
    )
    assert connection.execute("EXECUTE fixed").fetchall() == [(1, card)]
    for arguments in (f"1, '{card}', {shown['account']}", f"1, E'{card}', '{shown['account']}'"):
        assert connection.execute(f"/* é */ EXECUTE given({arguments})").fetchall() == [(1,)]
    assert connection.execute(f"EXECUTE given(1, '{card}', 5)").fetchall() == []
    cursor = connection.execute(f"SELECT 'é'; EXECUTE given(1, '{card}', {shown['account']}); SELECT 1")
    assert cursor.nextset() and cursor.fetchall() == [(1,)]
    connection.execute("PREPARE several(text[]) AS SELECT id FROM cards WHERE card = ANY ($1)")
    assert connection.execute(f"EXECUTE several('{{\"{card}\"}}')").fetchall() == [(1,)]
    rows = connection.execute("SELECT name, statement FROM pg_prepared_statements").fetchall()
    assert {name for name, _ in rows} >= {"fixed", "given", "several"}
    assert not any(statement for _, statement in rows)


def test_what_was_prepared_by_name_is_executed_by_the_protocol(place: Place, connection: psycopg.Connection) -> None:
    card = place.shown()["card"][1]
    connection.execute("PREPARE given(text) AS SELECT id FROM cards WHERE card = $1")
    assert connection.pgconn.exec_prepared(b"given", [card.encode()]).get_value(0, 0) == b"1"


def test_a_prepared_write_takes_a_token(place: Place, connection: psycopg.Connection) -> None:
    card = place.shown()["card"][1] + "9"
    connection.execute("PREPARE add(int, text) AS INSERT INTO cards (id, card) VALUES ($1, $2) RETURNING card")
    assert connection.execute(f"EXECUTE add(700, '{card}')").fetchall() == [(card,)]
    with pytest.raises(errors.InsufficientPrivilege):
        connection.execute("EXECUTE add(701, 'none')")


VALUES_SELECTED = (
    "INSERT INTO cards (id, card) SELECT 800, $1",
    "INSERT INTO cards (id, card) SELECT 800, x FROM (VALUES ($1)) v(x)",
    "INSERT INTO cards (id, card) SELECT i::int, x::varchar FROM (VALUES (800, $1, 0)) v(i, x, n) ORDER BY n",
    "INSERT INTO cards (id, card, note) SELECT i, x, lower(n) FROM (VALUES (800, $1, 'A'), (801, $2, 'B')) v(i, x, n)",
    "INSERT INTO cards (id) VALUES (800);"
    " UPDATE cards c SET card = v.x FROM (VALUES (800, $1)) v(i, x) WHERE c.id = v.i",
    "MERGE INTO cards c USING (VALUES (800, $1)) v(i, x) ON c.id = v.i"
    " WHEN NOT MATCHED THEN INSERT (id, card) VALUES (v.i, v.x)",
    "INSERT INTO cards (id, card) SELECT i, x FROM (SELECT i, x FROM (VALUES (800, $1)) v(i, x)) w",
)


@pytest.mark.parametrize("client", [psycopg.Cursor, psycopg.ClientCursor], ids=lambda cursor: cursor.__name__)
@pytest.mark.parametrize("sql", VALUES_SELECTED)
def test_tokens_among_values_that_are_selected_from(place: Place, sql: str, client: type[psycopg.Cursor]) -> None:
    card = place.shown()["card"][2] + "7"
    values = {"one": card, "two": card + "1"}
    with psycopg.connect(place.dsn, cursor_factory=client) as connection:
        for statement in sql.split("; "):
            text = statement.replace("$1", "%(one)s").replace("$2", "%(two)s")
            connection.execute(text, {name: value for name, value in values.items() if f"%({name})s" in text})
        assert connection.execute("SELECT card FROM cards WHERE id = 800").fetchone() == (card,)
        assert connection.execute("SELECT id FROM cards WHERE card = %s", (card,)).fetchone() == (800,)
        connection.rollback()


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO cards (id, card) SELECT 800, x FROM (VALUES ('$1'), ('$2')) v(x) ORDER BY x",
        "INSERT INTO cards (id, card) SELECT DISTINCT 800, x FROM (VALUES ('$1')) v(x)",
        "INSERT INTO cards (id, card) SELECT 800, x FROM (VALUES ('$1')) v(x) GROUP BY x",
        "INSERT INTO cards (id, card) SELECT 800, x FROM (VALUES ('$1')) v(x) WHERE x LIKE '4%'",
        "INSERT INTO cards (id, card) SELECT length(x), x FROM (VALUES ('$1')) v(x)",
        "INSERT INTO cards (id, card, note) SELECT 800, x, x FROM (VALUES ('$1')) v(x)",
        "INSERT INTO cards (id, card) SELECT 800, x FROM (VALUES ('$1')) v(x), LATERAL (SELECT 1 WHERE x > '5') s",
        "INSERT INTO cards (id, card) SELECT 800, x FROM (VALUES ('$1')) v(x) WHERE EXISTS (SELECT WHERE x > '5')",
        "INSERT INTO cards (id, card) SELECT 800, x FROM (VALUES ('$1')) v(x) WHERE v::text LIKE '(4%'",
        "INSERT INTO cards (id, card) SELECT 800, '$1' UNION SELECT 800, '$2'",
        "INSERT INTO cards (id, card) SELECT * FROM (SELECT 800, x FROM (VALUES ('$1'), ('$2')) v(x) ORDER BY 2) w",
        "INSERT INTO cards (id, card) SELECT 800, x"
        " FROM (SELECT x, rank() OVER (ORDER BY x) r FROM (VALUES ('$1')) v(x)) w",
        "INSERT INTO cards (id, card) SELECT 800, x FROM (VALUES ('$1')) v(x) JOIN orders ON plain = x",
        "INSERT INTO cards (id, card) SELECT 800, x FROM (VALUES ('$1')) v(x) JOIN (VALUES ('4')) w(x) USING (x)",
        "WITH v(x) AS (VALUES ('$1')) INSERT INTO cards (id, card) SELECT 800, x FROM v",
        "UPDATE cards c SET card = v.x FROM (VALUES (1, '$1')) v(i, x) WHERE c.id = v.i RETURNING v.x",
        "UPDATE cards c SET card = v.x, note = v.x FROM (VALUES (1, '$1')) v(i, x) WHERE c.id = v.i",
        "UPDATE cards c SET card = v.x FROM (VALUES (1, '$1')) v(i, x) WHERE c.id = v.i AND v.x > '4'",
        "MERGE INTO cards c USING (VALUES (800, '$1')) v(i, x) ON c.id = v.i"
        " WHEN NOT MATCHED AND v.x LIKE '4%' THEN INSERT (id, card) VALUES (v.i, v.x)",
    ],
)
def test_tokens_among_values_that_are_seen_elsewhere_are_refused(
    place: Place, connection: psycopg.Connection, sql: str
) -> None:
    card = place.shown()["card"][2] + "7"
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(sql.replace("$1", card).replace("$2", card + "1"))
    assert caught.value.sqlstate == "42501", caught.value

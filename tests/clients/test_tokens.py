"""Tokens as a client uses them: found by, joined by and written back, and nowhere in sight as what they stand for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import pg8000.native  # type: ignore[import-untyped]
import psycopg
import pytest
from psycopg import errors

from tests.clients.cards import COLUMNS, RULES, Place, started
from tests.servers import Database

REAL = ("4111-1111-1111-1111", "Ada's 1815", "12345", "9007199254740993")


@pytest.fixture(scope="module")
def place(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with started(database, tmp_path_factory.mktemp("tokens")) as place:
        yield place


def raw_literals(place: Place, sql: str, value: Any) -> list[int]:
    with psycopg.connect(place.dsn, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        return [row[0] for row in connection.execute(sql.replace("$1", "%s"), (value,))]


def server_side(place: Place, sql: str, value: Any) -> list[int]:
    with place.connected() as connection:
        return [row[0] for row in connection.execute(sql.replace("$1", "%s"), (value,))]


def binary(place: Place, sql: str, value: Any) -> list[int]:
    with place.connected() as connection:
        return [row[0] for row in connection.execute(sql.replace("$1", "%b"), (value,), binary=True)]


def by_asyncpg(place: Place, sql: str, value: Any) -> list[int]:
    async def run() -> list[int]:
        connection = await asyncpg.connect(place.dsn)
        try:
            return [row[0] for row in await connection.fetch(sql, value)]
        finally:
            await connection.close()

    return asyncio.run(run())


def by_pg8000(place: Place, sql: str, value: Any) -> list[int]:
    connection = pg8000.native.Connection(
        "agent", host="127.0.0.1", port=place.proxy.port, database=place.database.name, password="secret"
    )
    try:
        return [row[0] for row in connection.run(sql.replace("$1", ":v"), v=value)]
    finally:
        connection.close()


WAYS = (raw_literals, server_side, binary, by_asyncpg, by_pg8000)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("column", COLUMNS)
def test_what_select_shows_finds_its_row(place: Place, way: Callable[..., list[int]], column: str) -> None:
    for at, token in place.shown()[column].items():
        if token is None:
            continue
        if way is binary and column == "label":
            continue  # a binary text parameter is text, and what is compared with it is the text of the column
        assert way(place, f"SELECT id FROM cards WHERE {column} = $1", token) == [at], (column, token)


FORMS = (
    "SELECT id FROM cards WHERE card = '{card}'",
    "SELECT id FROM cards WHERE '{card}' = card",
    "SELECT id FROM cards WHERE card = E'{card}'",
    "SELECT id FROM cards WHERE card = $x${card}$x$",
    "SELECT id FROM cards WHERE card = U&'{card}'",
    "SELECT id FROM cards WHERE card = U&'{card}' UESCAPE '!'",
    "SELECT id FROM cards WHERE card = '{card}'::text",
    "SELECT id FROM cards WHERE card = CAST('{card}' AS varchar)",
    "SELECT id FROM cards WHERE card = text '{card}'",
    "SELECT id FROM cards WHERE card IN ('x', '{card}', '0')",
    "SELECT id FROM cards WHERE card = ANY (ARRAY['x', '{card}'])",
    "SELECT id FROM cards WHERE card = ANY ('{{x,\"{card}\",NULL}}')",
    "SELECT id FROM cards WHERE card = ANY ('{{x,\"{card}\"}}'::varchar[])",
    "SELECT id FROM cards WHERE (id, card) = (1, '{card}')",
    "SELECT id FROM cards WHERE card IS NOT DISTINCT FROM '{card}'",
    "SELECT id FROM cards WHERE NOT (card NOT IN ('x', '{card}'))",
    "SELECT id FROM cards WHERE NOT (card <> '{card}' OR card IS NULL)",
    "SELECT id FROM cards WHERE account = {account}",
    "SELECT id FROM cards WHERE account = '{account}'",
    "SELECT id FROM cards WHERE account IN ({account}, 1, 2)",
    "SELECT id FROM cards WHERE small = {small} AND amount = {amount}",
    "SELECT id FROM cards WHERE amount = '{amount}'",
    "SELECT id FROM cards WHERE key = '{key}'",
    "SELECT id FROM cards WHERE key IN ('{key}'::uuid)",
    "/* é */ SELECT id FROM cards c WHERE note = 'n1' AND EXISTS (SELECT FROM orders WHERE orders.card = '{card}')",
    "SELECT id FROM cards_v WHERE card = '{card}'",
    "SELECT c.id FROM cards c JOIN orders o USING (card) WHERE c.card = '{card}'",
    "SELECT c.id FROM cards c JOIN orders o ON c.card = o.card AND o.card = '{card}'",
    "WITH c AS (SELECT * FROM cards WHERE card = '{card}') SELECT id FROM c",
    "SELECT id FROM raw_v",
    "SELECT id FROM cards WHERE label = '{label}' UNION SELECT 1",
)
"""Each finds the first row, by its tokens."""


@pytest.mark.parametrize("sql", FORMS)
def test_every_form_of_a_literal_is_a_token(place: Place, sql: str) -> None:
    shown = {column: values[1] for column, values in place.shown().items()}
    for options in ({}, {"prepare_threshold": 0}):
        with place.connected(**options) as connection:
            rows = connection.execute(sql.format(**shown)).fetchall()
            assert rows == [(1,)], (options, sql)


def test_several_statements_of_one_string(place: Place) -> None:
    card = place.shown()["card"][2]
    with place.connected() as connection:
        cursor = connection.execute(f"SELECT 'é'; SELECT id FROM cards WHERE card = '{card}'; SELECT 1/1")
        assert cursor.fetchall() == [("é",)]
        assert cursor.nextset()
        assert cursor.fetchall() == [(2,)]


def test_what_was_never_shown_finds_no_row(place: Place) -> None:
    """`none` is stored; it has no token and shows as NULL."""
    with place.connected() as connection:
        assert connection.execute("SELECT id, card FROM cards WHERE id = 5").fetchall() == [(5, None)]
        for value in ("none", "4111-1111-1111-1111", "Żółć"):
            assert connection.execute(f"SELECT id FROM cards WHERE card = '{value}'").fetchall() == []
            assert connection.execute("SELECT id FROM cards WHERE card = %s", (value,)).fetchall() == []
            assert connection.execute("SELECT id FROM cards WHERE card = ANY(%s)", ([value],)).fetchall() == []
        rows = connection.execute("SELECT id FROM cards WHERE NOT (card = 'none') ORDER BY id").fetchall()
        assert rows == [(1,), (2,), (3,), (5,)]


def test_tokens_are_no_probes(place: Place) -> None:
    """The limit is three."""
    with place.connected() as connection:
        for number in range(10):
            connection.execute("SELECT id FROM cards WHERE card = %s", (f"{number:016}",))
            connection.execute(f"SELECT id FROM cards WHERE card IN ('{number:015}', '{number:014}')")


WRITES = (
    "INSERT INTO cards (id, card, name, account, amount) VALUES (100, %(card)s, %(name)s, %(account)s, %(amount)s)",
    "INSERT INTO cards (id, card, name, account, amount) VALUES (100, %(card)s, %(name)s, %(account)s, %(amount)s), "
    "(101, 'x1', NULL, DEFAULT, 5)",
    "INSERT INTO cards (id) VALUES (100); "
    "UPDATE cards SET card = %(card)s, name = %(name)s, account = %(account)s, amount = %(amount)s WHERE id = 100",
    "INSERT INTO cards (id) VALUES (100); UPDATE cards SET (card, name) = (%(card)s, %(name)s), account = %(account)s, "
    "amount = %(amount)s WHERE id = 100",
    "INSERT INTO cards (id) VALUES (100); INSERT INTO cards (id, card) VALUES (100, %(card)s) ON CONFLICT (id) "
    "DO UPDATE SET card = EXCLUDED.card, name = %(name)s, account = %(account)s, amount = %(amount)s",
    "INSERT INTO cards (id) VALUES (100); MERGE INTO cards c USING (SELECT 100 AS i) s ON c.id = s.i "
    "WHEN MATCHED THEN UPDATE SET card = %(card)s, name = %(name)s, account = %(account)s, amount = %(amount)s",
    "MERGE INTO cards c USING (SELECT 100 AS i) s ON c.id = s.i WHEN NOT MATCHED THEN "
    "INSERT (id, card, name, account, amount) VALUES (100, %(card)s, %(name)s, %(account)s, %(amount)s)",
)


@pytest.mark.parametrize("client", [psycopg.Cursor, psycopg.ClientCursor], ids=lambda cursor: cursor.__name__)
@pytest.mark.parametrize("sql", WRITES)
def test_a_token_that_is_written_is_shown_again(place: Place, sql: str, client: Any) -> None:
    shown = {column: values[1] for column, values in place.shown().items()}
    columns = ("card", "name", "account", "amount")
    values = {column: shown[column] for column in columns}
    own = psycopg.connect(place.dsn, cursor_factory=client)
    with own as connection:
        connection.execute("DELETE FROM cards WHERE id = 1")
        for statement in sql.split("; "):
            connection.execute(statement, values)
        seen = connection.execute(f"SELECT {', '.join(columns)} FROM cards WHERE id = 100").fetchone()
        assert seen == tuple(values.values())
        if "VALUES (100, %(card)s, %(name)s" in sql:
            found = connection.execute("SELECT id FROM cards WHERE card = %s", (shown["card"],)).fetchall()
            assert found == [(100,)]
        connection.rollback()


def test_returning_shows_the_token(place: Place) -> None:
    card = place.shown()["card"][2]
    with psycopg.connect(place.dsn) as connection:
        sql = "UPDATE cards SET card = %s WHERE id = 2 RETURNING id, card, note"
        assert connection.execute(sql, (card,)).fetchall() == [(2, card, "n2")]
        connection.rollback()


REFUSED = (
    # The same value elsewhere.
    "SELECT $1 FROM cards WHERE card = $1",
    "SELECT $1::text, id FROM cards WHERE card = $1",
    "SELECT id FROM cards WHERE card = $1 AND note = $1",
    "SELECT id FROM cards WHERE card = $1 AND $1 = '4111-1111-1111-1111'",
    "SELECT id FROM cards WHERE card = $1 AND $1 LIKE '4%'",
    "SELECT id FROM cards WHERE card = $1 ORDER BY length($1)",
    "SELECT id FROM cards WHERE card = $1 LIMIT length($1)",
    "SELECT id FROM cards WHERE card = $1 || ''",
    "SELECT id FROM cards WHERE card = lower($1)",
    "SELECT id FROM cards WHERE card = coalesce($1, 'x')",
    "SELECT id FROM cards WHERE card = (SELECT $1)",
    "SELECT id FROM cards WHERE card IN (SELECT $1)",
    "SELECT id FROM cards WHERE card IN (VALUES ($1))",
    "WITH t AS (SELECT $1::text AS x) SELECT x FROM t, cards WHERE card = x",
    "SELECT x FROM cards JOIN (VALUES ($1)) v(x) ON card = x",
    "SELECT card FROM cards INTERSECT SELECT $1",
    "SELECT card FROM cards UNION SELECT $1",
    "SELECT x FROM cards, LATERAL (SELECT $1::text AS x WHERE card = $1) s",
    "SELECT note FROM cards JOIN orders ON cards.card = $1 AND orders.other = $1",
    "SELECT id FROM orders WHERE other = $1 AND card = $1",
    "SELECT count(*) FROM cards GROUP BY card = $1, $1",
    # Written where it is not masked the same.
    "INSERT INTO cards (id, card, note) VALUES (200, $1::varchar, $1::varchar)",
    "INSERT INTO cards (id, card) VALUES (200, $1) ON CONFLICT (id) DO UPDATE SET note = EXCLUDED.card",
    "INSERT INTO cards (id, card) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET note = 'x' || EXCLUDED.card",
    "INSERT INTO cards (id, card) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET note = 'x'"
    " WHERE EXCLUDED.card LIKE '4%'",
    "INSERT INTO cards (id, card) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET note = EXCLUDED::text",
    "INSERT INTO cards (id, card) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET note = (SELECT EXCLUDED.card)",
    "INSERT INTO cards (id, card, note) SELECT 200, x, x FROM (VALUES ($1)) v(x)",
    "MERGE INTO cards c USING (SELECT $1::text AS x) s ON c.card = s.x WHEN MATCHED THEN UPDATE SET note = s.x",
    "UPDATE cards SET note = x FROM (VALUES ($1)) v(x) WHERE card = x",
    "UPDATE cards SET card = $1::varchar, note = $1::varchar",
    "INSERT INTO cards (id, tags[1]) VALUES (200, $1)",
    # Whether it is accepted would tell of it.
    "INSERT INTO checked VALUES ($1)",
    "INSERT INTO parts VALUES ($1)",
    "INSERT INTO parents VALUES ($1)",
    "UPDATE parents SET card = $1",
    "INSERT INTO watched (card) VALUES ($1) RETURNING note",
    "INSERT INTO parts_1 VALUES ($1)",
    "UPDATE parts SET card = $1",
    # What would show the text.
    "EXPLAIN (ANALYZE, VERBOSE) SELECT id FROM cards WHERE card = $1",
    "CREATE MATERIALIZED VIEW made AS SELECT id FROM cards WHERE card = $1",
    "SELECT current_query(), id FROM cards WHERE card = $1",
)


@pytest.mark.parametrize("as_parameter", [False, True])
@pytest.mark.parametrize("sql", REFUSED)
def test_no_token_where_its_value_would_show(place: Place, sql: str, as_parameter: bool) -> None:
    token = place.shown()["card"][2]
    utility = sql.startswith("CREATE")
    with place.connected() as connection:
        with pytest.raises(psycopg.Error) as caught, connection.transaction():
            if as_parameter:
                if utility:
                    sql = sql.replace("$1", f"'{token}'")
                connection.execute(sql.replace("$1", "%(v)s").replace("4%'", "4%%'"), {"v": token})
            else:  # each literal is one of its own: only what stands for one value is refused
                if sql.count("$1") > 1:
                    pytest.skip("separate literals")
                connection.execute(sql.replace("$1", f"'{token}'"))
        assert caught.value.sqlstate == "42501", caught.value
        assert "4242 4242" not in str(caught.value)


def test_separate_literals_are_spliced_alone(place: Place) -> None:
    token = place.shown()["card"][2]
    with place.connected() as connection:
        sql = (
            f"SELECT '{token}', length('{token}'), id FROM cards"
            f" WHERE card = '{token}' AND '{token}' <> '4242' GROUP BY 1, 2, 3"
        )
        assert connection.execute(sql).fetchall() == [(token, len(token), 2)]
        sql = f"INSERT INTO cards (id, card, note) VALUES (300, '{token}9', '{token}') RETURNING note, card"
        assert connection.execute(sql).fetchall() == [(token, f"{token}9")]
        connection.execute("DELETE FROM cards WHERE id = 300")


@pytest.mark.parametrize("view", ["pg_prepared_statements", "pg_cursors"])
def test_catalog_views_do_not_show_the_text(place: Place, view: str) -> None:
    token = place.shown()["card"][2]
    with place.connected(prepare_threshold=0) as connection:
        with connection.transaction():
            connection.execute(f"SELECT id FROM cards WHERE card = '{token}'")
            connection.execute(f"SELECT id FROM cards WHERE card = '{token}'")
            rows = connection.execute(f"SELECT name, statement FROM {view}").fetchall()
            assert rows and all(statement is None for _, statement in rows)


def test_errors_do_not_show_the_value(place: Place) -> None:
    shown = place.shown()
    token = shown["card"][2]
    with place.connected() as connection:
        for sql, state in (
            (f"INSERT INTO cards (id, card) VALUES (400, '{token}')", "23505"),
            (f"SELECT 1/(id-2) FROM cards WHERE card = '{token}'", "22012"),
            ("INSERT INTO cards (id, card) VALUES (400, '" + "1" * 30 + "')", "42501"),
        ):
            with pytest.raises(psycopg.Error) as caught:
                connection.execute(sql)
            assert caught.value.sqlstate == state
            text = str(vars(caught.value.diag)) + str(caught.value) + str(caught.value.diag.message_detail)
            assert "4242" not in text
    assert "4242" not in place.proxy.log


def test_a_value_that_is_no_token_is_not_written(place: Place) -> None:
    with place.connected() as connection:
        for sql in (
            "INSERT INTO cards (id, card) VALUES (500, 'none')",
            "UPDATE cards SET amount = 1.239 WHERE id = 4",
            "UPDATE cards SET account = 12.5 WHERE id = 4",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(sql)
        connection.execute("UPDATE cards SET name = '' WHERE id = 4")
        connection.execute("UPDATE cards SET name = NULL WHERE id = 4")


def test_other_rules_turn_nothing_prepared_into_something_else(place: Place) -> None:
    """Literals are real values upstream; under rules by which they are none the statement has to be prepared anew."""
    token = place.shown()["card"][2]
    with place.connected() as connection:
        protocol = connection.pgconn
        protocol.prepare(b"fixed", f"SELECT id FROM cards WHERE card = '{token}'".encode())
        protocol.prepare(b"given", b"SELECT id, $1::text FROM cards WHERE card = $2")
        assert protocol.exec_prepared(b"fixed", []).get_value(0, 0) == b"2"
        assert protocol.exec_prepared(b"given", [b"x", token.encode()]).get_value(0, 0) == b"2"
        try:
            place.proxy.reload(RULES.replace("card: {tokenize: digits}\n    name", "card: hash\n    name"))
            refused = protocol.exec_prepared(b"fixed", [])
            assert refused.error_field(67) == b"42501"
        finally:
            place.proxy.reload(RULES)
        assert protocol.exec_prepared(b"fixed", []).get_value(0, 0) == b"2"

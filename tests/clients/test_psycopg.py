"""psycopg 3: simple, extended, prepared, pipelined, binary, client-side binding, streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import ClientCursor, Connection, RawCursor, errors

from tests.clients.people import DBA, ROWS, Place
from tests.clients.statements import READS, REFUSED, WRITES, Asked

Result = tuple[list[tuple[str, int]], list[tuple[Any, ...]]]
Way = Callable[[Connection[Any], Asked], Result]


@pytest.fixture(scope="module")
def connections(place: Place) -> Iterator[tuple[Connection[Any], Connection[Any]]]:
    """Through the proxy, and direct to what ought to be seen."""
    with psycopg.connect(place.masked, autocommit=True) as masked, psycopg.connect(place.seen, autocommit=True) as seen:
        yield masked, seen


def everything(cursor: psycopg.Cursor[Any]) -> Result:
    assert cursor.description is not None
    return [(column.name, column.type_code) for column in cursor.description], cursor.fetchall()


def simple(connection: Connection[Any], asked: Asked) -> Result:
    cursor = ClientCursor(connection)
    return everything(cursor.execute(asked.with_placeholders("%(p{})s"), named(asked)))


def named(asked: Asked) -> dict[str, int]:
    return {f"p{number}": value for number, value in enumerate(asked.parameters, 1)}


def extended(connection: Connection[Any], asked: Asked) -> Result:
    return everything(RawCursor(connection).execute(asked.sql, asked.parameters, prepare=False))


def prepared(connection: Connection[Any], asked: Asked) -> Result:
    return everything(RawCursor(connection).execute(asked.sql, asked.parameters, prepare=True))


def binary(connection: Connection[Any], asked: Asked) -> Result:
    return everything(RawCursor(connection).execute(asked.sql, asked.parameters, binary=True))


def prepared_binary(connection: Connection[Any], asked: Asked) -> Result:
    return everything(RawCursor(connection).execute(asked.sql, asked.parameters, prepare=True, binary=True))


def streamed(connection: Connection[Any], asked: Asked) -> Result:
    rows = list(RawCursor(connection).stream(asked.sql, asked.parameters))
    return [], rows


def streamed_in_chunks(connection: Connection[Any], asked: Asked) -> Result:
    rows = list(RawCursor(connection).stream(asked.sql, asked.parameters, binary=True, size=2))
    return [], rows


WAYS = (simple, extended, prepared, prepared, binary, prepared_binary, streamed, streamed_in_chunks)


@pytest.mark.parametrize("asked", READS, ids=lambda asked: asked.title)
def test_rows_are_as_direct(connections: tuple[Connection[Any], Connection[Any]], asked: Asked) -> None:
    masked, seen = connections
    for way in WAYS:
        assert way(masked, asked) == way(seen, asked), way.__name__


@pytest.mark.parametrize("asked", WRITES, ids=lambda asked: asked.title)
@pytest.mark.parametrize("way", [simple, prepared_binary])
def test_returned_rows_are_as_direct(
    connections: tuple[Connection[Any], Connection[Any]], way: Way, asked: Asked
) -> None:
    results = []
    for connection in connections:
        with connection.transaction(force_rollback=True):
            results.append(way(connection, asked))
    assert results[0] == results[1]


def test_one_statement_of_many_in_a_string_does_not_disturb_the_next(
    connections: tuple[Connection[Any], Connection[Any]],
) -> None:
    results: list[list[Result]] = [[], []]
    for connection, found in zip(connections, results, strict=True):
        cursor = connection.execute(
            "SELECT id, name FROM users WHERE id = 1; SELECT 1 AS x; SELECT salary, plain_salary FROM users ORDER BY id"
        )
        found.append(everything(cursor))
        while cursor.nextset():
            found.append(everything(cursor))
    assert len(results[0]) == 3
    assert results[0] == results[1]


@pytest.mark.parametrize("is_binary", [False, True], ids=["text", "binary"])
def test_pipeline_brings_every_result(place: Place, is_binary: bool) -> None:
    results = []
    for dsn in (place.masked, place.seen):
        with psycopg.connect(dsn, autocommit=True) as connection:
            cursors = []
            with connection.pipeline() as pipeline:
                for number, asked in enumerate(READS):
                    cursor = RawCursor(connection)
                    cursor.execute(asked.sql, asked.parameters, binary=is_binary, prepare=bool(number % 2))
                    cursors.append(cursor)
                    if number % 5 == 4:
                        pipeline.sync()
            results.append([everything(cursor) for cursor in cursors])
    assert results[0] == results[1]


def test_pipeline_with_one_statement_bound_many_times(place: Place) -> None:
    results = []
    for dsn in (place.masked, place.seen):
        with psycopg.connect(dsn, autocommit=True) as connection, connection.pipeline():
            cursors = [
                connection.execute("SELECT id, name, tags, salary FROM users WHERE id = %s", [number % 6], prepare=True)
                for number in range(200)
            ]
            results.append([cursor.fetchone() for cursor in cursors])
    assert results[0] == results[1]
    assert len(set(map(repr, results[0]))) == 6


def test_written_value_comes_back_masked(place: Place) -> None:
    with psycopg.connect(place.masked) as connection:
        ada = connection.execute("SELECT name, email, salary FROM users WHERE id = 1").fetchone()
        values = ("Ada Lovelace", "ada@lovelace.example", "75000.50")
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO users (id, team, name, email, salary) VALUES (%s, 1, %s, %s, %s)"
                " RETURNING name, email, salary",
                [(number, *values) for number in range(100, 120)],
                returning=True,
            )
            for _ in range(20):
                assert cursor.fetchall() == [ada]
                cursor.nextset()
        again = connection.execute("SELECT DISTINCT name, email, salary FROM users WHERE id >= 100").fetchall()
        assert again == [ada]
        connection.rollback()


def test_equality_takes_the_real_value_and_answers_masked(place: Place) -> None:
    with psycopg.connect(place.masked, autocommit=True) as connection:
        row = connection.execute("SELECT id, email FROM users WHERE email = %s ORDER BY id", ["ada@lovelace.example"])
        found = row.fetchall()
        assert [number for number, _ in found] == [1, 5]
        assert "ada@lovelace.example" not in {email for _, email in found}


def test_denial_names_rule_column_and_way_out(place: Place) -> None:
    with psycopg.connect(place.masked, autocommit=True) as connection:
        with pytest.raises(errors.InsufficientPrivilege) as denied:
            connection.execute(REFUSED)
        said = denied.value.diag
        assert said.severity == "ERROR"
        assert "public.users.name" in f"{said.message_primary} {said.message_detail}"
        assert said.message_hint
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    "statement",
    [
        "COPY users TO '/tmp/users'",
        "COPY users TO PROGRAM 'cat'",
        "DO $$ BEGIN PERFORM FROM users; END $$",
        "SELECT row_to_json(u) FROM users u",
        "SELECT pg_read_file('/etc/passwd')",
        "CREATE TABLE copied AS SELECT name FROM users",
        "INSERT INTO users (id, team, plain_name) SELECT id + 100, 1, name FROM users",
    ],
)
@pytest.mark.parametrize("prepare", [False, True], ids=["once", "prepared"])
def test_statement_that_could_carry_values_out_is_denied(place: Place, statement: str, prepare: bool) -> None:
    with psycopg.connect(place.masked) as connection:
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute(statement, prepare=prepare)
        connection.rollback()
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_identity_with_everything_revealed_sees_real_values(place: Place) -> None:
    with psycopg.connect(place.revealed, autocommit=True) as revealed, psycopg.connect(place.raw) as raw:
        assert revealed.info.user == DBA
        for asked in READS:
            assert prepared_binary(revealed, asked) == prepared_binary(raw, asked)


def test_settings_that_change_the_text_of_values_do_not_change_the_values(place: Place) -> None:
    columns = "birth_date, joined, seen_at, lasted, wakes"
    seen: list[list[bytes | None]] = []
    for settings in (
        {"DateStyle": "German", "TimeZone": "Asia/Tokyo", "IntervalStyle": "iso_8601"},
        {"DateStyle": "SQL, DMY", "TimeZone": "America/New_York", "IntervalStyle": "sql_standard"},
        {"DateStyle": "Postgres, MDY", "TimeZone": "UTC", "IntervalStyle": "postgres_verbose"},
    ):
        rows = []
        for dsn in (place.masked, place.seen):
            with psycopg.connect(dsn, autocommit=True) as connection:
                for name, value in settings.items():
                    connection.execute(f"SET {name} TO '{value}'" if name != "DateStyle" else f"SET {name} TO {value}")
                result = connection.pgconn.exec_(f"SELECT {columns} FROM users ORDER BY id".encode())
                rows.append([result.get_value(row, at) for row in range(5) for at in range(result.nfields)])
        assert rows[0] == rows[1]
        seen.append(rows[0])
    assert seen[0] != seen[1] != seen[2]


MOST_PARAMETERS = 65_535
"""That a Bind can carry: its count of them is 16 bits."""


def test_statement_takes_as_many_parameters_as_the_protocol(place: Place) -> None:
    with psycopg.connect(place.masked) as connection:
        numbers = list(range(MOST_PARAMETERS))
        listed = ",".join(["%s::int"] * len(numbers))
        found = connection.execute(f"SELECT count(*) FROM users WHERE id IN ({listed})", numbers).fetchone()
        assert found == (ROWS,)
        connection.execute("CREATE TEMP TABLE many (id int8, price numeric, title text) ON COMMIT DROP")
        rows = MOST_PARAMETERS // 3
        values = ",".join(["(%s, %s, %s)"] * rows)
        inserted = connection.execute(f"INSERT INTO many VALUES {values}", [1, 2.5, "a"] * rows)
        assert inserted.rowcount == rows


def test_statement_of_too_large_a_tree_is_refused(place: Place) -> None:
    with psycopg.connect(place.masked, autocommit=True) as connection:
        with pytest.raises(errors.ProgramLimitExceeded) as refused:
            connection.execute("SELECT " + ",".join(["ARRAY[" + ",".join(["1"] * 1000) + "]"] * 300))
        assert "tree" in (refused.value.diag.message_primary or "")
        assert connection.execute("SELECT 1").fetchone() == (1,)

"""COPY to and from the client: what COPY brings is what SELECT brings, in every format and by every way."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

import asyncpg
import psycopg
import pytest

from pgproxy.wire.copying import CopyData, CopyDone, CopyFail
from pgproxy.wire.query import Bind, Describe, Execute, Flush, Parse, Query, Sync
from tests.clients.people import COLUMNS, EVERYTHING, MASKED, PLAIN, Place, text_rows
from tests.clients.test_psql import psql
from tests.clients.wire_client import Said, WireClient, connected
from tests.proxies import ProxyProcess

FORMATS = [
    "",
    "(FORMAT csv)",
    "(FORMAT csv, HEADER, FORCE_QUOTE *)",
    "(FORMAT csv, FORCE_QUOTE (name, phone))",
    "(FORMAT csv, DELIMITER ';', QUOTE '~', ESCAPE '!', NULL 'nix')",
    "(FORMAT csv, DELIMITER E'\\t', NULL '\\N', ENCODING 'UTF-8')",
    "(FORMAT binary)",
    "(HEADER, DELIMITER ',', NULL '\\X')",
    "(NULL '')",
    "(NULL 'nix')",
    "CSV HEADER QUOTE AS '''' FORCE QUOTE name",
    "WITH DELIMITER AS '|' NULL AS 'nix'",
    "BINARY",
]
SOURCES = [
    "users",
    "public.users",
    "users (name, id, plain_name, phone)",
    "teams",
    "(SELECT * FROM users ORDER BY id)",
    "(SELECT who AS name, title, upper(email), email AS phone FROM team_directory ORDER BY plain_name)",
    "(SELECT count(*), max(salary) AS name, 1 AS phone FROM users)",
    "(TABLE teams)",
    "(SELECT)",
    "(UPDATE users SET team = team WHERE id < 3 RETURNING name, plain_name, phone)",
]


@pytest.fixture
def agent(place: Place) -> Iterator[WireClient]:
    with connected(place.masked) as client:
        yield client


@pytest.fixture
def stored(place: Place) -> list[bytes]:
    """Stored values of text columns: nothing that comes out may hold one, but where the plain column is asked for."""
    rows = place.database.sql("SELECT name, email FROM users WHERE name IS NOT NULL")
    return [str(value).encode() for row in rows for value in row]


def states(said: list[Said]) -> list[object]:
    return [one[1] for one in said if one[0] == "ErrorResponse"]


def copied(dsn: str, statement: str) -> list[bytes]:
    """The CopyData messages of one statement."""
    with psycopg.connect(dsn) as connection, connection.cursor().copy(statement.encode()) as copy:
        return [bytes(data) for data in copy]


def by_messages(client: WireClient, statement: str) -> list[Said]:
    """One COPY by the extended protocol."""
    return client.ask(Parse("", statement), Bind("", ""), Describe("P", ""), Execute(""), Sync())


def statement_of(source: str, options: str) -> str:
    if "FORCE" in options and source.startswith("teams"):
        source = source.replace("teams", "(SELECT title AS name, id AS phone FROM teams)")
    return f"COPY {source} TO STDOUT {options}"


@pytest.mark.parametrize("options", FORMATS)
def test_every_format_and_option_brings_what_is_stored_in_seen(place: Place, options: str) -> None:
    for source in SOURCES:
        statement = statement_of(source, options)
        try:
            expected = copied(place.seen, statement.replace("public.", "seen."))
        except psycopg.Error as error:  # FORCE_QUOTE of a column that is not copied
            with pytest.raises(psycopg.Error) as refused:
                copied(place.masked, statement)
            assert refused.value.sqlstate == error.sqlstate, statement
            continue
        if "upper" in source or "max" in source:  # derived values and aggregates are not in `seen`
            assert len(copied(place.masked, statement)) == len(expected), statement
            continue
        assert copied(place.masked, statement) == expected, statement


def test_text_and_csv_hold_the_very_values_of_select(place: Place) -> None:
    rows = text_rows(place.masked, EVERYTHING)
    columns = ", ".join(["id", "team", *(name for column in COLUMNS for name in (column.name, column.plain))])
    raw = b"".join(copied(place.masked, f"COPY users ({columns}) TO STDOUT (FORMAT csv, NULL '\\N', FORCE_QUOTE *)"))
    read = csv.reader(io.StringIO(raw.decode(), newline=""))
    assert sorted(tuple(None if value == "\\N" else value for value in row) for row in read) == sorted(
        rows, key=lambda row: str(row[0])
    )


def test_drivers_read_rows_of_both_formats(place: Place) -> None:
    columns = [*MASKED, *PLAIN]
    for options in ("", "(FORMAT binary)"):
        results = []
        for dsn in (place.masked, place.seen):
            with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
                types = [
                    row[0]
                    for row in connection.execute(
                        "SELECT format_type(atttypid, NULL) FROM pg_attribute,"
                        " unnest(%s::text[]) WITH ORDINALITY n (c, o)"
                        " WHERE attrelid = 'users'::regclass AND attname = c ORDER BY o",
                        (columns,),
                    )
                ]
                with cursor.copy(f"COPY users ({', '.join(columns)}) TO STDOUT {options}".encode()) as copy:
                    if all(t not in ("mood", "phone_number") for t in types):
                        copy.set_types(types)
                    results.append(list(copy.rows()))
        assert results[0] == results[1] and len(results[0]) == 5


async def test_asyncpg_copies_out_and_in(place: Place) -> None:
    place.database.sql(
        "DROP TABLE IF EXISTS loaded; CREATE TABLE loaded (id int, name text, at timestamptz);"
        "GRANT ALL ON loaded TO PUBLIC"
    )
    masked, seen = await asyncpg.connect(place.masked), await asyncpg.connect(place.seen)
    for options in ({}, {"format": "csv", "header": True}, {"format": "binary"}):
        results = []
        for connection in (masked, seen):
            for way in ("query", "table"):
                out = io.BytesIO()
                if way == "query":
                    await connection.copy_from_query(
                        "SELECT id, name FROM users WHERE id <> $1", 2, output=out, **options
                    )
                else:
                    await connection.copy_from_table("users", columns=["id", "email"], output=out, **options)
                results.append(out.getvalue())
        assert results[:2] == results[2:] and results[0] != results[1]
    records = [(n, f"name {n}", None) for n in range(1000)]
    assert await masked.copy_records_to_table("loaded", records=records) == "COPY 1000"
    assert await masked.copy_to_table("loaded", source=io.BytesIO(b"7,x,\n"), format="csv") == "COPY 1"
    assert await masked.fetchval("SELECT count(*) FROM loaded") == 1001
    await masked.close()
    await seen.close()


PSQL = {
    "copy": "COPY (SELECT id, name, email FROM users ORDER BY id) TO STDOUT;",
    "copy csv": "COPY users (id, name, tags) TO STDOUT (FORMAT csv, HEADER);",
    "\\copy": "\\copy (SELECT id, name FROM users ORDER BY id) TO STDOUT CSV",
    "\\copy table": "\\copy users (id, phone, plain_phone) TO STDOUT",
    "among others": "SELECT 1 \\; COPY (SELECT name FROM users WHERE id = 1) TO STDOUT \\; SELECT name FROM users;",
    "in a transaction": "BEGIN; COPY (SELECT name FROM users WHERE id = 1) TO STDOUT; ROLLBACK;",
    "in": "BEGIN; COPY teams FROM STDIN;\n7\tseven\n\\.\nSELECT * FROM teams ORDER BY id; ROLLBACK;",
    "\\copy in": 'BEGIN;\n\\copy teams (title, id) FROM STDIN CSV\n"x, y",8\n\\.\nTABLE teams; ROLLBACK;',
}


@pytest.mark.parametrize("name", PSQL)
def test_psql_sees_what_is_in_seen(place: Place, name: str) -> None:
    assert psql(place.masked, PSQL[name]) == psql(place.seen, PSQL[name])


def test_both_protocols_say_the_same(place: Place, agent: WireClient) -> None:
    with connected(place.seen) as seen:
        for client in (agent, seen):
            client.ask(Query("SET application_name = 'x'"))
        statements = ["COPY users TO STDOUT", "COPY (SELECT name FROM users) TO STDOUT (FORMAT binary)"]
        for statement in statements:
            assert agent.ask(Query(statement)) == seen.ask(Query(statement))
            assert by_messages(agent, statement) == by_messages(seen, statement)
        whole = Query("SELECT 1; COPY users TO STDOUT; SELECT name FROM users; COPY teams TO STDOUT")
        assert agent.ask(whole) == seen.ask(whole)
        pipeline = (
            *(Parse("", statements[0]), Bind("", ""), Execute("")),
            *(Parse("s", "SELECT name FROM users WHERE id = 1"), Bind("", "s"), Execute("")),
            *(Parse("c", statements[1]), Bind("p", "c"), Execute("p"), Sync()),
            *(Bind("p", "c"), Execute("p"), Sync()),
        )
        assert agent.ask(*pipeline) == seen.ask(*pipeline)
        failing = Query("COPY teams TO STDOUT; COPY nosuch TO STDOUT; SELECT 1")
        assert agent.ask(failing) == seen.ask(failing)


DENIED = {
    "COPY (SELECT plain_name FROM users WHERE name > 'M') TO STDOUT": "public.users.name",
    "COPY (SELECT row_to_json(u) FROM users u) TO STDOUT": "public.users",
    "COPY (SELECT u FROM users u) TO STDOUT": "public.users",
    "COPY (SELECT plain_name FROM users ORDER BY name) TO STDOUT": "public.users.name",
    "COPY (INSERT INTO teams SELECT 9, name FROM users RETURNING title) TO STDOUT": "public.users.name",
    "COPY users TO '/tmp/users'": "builtin.copy_to",
    "COPY users TO PROGRAM 'cat'": "builtin.copy_to",
    "COPY users FROM '/tmp/users'": "builtin.copy_from",
    "COPY users FROM PROGRAM 'cat'": "builtin.copy_from",
    "COPY teams FROM STDIN WHERE id > 1": "builtin.copy_from",
    "COPY users TO STDOUT (ENCODING 'LATIN1')": "builtin.copy_to",
}


@pytest.mark.parametrize("statement", DENIED)
def test_what_tells_of_masked_values_is_denied_in_both_protocols(place: Place, statement: str) -> None:
    with psycopg.connect(place.masked, autocommit=True) as connection:
        for binary in (False, True):
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as denied:
                connection.execute(statement.encode(), binary=binary)
            assert DENIED[statement] in str(denied.value.diag.message_detail) + str(denied.value.diag.message_primary)
            assert denied.value.diag.message_hint


def test_a_view_that_changes_between_bind_and_execute_is_copied_masked(
    place: Place, agent: WireClient, stored: list[bytes]
) -> None:
    place.database.sql(
        "DROP VIEW IF EXISTS outer_view, inner_view;"
        "CREATE VIEW inner_view AS SELECT id, plain_name AS x FROM users;"
        "CREATE VIEW outer_view AS SELECT id, x FROM inner_view; GRANT ALL ON inner_view, outer_view TO PUBLIC"
    )
    agent.send([Parse("c", "COPY (SELECT x FROM outer_view) TO STDOUT"), Bind("", "c"), Sync()])
    agent.hear("ReadyForQuery")
    agent.send([Parse("t", "COPY (SELECT id, x FROM outer_view) TO STDOUT"), Flush()])
    agent.hear("ParseComplete")
    place.database.sql("CREATE OR REPLACE VIEW inner_view AS SELECT id, name AS x FROM users")
    agent.send([Bind("", "t"), Execute(""), Sync()])
    rows: list[bytes] = []
    while True:
        message = agent._message()
        if isinstance(message, CopyData):
            rows.append(message.data)
        if type(message).__name__ == "ReadyForQuery":
            break
    assert len(rows) == 5 and not any(value in row for value in stored for row in rows)
    place.database.sql("DROP VIEW outer_view, inner_view")


ROW_SECURITY = """
    DROP TABLE IF EXISTS guarded CASCADE; DROP TABLE IF EXISTS guarded_child;
    CREATE TABLE guarded (
        name text, gone int, id int, label text GENERATED ALWAYS AS ('<' || name || '>') STORED,
        serial int GENERATED ALWAYS AS IDENTITY
    );
    ALTER TABLE guarded DROP COLUMN gone;
    INSERT INTO guarded (name, id) VALUES ('Ada Lovelace', 1), ('Grace Hopper', 2);
    CREATE TABLE guarded_child () INHERITS (guarded);
    INSERT INTO guarded_child (name, id, serial) VALUES ('Child', 3, 30);
    GRANT ALL ON guarded, guarded_child TO PUBLIC;
"""


@pytest.fixture
def guarded(place: Place) -> Iterator[psycopg.Connection[Any]]:
    place.database.sql(ROW_SECURITY)
    place.proxy.write_rules("masks:\n  public.guarded: {name: redact}\n")
    place.proxy.signal(1)
    with psycopg.connect(place.masked, autocommit=True) as connection:
        for _ in range(200):
            if connection.execute("SELECT name FROM guarded WHERE id = 1").fetchone() == ("[redacted]",):
                break
        else:
            pytest.fail("the rules were not reloaded")
        yield connection
    from tests.clients.people import RULES

    place.proxy.write_rules(RULES)
    place.proxy.signal(1)
    with psycopg.connect(place.masked, autocommit=True) as connection:
        for _ in range(200):
            if connection.execute("SELECT name FROM guarded WHERE id = 1").fetchone() == ("Ada Lovelace",):
                return


def rows_of(connection: psycopg.Connection[Any], statement: str) -> list[bytes]:
    with connection.cursor().copy(statement.encode()) as copy:
        return [bytes(row) for row in copy]


def test_copy_takes_the_columns_and_rows_that_the_server_takes(place: Place, guarded: psycopg.Connection[Any]) -> None:
    """No generated column, no row of a child; with row security in force all columns, and the rows it lets through."""
    assert rows_of(guarded, "COPY guarded TO STDOUT") == [b"[redacted]\t1\t1\n", b"[redacted]\t2\t2\n"]
    assert rows_of(guarded, "COPY guarded (id, name) TO STDOUT") == [b"1\t[redacted]\n", b"2\t[redacted]\n"]
    with pytest.raises(psycopg.errors.InvalidColumnReference):
        rows_of(guarded, "COPY guarded (label) TO STDOUT")
    place.database.sql("ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON guarded USING (id = 2)")
    (row,) = rows_of(guarded, "COPY guarded TO STDOUT (FORMAT csv, NULL 'none')")
    assert row == b"[redacted],2,none,2\n"
    assert rows_of(guarded, "COPY guarded (name, id) TO STDOUT") == [b"[redacted]\t2\n"]
    with guarded.cursor().copy(b"COPY guarded_child (name, id, serial) FROM STDIN") as copy:
        copy.write(b"New\t7\t70\n")
    assert rows_of(guarded, "COPY guarded_child TO STDOUT")[-1] == b"[redacted]\t7\t70\n"


def test_errors_of_copy_in_do_not_quote_stored_or_sent_rows(place: Place) -> None:
    place.database.sql(
        "DROP TABLE IF EXISTS tried; CREATE TABLE tried (id int PRIMARY KEY, age int CHECK (age > 0));"
        "GRANT ALL ON tried TO PUBLIC"
    )
    with psycopg.connect(place.masked, autocommit=True) as connection:

        def fails(statement: str, data: bytes) -> psycopg.Error:
            with pytest.raises(psycopg.Error) as failed, connection.cursor().copy(statement.encode()) as copy:
                copy.write(data)
            return failed.value

        error = fails("COPY users (id, team, name) FROM STDIN", b"1\t1\tAda\n")
        assert error.sqlstate == "23505" and error.diag.context is None
        assert "(id)=(1)" not in str(error)
        error = fails("COPY users (id, team, visits) FROM STDIN", b"801\t1\tsecret\n")
        assert error.sqlstate == "22P02" and "secret" not in str(error)
        error = fails("COPY users (id, team) FROM STDIN", b"802\n")
        assert error.sqlstate == "22P04"
        error = fails("COPY tried FROM STDIN", b"1\tx\n")
        assert error.sqlstate == "22P02" and '"x"' in str(error) and error.diag.context is not None
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_copy_in_by_messages_in_every_order(agent: WireClient, place: Place) -> None:
    def count() -> object:
        return place.database.sql("SELECT count(*) FROM teams")[0][0]

    before = count()
    begin = (Parse("", "COPY teams (id, title) FROM STDIN"), Bind("", ""), Execute(""))
    said = agent.ask(*begin, CopyData(b"50\tx\n51\t"), CopyData(b"y\n"), CopyDone(), Sync())
    assert ("CommandComplete", "COPY 2") in said and said[-1] == ("ReadyForQuery", "I")
    said = agent.ask(*begin, CopyFail("no"), Sync())
    assert states(said) == ["57014"]
    agent.send([Query("SELECT 1; COPY teams FROM STDIN; SELECT name FROM users WHERE id = 1")])
    agent.hear("CopyInResponse")
    agent.send([CopyData(b"52\tz\n"), CopyDone()])
    said = agent.hear("ReadyForQuery")
    assert ("CommandComplete", "COPY 1") in said and ("CommandComplete", "SELECT 1") in said
    assert count() == int(str(before)) + 3
    place.database.sql("DELETE FROM teams WHERE id >= 50")


def test_a_dump_of_data_is_as_direct(place: Place) -> None:
    """What pg_dump --data-only sends for a table."""
    results = []
    for dsn in (place.masked, place.raw):
        with connected(dsn) as client:
            said = client.ask(
                Query("BEGIN"),
                Query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"),
                Query("SET row_security = on"),
                Query("LOCK TABLE public.teams IN ACCESS SHARE MODE"),
                Query("COPY public.teams (id, title) TO stdout;"),
                Query("COMMIT"),
            )
        results.append((said, copied(dsn, "COPY public.teams (id, title) TO stdout;")))
    assert results[0] == results[1] and not states(results[0][0])


def test_a_binary_cursor_brings_masked_binary_values_by_simple_query(place: Place, agent: WireClient) -> None:
    script = Query("BEGIN; DECLARE c BINARY CURSOR WITH HOLD FOR SELECT id, name, age, joined FROM users ORDER BY id")
    with connected(place.seen) as seen:
        for ask in (
            (script,),
            (Query("FETCH 2 FROM c"),),
            (Query("COMMIT"),),
            (Query("MOVE 1 IN c; FETCH ALL FROM c"),),
            (Parse("", "FETCH ABSOLUTE 1 FROM c"), Bind("", ""), Describe("P", ""), Execute(""), Sync()),
            (Query("CLOSE c"),),
            (Query("BEGIN"),),
            (
                Parse("", "DECLARE d BINARY CURSOR FOR SELECT name FROM users"),
                *(Bind("", ""), Execute(""), Query("FETCH 1 FROM d"), Sync()),
            ),
        ):
            assert agent.ask(*ask) == seen.ask(*ask), ask


EXECUTED = (Parse("", "SELECT 1"), Bind("", ""), Execute(""))
BATCHES: Mapping[str, tuple[Any, ...]] = {
    "nothing executed": (Parse("", "SELECT 1"), Bind("", ""), Query("SELECT 2"), Sync()),
    "executed": (*EXECUTED, Query("SELECT 2"), Sync()),
    "twice": (
        *(Parse("", "INSERT INTO teams VALUES (90, 'x')"), Bind("", ""), Execute("")),
        *(Query("SELECT 2"), Query("SELECT 3"), Query("ROLLBACK"), Sync()),
    ),
    "several": (*EXECUTED, Query("SELECT 2; SELECT 3"), Query("SELECT 4"), Sync()),
    "failing": (*EXECUTED, Query("SELECT 1/0"), Query("SELECT 4"), Sync()),
    "begun": (
        *(Parse("", "BEGIN"), Bind("", ""), Execute(""), Query("SELECT 2")),
        *(Query("SELECT 1/0"), Query("ROLLBACK"), Sync()),
    ),
    "copy": (*EXECUTED, Query("COPY teams TO STDOUT"), Query("SELECT 1"), Sync()),
}


@pytest.mark.parametrize("name", BATCHES)
def test_a_simple_query_within_an_extended_batch_has_the_servers_status(place: Place, name: str) -> None:
    try:
        with connected(place.masked) as masked, connected(place.seen) as seen:
            assert masked.ask(*BATCHES[name]) == seen.ask(*BATCHES[name])
            assert masked.ask(Query("SELECT count(*) FROM teams")) == seen.ask(Query("SELECT count(*) FROM teams"))
    finally:
        place.database.sql("DELETE FROM public.teams WHERE id = 90; DELETE FROM seen.teams WHERE id = 90")


MISTAKES = {
    "COPY nosuch TO STDOUT": None,
    "COPY users (nosuch) TO STDOUT": None,
    "COPY nosuch FROM STDIN": None,
    "COPY (SELECT 1, nosuch FROM users) TO STDOUT": 17,
    "/* é */ COPY (SELECT 1 FROM nosuch) TO STDOUT": 29,
    "EXPLAIN SELECT 1, nosuch FROM users": 19,
}


@pytest.mark.parametrize("statement", MISTAKES)
def test_a_mistake_is_told_as_the_server_tells_it(place: Place, statement: str) -> None:
    """COPY looks names up without a place in the text; a query inside has one, in the client's own text."""
    said = []
    for dsn in (place.masked, place.seen):
        with psycopg.connect(dsn, autocommit=True) as connection:
            for binary in (False, True):
                with pytest.raises(psycopg.Error) as failed:
                    connection.execute(statement.encode(), binary=binary)
                diag = failed.value.diag
                position = None if diag.statement_position is None else int(diag.statement_position)
                said.append((diag.sqlstate, position))
    assert set(said) == {(said[0][0], MISTAKES[statement])}


def test_temporary_tables_are_copied_with_the_masks_they_carry(place: Place, stored: list[bytes]) -> None:
    with psycopg.connect(place.masked, autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE kept AS SELECT id, name, email AS e FROM users WHERE id < 4")
        rows = rows_of(connection, "COPY kept TO STDOUT")
        same = rows_of(connection, "COPY (SELECT id, name, email FROM users WHERE id < 4) TO STDOUT")
        assert sorted(rows) == sorted(same) and len(rows) == 3
        assert not any(value in row for value in stored for row in rows)


@pytest.mark.parametrize("statement", ["COPY kept (id, name) FROM STDIN", "COPY kept FROM STDIN"])
def test_copy_in_puts_no_values_of_ones_own_under_a_temporary_mask(place: Place, statement: str) -> None:
    with psycopg.connect(place.masked, autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE kept AS SELECT id, name FROM users WHERE id < 4")
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.cursor().copy(statement.encode()) as copy:
            copy.write(b"9\tguess\n")
        with connection.cursor().copy(b"COPY kept (id) FROM STDIN") as copy:
            copy.write(b"9\n")


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        ("(id, team, code)", "public.users.code"),
        ("(id, team, account)", "public.users.account"),
        ("(id, team, tags)", "public.users.tags"),
        ("(id, team, rooms)", "public.users.rooms"),
        ("", "public.users.code"),
        ("(id, team, email, mood, salary, phone, plain_tags, plain_code)", ""),
    ],
)
def test_copy_in_stores_no_tokens_and_no_arrays_under_a_mask(place: Place, columns: str, name: str) -> None:
    """Tokens are turned back in constants and parameters only, and each element of an array would be a guess."""
    statement = f"COPY users {columns} FROM STDIN".encode()
    with psycopg.connect(place.masked) as connection:
        if not name:
            with connection.cursor().copy(statement) as copy:
                copy.write(b"990\t1\tnew@x.example\tok\t5\t1\t{a}\tb\n")
            connection.rollback()
            return
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as denied, connection.cursor().copy(statement):
            pass
        assert name in str(denied.value.diag.message_primary) and denied.value.diag.message_hint


@pytest.mark.parametrize(
    "statement",
    [
        "COPY directory TO STDOUT",
        "COPY users (id, id) TO STDOUT",
        "COPY users (id) TO STDOUT (FORMAT csv, FORCE_QUOTE (name))",
        "COPY users TO STDOUT (DELIMITER 'a')",
    ],
)
def test_the_servers_own_words_say_what_copy_cannot(place: Place, statement: str) -> None:
    told = []
    for dsn in (place.masked, place.seen):
        with psycopg.connect(dsn) as connection, pytest.raises(psycopg.Error) as failed:
            connection.execute(statement.encode())
        told.append(str(failed.value))
    assert told[0] == told[1]


CONDITIONS = """
masks:
  public.users: {name: redact, phone: {constant: x, predicates: deny}, age: {round: 100, predicates: deny}}
approvals:
  - {name: exports, on: [copy_to], tables: [public.users], touches_masked: true}
deny:
  - {name: no-load, on: [copy_from], columns: [public.users.email]}
  - {name: no-select, on: [select], tables: [public.teams]}
"""
JUDGED = {
    "COPY users TO STDOUT": "rule exports",
    "COPY (SELECT who FROM directory) TO STDOUT": "rule exports",
    "COPY users (id, plain_name) TO STDOUT": None,
    "COPY (SELECT plain_name FROM directory) TO STDOUT": None,
    "COPY teams TO STDOUT": None,
    "COPY users (id, team, email) FROM STDIN": "rule no-load",
    "COPY users FROM STDIN": "rule no-load",
    "COPY users (id, team, plain_name) FROM STDIN": None,
}


@pytest.fixture(scope="module")
def judging(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """DSNs of an identity with masks and of one without, both under conditions."""
    identities: dict[str, object] = {
        name: {"password": "x", "groups": [name], "upstream": {"user": place.reader}} for name in ("masked", "free")
    }
    rules = CONDITIONS + "reveal:\n  - {to: [free], columns: ['public.users.*']}\n"
    folder = tmp_path_factory.mktemp("conditions")
    extra: dict[str, object] = {"holds": {"mode": "deny"}}
    with ProxyProcess(folder, place.database.dsn(), rules=rules, identities=identities, extra=extra) as proxy:
        yield tuple(proxy.dsn(place.database.name, name, "x") for name in ("masked", "free"))  # type: ignore[misc]


@pytest.mark.parametrize("statement", JUDGED)
def test_conditions_of_rules_see_what_a_copy_reads_and_writes(judging: tuple[str, str], statement: str) -> None:
    for dsn, has_masks in zip(judging, (True, False), strict=True):
        rule = JUDGED[statement]
        expected = None if rule == "rule exports" and not has_masks else rule  # nothing is masked for it
        with psycopg.connect(dsn) as connection:
            try:
                with connection.cursor().copy(statement.encode()) as copy:
                    if "FROM" not in statement.split(")")[-1]:
                        list(copy)
            except psycopg.errors.InsufficientPrivilege as error:
                assert error.diag.message_detail == expected
            else:
                assert expected is None


@pytest.mark.parametrize(
    ("options", "is_denied"),
    [
        ("(NULL '555-123-4567')", True),
        ("(NULL '')", True),
        ("(NULL '\\\\N')", True),
        ("(NULL '\\X')", False),
        ("(FORMAT csv, NULL '555-123-4567')", False),
        ("(FORMAT csv)", False),
        ("(FORMAT binary)", False),
        ("", False),
    ],
)
def test_a_null_string_is_no_way_to_ask_for_a_value(judging: tuple[str, str], options: str, is_denied: bool) -> None:
    statement = f"COPY (SELECT id, phone FROM users) TO STDOUT {options}"
    with psycopg.connect(judging[0], autocommit=True) as connection:
        if not is_denied:
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as held:
                rows_of(connection, statement)
            assert held.value.diag.message_detail == "rule exports"
            return
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as denied:
            rows_of(connection, statement)
        assert denied.value.diag.message_detail == "rule public.users.phone" and denied.value.diag.message_hint
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as held:  # no integer is written as nothing
            rows_of(connection, "COPY users (age) TO STDOUT (NULL '')")
        assert held.value.diag.message_detail == "rule exports"


def test_dates_are_masked_in_the_style_that_the_same_string_sets(place: Place) -> None:
    said = []
    for dsn in (place.masked, place.seen):
        with connected(dsn) as client:
            client.send(
                [Query("SET DateStyle = 'German'; COPY (SELECT birth_date, joined, seen_at FROM users) TO STDOUT")]
            )
            rows: list[bytes] = []
            while type(message := client._message()).__name__ != "ReadyForQuery":
                if isinstance(message, CopyData):
                    rows.append(message.data)
            said.append(rows)
    assert sorted(said[0]) == sorted(said[1]) and b"." in said[0][0]

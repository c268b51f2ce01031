"""Dictionary attacks on a real server, in every form: the line is the same, and the statement over it does not run."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import psycopg
import pytest

from pgproxy.wire.copying import CopyData, CopyDone, CopyFail
from pgproxy.wire.query import Bind, Execute, Parse, Sync
from pgproxy.wire.trace import Message
from tests.clients.wire_client import WireClient, connected
from tests.proxies import ProxyProcess
from tests.servers import Database

LIMIT = 10
RULES = f"""
masks:
  public.users: {{ssn: redact, pin: redact, token: redact, tags: redact, free: {{redact: , predicates: allow}}}}
  public.parts: {{ssn: redact}}
  "*.*": {{"guess_*": redact}}
  "*.later": {{word: redact}}
  "later.*": {{word: redact}}
  public.visits: {{who: redact}}
  public.stays: {{nights: redact}}
limits:
  - {{name: guessing, for: [agent], probes: {LIMIT}, per: hour, then: deny}}
  - {{name: asking, for: [careful], probes: {LIMIT}, per: hour, then: hold}}
""".replace("{redact: , predicates: allow}", "{constant: x, predicates: allow}")
SCHEMA = """
CREATE TABLE users (
    id int PRIMARY KEY, name text, ssn text UNIQUE, pin int, token uuid, tags text[], free text DEFAULT 'f');
INSERT INTO users SELECT g, 'n' || g, 'ssn-' || g, g, gen_random_uuid(), ARRAY['a' || g] FROM generate_series(1, 50) g;
CREATE TABLE parts (id int, ssn text) PARTITION BY LIST (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
INSERT INTO parts VALUES (1, 'ssn-1'), (2, 'ssn-2');
CREATE TABLE guesses (guess text, guess_ssn text);
CREATE TABLE computed (id int, word text, guess_ssn text GENERATED ALWAYS AS ('ssn-' || id) STORED,
    guess_both text GENERATED ALWAYS AS (id || word) STORED);
CREATE TABLE computed_by_one (id int, guess_ssn text GENERATED ALWAYS AS ('ssn-' || id) STORED);
CREATE TABLE counted (id int, guess_pin int GENERATED ALWAYS AS IDENTITY);
CREATE SEQUENCE numbers;
CREATE SCHEMA later;
CREATE DOMAIN guessed AS text DEFAULT 'guess';
CREATE TABLE places (id int PRIMARY KEY, code text UNIQUE);
CREATE TABLE visits (id int, who text REFERENCES places (code));
CREATE TABLE stays (id int, room int, nights daterange, EXCLUDE USING gist (nights WITH &&) WHERE (room = 1));
INSERT INTO stays VALUES (1, 1, '[2026-01-05,2026-01-09)');
CREATE TABLE mentions (ssn text REFERENCES users (ssn));
INSERT INTO places VALUES (1, 'x'), (2, 'y'); INSERT INTO visits VALUES (1, 'x');
"""
WORDS = [f"g{n}" for n in range(LIMIT + 1)]
CASE = f"CASE id {' '.join(f'WHEN {n} THEN {word!r}' for n, word in enumerate(WORDS))} END"
LITERALS = ", ".join(f"'{word}'" for word in WORDS)
OVER = (
    f"SELECT count(*) FROM users WHERE ssn IN ({LITERALS})",
    f"SELECT count(*) FROM users WHERE ssn = ANY (ARRAY[{LITERALS}])",
    f"SELECT count(*) FROM users WHERE ssn = ANY ('{{{','.join(WORDS)}}}')",
    f"SELECT count(*) FROM users WHERE ssn = ANY ('{{{','.join(WORDS)}}}'::varchar[])",
    f"SELECT count(*) FROM users WHERE {' OR '.join(f'ssn = {word!r}' for word in WORDS)}",
    f"SELECT count(*) FROM users JOIN (VALUES {', '.join(f'({word!r})' for word in WORDS)}) v(x) ON ssn = x",
    f"SELECT count(*) FROM users WHERE ssn IN (VALUES {', '.join(f'({word!r})' for word in WORDS)})",
    f"SELECT count(*) FROM users, unnest(ARRAY[{LITERALS}]::varchar(9)[]) g WHERE ssn = g",
    f"SELECT count(*) FROM users WHERE ssn IN (SELECT unnest('{{{','.join(WORDS)}}}'::text[]))",
    "SELECT count(*) FROM users, ROWS FROM (unnest(ARRAY['a', 'b', 'c']), unnest('{1,2,3,4}'::text[])) g(x, y)"
    " WHERE ssn = x || y",
    f"SELECT x FROM ({' UNION ALL '.join(f'SELECT {word!r} AS x' for word in WORDS)}) g JOIN users ON x = ssn",
    f"WITH g(x) AS (VALUES {', '.join(f'({word!r})' for word in WORDS)}) SELECT x FROM g, users WHERE ssn = x",
    f"SELECT ssn FROM users INTERSECT (VALUES {', '.join(f'({word!r})' for word in WORDS)})",
    f"SELECT {', '.join(f'count(*) FILTER (WHERE ssn = {word!r})' for word in WORDS)} FROM users",
    "SELECT count(*) FROM users JOIN (VALUES ('a'), ('b'), ('c'), ('d')) v(x) ON true"
    " JOIN (VALUES ('1'), ('2'), ('3')) w(y) ON ssn = x || y",
    f"SELECT count(*) FROM users WHERE pin IN ({', '.join(str(n) for n in range(100, 100 + LIMIT + 1))})",
    f"SELECT count(*) FROM users WHERE pin = ANY ('{{{','.join(str(n) for n in range(LIMIT + 1))}}}'::bigint[])",
    "SELECT count(*) FROM users WHERE token = ANY ('{"
    + ",".join(f"00000000-0000-0000-0000-{n:012}" for n in range(LIMIT + 1))
    + "}')",
    f"EXPLAIN ANALYZE SELECT FROM users WHERE ssn IN ({LITERALS})",
    f"DECLARE c CURSOR FOR SELECT id FROM users WHERE ssn IN ({LITERALS})",
    f"INSERT INTO users (id, ssn) VALUES {', '.join(f'({1000 + n}, {w!r})' for n, w in enumerate(WORDS))}"
    " ON CONFLICT DO NOTHING",
    f"INSERT INTO users (id, ssn) SELECT 5000, x FROM (VALUES {', '.join(f'({w!r})' for w in WORDS)}) v(x)",
    f"INSERT INTO users (id, ssn) SELECT * FROM unnest(ARRAY[{', '.join(map(str, range(5000, 5011)))}],"
    f" ARRAY[{LITERALS}]) ON CONFLICT DO NOTHING",
    f"CREATE TABLE made AS SELECT x AS guess_ssn FROM (VALUES {', '.join(f'({word!r})' for word in WORDS)}) v(x)",
    f"INSERT INTO computed_by_one VALUES {', '.join(f'({n})' for n in range(LIMIT + 1))}",
    f"INSERT INTO mentions VALUES {', '.join(f'({word!r})' for word in WORDS)}",
)
DENIED = (
    "SELECT count(*) FROM users WHERE ssn = ANY (string_to_array('a,b', ','))",
    "SELECT count(*) FROM users WHERE ssn = ANY (('{' || 'a,b' || '}')::text[])",
    "SELECT count(*) FROM users WHERE ssn IN (SELECT 'ssn-' || g FROM generate_series(1, 100) g)",
    "SELECT count(*) FROM users, generate_series(1, 100) g WHERE pin = g",
    "SELECT count(*) FROM users, unnest(string_to_array('a,b', ',')) g WHERE ssn = g",
    "SELECT count(*) FROM users WHERE ssn IN (SELECT unnest((SELECT array_agg(guess) FROM guesses)))",
    "SELECT count(*) FROM users, unnest(ARRAY['a', 'b']) WITH ORDINALITY g(x, n) WHERE pin = n",
    "WITH RECURSIVE g(x, n) AS (SELECT 'a', 1 UNION ALL SELECT x || 'b', n + 1 FROM g WHERE n < 99)"
    " SELECT count(*) FROM users, g WHERE ssn = x",
    "SELECT count(*) FROM users WHERE ssn = 'ssn-' || (random() * 50)::int",
    "SELECT count(*) FROM users JOIN guesses ON ssn = guess",
    # Values of a union, or of columns side by side, are compared with each other's.
    "SELECT min(g) FROM (SELECT ssn AS x, NULL AS g FROM users UNION ALL SELECT guess, guess FROM guesses) q"
    " GROUP BY x HAVING count(*) > 1",
    "SELECT DISTINCT ON (x) x FROM (SELECT ssn AS x FROM users UNION ALL SELECT guess FROM guesses) q",
    "SELECT count(DISTINCT x) FROM (SELECT ssn AS x FROM users UNION ALL SELECT guess FROM guesses) q",
    "SELECT DISTINCT coalesce(ssn, guess) FROM users FULL JOIN guesses ON false",
    "INSERT INTO guesses (guess_ssn) SELECT guess FROM guesses",
    "INSERT INTO guesses (guess_ssn) SELECT 'ssn-' || g FROM generate_series(1, 100) g",
    "INSERT INTO mentions SELECT guess FROM guesses",
    "UPDATE users SET ssn = name WHERE id = 1",
    f"SELECT count(*) FROM users WHERE ssn = {CASE}",
    f"UPDATE users SET ssn = {CASE} WHERE id = 1",
    "DELETE FROM places WHERE id = 2",
    # A name that a rule masks, over values that were never counted.
    "CREATE TABLE made AS SELECT 'ssn-' || g AS guess_ssn FROM generate_series(1, 100) g",
    "SELECT 'ssn-' || g AS guess_ssn INTO made FROM generate_series(1, 100) g",
    "CREATE TABLE made (guess_ssn) AS TABLE places",
    "CREATE MATERIALIZED VIEW made AS SELECT code AS guess_ssn FROM places",
    "INSERT INTO computed_by_one SELECT g FROM generate_series(1, 100) g",
    "INSERT INTO computed VALUES (1, 'x')",
    # The client sets the sequence and the search path.
    "INSERT INTO counted SELECT g FROM generate_series(1, 100) g",
    "INSERT INTO guesses (guess_ssn) SELECT nextval('numbers') FROM generate_series(1, 100)",
    "SELECT count(*) FROM users WHERE pin = nextval('numbers')",
    "SELECT count(*) FROM users WHERE pin = lastval()",
    "SELECT count(*) FROM users WHERE ssn = current_schema",
    "SELECT count(*) FROM users WHERE ssn = current_schema()",
    "UPDATE places SET code = 'z' WHERE id = 2",
    # An exclusion constraint compares by more than equality: each range halves what is left.
    "INSERT INTO stays VALUES (2, 1, '[2026-01-01,2026-07-01)')",
    "INSERT INTO stays VALUES (2, 1, '[2026-01-01,2026-07-01)') ON CONFLICT DO NOTHING",
    "UPDATE stays SET room = 1 WHERE id = 2",
    "ALTER TABLE stays ADD EXCLUDE USING gist (nights WITH &&)",
)


@pytest.fixture(scope="module")
def proxy(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyProcess]:
    database.sql(SCHEMA)
    role = f"{database.name}_app"
    database.server.new_role(role)
    database.sql(f'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{role}"')
    database.sql(
        f'GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO "{role}"; GRANT ALL ON SCHEMA public, later TO "{role}"'
    )
    people = ("agent", "careful", "plain", *(f"agent-{number}" for number in range(160)))
    identities: dict[str, object] = {
        name: {"password": "pw", "upstream": {"user": role}, "groups": ["agent" if "-" in name else "others"]}
        for name in people
    }
    global _used
    _used = -1  # one proxy for each version of the server, and each counts for itself
    folder = tmp_path_factory.mktemp("probes")
    with ProxyProcess(folder, database.dsn(), rules=RULES, identities=identities) as running:
        yield running


@pytest.fixture
def someone(proxy: ProxyProcess, database: Database) -> Callable[..., psycopg.Connection]:
    """An identity that has spent nothing yet; each connection is one of its."""
    global _used
    _used += 1
    name = f"agent-{_used}"
    return lambda **options: proxy.connect(database.name, options.pop("user", name), "pw", **options)


_used = -1


@pytest.mark.parametrize("sql", OVER)
def test_more_constants_than_the_line(someone: Callable[..., psycopg.Connection], sql: str) -> None:
    with someone() as connection, pytest.raises(psycopg.errors.ConfigurationLimitExceeded) as refused:
        connection.execute(sql.encode())
    assert refused.value.diag.message_primary == "limit guessing is used up"
    assert f"of {LIMIT} distinct constants per hour" in (refused.value.diag.message_detail or "")


@pytest.mark.parametrize("sql", DENIED)
def test_what_cannot_be_counted_does_not_run(someone: Callable[..., psycopg.Connection], sql: str) -> None:
    with someone() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(sql.encode())


def test_one_by_one_over_connections_and_statements(someone: Callable[..., psycopg.Connection]) -> None:
    for number in range(LIMIT):
        with someone() as connection:
            connection.execute("SELECT id FROM users WHERE ssn = %s", [f"g{number}"])
            connection.execute(f"SELECT id FROM users WHERE ssn = 'g{number}'".encode())  # the same constant again
    with someone() as connection:
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded) as refused:
            connection.execute("SELECT id FROM users WHERE ssn = 'more'")
        assert "There is room for it at" in (refused.value.diag.message_hint or "")
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):  # a rule counts all columns together
            connection.execute("SELECT id FROM users WHERE pin = 77")
        assert connection.execute("SELECT count(*) FROM users WHERE ssn = 'g3'").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM users WHERE name = 'n3'").fetchone() == (1,)


def test_parameters_by_every_way(someone: Callable[..., psycopg.Connection]) -> None:
    with someone() as connection:
        for number in range(LIMIT):
            connection.execute("SELECT id FROM users WHERE pin = %b", [number], prepare=True)
        connection.execute("SELECT id FROM users WHERE pin = %t", [5])
        connection.execute("SELECT id FROM users WHERE pin = 5")
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
            connection.execute("SELECT id FROM users WHERE pin = %b", [LIMIT], prepare=True)


@pytest.mark.parametrize("binary", [False, True])
def test_arrays_as_parameters(someone: Callable[..., psycopg.Connection], binary: bool) -> None:
    with someone() as connection:
        mark = "%b" if binary else "%t"
        connection.execute(f"SELECT id FROM users WHERE ssn = ANY ({mark})".encode(), [WORDS[:LIMIT]])
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
            connection.execute(f"SELECT id FROM users WHERE ssn = ANY ({mark})".encode(), [WORDS])


async def test_asyncpg_sends_binary_arrays(someone: Callable[..., psycopg.Connection], proxy: ProxyProcess) -> None:
    with someone() as known:
        user, database = known.info.user, known.info.dbname
    connection = await asyncpg.connect(proxy.dsn(database, user, "pw"))
    try:
        assert await connection.fetchval("SELECT count(*) FROM users WHERE pin = ANY ($1)", list(range(LIMIT))) == 9
        with pytest.raises(asyncpg.ConfigurationLimitExceededError):
            await connection.fetchval("SELECT count(*) FROM users WHERE pin = ANY ($1)", [1, 999])
        with pytest.raises(asyncpg.ConfigurationLimitExceededError):
            await connection.fetchval("SELECT count(*) FROM users WHERE ssn = upper($1)", "x")
    finally:
        await connection.close()


def test_partitions_share_the_count_of_their_root(someone: Callable[..., psycopg.Connection]) -> None:
    with someone() as connection:
        for table in ("parts", "parts_1", "parts_2"):
            connection.execute(f"SELECT id FROM {table} WHERE ssn IN ({', '.join(map(repr, WORDS[:-1]))})".encode())


def test_temporary_tables_share_the_count_of_what_fed_them(someone: Callable[..., psycopg.Connection]) -> None:
    with someone() as connection:
        for table in ("one", "two"):
            connection.execute(f"CREATE TEMPORARY TABLE {table} AS SELECT ssn FROM parts_1".encode())
            connection.execute(f"SELECT FROM {table} WHERE ssn IN ({', '.join(map(repr, WORDS[:-1]))})".encode())
        connection.execute(f"SELECT FROM parts WHERE ssn IN ({', '.join(map(repr, WORDS[:-1]))})".encode())
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
            connection.execute("SELECT FROM two WHERE ssn = 'more'")


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE {own} RENAME COLUMN word TO guess_ssn",
        "ALTER TABLE {own} RENAME TO later",
        "ALTER TABLE {own} SET SCHEMA later",
        "ALTER TABLE {own} ADD COLUMN guess_pin int DEFAULT nextval('numbers')",
        "ALTER TABLE {own} ADD COLUMN guess_pin int GENERATED ALWAYS AS IDENTITY",
        "ALTER TABLE {own} ADD COLUMN guess_pin serial",
        "ALTER TABLE {own} ADD COLUMN guess_ssn text DEFAULT 'guess'",
        "ALTER TABLE {own} ADD COLUMN guess_ssn guessed",
    ],
)
def test_values_do_not_come_under_a_masked_name(
    someone: Callable[..., psycopg.Connection], database: Database, sql: str
) -> None:
    own = f"own_{abs(hash(sql))}"
    with someone() as connection:
        connection.execute(
            f"CREATE TABLE {own} AS SELECT g AS n, 'ssn-' || g AS word FROM generate_series(1, 50) g".encode()
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="stored already"):
            connection.execute(sql.format(own=own).encode())
        for harmless in (
            f"ALTER TABLE {own} ADD COLUMN at timestamptz NOT NULL DEFAULT now(), ADD COLUMN number bigserial",
            f"ALTER TABLE {own} RENAME COLUMN at TO moment",
            f"ALTER TABLE {own} ADD COLUMN guess_ssn text UNIQUE",
        ):
            connection.execute(harmless.encode())


@pytest.mark.parametrize("sql", ["INSERT INTO mentions VALUES ('g%s')", "INSERT INTO computed_by_one VALUES (%s)"])
def test_each_of_like_statements_counts(someone: Callable[..., psycopg.Connection], sql: str) -> None:
    with someone() as connection:
        for number in range(LIMIT):
            with contextlib.suppress(psycopg.errors.ForeignKeyViolation):
                connection.execute((sql % number).encode())
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
            connection.execute((sql % LIMIT).encode())


def test_a_masked_name_is_filled_with_constants(someone: Callable[..., psycopg.Connection]) -> None:
    with someone() as connection:
        for number in range(LIMIT):
            connection.execute(f"CREATE TABLE made_{number} AS SELECT 'g{number}' AS guess_ssn".encode())
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
            connection.execute("CREATE TABLE made_over AS SELECT 'over' AS guess_ssn")


def test_a_temporary_table_of_guesses_beside_masked_values_compares_nothing(
    someone: Callable[..., psycopg.Connection],
) -> None:
    with someone() as connection:
        connection.execute("CREATE TEMP TABLE mixed AS SELECT ssn AS x FROM users UNION ALL SELECT guess FROM guesses")
        for sql in ("SELECT x, count(*) FROM mixed GROUP BY x", "SELECT FROM mixed WHERE x = 'a'"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql.encode())
        assert connection.execute("SELECT count(x) FROM mixed").fetchone()


def test_arguments_of_execute_do_not_fill_a_masked_name(someone: Callable[..., psycopg.Connection]) -> None:
    with someone() as connection:
        connection.execute("PREPARE filling (text) AS SELECT $1 AS guess_ssn")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE made AS EXECUTE filling ('guess')")
        connection.execute("CREATE TEMPORARY TABLE made AS EXECUTE filling ('guess')")


def test_explain_and_cursors_with_parameters(someone: Callable[..., psycopg.Connection]) -> None:
    with someone() as connection:
        for number in range(LIMIT):
            connection.execute("EXPLAIN SELECT id FROM users WHERE ssn = %s", [f"p{number}"])
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
            connection.execute("EXPLAIN SELECT id FROM users WHERE ssn = %s", ["over"])


def test_rows_of_copy_are_counted_as_they_stream(someone: Callable[..., psycopg.Connection]) -> None:
    with someone() as connection:
        with connection.cursor().copy("COPY guesses (guess_ssn) FROM STDIN") as copy:
            copy.write("".join(f"{word}\n" for word in WORDS[:-1]))
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded) as refused:
            with connection.cursor().copy("COPY guesses (guess, guess_ssn) FROM STDIN (FORMAT csv)") as copy:
                copy.write("x,one-more")
        assert refused.value.diag.message_primary == "limit guessing is used up"
        assert connection.execute("SELECT count(*) FROM guesses WHERE guess = 'x'").fetchone() == (0,)
        with connection.cursor().copy("COPY guesses (guess) FROM STDIN") as copy:
            copy.write("".join(f"plain {number}\n" for number in range(50)))
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="binary format"):
            with connection.cursor().copy("COPY guesses (guess_ssn) FROM STDIN (FORMAT binary)") as copy:
                copy.set_types(["text"])
                copy.write_row(["x"])


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT id FROM users WHERE ssn = 'g{}') TO STDOUT",
        "COPY (SELECT ssn FROM users) TO STDOUT (NULL 'g{}')",
        "COPY users (ssn) TO STDOUT (NULL 'g{}')",
    ],
)
def test_what_copy_compares_is_counted(someone: Callable[..., psycopg.Connection], sql: str) -> None:
    with someone() as connection:
        for number in range(LIMIT + 1):
            over = pytest.raises(psycopg.errors.ConfigurationLimitExceeded)
            with over if number == LIMIT else contextlib.nullcontext():
                with connection.cursor().copy(sql.format(number).encode()) as copy:
                    list(copy)


def test_defaults_of_copy_are_counted(someone: Callable[..., psycopg.Connection]) -> None:
    with someone() as connection:
        connection.execute("CREATE TABLE filled (id int, guess_ssn text, guess_pin int GENERATED ALWAYS AS IDENTITY)")
        for options in ("(id)", "(id, guess_ssn)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="cannot be counted"):
                with connection.cursor().copy(f"COPY filled {options} FROM STDIN".encode()) as copy:
                    copy.write("1\n")
        connection.execute("ALTER TABLE filled DROP COLUMN guess_pin")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="with DEFAULT"):
            with connection.cursor().copy("COPY filled FROM STDIN (DEFAULT 'x')") as copy:
                copy.write("1\tx\n")
        for number in range(LIMIT + 1):
            connection.execute(f"ALTER TABLE filled ALTER COLUMN guess_ssn SET DEFAULT 'g{number}'".encode())
            over = pytest.raises(psycopg.errors.ConfigurationLimitExceeded)
            with over if number == LIMIT else contextlib.nullcontext():
                with connection.cursor().copy("COPY filled (id) FROM STDIN") as copy:
                    copy.write("1\n")


def test_rows_of_copy_that_come_before_the_server_asks(
    someone: Callable[..., psycopg.Connection], proxy: ProxyProcess
) -> None:
    with someone() as known:
        user, database = known.info.user, known.info.dbname

    def copied(client: WireClient, *data: Message, table: str = "guesses (guess_ssn)") -> list[object]:
        parts = (Parse("", f"COPY {table} FROM STDIN", ()), Bind("", ""), Execute(""))
        said = client.ask(*parts, *data, Sync())
        return [one for one in said if one[0] in ("CommandComplete", "ErrorResponse", "ReadyForQuery")]

    with connected(proxy.dsn(database, user, "pw")) as client:
        early = [CopyData(f"{word}\n".encode()) for word in WORDS]
        assert copied(client, *early[:-1], CopyDone()) == [("CommandComplete", "COPY 10"), ("ReadyForQuery", "I")]
        assert copied(client, *early, CopyDone()) == [("ErrorResponse", "53400"), ("ReadyForQuery", "I")]
        assert copied(client, *early, CopyFail("no")) == [("ErrorResponse", "53400"), ("ReadyForQuery", "I")]
        refused = [("ErrorResponse", "42P01"), ("ReadyForQuery", "I")]
        assert copied(client, *early, CopyDone(), table="nosuch") == refused
        assert copied(client, *early[:1], CopyDone()) == [("CommandComplete", "COPY 1"), ("ReadyForQuery", "I")]


def test_sql_prepare_and_execute(someone: Callable[..., psycopg.Connection]) -> None:
    with someone() as connection:
        connection.execute("PREPARE one (text) AS SELECT id FROM users WHERE ssn = lower($1)")
        connection.execute("PREPARE many (text[]) AS SELECT id FROM users WHERE ssn = ANY ($1)")
        for number in range(LIMIT - 4):
            connection.execute(f"EXECUTE one('g{number}')".encode())
        connection.execute("EXECUTE many('{a,b}')")
        connection.execute("EXECUTE many(ARRAY['c', 'd'])")
        for over in ("EXECUTE one('e')", "EXECUTE many('{e}')", "EXECUTE many(ARRAY['a', 'e'])"):
            with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
                connection.execute(over.encode())
            with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
                connection.execute(f"EXPLAIN ANALYZE {over}".encode())
        for unknown in ("EXECUTE many(string_to_array('a,b', ','))", "EXECUTE one((random() * 9)::text)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(unknown.encode())


def test_hold_the_built_in_line_and_what_costs_nothing(someone: Callable[..., psycopg.Connection]) -> None:
    with someone(user="careful") as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"^approval required"):
            connection.execute(f"SELECT count(*) FROM users WHERE ssn IN ({LITERALS})".encode())
    with someone(user="plain") as connection:
        connection.execute("SELECT count(*) FROM users WHERE ssn = ANY (%s)", [[f"w{n}" for n in range(1000)]])
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded, match=r"builtin\.probes"):
            connection.execute("SELECT count(*) FROM users WHERE ssn = 'one more'")
        connection.execute("SELECT count(*) FROM users WHERE free = ANY (%s)", [[f"w{n}" for n in range(2000)]])
    with someone() as connection:
        for statement in (
            "SELECT count(*) FROM users WHERE ssn IS NULL OR ssn = NULL OR ssn = current_user",
            "UPDATE users SET ssn = NULL, pin = pin, free = 'x' || id WHERE id = 50",
            "SELECT ssn, count(*) FROM users GROUP BY ssn",
            "SELECT count(*) FROM users a JOIN users b ON a.ssn = b.ssn",
            "SELECT x, count(*) FROM (SELECT ssn AS x FROM users UNION ALL SELECT ssn FROM parts) q GROUP BY x",
        ):
            for _ in range(2 * LIMIT):
                connection.execute(statement.encode())


def wait_for_probes(store: Path, count: int) -> None:
    """The proxy writes them once a second; nothing tells when."""
    end = time.monotonic() + 20
    with contextlib.closing(sqlite3.connect(store)) as database:
        while database.execute("SELECT count(*) FROM pgproxy_probes").fetchone()[0] < count:
            assert time.monotonic() < end, "the probes were not stored"
            time.sleep(0.02)  # between two looks


def test_a_restart_does_not_reset_the_day(database: Database, proxy: ProxyProcess, tmp_path: Path) -> None:
    role = f"{database.name}_app"
    identities: dict[str, object] = {n: {"password": "pw", "upstream": {"user": role}} for n in ("agent", "careful")}
    for number, is_refused in enumerate((False, True)):
        with ProxyProcess(tmp_path, database.dsn(), rules=RULES, identities=identities) as again:
            with again.connect(database.name, "agent", "pw") as connection:
                if is_refused:
                    with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
                        connection.execute("SELECT id FROM users WHERE ssn = 'new'")
                    connection.execute("SELECT id FROM users WHERE ssn = 'g1'")
                else:
                    connection.execute("SELECT id FROM users WHERE ssn = ANY (%s)", [WORDS[:-1]])
            if number == 0:
                wait_for_probes(tmp_path / "pgproxy.db", len(WORDS) - 1)
                again.stop(9)

"""A table of people with a column of every type, and what a masked identity sees of it.

The schema `seen` holds the same tables and views with the masked values in place of the real ones. So a driver sees
through the proxy exactly what it sees direct in `seen`: the same rows, types and names, by whatever way it asks.
`seen` is filled from what one plain text query brings through the proxy; that it is masked is asserted there.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import pq, sql

from tests.proxies import ProxyProcess
from tests.servers import Database

AGENT, AGENT_PASSWORD = "support-agent", "agent-secret"
"""The identity with masked columns."""

DBA, DBA_PASSWORD = "dba", "dba-secret"
"""The identity that the rules reveal everything to."""


@dataclass(frozen=True, slots=True)
class Column:
    """One type: a masked column, and beside it `plain_…` with the same values and no mask."""

    name: str
    type: str
    mask: str
    values: tuple[str, str, str]
    """As SQL text; the fourth row is NULL, the fifth repeats the first."""

    @property
    def plain(self) -> str:
        return f"plain_{self.name}"


COLUMNS = (
    Column("name", "text", "{fake: name}", ("Ada Lovelace", "Žofie Nováková", "it's \\ \"quoted\"\t☃")),
    Column("email", "varchar(80)", "{fake: email}", ("ada@lovelace.example", "Bob.Stone@mail.example", "c@x.example")),
    Column("code", "char(12)", "{tokenize: alnum}", ("AB-12345", "ZZ-00001", "QX-99999")),
    Column("phone", "phone_number", "digits", ("+44 (0)20 7946-0018", "555-123-4567", "(020) 11")),
    Column("mood", "mood", "hash", ("sad", "ok", "happy")),
    Column("visits", "smallint", "digits", ("1815", "-273", "42")),
    Column("age", "integer", "{round: 100}", ("1815", "-273", "42")),
    Column("account", "bigint", "{tokenize: digits}", ("9007199254740993", "-12345678", "77777777")),
    Column("salary", "numeric(12,2)", "{round: 10000}", ("75000.50", "-1234.56", "0.01")),
    Column("ratio", "real", "hash", ("0.25", "-1.5e10", "3.4028235e38")),
    Column("score", "double precision", "hash", ("0.1", "-2.5e-300", "12345.678")),
    Column("active", "boolean", "{constant: true}", ("false", "false", "false")),
    Column("birth_date", "date", "{truncate: year}", ("1815-12-10", "1999-02-28", "2024-02-29")),
    Column("wakes", "time", "{truncate: hour}", ("06:30:15.5", "23:59:59.999999", "00:00:01")),
    Column("joined", "timestamp", "{shift_days: 30}", (
        "2026-11-25 13:02:03.5",
        "1999-12-31 23:59:59",
        "2024-02-29 00:00",
    )),
    Column("seen_at", "timestamptz", "{truncate: month}", (
        "2026-11-25 13:02:03.5+00",
        "1999-12-31 23:59:59+02",
        "2024-02-29 00:00+00",
    )),
    Column("lasted", "interval", "hash", ("1 year 2 mons 3 days 04:05:06.7", "-00:00:01", "40 days")),
    Column("token", "uuid", "hash", (
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "00000000-0000-0000-0000-000000000001",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    )),
    Column("address", "inet", "{fake: ipv4}", ("192.0.2.7", "10.1.2.0/24", "2001:db8::1")),
    Column("letter", "json", '{json: {"$.to": {fake: email}}}', (
        '{"to": "ada@lovelace.example",  "n": 1.50}',
        '{"to":"b@x.example"}',
        '{"to": "c@x.example", "to2": null}',
    )),
    Column("profile", "jsonb", '{json: {"$.city": redact, "$.tags[*]": hash}}', (
        '{"city": "London", "tags": ["a", null]}',
        '{"tags": ["b"], "n": [1, 2.50]}',
        '{"city": "Praha"}',
    )),
    Column("picture", "bytea", "hash", ("\\x00ff10", "\\x", "\\x89504e47")),
    Column("tags", "text[]", "hash", ('{a,"b, c",NULL}', '{""}', '{{x,y},{z,"NULL"}}')),
    Column("rooms", "integer[]", "digits", ("{815,NULL,-12}", "{7777}", "[2:3]={11,22}")),
)  # fmt: skip

MASKED = tuple(column.name for column in COLUMNS)
PLAIN = tuple(column.plain for column in COLUMNS)
ROWS = 5

RULES = "\n".join(
    [
        "masks:",
        "  public.users:",
        *(f"    {column.name}: {column.mask}" for column in COLUMNS),
        "reveal:",
        f"  - {{to: [{DBA}], columns: ['public.*.*']}}",
        "",
    ]
)

TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy', 'delighted', 'puzzled');
CREATE DOMAIN phone_number AS text CHECK (length(VALUE) < 40);
"""

TABLES = f"""
CREATE TABLE users (
    id integer PRIMARY KEY,
    team integer NOT NULL,
    {", ".join(f"{column.name} {column.type}, {column.plain} {column.type}" for column in COLUMNS)},
    UNIQUE (email, id)
);
CREATE TABLE teams (id integer PRIMARY KEY, title text NOT NULL);
"""

VIEWS = """
CREATE VIEW directory AS SELECT id, team, name AS who, email, plain_name FROM users;
CREATE VIEW team_directory AS
    SELECT teams.title, directory.* FROM directory JOIN teams ON teams.id = directory.team;
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A database of people, and a proxy in front of it."""

    database: Database
    proxy: ProxyProcess
    reader: str
    """Database role that the proxy logs in as for everybody."""
    seer: str
    """Database role that finds the tables of `seen` under the same names."""

    @property
    def masked(self) -> str:
        """DSN of the identity with masked columns."""
        return self.proxy.dsn(self.database.name, AGENT, AGENT_PASSWORD)

    @property
    def revealed(self) -> str:
        return self.proxy.dsn(self.database.name, DBA, DBA_PASSWORD)

    @property
    def raw(self) -> str:
        """DSN past the proxy, to the real values."""
        return self.database.dsn(self.reader)

    @property
    def seen(self) -> str:
        """DSN past the proxy, to what the masked identity ought to see."""
        return self.database.dsn(self.seer)


def build(database: Database, reader: str, seer: str) -> None:
    """The tables with real values, and `seen` without any."""
    for role in (reader, seer):
        database.server.new_role(role)
    database.sql(
        f"{TYPES}{TABLES}{VIEWS}"
        f"CREATE SCHEMA seen; SET search_path = seen, public; {TABLES}{VIEWS}"
        "INSERT INTO seen.teams VALUES (1, 'north'), (2, 'south');"
        "INSERT INTO public.teams TABLE seen.teams;"
        f'GRANT ALL ON SCHEMA public, seen TO "{reader}", "{seer}";'
        f'GRANT ALL ON ALL TABLES IN SCHEMA public, seen TO "{reader}", "{seer}";'
        f'ALTER ROLE "{seer}" IN DATABASE "{database.name}" SET search_path = seen, public;'
    )
    rows: list[tuple[str | int | None, ...]] = []
    for number in range(ROWS):
        at = 0 if number == 4 else number
        values = [None if number == 3 else column.values[at] for column in COLUMNS]
        rows.append((number + 1, number % 2 + 1, *(value for value in values for _ in (0, 1))))
    insert(database.dsn(), "public", rows)


def insert(dsn: str, schema: str, rows: list[tuple[str | int | None, ...]]) -> None:
    statement = sql.SQL("INSERT INTO {}.users VALUES ({})").format(
        sql.Identifier(schema), sql.SQL(", ").join([sql.Placeholder()] * len(rows[0]))
    )
    with psycopg.connect(dsn) as connection:
        connection.cursor().executemany(statement, rows)


def text_rows(dsn: str, statement: str) -> list[tuple[str | None, ...]]:
    """What a statement gives, as the text that the server sends."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        result = connection.pgconn.exec_(statement.encode())
        assert result.status == pq.ExecStatus.TUPLES_OK, result.error_message
        values = [[result.get_value(row, at) for at in range(result.nfields)] for row in range(result.ntuples)]
        return [tuple(None if value is None else value.decode() for value in row) for row in values]


ALL_COLUMNS = ", ".join(["id", "team", *(name for column in COLUMNS for name in (column.name, column.plain))])
EVERYTHING = f"SELECT {ALL_COLUMNS} FROM users ORDER BY id"


def fill_seen(place: Place) -> None:
    """Puts into `seen` what the masked identity sees.

    Raises:
        AssertionError: A value that ought to be masked is not, or one that ought not is.
    """
    real = text_rows(place.raw, EVERYTHING)
    seen = text_rows(place.masked, EVERYTHING)
    assert len(real) == len(seen) == ROWS
    for real_row, seen_row in zip(real, seen, strict=True):
        assert seen_row[:2] == real_row[:2]
        for at, column in enumerate(COLUMNS):
            masked, plain = 2 + 2 * at, 3 + 2 * at
            assert seen_row[plain] == real_row[plain], column.plain
            assert (seen_row[masked] is None) == (real_row[masked] is None), column.name
            assert seen_row[masked] is None or seen_row[masked] != real_row[masked], column.name
    insert(place.database.dsn(), "seen", [tuple(row) for row in seen])

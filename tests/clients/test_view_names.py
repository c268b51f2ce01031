"""Columns of views whose own names a pattern masks, over columns that nothing masks."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from tests.proxies import ProxyProcess
from tests.servers import Database

LIMIT = 10
RULES = f"""
masks:
  "*.*": {{"*_ssn": redact, "*_no": {{partial: {{keep_last: 2}}}}}}
  public.people: {{secret: {{constant: x}}}}
limits:
  - {{name: guessing, for: [agent], probes: {LIMIT}, per: hour, then: deny}}
"""
SCHEMA = """
CREATE TABLE plain (id int, word text, other text);
INSERT INTO plain VALUES (1, 'apple', 'pear'), (2, 'plum', 'fig');
CREATE TABLE people (id int, secret text);
INSERT INTO people VALUES (1, 'raw-1');
CREATE VIEW v AS SELECT id, word AS guess_ssn, other AS card_no FROM plain;
CREATE VIEW w AS SELECT id, guess_ssn AS renamed FROM v;
CREATE VIEW masked AS SELECT id, secret AS any_ssn FROM people;
CREATE VIEW made AS SELECT id, word || other AS both_ssn, 'fixed' AS fixed_ssn FROM plain;
CREATE VIEW counted AS SELECT count(*) AS n_no FROM plain;
CREATE VIEW united AS SELECT word AS u_ssn FROM plain UNION ALL SELECT other FROM plain;
"""


@pytest.fixture(scope="module")
def proxy(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ProxyProcess, str]]:
    with psycopg.connect(database.dsn(), autocommit=True) as connection:
        connection.execute(SCHEMA)
    identities: dict[str, object] = {
        name: {"password": "secret", "upstream": {"user": "postgres"}} for name in ("reader", "agent")
    }
    folder = tmp_path_factory.mktemp("views")
    with ProxyProcess(folder, database.dsn(), rules=RULES, identities=identities) as proxy:
        yield proxy, database.name


@pytest.fixture
def reader(proxy: tuple[ProxyProcess, str]) -> Iterator[psycopg.Connection]:
    with psycopg.connect(proxy[0].dsn(proxy[1], "reader", "secret"), autocommit=True) as connection:
        if connection.info.server_version < 160_000:
            pytest.skip("before 16 the server does not tell what a view's columns are made from")
        yield connection


SHOWN = (
    ("SELECT id, guess_ssn, card_no FROM v ORDER BY id", [(1, "[redacted]", "**ar"), (2, "[redacted]", "*ig")]),
    ("SELECT * FROM v WHERE id = 1", [(1, "[redacted]", "**ar")]),
    ("SELECT guess_ssn || '' FROM v WHERE id = 1", [(None,)]),
    ("SELECT upper(x) FROM (SELECT guess_ssn AS x FROM v) q LIMIT 1", [(None,)]),
    ("SELECT renamed FROM w WHERE id = 1", [("[redacted]",)]),
    ("SELECT max(guess_ssn) FROM v", [(None,)]),
    ("SELECT count(guess_ssn) FROM v", [(2,)]),
    ("SELECT any_ssn FROM masked", [("x",)]),
    ("SELECT both_ssn, fixed_ssn FROM made WHERE id = 1", [(None, "[redacted]")]),
    ("SELECT u_ssn FROM united LIMIT 1", [("[redacted]",)]),
    ("SELECT count(*) FROM (SELECT DISTINCT guess_ssn FROM v) q", [(2,)]),
    ("SELECT word, other FROM plain WHERE id = 1", [("apple", "pear")]),
    ("SELECT a.word FROM plain a JOIN w ON a.id = w.id WHERE a.id = 1", [("[redacted]",)]),
    ("SELECT id FROM v WHERE guess_ssn = 'apple'", [(1,)]),
)


@pytest.mark.parametrize(("sql", "rows"), SHOWN)
def test_the_name_masks_the_view_s_column(reader: psycopg.Connection, sql: str, rows: list[tuple[object, ...]]) -> None:
    assert reader.execute(sql).fetchall() == rows


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM v WHERE guess_ssn LIKE 'a%'",
        "SELECT id FROM v ORDER BY guess_ssn",
        "SELECT v FROM v",
        "SELECT row_to_json(v) FROM v",
        "SELECT id FROM v JOIN plain USING (id) WHERE guess_ssn = other",
        "INSERT INTO plain (id, other) SELECT id, guess_ssn FROM v",
        "CREATE TABLE copied AS SELECT guess_ssn AS x FROM v",
    ],
)
def test_nothing_else_tells_of_it(reader: psycopg.Connection, sql: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        reader.execute(sql)


def test_copy_and_temporary_tables_keep_the_mask(reader: psycopg.Connection) -> None:
    with reader.cursor().copy("COPY (SELECT guess_ssn FROM v ORDER BY id) TO STDOUT") as copy:
        assert b"".join(copy) == b"[redacted]\n[redacted]\n"
    reader.execute("CREATE TEMP TABLE kept AS SELECT guess_ssn AS x FROM v")
    assert reader.execute("SELECT x FROM kept").fetchall() == [("[redacted]",), ("[redacted]",)]


def test_guesses_through_a_view_are_counted(proxy: tuple[ProxyProcess, str], reader: psycopg.Connection) -> None:
    with psycopg.connect(proxy[0].dsn(proxy[1], "agent", "secret"), autocommit=True) as agent:
        with pytest.raises(errors.ConfigurationLimitExceeded):
            for number in range(LIMIT + 1):
                agent.execute(f"SELECT id FROM v WHERE guess_ssn = 'g{number}'")

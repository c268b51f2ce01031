"""What the lineage calls clean is equal in two databases that differ only in masked columns.

No expected results: random queries run in both worlds. Where no masked column is used outside the outputs, both give
the same number of rows, and the outputs without a masked source hold the same values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgproxy.statements.model import ColumnId, Lineage
from tests.lineage.analysis import Analysis
from tests.lineage.random_queries import RandomQueries
from tests.lineage.test_leaks import MASKED
from tests.servers import Database, Server
from tests.tree.announcing import Announcer, Rejected

QUERIES = 250
SCHEMA = (Path(__file__).parents[1] / "leaks" / "schema.sql").read_text()
OTHER_SECRETS = """
update users set ssn = lpad(((id * 37 + 11) % 900 + 100)::text, 3, '0') || '-' || (10 + id) || '-1111',
  email = 'z' || (id * 3) || '@other.net', phone = '777-' || id, salary = (id * 7919) % 50000 + 3,
  notes = case when id % 3 > 0 then 'x' || id end, profile = jsonb_build_object('ssn', (id * 13)::text, 'n', id * 3);
update orders set card_number = '5999-' || (id * 3);
refresh materialized view mv_users;
"""


class Worlds:
    def __init__(self, first: Database, second: Database) -> None:
        self.analysis = Analysis(Announcer(first.dsn()))
        self.connections = [psycopg.connect(one.dsn(), autocommit=True) for one in (first, second)]
        for connection in self.connections:
            connection.execute("set statement_timeout = '1s'")

    def rows(self, query: str) -> list[list[tuple[object, ...]]] | None:
        """The rows of both worlds; None if one fails (errors are redacted as a whole)."""
        try:
            return [connection.execute(query.encode()).fetchall() for connection in self.connections]
        except psycopg.Error:
            return None

    def is_masked(self, column: ColumnId, lineage: Lineage) -> bool:
        made_of = lineage.materialized.get(column, frozenset())
        return self.analysis.name(column) in MASKED or any(self.is_masked(one.column, lineage) for one in made_of)


@pytest.fixture(scope="module")
def worlds(postgres: Server, database: Database) -> Iterator[Worlds]:
    second = postgres.new_database(f"{database.name}_other")
    statements = [line for line in SCHEMA.splitlines() if not line.startswith("--") and "plpgsql" not in line]
    for one in (database, second):
        one.sql("\n".join(statements))
    second.sql(OTHER_SECRETS)
    made = Worlds(database, second)
    yield made
    made.analysis.announcer.close()
    for connection in made.connections:
        connection.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_clean_outputs_do_not_differ(worlds: Worlds, seed: int) -> None:
    queries = RandomQueries(seed)
    compared = 0
    for _ in range(QUERIES):
        query = queries.query()
        try:
            lineage = worlds.analysis.lineage(query)
        except Rejected:
            continue
        if any(worlds.is_masked(use.column, lineage) for use in lineage.uses):
            continue
        both = worlds.rows(query)
        if both is None:
            continue
        clean = [
            number
            for number, output in enumerate(lineage.outputs)
            if not any(worlds.is_masked(source.column, lineage) for source in output.sources)
        ]
        here, there = (Counter(repr([row[number] for number in clean]) for row in rows) for rows in both)
        assert here == there, query
        compared += len(clean)
    assert compared > 100

"""What psql's backslash commands and SQLAlchemy's inspector ask of the system catalogs: the same answer as direct."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest
import sqlalchemy
from sqlalchemy.pool import NullPool

from pgproxy.demo.cluster import embedded_binaries
from tests.clients.people import Place

OBJECTS = """
CREATE FUNCTION described(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE TABLE measured (at date, v int CHECK (v > 0), PRIMARY KEY (at)) PARTITION BY RANGE (at);
CREATE TABLE measured_first PARTITION OF measured FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
CREATE TABLE noted (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, team int REFERENCES teams, body text);
CREATE INDEX ON noted (lower(body));
COMMENT ON TABLE noted IS 'a comment'; COMMENT ON COLUMN noted.body IS 'another';
CREATE STATISTICS both_columns ON id, team FROM noted;
CREATE PUBLICATION everything FOR ALL TABLES;
GRANT SELECT ON noted TO public;
"""

COMMANDS = r"""
\d|\d users|\d+ users|\d+ directory|\d+ measured|\d noted|\d+|\dt+|\dv+|\dm|\di+|\ds|\dE|\df|\df+ described|\da|\dT+
\dD+|\dconfig work*
\do+ =|\dC|\dc|\dO|\dn+|\dp|\z users|\ddp|\du+|\dg|\drds|\dx|\dx+|\dy|\db+|\l|\l+|\dF+|\dFd|\dFp|\dFt|\dA+|\dAc|\dAf
\dAo|\dAp|\dl|\dL+|\dP+|\dX|\dRp+|\dRs|\des+|\deu|\dew+|\det+|\sf described|\sv directory|\dd|\encoding|\dt *.*
"""


@pytest.fixture(scope="module")
def described(place: Place) -> Place:
    place.database.sql(OBJECTS)
    return place


def shown(dsn: str, command: str) -> tuple[str, str]:
    result = subprocess.run(
        [str(embedded_binaries() / "psql"), "-X", "-d", dsn, "-c", command],
        capture_output=True,
        text=True,
        env={**os.environ, "PAGER": "cat"},
        timeout=60,
    )
    return result.stdout, result.stderr


@pytest.mark.parametrize("command", [one for line in COMMANDS.split("\n") for one in line.split("|") if one])
def test_psql_describes_as_direct(described: Place, command: str) -> None:
    assert shown(described.masked, command) == shown(described.raw, command)


@pytest.fixture(scope="module")
def inspectors(described: Place) -> Iterator[tuple[sqlalchemy.Inspector, sqlalchemy.Inspector]]:
    engines = [
        sqlalchemy.create_engine(dsn.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
        for dsn in (described.masked, described.raw)
    ]
    masked, raw = (sqlalchemy.inspect(engine) for engine in engines)
    yield masked, raw
    for engine in engines:
        engine.dispose()


@pytest.mark.parametrize(
    "method",
    """
    get_schema_names get_table_names get_view_names get_materialized_view_names get_temp_table_names get_sequence_names
    get_multi_columns get_multi_pk_constraint get_multi_foreign_keys get_multi_indexes get_multi_unique_constraints
    get_multi_check_constraints get_multi_table_comment get_multi_table_options get_enums get_domains
    """.split(),
)
def test_sqlalchemy_inspects_as_direct(
    inspectors: tuple[sqlalchemy.Inspector, sqlalchemy.Inspector], method: str
) -> None:
    seen, direct = (getattr(inspector, method)() for inspector in inspectors)
    assert repr(seen) == repr(direct)


def test_sqlalchemy_reflects_a_view(inspectors: tuple[sqlalchemy.Inspector, sqlalchemy.Inspector]) -> None:
    seen, direct = (inspector.get_view_definition("directory") for inspector in inspectors)
    assert seen == direct

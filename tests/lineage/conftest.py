"""A database with the schema of the leak statements, and a session in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.lineage.analysis import Analysis
from tests.servers import Database
from tests.tree.announcing import Announcer

HERE = Path(__file__).parent
ROLE = "lineage_reader"
"""May read no table of users: the analysis needs no right on the data."""


def schema_statements() -> list[str]:
    text = "\n".join(
        line
        for name in ("../leaks/schema.sql", "more.sql")
        for line in (HERE / name).read_text().splitlines()
        if not line.startswith("--")
    )
    return [statement for statement in text.split(";\n") if statement.strip()]


@pytest.fixture(scope="module")
def analysis(database: Database) -> Iterator[Analysis]:
    with psycopg.connect(database.dsn(), autocommit=True) as owner:
        owner.execute(
            f"DO 'begin create role {ROLE} login; exception when duplicate_object or unique_violation then null; end'"
        )
        owner.execute(f"grant usage on schema public to {ROLE}")
        for statement in schema_statements():
            try:
                owner.execute(statement.encode())
            except psycopg.errors.UndefinedFile:
                # Debian's build of 15 has a plpgsql that does not load everywhere.
                continue
        owner.execute(f"grant usage on schema evil to {ROLE}")
    announcer = Announcer(database.dsn(ROLE))
    yield Analysis(announcer)
    announcer.close()

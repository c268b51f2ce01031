"""Exact lineage, case by case: `cases/*.txt`.

A case is a statement and its lines, in the order of `Analysis.lines`: `=` output, `?` use, `>` write, `@` column of a
materialized view, `*` effect of a call, `!` denied or opaque function, `#` refused. `-- since 17` before it: older
servers do not know the syntax.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from pgproxy.errors import ProxyError
from tests.lineage.analysis import Analysis

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Case:
    statement: str
    lines: list[str]
    since: int = 0

    def __str__(self) -> str:
        return self.statement


def cases() -> list[Case]:
    found: list[Case] = []
    for path in sorted((HERE / "cases").glob("*.txt")):
        for block in path.read_text().strip().split("\n\n"):
            since = re.match(r"-- since (\d+)\n", block)
            statement, *lines = block[since.end() if since else 0 :].split("\n")
            found.append(Case(statement, lines, int(since[1]) if since else 0))
    return found


@pytest.mark.parametrize("case", cases(), ids=str)
def test_lineage_is_exact(analysis: Analysis, case: Case) -> None:
    if analysis.announcer.version < case.since:
        pytest.skip(f"syntax of PostgreSQL {case.since}")
    assert analysis.lines(case.statement) == case.lines


def ordinary_statements() -> list[str]:
    lines = (HERE / "system_statements.sql").read_text().splitlines()
    return [line for line in lines if line.strip() and not line.startswith("--")]


@pytest.mark.parametrize("statement", ordinary_statements())
def test_what_tools_ask_the_catalog_is_not_refused(analysis: Analysis, statement: str) -> None:
    lineage = analysis.lineage(statement)
    assert not lineage.opaque and lineage.is_read_only


def test_views_count_as_read(analysis: Analysis) -> None:
    lineage = analysis.lineage("select name from user_directory")
    names = {analysis.catalog.relations[oid].name for oid in lineage.relations}
    assert names == {"user_directory", "users"}


def test_a_views_own_column_is_what_the_server_will_name(analysis: Analysis) -> None:
    lineage = analysis.lineage("select u.name, 1 as one from user_directory u")
    origins = [None if output.origin is None else analysis.name(output.origin) for output in lineage.outputs]
    assert origins == ["user_directory.name", None]


def test_types_of_outputs_are_known(analysis: Analysis) -> None:
    statement = (
        "select id, email, salary, tags, id = 1, count(*) over (), array(select id from orders), (select max(total) "
        "from orders), case when true then 1.5 end, id::text, current_date, u from users u"
    )
    types = [analysis.catalog.types.get(output.type_oid) for output in analysis.lineage(statement).outputs]
    names = [found.name if found else "" for found in types]
    expected = ["int4", "text", "numeric", "_text", "bool", "int8", "_int4", "numeric", "numeric", "text", "date"]
    assert [name for name in names if name not in ("", "users")] == [n for n in expected if n in names]
    assert names[:4] == expected[:4]


@pytest.mark.parametrize(
    ("statement", "is_read_only"),
    [
        ("select 1", True),
        ("select * from users", True),
        ("select * from users for share", False),
        ("select nextval('numbers')", False),
        ("with x as (delete from uq returning email) select 1", False),
        ("insert into log values (1, 'x')", False),
        ("delete from log", True),
    ],
)
def test_what_changes_something_is_no_read(analysis: Analysis, statement: str, is_read_only: bool) -> None:
    """A rule makes nothing of `delete from log`."""
    try:
        assert analysis.lineage(statement).is_read_only is is_read_only
    except ProxyError:
        pytest.fail("refused")

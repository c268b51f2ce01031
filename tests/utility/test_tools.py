"""What tools ask of the system catalogs is answered as it is directly, for an identity with masked columns.

One database, with one of each kind of object (`rich_schema.sql`), asked on two connections: through the proxy and
directly, as the same role; so OIDs and names are the same. `tools/` has a file for each tool: the catalogs, joins and
functions of its own queries. A line `-- null: COLUMN, …` above a statement names the output columns in which samples of
data and secrets stand: directly they have values, through the proxy they are NULL.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.proxies import ProxyProcess
from tests.servers import Database
from tests.utility.psql_script import Statement, statements
from tests.utility.test_ordinary_statements import Copy, Outcome, noted

HERE = Path(__file__).parent
TOOLS = sorted(path.stem for path in (HERE / "tools").glob("*.sql"))
RULES = """\
masks:
  library.authors: {email: {fake: email}, born: {truncate: year}}
  library.visits: {email: hash}
  "Quoted Schema.*": {"with space": redact}
"""


@dataclass(frozen=True, slots=True)
class Library:
    proxy: str
    """DSNs."""
    direct: str
    version: int


@pytest.fixture(scope="module")
def library(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    role = f"{database.name}_reader"
    database.server.new_role(role)
    database.sql((HERE / "rich_schema.sql").read_text())
    schemas = 'library, public, "Quoted Schema"'
    database.sql(
        f"GRANT ALL ON SCHEMA {schemas} TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA {schemas} TO {role};"
        f"GRANT ALL ON ALL SEQUENCES IN SCHEMA {schemas} TO {role};"
        f"GRANT USAGE ON FOREIGN DATA WRAPPER elsewhere TO {role}; ALTER SERVER far OWNER TO {role}"
    )
    identities: dict[str, object] = {"reader": {"password": "pw", "upstream": {"user": role}}}
    folder = tmp_path_factory.mktemp("tools")
    with ProxyProcess(folder, database.dsn(), rules=RULES, identities=identities) as proxy:
        yield Library(proxy.dsn(database.name, "reader", "pw"), database.dsn(role), database.server.version)


@pytest.mark.parametrize("tool", TOOLS)
def test_tools_are_answered_as_directly(library: Library, tool: str) -> None:
    script = [one for one in statements((HERE / "tools" / f"{tool}.sql").read_text()) if one.sql]
    script = [one for one in script if int(noted(one, "since") or 0) <= library.version]
    # One after the other: what a script writes it takes back, and would wait for.
    expected, seen = (_run(dsn, script) for dsn in (library.direct, library.proxy))
    faults: list[str] = []
    for statement, mine, theirs in zip(script, seen, expected, strict=True):
        text = " ".join(statement.sql.split())[:300]
        assert not theirs[0].startswith("ERROR"), f"fails without the proxy: {theirs[0]}: {text}"
        secret = noted(statement, "null")
        if secret is not None:
            theirs = _without(theirs, [one.strip() for one in secret.split(",")], text)
        if mine != theirs:
            rows = [pair for pair in zip(mine[2], theirs[2], strict=False) if pair[0] != pair[1]]
            faults.append(f"{mine[0]} instead of {theirs[0]}, {rows[:1]}: {text}")
    assert len(script) >= 10
    assert not faults, "\n".join([f"{len(faults)} of {len(script)}", *faults])


def _run(dsn: str, script: list[Statement]) -> list[Outcome]:
    copy = Copy(dsn)
    outcomes: list[Outcome] = []
    for statement in script:
        text = noted(statement, "with")
        outcomes.append(
            copy.run(statement.sql, None if text is None else [one.strip().encode() for one in text.split(",")])
        )
    copy.connection.close()
    return outcomes


def _without(outcome: Outcome, columns: list[str], shown: str) -> Outcome:
    """The outcome with NULL in these columns; a value must have been there, or the case shows nothing."""
    tag, names, rows = outcome
    at = {names.index(column) for column in columns}
    assert any(row[number] is not None for row in rows for number in at), f"nothing to hide: {shown}"
    return tag, names, [[None if number in at else value for number, value in enumerate(row)] for row in rows]

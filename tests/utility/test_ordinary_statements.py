"""An analyst's, an ORM's, a BI tool's and a migration's day runs for an identity with masked columns, and is exact.

Three copies of one database: `raw`, behind the proxy; `seen`, where the masked columns hold the masked values; `real`,
like `raw` but asked directly. A statement through the proxy gives what it gives directly in `seen`, byte for byte: so
plain columns are exact and masked ones masked. Where a line `-- real values` says that it compares a masked column with
a constant, it gives what `real` gives. All three run every statement, so that writes count for the later ones of the
file; what a file adds to what others read, it takes back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import pq, sql

from tests.proxies import ProxyProcess
from tests.servers import Database, Server
from tests.utility.psql_script import Statement, statements

HERE = Path(__file__).parent
MASKED = {
    "customers": ("id", ("email", "phone", "birth_date", "profile", "notes")),
    "orders": ("id", ("card_number",)),
    "hr.employees": ("id", ("ssn", "salary")),
}
"""Table → its key, its masked columns."""

RULES = """\
masks:
  public.customers:
    email: {fake: email}
    phone: digits
    birth_date: {truncate: year}
    notes: {scrub: [email, phone]}
    profile: {json: {"$.address": redact, "$.labels[*]": hash}}
  public.orders:
    card_number: {tokenize: digits}
  hr.employees:
    ssn: {partial: {keep_last: 4}}
    salary: {round: 10000}
"""
AGENT, PASSWORD = "analyst", "analyst-secret"

Outcome = tuple[str, list[str], list[list[bytes | None]]]
"""ERROR with SQLSTATE and message, or the command tag; names of the columns; rows in text format."""


@dataclass(frozen=True, slots=True)
class Shop:
    proxy: str
    """DSNs."""
    seen: str
    real: str
    version: int


@pytest.fixture(scope="module")
def shop(postgres: Server, database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    role = f"{database.name}_owner"
    postgres.new_role(role)
    copies = [postgres.new_database(f"{database.name}_{name}") for name in ("raw", "seen", "real")]
    for copy in copies:
        copy.sql(f"ALTER DATABASE {sql.Identifier(copy.name).as_string()} OWNER TO {role}")
        copy.sql(f"ALTER SCHEMA public OWNER TO {role}; ALTER ROLE {role} SET timezone = 'UTC'")
        copy.sql((HERE / "schema.sql").read_text(), user=role)
    raw, seen, real = copies
    identities: dict[str, object] = {AGENT: {"password": PASSWORD, "upstream": {"user": role}}}
    folder = tmp_path_factory.mktemp("proxy")
    with ProxyProcess(folder, raw.dsn(), rules=RULES, identities=identities) as proxy:
        found = Shop(proxy.dsn(raw.name, AGENT, PASSWORD), seen.dsn(role), real.dsn(role), postgres.version)
        _show_masks(found)
        yield found


def _show_masks(shop: Shop) -> None:
    """Fill `seen` with what the proxy shows, and see to it that nothing of it is stored in `real`."""
    with psycopg.connect(shop.proxy) as proxy, psycopg.connect(shop.seen) as seen, psycopg.connect(shop.real) as real:
        for table, (key, columns) in MASKED.items():
            question = f"SELECT {key}::text, {', '.join(columns)} FROM {table} ORDER BY {key}".encode()
            shown, stored = (one.pgconn.exec_(question) for one in (proxy, real))
            assert shown.ntuples == stored.ntuples > 0
            for row in range(shown.ntuples):
                values = [shown.get_value(row, at) for at in range(1, shown.nfields)]
                for at, value in enumerate(values, 1):
                    assert value != stored.get_value(row, at), (table, columns[at - 1], value)
                assignments = ", ".join(f"{name} = %s" for name in columns)
                seen.execute(
                    f"UPDATE {table} SET {assignments} WHERE {key} = %s",
                    [None if one is None else one.decode() for one in (*values, shown.get_value(row, 0))],
                )


class Copy:
    """One connection; statements run on it one by one."""

    def __init__(self, dsn: str) -> None:
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.pg = self.connection.pgconn

    def run(self, statement: str, parameters: list[bytes] | None) -> Outcome:
        encoded = statement.encode()
        result = self.pg.exec_(encoded) if parameters is None else self.pg.exec_params(encoded, parameters)
        if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
            fields = (
                pq.DiagnosticField.SQLSTATE,
                pq.DiagnosticField.MESSAGE_PRIMARY,
                pq.DiagnosticField.MESSAGE_DETAIL,
            )
            return " ".join(["ERROR", *((result.error_field(one) or b"").decode() for one in fields)]), [], []
        columns = range(result.nfields)
        rows = [[result.get_value(row, at) for at in columns] for row in range(result.ntuples)]
        return (
            (result.command_status or b"").decode(),
            [(result.fname(at) or b"").decode() for at in columns],
            rows,
        )


def noted(statement: Statement, name: str) -> str | None:
    """What a comment line `-- name: …` (or `-- name`) above a statement says."""
    found = re.search(rf"^-- {name}(?:: (.*))?$", statement.sql, re.MULTILINE)
    return found and (found[1] or "")


def of_file(name: str, version: int) -> Iterator[Statement]:
    for statement in statements((HERE / "statements" / name).read_text()):
        since = noted(statement, "since")
        if statement.sql and (since is None or int(since) <= version):
            yield statement


@pytest.mark.parametrize("name", ["analytics", "orm", "bi", "catalog", "staging", "definitions"])
def test_ordinary_statements_run_and_are_exact(shop: Shop, name: str) -> None:
    copies = [Copy(dsn) for dsn in (shop.proxy, shop.seen, shop.real)]
    faults: list[str] = []
    count = 0
    for statement in of_file(f"{name}.sql", shop.version):
        text = noted(statement, "with")
        parameters = None if text is None else [one.strip().encode() for one in text.split(",")]
        proxied, seen, real = (copy.run(statement.sql, parameters) for copy in copies)
        expected = real if noted(statement, "real values") is not None else seen
        assert not expected[0].startswith("ERROR"), f"fails without the proxy: {expected[0]}: {statement.sql}"
        count += 1
        if proxied != expected:
            faults.append(f"{_difference(proxied, expected)}\n    {' '.join(statement.sql.split())}")
    for copy in copies:
        copy.connection.close()
    assert count > 20
    assert not faults, "\n".join([f"{len(faults)} of {count}", *faults])


def _difference(proxied: Outcome, expected: Outcome) -> str:
    if proxied[:2] != expected[:2]:
        return f"{proxied[0]} {proxied[1]} instead of {expected[0]} {expected[1]}"
    rows = zip(proxied[2], expected[2], strict=False)
    return next((f"{mine} instead of {theirs}" for mine, theirs in rows if mine != theirs), "another number of rows")


def test_expressions_over_masked_columns_run_and_give_null(shop: Shop) -> None:
    agent, real = Copy(shop.proxy), Copy(shop.real)
    for statement in of_file("masked_expressions.sql", shop.version):
        (tag, names, rows), expected = agent.run(statement.sql, None), real.run(statement.sql, None)
        assert (tag, names) == expected[:2], statement.sql
        assert not any(value for row in rows for value in row), (names, rows, statement.sql)
        assert all(any(row[at] is not None for row in expected[2]) for at in range(len(names))), statement.sql
    for copy in (agent, real):
        copy.connection.close()


def test_what_must_be_refused_says_why(shop: Shop) -> None:
    agent, real = Copy(shop.proxy), Copy(shop.real)
    for statement in of_file("refused.sql", shop.version):
        rule, _, reason = (noted(statement, "refused") or "").partition(" ")
        outcome = agent.run(statement.sql, None)[0]
        assert outcome.startswith("ERROR 42501 "), (outcome, statement.sql)
        assert f"rule {rule}" in outcome and reason in outcome, (outcome, statement.sql)
    for copy in (agent, real):
        copy.connection.close()

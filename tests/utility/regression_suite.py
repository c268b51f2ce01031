"""How much of PostgreSQL's own regression suite passes for an identity whose mask concerns none of its tables.

    python -m tests.utility.regression_suite SQL_FOLDER DIRECT_DSN PROXY_DSN [FILE…]

SQL_FOLDER is `src/test/regress/sql` of a PostgreSQL source tree (`make` there once if its C functions are wanted: they
are looked for in $PG_LIBDIR). DIRECT_DSN is a superuser of a server that may be spoiled: the suite makes roles.
PROXY_DSN is a proxy before the same server, as an identity with a mask on `private.unrelated.secret`, which is made in
both databases; it must allow any database.

Two fresh databases, two sessions: every statement runs in the first directly and in the second through the proxy. What
the proxy refuses of the rest (definitions, code) is run in the second database past it, so that later statements find
what they need. A query counts if it succeeds directly; it is refused if the proxy answers 42501 or 54000 where the
server did not. Two kinds are counted apart and listed with the rest:

- what is refused since it reads columns that are masked for everybody by design (`rule builtin.secret`: pg_statistic,
  passwords in pg_authid, …): such a query does touch a masked column;
- what fails otherwise in the second session only, and so says nothing of the proxy: mostly because a definition before
  it could not be repeated past the proxy (a temporary object, SET ROLE or a setting of the session).
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import conninfo, pq
from psycopg.sql import SQL, Identifier, Literal

from pgproxy.errors import ProxyError
from pgproxy.statements.grammar import split
from tests.utility.psql_script import Statement, statements, with_variables

QUERIES = ("select", "insert", "update", "delete", "merge")
DIRECT, PROXIED = "pgproxy_regression_direct", "pgproxy_regression_proxied"
_GOOD = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK, pq.ExecStatus.EMPTY_QUERY)
_REFUSED = ("42501", "54000")
_SKIPPED = frozenset(("tablespace", "database", "psql", "psql_crosstab"))
"""They need folders of the server's, are about databases, or about psql itself."""


@dataclass(slots=True)
class Tally:
    asked: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    not_comparable: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """By what the server answered: statements."""
    touching: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """By cause: statements refused since they touch what is masked by design."""
    refused: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """By cause: statements."""
    others: Counter[str] = field(default_factory=Counter)
    """Refused statements that are no queries, by cause."""


class Session:
    """A connection that runs one statement as psql does, in a simple Query."""

    def __init__(self, dsn: str, database: str, **settings: str) -> None:
        self._dsn = conninfo.make_conninfo(dsn, dbname=database)
        self._settings = settings
        self.connect()

    def connect(self) -> None:
        self.connection = psycopg.connect(self._dsn, autocommit=True, prepare_threshold=None)
        self.pg = self.connection.pgconn
        for name, value in self._settings.items():
            self.run(f"SET {name} = '{value}'")

    def run(self, sql: str, data: bytes = b"") -> tuple[str, str, pq.abc.PGresult | None]:
        """SQLSTATE ("" for success), the cause of a refusal, and the last result."""
        if self.pg.status != pq.ConnStatus.OK:
            self.connect()
        try:
            result = self.pg.exec_(sql.encode())
            if result.status == pq.ExecStatus.COPY_IN:
                self.pg.put_copy_data(data)
                self.pg.put_copy_end()
                result = self.pg.get_result() or result
            if result.status == pq.ExecStatus.COPY_OUT:
                while self.pg.get_copy_data(0)[0] > 0:
                    pass
                result = self.pg.get_result() or result
            while self.pg.get_result() is not None:
                pass
        except psycopg.Error as error:
            return "08006", str(error)[:80], None
        if result.status in _GOOD:
            return "", "", result
        state = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"XX000").decode()
        fields = (result.error_field(one) or b"" for one in (_DETAIL, _PRIMARY))
        return state, " | ".join(one.decode(errors="replace") for one in fields), result

    @property
    def is_in_transaction(self) -> bool:
        return self.pg.transaction_status == pq.TransactionStatus.INTRANS


_DETAIL, _PRIMARY = pq.DiagnosticField.MESSAGE_DETAIL, pq.DiagnosticField.MESSAGE_PRIMARY


class Run:
    """The whole run: three sessions that go on from file to file, as `make installcheck` does in one database."""

    def __init__(self, direct_dsn: str, proxy_dsn: str) -> None:
        with psycopg.connect(direct_dsn, autocommit=True) as administrator:
            for name in (DIRECT, PROXIED):
                _forget_leftovers(administrator, direct_dsn, name)
                administrator.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
                administrator.execute(f"CREATE DATABASE {name} TEMPLATE template0 LOCALE 'C' ENCODING 'UTF8'")
                with psycopg.connect(direct_dsn, dbname=name, autocommit=True) as connection:
                    connection.execute("CREATE SCHEMA private CREATE TABLE unrelated (id int, secret text)")
                for setting in ("timezone = 'PST8PDT'", "datestyle = 'Postgres, MDY'", "lc_messages = 'C'"):
                    administrator.execute(f"ALTER DATABASE {name} SET {setting}")
        self._direct_dsn, self._proxy_dsn = direct_dsn, proxy_dsn
        self.total = Tally()

    def file(self, path: Path) -> Tally:
        # intervalstyle of pg_regress; a timeout for what waits for another session or loops on purpose
        settings = {"intervalstyle": "postgres_verbose", "statement_timeout": "5s"}
        self.direct = Session(self._direct_dsn, DIRECT, **settings)
        self.proxied = Session(self._proxy_dsn, PROXIED, **settings)
        self.past = Session(self._direct_dsn, PROXIED, **settings, lock_timeout="1s")
        self.tally = Tally()
        variables: dict[str, str] = {}
        for statement in statements(path.read_text(encoding="utf-8", errors="surrogateescape")):
            if statement.sql:
                self.statement(statement, variables)
            else:
                _meta(statement.meta, variables, path)
        for session in (self.direct, self.proxied, self.past):
            session.connection.close()
        for name in ("asked", "passed", "others"):
            getattr(self.total, name).update(getattr(self.tally, name))
        for name in ("refused", "touching", "not_comparable"):
            for cause, found in getattr(self.tally, name).items():
                getattr(self.total, name)[cause] += [f"{path.stem}: {sql}" for sql in found]
        return self.tally

    def statement(self, statement: Statement, variables: dict[str, str]) -> None:
        sql = with_variables(statement.sql, variables)
        try:
            sql.encode()
        except UnicodeEncodeError:
            return
        kind = _kind(sql)
        is_in_transaction = self.proxied.is_in_transaction
        if is_in_transaction and kind != "transaction":
            self.proxied.run("SAVEPOINT pgproxy_before")
        expected, _, result = self.direct.run(sql, statement.data)
        # What fails must not succeed in the other session, whose role and rights the proxy may have kept.
        state, cause, _ = self.proxied.run(sql if expected == "" else "SELECT 1 / 0", statement.data)
        if statement.meta.startswith("gset") and result is not None and result.ntuples == 1:
            prefix = statement.meta.removeprefix("gset").strip()
            for at in range(result.nfields):
                value = result.get_value(0, at)
                variables[prefix + (result.fname(at) or b"").decode()] = "" if value is None else value.decode()
        if kind == "set":
            self.past.run(sql)
        if expected == "" and state != "" and is_in_transaction and kind != "transaction":
            self.proxied.run("ROLLBACK TO pgproxy_before")
        if expected != "":
            return
        is_refused = state in _REFUSED and cause.startswith(("rule ", "limit "))
        if kind not in QUERIES:
            if is_refused:
                self.tally.others[_named(cause)] += 1
                self.past.run(_lasting(sql), statement.data)
            return
        if state == "":
            self.tally.asked[kind] += 1
            self.tally.passed[kind] += 1
        elif not is_refused:
            self.tally.not_comparable[f"{state} {_named(cause)}"].append(sql)
        elif cause.startswith("rule builtin.secret"):
            self.tally.touching[_named(cause)].append(sql)
        else:
            self.tally.asked[kind] += 1
            self.tally.refused[_named(cause)].append(sql)
            if kind != "select":
                self.past.run(sql)


def _forget_leftovers(administrator: psycopg.Connection, dsn: str, database: str) -> None:
    """Prepared transactions and subscriptions outlive a run, and keep the database from being dropped."""
    if administrator.execute("SELECT FROM pg_database WHERE datname = %s", [database]).fetchone() is None:
        return
    with psycopg.connect(dsn, dbname=database, autocommit=True) as connection:
        here = "WHERE database = current_database()"
        for (name,) in connection.execute(f"SELECT gid FROM pg_prepared_xacts {here}").fetchall():
            connection.execute(SQL("ROLLBACK PREPARED {}").format(Literal(name)))
        here = "WHERE datname = current_database()"
        for (name,) in connection.execute(
            f"SELECT subname FROM pg_subscription JOIN pg_database d ON d.oid = subdbid {here}"
        ).fetchall():
            for step in ("ALTER SUBSCRIPTION {} DISABLE", "ALTER SUBSCRIPTION {} SET (slot_name = NONE)"):
                connection.execute(SQL(step).format(Identifier(name)))
            connection.execute(SQL("DROP SUBSCRIPTION {}").format(Identifier(name)))


def _kind(sql: str) -> str:
    """The statement's class; the first word where the proxy's grammar does not take it."""
    try:
        found = split(sql)
        return found[0].statement_class.value if found else ""
    except ProxyError:
        words = re.sub(r"--[^\n]*|/\*.*?\*/|[(]", " ", sql, flags=re.DOTALL).split()
        word = words[0].lower() if words else ""
        return {"values": "select", "table": "select", "with": "select"}.get(word, word)


def _lasting(sql: str) -> str:
    """A definition that the proxied session will find although another session makes it."""
    return re.sub(
        r"^(\s*create(?:\s+or\s+replace)?)\s+(?:local\s+|global\s+)?temp(?:orary)?\s", r"\1 ", sql, flags=re.IGNORECASE
    )


def _named(cause: str) -> str:
    """Without what differs from object to object."""
    return re.sub(r'"[^"]*"|\b\d+\b', "…", cause)[:150]


def _meta(command: str, variables: dict[str, str], path: Path) -> None:
    words = command.split()
    folder = str(path.parent.parent)
    environment = {"PG_ABS_SRCDIR": folder, "PG_LIBDIR": folder, "PG_DLSUFFIX": ".so", "PG_ABS_BUILDDIR": folder}
    if words[:1] == ["getenv"] and len(words) == 3:
        variables[words[1]] = os.environ.get(words[2], environment.get(words[2], ""))
    elif words[:1] == ["set"] and len(words) > 1:
        variables[words[1]] = "".join(with_variables(word, variables).strip("'") for word in words[2:])


def in_order(folder: Path) -> list[Path]:
    """The files as the suite's own schedule has them; what it leaves out is left out."""
    schedule = folder.parent / "parallel_schedule"
    lines = schedule.read_text().splitlines() if schedule.exists() else []
    names = [name for line in lines if line.startswith("test:") for name in line.split()[1:]]
    names = names or sorted(path.stem for path in folder.glob("*.sql"))
    return [folder / f"{name}.sql" for name in names if name not in _SKIPPED and (folder / f"{name}.sql").exists()]


def main(folder: str, direct_dsn: str, proxy_dsn: str, *only: str) -> None:
    run = Run(direct_dsn, proxy_dsn)
    for path in in_order(Path(folder)):
        if only and path.stem not in (*only, "test_setup"):
            continue
        tally = run.file(path)
        refused = sum(map(len, tally.refused.values()))
        print(f"{path.stem:28} queries {tally.asked.total():5} refused {refused:4}", flush=True)
    total = run.total
    for kind in QUERIES:
        if total.asked[kind]:
            share = 100 * total.passed[kind] / total.asked[kind]
            print(f"{kind:7} {total.passed[kind]} of {total.asked[kind]} pass ({share:.2f} %)")
    passed, asked = total.passed.total(), total.asked.total()
    print(f"all     {100 * passed / asked:.2f} % of {asked} pass")
    apart = sum(map(len, total.not_comparable.values())), sum(map(len, total.touching.values()))
    print(f"        {100 * passed / (asked + sum(apart)):.2f} % if {apart[0]} that are not comparable and")
    print(f"        {apart[1]} that touch what is masked by design count as refused")
    _print("Refused", total.refused)
    _print("Refused, touching what is masked by design", total.touching)
    _print("Not comparable", total.not_comparable)
    print("\nRefused statements that are no queries:")
    for cause, count in total.others.most_common():
        print(f"{count:5} {cause}")


def _print(title: str, statements: Mapping[str, list[str]]) -> None:
    print(f"\n{title}:")
    for cause, found in sorted(statements.items(), key=lambda item: -len(item[1])):
        print(f"\n{len(found):5} {cause}")
        for sql in found:
            print("        " + " ".join(sql.split())[:160])


if __name__ == "__main__":
    main(*sys.argv[1:])

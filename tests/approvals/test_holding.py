"""Statements that wait: nothing of them runs before, all of it after, and once."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from pgproxy.approvals.model import Status
from pgproxy.wire.query import Query
from tests.approvals.reviewing import Reviewing, Running
from tests.clients.wire_client import connected
from tests.proxies import ProxyProcess
from tests.servers import Database


def connect(proxy: ProxyProcess, database: Database, user: str = "agent") -> psycopg.Connection:
    return proxy.connect(database.name, user, f"{user}-secret")


def copied(connection: psycopg.Connection, sql: str) -> bytes:
    with connection.cursor().copy(sql) as copy:
        return b"".join(bytes(block) for block in copy)


def test_an_export_waits_and_comes_masked(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    with connect(holding, database) as agent:
        notices: list[str] = []
        agent.add_notice_handler(lambda notice: notices.append(f"{notice.sqlstate} {notice.message_hint}"))
        export = Running(lambda: copied(agent, "COPY users TO STDOUT"))
        approval = reviewing.approve("COPY users")
        rows = export.result()
        assert isinstance(rows, bytes)
        assert rows.splitlines()[0] == b"1\tuser 1\t*****0001"
        assert len(rows.splitlines()) == 50
    assert notices and notices[0].startswith("01000 ") and "pgproxy.on_hold" in notices[0]
    done = reviewing.became(approval.id, Status.EXECUTED)
    assert [one.rows for one in done.events if one.rows is not None] == [50]
    assert (done.asked.tables, done.asked.masked_columns) == (("public.users",), ("public.users.ssn",))
    assert done.asked.estimated_rows == 50


def test_a_denial_is_an_error_with_the_comment(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    with connect(holding, database) as agent:
        update = Running(lambda: agent.execute("UPDATE notes SET body = 'gone'"))
        approval = reviewing.deny("UPDATE notes", "name the rows")
        with pytest.raises(errors.InsufficientPrivilege) as caught:
            update.result()
        assert caught.value.diag.message_detail == f"approval={approval.id}: name the rows"
        assert agent.execute("SELECT count(*) FROM notes WHERE body = 'gone'").fetchone() == (0,)


@pytest.mark.parametrize(
    ("sql", "parameters", "check"),
    [
        ("UPDATE notes SET body = %s", ("x",), "SELECT count(*) = 2000 FROM notes WHERE body = 'x'"),
        ("DELETE FROM notes", None, "SELECT count(*) = 0 FROM notes"),
        ("DROP TABLE notes", None, "SELECT to_regclass('public.notes') IS NULL"),
        ("CREATE INDEX ON notes (body)", None, "SELECT count(*) = 2 FROM pg_indexes WHERE tablename = 'notes'"),
        ("TRUNCATE notes", None, "SELECT count(*) = 0 FROM notes"),
        ("EXPLAIN ANALYZE DELETE FROM notes", None, "SELECT count(*) = 0 FROM notes"),
        (
            "WITH gone AS (DELETE FROM notes RETURNING 1) SELECT count(*) FROM gone",
            None,
            "SELECT count(*) = 0 FROM notes",
        ),
        ("UPDATE notes SET body = 'a'; DELETE FROM notes", None, "SELECT count(*) = 0 FROM notes"),
    ],
)
@pytest.mark.parametrize("prepared", [False, True], ids=["simple", "extended"])
def test_what_is_approved_runs_once(
    holding: ProxyProcess,
    database: Database,
    reviewing: Reviewing,
    sql: str,
    parameters: tuple[object, ...] | None,
    check: str,
    prepared: bool,
) -> None:
    if prepared and ";" in sql:
        pytest.skip("one statement a message")
    with connect(holding, database) as agent, psycopg.connect(database.dsn(), autocommit=True) as direct:
        before = direct.execute(check).fetchone()
        running = Running(lambda: agent.execute(sql, parameters, prepare=prepared))
        waiting = reviewing.waiting(sql.split("%s")[0])
        assert direct.execute(check).fetchone() == before == (False,)
        open_transactions = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND state LIKE 'idle in%%'"
        assert direct.execute(open_transactions, (database.name,)).fetchone() == (0,)
        reviewing.approve(sql.split("%s")[0])
        running.result()
        assert direct.execute(check).fetchone() == (True,)
        assert reviewing.became(waiting.id, Status.EXECUTED).asked.parameters == (parameters or ())
        assert len(reviewing.all()) == 1


def test_the_planner_settles_what_is_large(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    with connect(holding, database) as agent:
        assert agent.execute("SELECT body FROM notes WHERE id = 7").fetchall() == [("note 7",)]
        assert agent.execute("SELECT body FROM notes WHERE id = %s", (8,), prepare=True).fetchall() == [("note 8",)]
        assert reviewing.all() == []
        large = Running(lambda: agent.execute("SELECT body FROM notes").fetchall())
        approval = reviewing.approve("SELECT body FROM notes")
        rows = large.result()
        assert isinstance(rows, list) and len(rows) == 2000
        assert approval.asked.estimated_rows == 2000


@pytest.mark.parametrize("prepared", [False, True], ids=["simple", "extended"])
def test_an_approval_reveals_and_cuts(
    holding: ProxyProcess, database: Database, reviewing: Reviewing, prepared: bool
) -> None:
    with connect(holding, database) as agent:
        few = Running(lambda: agent.execute("SELECT ssn FROM users WHERE id < 4", prepare=prepared).fetchall())
        reviewing.approve("id < 4")
        assert few.result() == [("000000001",), ("000000002",), ("000000003",)]
        many = Running(lambda: agent.execute("SELECT ssn FROM users", prepare=prepared))
        approval = reviewing.approve("SELECT ssn FROM users")
        with pytest.raises(errors.ConfigurationLimitExceeded) as caught:
            many.result()
        assert "raw-ssn" in (caught.value.diag.message_detail or "")
        cut = reviewing.became(approval.id, Status.FAILED)
        assert [one.rows for one in cut.events if one.rows is not None] == [10]
        assert agent.execute("SELECT 1").fetchone() == (1,)


def test_inside_a_transaction(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    with connect(holding, database) as agent:
        agent.execute("BEGIN")
        agent.execute("UPDATE notes SET body = 'first' WHERE id = 1")
        update = Running(lambda: agent.execute("UPDATE notes SET body = body || '!'"))
        assert reviewing.approve("UPDATE notes").asked.in_transaction
        update.result()
        agent.execute("COMMIT")
        assert agent.execute("SELECT body FROM notes WHERE id = 1").fetchone() == ("first!",)


def test_a_ticket_passes_once(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    sql = "UPDATE notes SET body = 'ticket'"
    with connect(holding, database) as agent:
        agent.execute("SET pgproxy.on_hold = 'ticket'; SET pgproxy.reason = 'ticket 4711'")
        ids = set()
        for _ in range(2):
            with pytest.raises(errors.InsufficientPrivilege, match=r"^approval required") as caught:
                agent.execute(sql)
            ids.add(caught.value.diag.message_detail)
        approval = reviewing.approve(sql)
        assert ids == {f"approval={approval.id}"}
        assert approval.asked.reason == "ticket 4711"
    with connect(holding, database, "other") as other:
        other.execute("SET pgproxy.on_hold = 'ticket'")
        with pytest.raises(errors.InsufficientPrivilege, match=r"^approval required"):
            other.execute(sql)
    with connect(holding, database) as agent:
        agent.execute("SET pgproxy.on_hold = 'ticket'")
        agent.execute(sql)
        assert agent.execute("SELECT count(*) FROM notes WHERE body = 'ticket'").fetchone() == (2000,)
        with pytest.raises(errors.InsufficientPrivilege, match=r"^approval required"):
            agent.execute(sql)


def test_a_cancel_and_a_disconnect_withdraw(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    with connect(holding, database) as agent:
        held = Running(lambda: agent.execute("DELETE FROM notes"))
        approval = reviewing.waiting("DELETE FROM notes")
        agent.cancel_safe()
        with pytest.raises(errors.QueryCanceled):
            held.result()
        reviewing.became(approval.id, Status.CANCELLED)
        assert agent.execute("SELECT 1").fetchone() == (1,)
    with connected(holding.dsn(database.name, "agent", "agent-secret")) as client:
        client.send([Query("DELETE FROM users")])
        approval = reviewing.waiting("DELETE FROM users")
        client.drop()
        reviewing.became(approval.id, Status.CANCELLED)


def test_a_table_swapped_meanwhile_is_refused(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    with connect(holding, database) as agent, psycopg.connect(database.dsn(), autocommit=True) as direct:
        held = Running(lambda: agent.execute("DELETE FROM notes"))
        waiting = reviewing.waiting("DELETE FROM notes")
        direct.execute("ALTER TABLE notes RENAME TO old_notes")
        direct.execute("CREATE TABLE notes AS TABLE users")
        reviewing.approve("DELETE FROM notes")
        with pytest.raises(errors.InsufficientPrivilege, match="changed since its approval"):
            held.result()
        reviewing.became(waiting.id, Status.FAILED)
        assert direct.execute("SELECT count(*) FROM notes").fetchone() == (50,)

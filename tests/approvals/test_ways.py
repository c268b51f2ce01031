"""The same hold in every way a statement can come: drivers, pipelines, cursors, COPY, EXECUTE, code."""

from __future__ import annotations

import asyncio
from functools import partial

import asyncpg
import psycopg
import pytest
from psycopg import errors

from pgproxy.approvals.model import Status
from pgproxy.wire.query import Bind, Execute, Parse, Query, Sync
from tests.approvals.reviewing import Reviewing, Running
from tests.clients.wire_client import connected
from tests.proxies import ProxyProcess
from tests.servers import Database


def connect(proxy: ProxyProcess, database: Database, user: str = "agent") -> psycopg.Connection:
    return proxy.connect(database.name, user, f"{user}-secret")


def test_asyncpg_asks_for_each_execution(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    async def agent() -> list[str]:
        connection = await asyncpg.connect(holding.dsn(database.name, "agent", "agent-secret"))
        try:
            statement = await connection.prepare("UPDATE notes SET body = $1")
            done = []
            for text in ("one", "two"):
                await statement.fetch(text)
                done.append(await connection.fetchval("SELECT body FROM notes WHERE id = 5"))
            return done
        finally:
            await connection.close()

    running = Running(lambda: asyncio.run(agent()))
    first = reviewing.approve("UPDATE notes")
    reviewing.became(first.id, Status.EXECUTED)
    second = reviewing.approve("UPDATE notes")
    assert running.result() == ["one", "two"]
    assert (first.asked.parameters, second.asked.parameters) == (("one",), ("two",))


def test_in_the_middle_of_a_pipeline(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    with connect(holding, database) as agent:

        def work() -> list[object]:
            with agent.pipeline():
                before = agent.execute("SELECT count(*) FROM notes WHERE body = 'x'")
                agent.execute("UPDATE notes SET body = 'x'")
                after = agent.execute("SELECT count(*) FROM notes WHERE body = 'x'")
                return [before.fetchone(), after.fetchone()]

        running = Running(work)
        reviewing.approve("UPDATE notes")
        assert running.result() == [(0,), (2000,)]


def test_a_denial_in_a_pipeline_skips_the_rest(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    with connect(holding, database) as agent:

        def work() -> None:
            with agent.pipeline():
                agent.execute("UPDATE notes SET body = 'kept' WHERE id = 1")
                agent.execute("DELETE FROM notes")
                agent.execute("UPDATE notes SET body = 'never' WHERE id = 2")

        running = Running(work)
        reviewing.deny("DELETE FROM notes")
        with pytest.raises(errors.InsufficientPrivilege):
            running.result()
        bodies = agent.execute("SELECT body FROM notes WHERE id < 3 ORDER BY id").fetchall()
        assert bodies == [("note 1",), ("note 2",)]  # one implicit transaction


@pytest.mark.parametrize(
    ("prepare", "run", "shown"),
    [
        ("PREPARE wipe AS DELETE FROM notes", "EXECUTE wipe", "EXECUTE wipe"),
        ("PREPARE change(text) AS UPDATE notes SET body = $1", "EXECUTE change('e')", "EXECUTE change"),
        ("SELECT 1", "EXPLAIN (ANALYZE) UPDATE notes SET body = 'e'", "EXPLAIN"),
        ("SELECT 1", "CREATE TEMP TABLE copied AS SELECT ssn FROM users", "CREATE TEMP TABLE"),
        ("SELECT 1", "DO $$BEGIN DELETE FROM notes; END$$", None),
    ],
)
def test_what_holds_or_names_another_statement(
    holding: ProxyProcess, database: Database, reviewing: Reviewing, prepare: str, run: str, shown: str | None
) -> None:
    for prepared in (False, True):
        with connect(holding, database) as agent:
            agent.execute(prepare)
            if shown is None:
                with pytest.raises(errors.InsufficientPrivilege):
                    agent.execute(run)
                continue
            running = Running(partial(agent.execute, run, prepare=prepared))
            approval = reviewing.approve(shown)
            running.result()
            reviewing.became(approval.id, Status.EXECUTED)


def test_a_cursor_is_approved_when_it_is_declared(
    holding: ProxyProcess, database: Database, reviewing: Reviewing
) -> None:
    with connect(holding, database) as agent:
        agent.execute("BEGIN")
        running = Running(lambda: agent.execute("DECLARE c CURSOR FOR SELECT ssn FROM users ORDER BY id"))
        reviewing.approve("DECLARE c")
        running.result()
        assert agent.execute("FETCH 2 FROM c").fetchall() == [("000000001",), ("000000002",)]
        assert len(agent.execute("FETCH 8 FROM c").fetchall()) == 8
        with pytest.raises(errors.ConfigurationLimitExceeded):
            agent.execute("FETCH 1 FROM c")
        agent.execute("ROLLBACK")


def test_copy_from_is_held_before_its_data(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    reviewing.reload("approvals:\n  - {name: imports, on: [copy_from]}\n")
    try:
        with connect(holding, database) as agent:

            def work() -> None:
                with agent.cursor().copy("COPY notes FROM STDIN") as copy:
                    copy.write(b"9001\tnew\n")

            running = Running(work)
            approval = reviewing.approve("COPY notes FROM")
            running.result()
            done = reviewing.became(approval.id, Status.EXECUTED)
            assert [one.rows for one in done.events if one.rows is not None] == [1]
            assert agent.execute("SELECT body FROM notes WHERE id = 9001").fetchone() == ("new",)
    finally:
        reviewing.reload(holding.rules)


def test_a_string_is_held_whole(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    sql = "UPDATE notes SET body = 'whole' WHERE id = 1; DELETE FROM users; SELECT count(*) FROM users"
    with connect(holding, database) as agent, psycopg.connect(database.dsn(), autocommit=True) as direct:
        running = Running(lambda: agent.execute(sql))
        approval = reviewing.waiting("DELETE FROM users")
        assert approval.asked.statement == sql
        assert direct.execute("SELECT body FROM notes WHERE id = 1").fetchone() == ("note 1",)
        reviewing.approve("DELETE FROM users")
        running.result()
        assert direct.execute("SELECT body FROM notes WHERE id = 1").fetchone() == ("whole",)
        assert len(reviewing.all()) == 1


def test_a_later_statement_that_only_analysis_holds_is_denied(
    holding: ProxyProcess, database: Database, reviewing: Reviewing
) -> None:
    with connect(holding, database) as agent:
        with pytest.raises(errors.InsufficientPrivilege) as caught:
            agent.execute("UPDATE notes SET body = 'undone' WHERE id = 1; SELECT ssn FROM users")
        assert "alone" in (caught.value.diag.message_hint or "")
        assert agent.execute("SELECT body FROM notes WHERE id = 1").fetchone() == ("note 1",)
        assert reviewing.all() == []


def test_reloaded_rules_count_at_release(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    with connect(holding, database) as agent:
        running = Running(lambda: agent.execute("SELECT ssn, name FROM users WHERE id = 1").fetchall())
        waiting = reviewing.waiting("SELECT ssn")
        denial = "deny:\n  - {name: no-names, on: [select], columns: ['public.users.name']}\n"
        reviewing.reload(holding.rules + denial)
        try:
            reviewing.approve("SELECT ssn")
            with pytest.raises(errors.InsufficientPrivilege, match="no-names"):
                running.result()
            reviewing.became(waiting.id, Status.FAILED)
        finally:
            reviewing.reload(holding.rules)


def test_a_view_is_analysed_again_at_release(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    with connect(holding, database) as agent, psycopg.connect(database.dsn(), autocommit=True) as direct:
        direct.execute("CREATE OR REPLACE VIEW large AS SELECT n.id, n.body FROM notes n, users u WHERE u.id = 1")
        running = Running(lambda: agent.execute("SELECT * FROM large").fetchmany(2))
        reviewing.waiting("FROM large")
        direct.execute(
            "CREATE OR REPLACE VIEW large AS SELECT n.id, u.ssn AS body FROM notes n, users u WHERE u.id = 1"
        )
        reviewing.approve("FROM large")
        with pytest.raises(errors.InsufficientPrivilege):  # by now raw-ssn holds it too
            running.result()
        direct.execute("DROP VIEW large")


def test_who_may_not_decide(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    from pgproxy.approvals.model import Decision, NotAllowed, Resolved

    with connect(holding, database) as agent:

        def export() -> bytes:
            with agent.cursor().copy("COPY notes TO STDOUT") as copy:
                return b"".join(bytes(block) for block in copy)

        running = Running(export)
        waiting = reviewing.waiting("COPY notes")
        for name in ("agent", "lead", "outsider", "nobody"):
            with pytest.raises(NotAllowed):
                reviewing.decide(waiting.id, Decision.APPROVE, name=name)
        reviewing.decide(waiting.id, Decision.APPROVE, name="second")
        assert isinstance(running.result(), bytes)
        with pytest.raises(Resolved):
            reviewing.decide(waiting.id, Decision.DENY)


@pytest.mark.parametrize("is_pipelined", [False, True], ids=["one string", "one batch"])
def test_a_failed_transaction_is_no_way_past_a_hold(
    holding: ProxyProcess, database: Database, reviewing: Reviewing, is_pipelined: bool
) -> None:
    """What ends it runs unseen; what comes behind that in the same flight does not."""
    with connected(holding.dsn(database.name, "agent", "agent-secret")) as client:
        client.ask(Query("BEGIN"))
        client.ask(Query("SELECT 1/0"))
        if is_pipelined:
            statements = ("ROLLBACK", "DELETE FROM notes")
            batch = [one for sql in statements for one in (Parse("", sql, ()), Bind("", ""), Execute(""))]
            held = Running(lambda: client.ask(*batch, Sync()))
            reviewing.deny("DELETE FROM notes")
            held.result()
        else:
            client.ask(Query("ROLLBACK; DELETE FROM notes"))
    with psycopg.connect(database.dsn(), autocommit=True) as direct:
        assert direct.execute("SELECT count(*) FROM notes").fetchone() == (2000,)


def test_a_string_that_means_something_else_by_then_is_refused(
    holding: ProxyProcess, database: Database, reviewing: Reviewing
) -> None:
    with connect(holding, database) as agent, psycopg.connect(database.dsn(), autocommit=True) as direct:
        agent.execute("SELECT 1; SELECT 2")  # of an earlier string
        for sql, prepare in (("TRUNCATE notes", False), ("DELETE FROM notes", True)):
            running = Running(partial(agent.execute, sql, prepare=prepare))
            reviewing.waiting(sql)
            direct.execute("ALTER TABLE notes RENAME TO old_notes")
            direct.execute("CREATE TABLE notes AS TABLE users")
            reviewing.approve(sql)
            with pytest.raises(errors.InsufficientPrivilege, match="changed since its approval"):
                running.result()
            assert direct.execute("SELECT count(*) FROM notes").fetchone() == (50,)
            direct.execute("DROP TABLE notes; ALTER TABLE old_notes RENAME TO notes")

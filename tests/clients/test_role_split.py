"""The second lock: what cannot be analysed runs on the clean login, and the server keeps masked columns from it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psycopg
import pytest
from click.testing import CliRunner
from psycopg.errors import InsufficientPrivilege, QueryCanceled

from pgproxy.cli import main
from pgproxy.wire.query import Bind, Close, Describe, Execute, Parse, Query, Sync
from tests.clients.wire_client import connected
from tests.net.raw_client import eventually
from tests.proxies import ProxyProcess
from tests.servers import Database

FULL, CLEAN, OTHER = "split_full", "split_clean", "split_other"
AGENT, OWN_LOGIN, PASSWORD = "agent", "own-login", "secret"
SECRET = "123-45-6789"
RULES = """\
masks:
  public.people: {ssn: redact}
"""
SCHEMA = f"""
    CREATE TABLE people (id int PRIMARY KEY, city text, ssn text);
    INSERT INTO people VALUES (1, 'Ulm', '{SECRET}'), (2, 'Brno', '987-65-4321');
    CREATE TABLE notes (id int, note text);
    CREATE UNIQUE INDEX ON people (ssn);
    CREATE TABLE codes (code text PRIMARY KEY);
    CREATE SCHEMA side;
    CREATE TABLE side.notes (id int, note text);
    INSERT INTO notes VALUES (1, 'public');
    INSERT INTO side.notes VALUES (1, 'side');
    CREATE FUNCTION city_of(int) RETURNS text LANGUAGE plpgsql AS
        'DECLARE x text; BEGIN EXECUTE ''SELECT city FROM public.people WHERE id = $1'' INTO x USING $1; RETURN x; END';
    CREATE FUNCTION ssn_of(int) RETURNS text LANGUAGE plpgsql AS
        'DECLARE x text; BEGIN EXECUTE ''SELECT ssn FROM public.people WHERE id = $1'' INTO x USING $1; RETURN x; END';
    CREATE FUNCTION first_note() RETURNS text LANGUAGE plpgsql AS
        'DECLARE x text; BEGIN EXECUTE ''SELECT note FROM notes'' INTO x; RETURN x; END';
    CREATE FUNCTION dynamic(text) RETURNS SETOF text LANGUAGE plpgsql AS 'BEGIN RETURN QUERY EXECUTE $1; END';
    CREATE PROCEDURE greet() LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE 'hello'; END$$;
"""
GRANTS = f"""
    GRANT USAGE ON SCHEMA side TO {FULL}, {CLEAN};
    GRANT ALL ON people, notes, side.notes TO {FULL};
    GRANT SELECT (id, city) ON people TO {CLEAN};
    GRANT SELECT ON notes, side.notes TO {CLEAN};
"""


@dataclass(frozen=True, slots=True)
class Place:
    database: Database
    proxy: ProxyProcess

    def dsn(self, user: str = AGENT) -> str:
        return self.proxy.dsn(self.database.name, user, PASSWORD)

    @contextmanager
    def agent(self, user: str = AGENT) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.dsn(user), autocommit=True) as connection:
            yield connection

    @property
    def clean_processes(self) -> list[int]:
        found = self.database.sql(
            "SELECT pid FROM pg_stat_activity WHERE usename = %s AND datname = current_database()", [CLEAN]
        )
        return [row[0] for row in found]

    @property
    def is_running_there(self) -> bool:
        sql = "SELECT 1 FROM pg_stat_activity WHERE usename = %s AND datname = current_database() AND state = 'active'"
        return bool(self.database.sql(sql, [CLEAN]))


@contextmanager
def started(database: Database, folder: Path, rules: str = RULES) -> Iterator[Place]:
    for role in (FULL, CLEAN, OTHER):
        database.server.new_role(role)
    database.sql(SCHEMA + GRANTS)
    upstream = {"dsn": database.dsn(FULL), "role_split": {"clean": {"user": CLEAN}}}
    identities: dict[str, object] = {
        AGENT: {"password": PASSWORD},
        OWN_LOGIN: {"password": PASSWORD, "upstream": {"user": OTHER}},
    }
    extra: dict[str, object] = {"upstream": upstream}
    try:
        with ProxyProcess(folder, database.dsn(FULL), rules=rules, identities=identities, extra=extra) as proxy:
            yield Place(database, proxy)
    finally:
        database.server.new_database(database.name)  # what the roles may do goes with the old one


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Iterator[Place]:
    with started(database, tmp_path) as place:
        yield place


def notices_of(connection: psycopg.Connection) -> list[str]:
    heard: list[str] = []
    connection.add_notice_handler(lambda notice: heard.append(notice.message_primary or ""))
    return heard


def test_opaque_statements_run_and_reach_no_masked_column(place: Place) -> None:
    with place.agent() as connection:
        heard = notices_of(connection)
        connection.execute("DO $$BEGIN RAISE NOTICE 'in %', (SELECT city FROM people WHERE id = 1); END$$")
        connection.execute("CALL greet()")
        assert heard == ["in Ulm", "hello"]
        assert connection.execute("SELECT city_of(2)").fetchone() == ("Brno",)
        assert connection.execute("SELECT * FROM dynamic('SELECT city FROM people ORDER BY id')").fetchall() == [
            ("Ulm",),
            ("Brno",),
        ]
        for sql in (
            "DO $$BEGIN RAISE NOTICE '%', (SELECT ssn FROM people WHERE id = 1); END$$",
            "SELECT ssn_of(1)",
            "SELECT * FROM dynamic('SELECT ssn FROM people')",
            "SELECT * FROM dynamic('SELECT p::text FROM people p')",
            f"DO $$BEGIN EXECUTE 'SET ROLE {FULL}'; RAISE NOTICE '%', (SELECT ssn FROM people LIMIT 1); END$$",
            f"DO $$BEGIN PERFORM set_config('role', '{FULL}', false); END$$",
            f"DO $$BEGIN EXECUTE 'SET SESSION AUTHORIZATION {FULL}'; END$$",
        ):
            with pytest.raises(InsufficientPrivilege) as raised:
                connection.execute(sql)
            assert SECRET not in str(raised.value)
            assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        assert heard == ["in Ulm", "hello"]
        assert connection.execute("SELECT ssn FROM people").fetchone() != (SECRET,)
        assert len(place.clean_processes) == 1  # one for the session
        with pytest.raises(InsufficientPrivilege, match="not provably safe"):
            connection.execute("SELECT city_of(1), ssn FROM people")


def test_it_is_closed_with_the_session(place: Place) -> None:
    with place.agent() as connection:
        connection.execute("DO 'BEGIN END'")
        (process,) = place.clean_processes
    # A transaction keeps what it saw of the activity until it is told to forget.
    waiting = (
        f"WHILE EXISTS (SELECT FROM pg_stat_get_activity({process})) LOOP PERFORM pg_stat_clear_snapshot(); END LOOP;"
    )
    place.database.sql(f"SET statement_timeout = '30s'; DO $$BEGIN {waiting} END$$")


def test_the_settings_go_with_it(place: Place) -> None:
    with place.agent() as connection:
        connection.execute("SET search_path = side, public; SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'")
        assert connection.execute("SELECT first_note()").fetchone() == ("side",)
        show = "SELECT * FROM dynamic('SELECT current_setting(''TimeZone'') || current_setting(''DateStyle'')')"
        assert connection.execute(show).fetchone() == ("Asia/TokyoGerman, DMY",)
        heard = notices_of(connection)
        connection.execute("SET search_path = public; SET client_min_messages = warning")
        assert connection.execute("SELECT first_note()").fetchone() == ("public",)
        connection.execute("CALL greet()")
        assert heard == []


def test_inside_a_transaction_or_with_others_it_is_refused(place: Place) -> None:
    with place.agent() as connection:
        for sql in ("DO 'BEGIN END'; SELECT 1", "SELECT city_of(1); SELECT 1", "BEGIN; DO 'BEGIN END'"):
            with pytest.raises(InsufficientPrivilege) as raised:
                connection.execute(sql)
            assert "outside a transaction" in str(raised.value.diag.message_hint)
        for sql in ("DO 'BEGIN COMMIT; END'", "SELECT city_of(1)"):
            with pytest.raises(InsufficientPrivilege) as raised, connection.transaction():
                connection.execute(sql)
            assert "outside a transaction" in str(raised.value.diag.message_hint)
        for sql in ("EXPLAIN SELECT city_of(1)", "DECLARE c CURSOR WITH HOLD FOR SELECT city_of(1)"):
            with pytest.raises(InsufficientPrivilege):
                connection.execute(sql)
        assert connection.execute("SELECT city_of(1)").fetchone() == ("Ulm",)
    assert place.proxy.is_running


def test_drivers_send_parameters_and_names(place: Place) -> None:
    with place.agent() as connection:
        for _ in range(8):  # psycopg prepares what comes often
            assert connection.execute("SELECT city_of(%s)", [2]).fetchone() == ("Brno",)
            assert connection.execute("SELECT city FROM people WHERE id = %s", [1]).fetchone() == ("Ulm",)
        with pytest.raises(InsufficientPrivilege):
            connection.execute("SELECT ssn_of(%s)", [1])
        assert connection.execute("SELECT city_of(%s)", [1]).fetchone() == ("Ulm",)

    async def by_asyncpg() -> None:
        connection = await asyncpg.connect(place.dsn())
        try:
            await connection.execute("DO 'BEGIN END'")
            for _ in range(3):
                assert await connection.fetchval("SELECT city_of($1)", 2) == "Brno"
                assert await connection.fetchval("SELECT city FROM people WHERE id = $1", 1) == "Ulm"
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetchval("SELECT ssn_of($1)", 1)
            assert await connection.fetchval("SELECT city_of($1)", 1) == "Ulm"
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with connection.transaction():
                    await connection.fetchval("SELECT city_of($1)", 2)
        finally:
            await connection.close()

    asyncio.run(by_asyncpg())


READY = ("ReadyForQuery", "I")
CALLED = Parse("", "SELECT city_of(1)")


def names_of(said: list[tuple[object, ...]]) -> list[object]:
    return [one[0] for one in said]


def test_the_order_of_messages(place: Place) -> None:
    with connected(place.dsn()) as client:
        whole = client.ask(CALLED, Describe("S", ""), Bind("", ""), Describe("P", ""), Execute(""), Sync())
        assert names_of(whole) == [
            "ParseComplete", "ParameterDescription", "RowDescription", "BindComplete", "RowDescription", "DataRow",
            "CommandComplete", "ReadyForQuery",
        ]  # fmt: skip
        pipelined = client.ask(
            Query("SELECT 1"), CALLED, Bind("", ""), Execute(""), Sync(), Query("DO 'BEGIN END'"), Query("SELECT 2")
        )
        assert names_of(pipelined) == [
            "RowDescription", "DataRow", "CommandComplete", "ReadyForQuery",
            "ParseComplete", "BindComplete", "DataRow", "CommandComplete", "ReadyForQuery",
            "CommandComplete", "ReadyForQuery",
            "RowDescription", "DataRow", "CommandComplete", "ReadyForQuery",
        ]  # fmt: skip
        named = client.ask(Parse("f", "SELECT city_of($1)"), Sync(), Bind("", "f", (), (b"2",)), Execute(""), Sync())
        assert names_of(named) == [
            "ParseComplete", "ReadyForQuery", "BindComplete", "DataRow", "CommandComplete", "ReadyForQuery",
        ]  # fmt: skip
        both = client.ask(Parse("", "SELECT 1"), Bind("", "f", (), (b"2",)), Execute(""), Sync())
        assert names_of(both) == ["ParseComplete", "ErrorResponse", "ReadyForQuery"]
        mixed = client.ask(CALLED, Bind("", ""), Execute(""), Parse("", "SELECT 1"), Bind("", ""), Execute(""), Sync())
        assert names_of(mixed)[-2:] == ["ErrorResponse", "ReadyForQuery"]
        assert names_of(client.ask(Close("S", "f"), Sync(), Bind("", "f", (), (b"2",)), Sync())) == [
            "CloseComplete", "ReadyForQuery", "ErrorResponse", "ReadyForQuery",
        ]  # fmt: skip
        assert names_of(client.ask(Parse("f", "SELECT 1"), Bind("", "f"), Execute(""), Sync())) == [
            "ParseComplete", "BindComplete", "DataRow", "CommandComplete", "ReadyForQuery",
        ]  # fmt: skip
        failed = client.ask(Parse("", "SELECT ssn_of(1)"), Bind("", ""), Execute(""), Execute(""), Sync())
        assert names_of(failed) == ["ParseComplete", "BindComplete", "ErrorResponse", "ReadyForQuery"]
        assert names_of(client.ask(Query("SELECT 1")))[-1] == "ReadyForQuery"


def test_nothing_that_runs_there_replaces_a_name_of_the_session(place: Place) -> None:
    with place.agent() as connection:
        connection.execute("PREPARE p AS SELECT city FROM people WHERE id = 1")
        connection.execute("DO $$BEGIN EXECUTE 'PREPARE p AS SELECT id FROM people'; END$$")
        assert connection.execute("EXECUTE p").fetchone() == ("Ulm",)


def test_explain_says_where_it_runs(place: Place) -> None:
    def explained(who: str, sql: str) -> tuple[str, list[str]]:
        arguments = ["explain", "-c", str(place.proxy.configuration), "--as", who, "--json", sql]
        ended = CliRunner().invoke(main, arguments)
        assert ended.exit_code == 0, ended.output
        found = json.loads(ended.stdout)
        return found["action"], [reason["text"] for reason in found["reasons"]]

    for sql in ("DO 'BEGIN COMMIT; END'", "SELECT city_of(1)"):
        action, (reason,) = explained(AGENT, sql)
        assert (action, "runs on the clean login" in reason) == ("allow", True)
        assert explained(OWN_LOGIN, sql)[0] == "deny"
    assert explained(AGENT, "EXPLAIN SELECT city_of(1)")[0] == "deny"
    place.database.sql(f"GRANT SELECT ON people TO {CLEAN}")
    assert explained(AGENT, "DO 'BEGIN END'")[0] == "deny"


def test_cancel_goes_to_where_it_runs(place: Place) -> None:
    with place.agent() as connection:
        connection.execute("DO 'BEGIN END'")
        heard = threading.Event()
        connection.add_notice_handler(lambda _: heard.set())

        def cancel() -> None:
            heard.wait(20)
            connection.cancel_safe()

        canceller = threading.Thread(target=cancel)
        canceller.start()
        with pytest.raises(QueryCanceled):
            connection.execute("DO $$BEGIN RAISE NOTICE 'runs'; PERFORM pg_sleep(60); END$$")
        canceller.join()
        assert connection.execute("SELECT city_of(1)").fetchone() == ("Ulm",)


def test_a_lost_connection_ends_one_statement(place: Place) -> None:
    with place.agent() as connection:
        connection.execute("DO 'BEGIN END'")
        with pytest.raises(psycopg.OperationalError, match="clean login was lost") as raised:
            connection.execute("DO $$BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); END$$")
        assert raised.value.sqlstate == "08006"
        assert connection.execute("SELECT city_of(1)").fetchone() == ("Ulm",)
        (process,) = place.clean_processes
        place.database.sql("SELECT pg_terminate_backend(%s, 10000)", [process])
        assert connection.execute("SELECT city_of(1)").fetchone() == ("Ulm",)


@pytest.mark.parametrize(
    "opened",
    [
        f"GRANT SELECT ON people TO {CLEAN}",
        "GRANT SELECT (ssn) ON people TO PUBLIC",
        f"GRANT {FULL} TO {CLEAN}",
        f"GRANT CREATE ON SCHEMA side TO {CLEAN}",
        f"CREATE TABLE more (ssn text); GRANT SELECT ON more TO {CLEAN}",
        f"ALTER TABLE notes ADD COLUMN ssn text; GRANT SELECT ON notes TO {CLEAN}",
        f"CREATE VIEW shown AS SELECT ssn FROM people; GRANT SELECT ON shown TO {CLEAN}",
        "CREATE FUNCTION leak() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT ssn FROM public.people LIMIT 1'",
        f"ALTER ROLE {CLEAN} SUPERUSER",
        # whether a write succeeds tells of what is stored
        f"GRANT INSERT (ssn) ON people TO {CLEAN}",
        "GRANT DELETE ON people TO PUBLIC",
        f"CREATE TABLE likes (who text REFERENCES people (ssn)); GRANT INSERT ON likes TO {CLEAN}",
        f"CREATE TABLE secrets (ssn text REFERENCES codes); GRANT DELETE ON codes TO {CLEAN}",
        f"CREATE VIEW ids AS SELECT id FROM people; GRANT INSERT ON ids TO {CLEAN}",
        "CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
        " 'BEGIN RAISE ''%'', (SELECT ssn FROM public.people LIMIT 1); END';"
        "CREATE TRIGGER t BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION told();"
        f"GRANT INSERT ON notes TO {CLEAN}",
        # what comes to be while code runs there
        f"GRANT TRIGGER ON notes TO {CLEAN}",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {FULL} GRANT SELECT ON TABLES TO {CLEAN}",
        f"CREATE MATERIALIZED VIEW kept AS SELECT ssn_of(1) AS a; GRANT SELECT ON kept TO {CLEAN}",
    ],
)
def test_a_login_that_is_not_clean_any_more_runs_nothing(database: Database, tmp_path: Path, opened: str) -> None:
    with started(database, tmp_path, rules='masks: {"*.*": {ssn: redact}}\n') as place, place.agent() as connection:
        assert connection.execute("SELECT city_of(1)").fetchone() == ("Ulm",)
        place.database.sql(opened)
        try:
            for sql in ("SELECT city_of(1)", "DO 'BEGIN END'"):
                with pytest.raises(InsufficientPrivilege):
                    connection.execute(sql)
            eventually(lambda: "role_split is not used" in place.proxy.log)
            assert connection.execute("SELECT city FROM people WHERE id = 1").fetchone() == ("Ulm",)
        finally:
            database.sql(f"REVOKE {FULL} FROM {CLEAN}; ALTER ROLE {CLEAN} NOSUPERUSER")


WIDENING = [
    f"GRANT SELECT ON people TO {CLEAN}",
    "GRANT SELECT (ssn) ON people TO PUBLIC",
    f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {CLEAN}",
    "CREATE OR REPLACE VIEW readable AS SELECT ssn AS note FROM people",
    "ALTER VIEW readable RESET (security_invoker)",
    "ALTER TABLE notes ADD COLUMN more text",
    "CREATE TABLE kin () INHERITS (notes)",
    "CREATE TABLE secret_1 PARTITION OF parted FOR VALUES IN (1)",
]


@pytest.mark.parametrize("who", [AGENT, OWN_LOGIN])
def test_nobody_opens_more_to_code_that_runs_there(database: Database, tmp_path: Path, who: str) -> None:
    """The proof is made before a statement runs: code that waits would read what came after."""
    with started(database, tmp_path) as place:
        place.database.sql(
            "CREATE TABLE parted (a int) PARTITION BY LIST (a);"
            "CREATE VIEW readable WITH (security_invoker) AS SELECT note FROM notes;"
            f"GRANT SELECT ON readable, parted TO {CLEAN}; GRANT CREATE ON SCHEMA public TO {FULL}, {OTHER};"
            f"GRANT {FULL} TO {OTHER};"
            + "".join(f"ALTER TABLE {t} OWNER TO {FULL};" for t in ("people", "notes"))
            + f"ALTER TABLE parted OWNER TO {FULL}; ALTER VIEW readable OWNER TO {FULL}"
        )
        with place.agent(who) as connection:
            for sql in WIDENING:
                with pytest.raises(InsufficientPrivilege) as raised:
                    connection.execute(sql)
                assert str(raised.value.diag.message_detail).startswith("rule builtin.role_split"), sql
            for sql in (
                f"REVOKE SELECT ON notes FROM {CLEAN}",
                "CREATE TEMP TABLE mine (a int)",
                "CREATE TABLE own (a int PRIMARY KEY)",
                "ALTER TABLE own ALTER a SET DEFAULT 1",
                "CREATE VIEW seen AS SELECT a FROM own",
                "CREATE OR REPLACE TEMP VIEW seen_by_me AS SELECT a FROM own",
            ):
                connection.execute(sql)
            shown = CliRunner().invoke(
                main, ["explain", "-c", str(place.proxy.configuration), "--as", who, "--json", WIDENING[0]]
            )
            assert json.loads(shown.stdout)["action"] == "deny"


def test_new_rules_count_from_the_next_statement(place: Place) -> None:
    with place.agent() as connection:
        assert connection.execute("SELECT city_of(1)").fetchone() == ("Ulm",)
        place.proxy.reload("masks: {public.people: {ssn: redact, city: redact}}\n")
        with pytest.raises(InsufficientPrivilege):
            connection.execute("SELECT city_of(1)")


@pytest.mark.parametrize(
    ("rule", "passes"),
    [
        ("deny: [{name: r, on: [do]}]", False),
        ("deny: [{name: r, on: [select], tables: [public.notes]}]", False),
        ("deny: [{name: r, columns: [public.people.city]}]", False),
        ("deny: [{name: r, on: [delete], tables: [public.notes]}]", True),
        ("deny: [{name: r, on: [delete], for: [own-login], tables: [public.notes]}]", True),
    ],
)
def test_rules_hold_for_what_such_code_may_do(database: Database, tmp_path: Path, rule: str, passes: bool) -> None:
    with started(database, tmp_path, rules=f"{RULES}{rule}\n") as place, place.agent() as connection:
        if passes:
            connection.execute("DO 'BEGIN END'")
            place.database.sql(f"GRANT DELETE ON notes TO {CLEAN}")
            if "own-login" in rule:
                connection.execute("DO 'BEGIN DELETE FROM notes; END'")
                return
        with pytest.raises(InsufficientPrivilege, match="denied"):
            connection.execute("DO 'BEGIN END'")


def test_who_has_a_login_of_their_own_gets_no_other(place: Place) -> None:
    with place.agent(OWN_LOGIN) as connection, pytest.raises(InsufficientPrivilege, match="DO whose statements"):
        connection.execute("DO 'BEGIN COMMIT; END'")
    assert place.clean_processes == []


def test_what_the_rules_hold_is_held_and_runs_nowhere(database: Database, tmp_path: Path) -> None:
    held = ("DO 'BEGIN END'", "CALL greet()", "SELECT city_of(id) FROM people", "SELECT dynamic(city) FROM people")
    with started(database, tmp_path, f"{RULES}defaults: {{opaque: hold}}\n") as place, place.agent() as connection:
        connection.execute("SET pgproxy.on_hold = 'ticket'")
        for statement in held:
            with pytest.raises(InsufficientPrivilege, match=r"approval required by rule defaults\.opaque") as raised:
                connection.execute(statement)
            assert (raised.value.diag.message_detail or "").startswith("approval=")
            assert raised.value.diag.message_hint
        assert place.clean_processes == []
        assert connection.execute("SELECT ssn FROM people WHERE id = 1").fetchone() == ("[redacted]",)


def test_errors_and_timeouts_there_leave_the_session_as_it_was(place: Place) -> None:
    with place.agent() as connection:
        connection.execute("PREPARE mine AS SELECT city FROM people WHERE id = 1")
        with pytest.raises(psycopg.errors.RaiseException, match="as it is"):
            connection.execute("DO $$BEGIN RAISE 'as it is'; END$$")
        connection.execute("SET statement_timeout = '200ms'")
        with pytest.raises(QueryCanceled, match="statement timeout"):
            connection.execute("DO $$BEGIN PERFORM pg_sleep(60); END$$")
        connection.execute("RESET statement_timeout")
        with pytest.raises(psycopg.errors.DivisionByZero), connection.transaction():
            connection.execute("SELECT 1 / (id - 1) FROM notes")
        assert connection.execute("EXECUTE mine").fetchone() == ("Ulm",)
        assert connection.execute("SELECT city_of(2)").fetchone() == ("Brno",)


def test_copy_and_listen_stay_with_the_session(place: Place) -> None:
    with place.agent() as connection:
        connection.execute("LISTEN told")
        connection.execute("DO 'BEGIN END'")
        with connection.cursor().copy("COPY people TO STDOUT") as copy:
            assert list(copy.rows()) == [("1", "Ulm", "[redacted]"), ("2", "Brno", "[redacted]")]
        with (
            pytest.raises(InsufficientPrivilege),
            connection.cursor().copy("COPY (SELECT city_of(1)) TO STDOUT") as copy,
        ):
            list(copy.rows())
        connection.execute("SELECT pg_notify('told', 'by itself')")
        connection.execute("DO $$BEGIN PERFORM pg_notify('told', 'from there'); END$$")
        heard = [(one.channel, one.payload) for one in connection.notifies(timeout=20, stop_after=2)]
        assert heard == [("told", "by itself"), ("told", "[redacted]")]


@pytest.mark.parametrize("says_goodbye", [True, False])
def test_a_client_that_leaves_takes_its_statement_along(place: Place, says_goodbye: bool) -> None:
    with connected(place.dsn()) as client:
        client.send([Query("DO $$BEGIN PERFORM pg_sleep(600); END$$")])
        eventually(lambda: place.is_running_there)
        if not says_goodbye:
            client.drop()
    eventually(lambda: not place.is_running_there)

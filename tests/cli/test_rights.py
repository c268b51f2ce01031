"""The start-up audit of `pgproxy check`, and the script of `pgproxy grants`, on a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from pgproxy.cli import main
from tests.proxies import ProxyProcess
from tests.servers import Database

RULES = """\
masks:
  public.people: {ssn: redact, "User": redact}
  public.all_hidden: {"*": redact}
  "*.*": {"*card*": hash}
"""
SCHEMA = """
    CREATE TABLE people (id int PRIMARY KEY, ssn text, city text, "User" text,
        twice text GENERATED ALWAYS AS (ssn || ssn) STORED);
    INSERT INTO people VALUES (1, '123-45-6789', 'Ulm', 'ann');
    CREATE TABLE people_abroad (country text) INHERITS (people);
    CREATE TABLE all_hidden (a int);
    CREATE TABLE open (id int, "table" text);
    CREATE SCHEMA "Other Side";
    CREATE TABLE "Other Side".payments (id int, card_no text, amount int);
    CREATE TABLE not_for_app (x int);
    CREATE VIEW cities AS SELECT id, city FROM people;
    CREATE VIEW numbers AS SELECT id, ssn FROM people;
    CREATE VIEW over_numbers AS SELECT id FROM numbers;
    CREATE VIEW whole AS SELECT (p).id FROM (SELECT p FROM people p) s;
    CREATE VIEW asking WITH (security_invoker) AS SELECT id, ssn FROM people;
    CREATE MATERIALIZED VIEW stored AS SELECT ssn FROM people;
    CREATE FUNCTION definer(int) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT ssn FROM public.people LIMIT 1';
    CREATE FUNCTION harmless() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user::text';
    CREATE FUNCTION through() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT public.definer(1)';
    CREATE FUNCTION own(text) RETURNS bool LANGUAGE sql AS 'SELECT true';
    CREATE FUNCTION for_app() RETURNS text LANGUAGE sql AS 'SELECT city FROM people LIMIT 1';
    CREATE DOMAIN checked AS text CHECK (own(VALUE));
    CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN new; END';
    ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
"""
FULL, CLEAN, NOBODY, GROUP = "rights_full", "rights Clean", "rights_nobody", "rights_group"


@dataclass(frozen=True, slots=True)
class Place:
    database: Database
    configuration: Path

    def run(self, *command: str) -> Result:
        return CliRunner().invoke(main, [command[0], "-c", str(self.configuration), *command[1:]])

    def problems(self) -> list[str]:
        found = json.loads(self.run("check", "--json").stdout)["problems"]
        return [
            f"{one['severity']}: {one['message']} ({one['suggestion']})"
            for one in found
            if "log_min" not in one["message"]
        ]


@contextmanager
def made(database: Database, folder: Path) -> Iterator[Place]:
    server = database.server
    for role in (FULL, NOBODY, GROUP):
        server.new_role(role)
    server.sql(f'DROP ROLE IF EXISTS "{CLEAN}"')
    database.sql(SCHEMA)
    database.sql(
        f"""GRANT USAGE ON SCHEMA "Other Side" TO {FULL};
        GRANT SELECT ON ALL TABLES IN SCHEMA public, "Other Side" TO {FULL};
        REVOKE SELECT ON not_for_app FROM {FULL};
        ALTER FUNCTION harmless() OWNER TO {NOBODY};
        ALTER FUNCTION through() OWNER TO {NOBODY};
        REVOKE EXECUTE ON FUNCTION for_app(), own(text) FROM PUBLIC; GRANT EXECUTE ON FUNCTION for_app() TO {FULL}"""
    )
    upstream = {"dsn": database.dsn(FULL), "role_split": {"clean": {"user": CLEAN}}}
    proxy = ProxyProcess(folder, database.dsn(FULL), rules=RULES, extra={"upstream": upstream})
    yield Place(database, proxy.write())
    server.new_database(database.name)  # what the roles own and may do goes with the old one
    server.sql(f'DROP ROLE IF EXISTS {FULL}, {NOBODY}, {GROUP}; DROP ROLE IF EXISTS "{CLEAN}"')


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Iterator[Place]:
    with made(database, tmp_path) as place:
        yield place


def apply(place: Place) -> str:
    ended = place.run("grants")
    assert (ended.exit_code, ended.stderr) == (0, "")
    place.database.sql(ended.stdout)
    return ended.stdout


def close_bypasses(place: Place) -> None:
    """The statements that the script lists."""
    script = place.run("grants").stdout
    statements = [line.removeprefix("-- ") for line in script.splitlines() if line.startswith("-- REVOKE")]
    assert len(statements) == 7
    for statement in statements:
        place.database.sql(statement)


def test_the_script_gives_what_is_not_masked_and_nothing_else(place: Place) -> None:
    script = apply(place)
    apply(place)  # again
    with psycopg.connect(place.database.dsn(CLEAN), autocommit=True) as connection:
        for sql in (
            "SELECT ssn FROM people",
            'SELECT "User" FROM people',
            "SELECT twice FROM people",
            "SELECT * FROM people",
            "SELECT people FROM people",
            "SELECT ssn FROM people_abroad",
            "SELECT id FROM people WHERE ssn = 'x'",
            "SELECT a FROM all_hidden",
            'SELECT card_no FROM "Other Side".payments',
            "SELECT ssn FROM numbers",
            "SELECT id FROM over_numbers",
            "SELECT * FROM whole",
            "SELECT id FROM asking",
            "SELECT ssn FROM stored",
            "SELECT x FROM not_for_app",
            "SELECT own('x')",
            "CREATE TABLE t (a int)",
            "CREATE SCHEMA s",
            "INSERT INTO open VALUES (1)",
            "SET ROLE rights_full",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as error:
                connection.execute(sql.encode())
            assert error.value.sqlstate == "42501"
        assert connection.execute("SELECT id, city FROM people").fetchall() == [(1, "Ulm")]
        assert connection.execute("SELECT * FROM cities").fetchall() == [(1, "Ulm")]
        assert connection.execute("SELECT for_app()").fetchone() == ("Ulm",)
        assert connection.execute('SELECT id, amount FROM "Other Side".payments').fetchall() == []
        assert connection.execute('SELECT id, "table" FROM open').fetchall() == []
        assert connection.execute("DO $$ BEGIN PERFORM count(*) FROM open; END $$").statusmessage == "DO"
    assert "-- public.all_hidden has no column that is not masked" in script
    assert "REVOKE SELECT ON public.people FROM PUBLIC" not in script


def test_a_table_made_later_is_closed(place: Place) -> None:
    apply(place)
    place.database.sql("CREATE TABLE later (a int)")
    with psycopg.connect(place.database.dsn(CLEAN)) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT a FROM later")


def test_what_it_lists_is_all_that_check_has_to_say(place: Place) -> None:
    """And `check` accepts the login when it is done."""
    assert any(one.startswith(f'error: the server has no role "{CLEAN}"') for one in place.problems())
    apply(place)
    errors = [one for one in place.problems() if one.startswith("error")]
    assert len(errors) == 3  # harmless() too: its owner may call definer()
    assert all("is SECURITY DEFINER and its owner" in one for one in errors)
    close_bypasses(place)
    assert [one for one in place.problems() if one.startswith("error")] == []


WAYS_PAST = [
    ('ALTER ROLE "{c}" SUPERUSER', '"{c}" is a superuser: it locks nothing', 'ALTER ROLE "{c}" NOSUPERUSER'),
    ('ALTER ROLE "{c}" CREATEROLE', 'roles can be created and granted by "{c}"', 'ALTER ROLE "{c}" NOCREATEROLE'),
    ('ALTER ROLE "{c}" BYPASSRLS', 'row level security does not bind "{c}"', 'ALTER ROLE "{c}" NOBYPASSRLS'),
    ('ALTER ROLE "{c}" REPLICATION', 'all data can be replicated by "{c}"', 'ALTER ROLE "{c}" NOREPLICATION'),
    (
        'GRANT pg_read_server_files TO "{c}"',
        '"{c}" is a member of pg_read_server_files',
        'REVOKE pg_read_server_files FROM "{c}"',
    ),
    (
        'GRANT SELECT ON people TO {g}; ALTER ROLE "{c}" NOINHERIT; GRANT {g} TO "{c}"',
        '"{c}" may read public.people.ssn, public.people.User, public.people.twice as {g}',
        'REVOKE {g} FROM "{c}"',
    ),
    (
        'ALTER TABLE all_hidden OWNER TO "{c}"; REVOKE ALL ON all_hidden FROM "{c}"',
        '"{c}" can grant itself public.all_hidden.a: "{c}" owns the table',
        "ALTER TABLE public.all_hidden OWNER TO …",
    ),
    (
        'GRANT SELECT (card_no) ON "Other Side".payments TO "{c}"',
        '"{c}" may read Other Side.payments.card_no',
        'REVOKE SELECT ON "Other Side".payments FROM "{c}"',
    ),
    (
        "GRANT SELECT (ssn) ON people TO PUBLIC",
        '"{c}" may read public.people.ssn as every role of the server',
        "REVOKE SELECT ON public.people FROM PUBLIC",
    ),
    (
        'GRANT SELECT ON numbers TO "{c}"',
        '"{c}" may read public.numbers, which reads masked columns as its owner',
        'REVOKE SELECT ON public.numbers FROM PUBLIC, "{c}"',
    ),
    (
        "GRANT SELECT ON stored TO PUBLIC",
        '"{c}" may read public.stored, which holds what masked columns held',
        'REVOKE SELECT ON public.stored FROM PUBLIC, "{c}"',
    ),
    (
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        '"{c}" may create objects in schema public',
        'REVOKE CREATE ON SCHEMA public FROM PUBLIC, "{c}"',
    ),
    (
        'GRANT EXECUTE ON FUNCTION definer(int) TO "{c}"',
        "public.definer(integer) is SECURITY DEFINER and its owner postgres may read masked columns, and"
        ' "{c}" may call it',
        'REVOKE EXECUTE ON ROUTINE public.definer(integer) FROM "{c}"',
    ),
    (
        f"GRANT EXECUTE ON FUNCTION definer(int) TO {NOBODY}; GRANT EXECUTE ON FUNCTION through() TO PUBLIC",
        "public.through() is SECURITY DEFINER and its owner rights_nobody may read masked columns, and"
        ' "{c}" may call it',
        "REVOKE EXECUTE ON ROUTINE public.through() FROM PUBLIC",
    ),
]
"""(What opens one, what is said of it, the statement that closes it.)"""


def test_each_way_past_the_clean_login_is_an_error_and_its_statement_closes_it(place: Place) -> None:
    names = {"c": CLEAN, "g": GROUP}
    apply(place)
    close_bypasses(place)
    for spoil, message, statement in WAYS_PAST:
        place.database.sql(spoil.format(**names))
        errors = [one for one in place.problems() if one.startswith("error")]
        assert errors == [f"error: {message.format(**names)} ({statement.format(**names)})"]
        place.database.sql(statement.format(**names).replace("…", "postgres"))
    assert [one for one in place.problems() if one.startswith("error")] == []


def test_the_proxys_own_login_is_warned_of(place: Place) -> None:
    server = place.database.server
    apply(place)
    close_bypasses(place)
    quiet = [one for one in place.problems() if "checked" not in one]
    assert quiet == []
    server.sql(f"GRANT pg_execute_server_program TO {FULL}; ALTER ROLE {FULL} BYPASSRLS CREATEROLE")
    place.database.sql(f"GRANT EXECUTE ON FUNCTION definer(int) TO {FULL}; GRANT SELECT ON all_hidden TO PUBLIC;")
    found = [one for one in place.problems() if one.startswith("warning")]
    for expected in (
        f"row level security does not bind {FULL} (ALTER ROLE {FULL} NOBYPASSRLS)",
        f"roles can be created and granted by {FULL} (ALTER ROLE {FULL} NOCREATEROLE)",
        f"{FULL} is a member of pg_execute_server_program (REVOKE pg_execute_server_program FROM {FULL})",
        f"public.definer(integer) is SECURITY DEFINER and its owner postgres may read masked columns, and {FULL} may"
        f" call it (REVOKE EXECUTE ON ROUTINE public.definer(integer) FROM {FULL})",
        "every role of the server may read public.all_hidden.a past the proxy"
        " (REVOKE SELECT ON public.all_hidden FROM PUBLIC)",
    ):
        assert f"warning: {expected}" in found
    assert any("a CHECK of domain public.checked calls a function that is not built in" in one for one in found)
    server.sql(f"ALTER ROLE {FULL} SUPERUSER")
    assert any(one.startswith(f"warning: {FULL} is a superuser: ") for one in place.problems())


def test_public_rights_are_taken_and_the_proxys_login_keeps_them(place: Place) -> None:
    place.database.sql(f"REVOKE SELECT ON people FROM {FULL}; GRANT SELECT ON people TO PUBLIC")
    apply(place)
    with psycopg.connect(place.database.dsn(FULL)) as connection:
        assert connection.execute("SELECT ssn FROM people").fetchone() == ("123-45-6789",)
    with psycopg.connect(place.database.dsn(CLEAN)) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT ssn FROM people")


def test_every_database_that_clients_may_ask_for_is_looked_at(place: Place) -> None:
    server = place.database.server
    other = server.new_database(f"{place.database.name}_2")
    other.sql(
        "CREATE TABLE people (id int, ssn text); GRANT SELECT ON people TO PUBLIC; CREATE TABLE only_here (x int)"
    )
    text = place.configuration.read_text().replace(
        "upstream:", f"upstream:\n  databases: [{place.database.name}, {other.name}, none]", 1
    )
    place.configuration.write_text(text)
    (place.configuration.parent / "rules.yaml").write_text(
        RULES.replace("masks:", "masks:\n  public.only_here: {x: redact}\n  public.nowhere: {x: redact}", 1)
    )
    found = place.problems()
    assert f"warning: every role of the server may read public.people.ssn past the proxy (database {other.name})" in (
        one.partition(" (REVOKE")[0] for one in found
    )
    assert any('database "none"' in one and one.startswith("error") for one in found)
    assert any("no table public.nowhere" in one for one in found)
    assert not any("only_here" in one for one in found)
    ended = place.run("grants", "--database", other.name)
    assert "GRANT SELECT (id) ON public.people" in ended.stdout
    assert "\\connect" not in ended.stdout
    other.server.sql(f'DROP DATABASE "{other.name}" WITH (FORCE)')

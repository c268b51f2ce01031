"""What another session changes between the decision and the execution (H5, H6, H7, H10).

Closed by: the server's announcement before BindComplete; utility statements analysed just before each execution, under
the locks of that analysis; verdicts that carry the versions (oid, xmin) of all catalog rows that they reached, closed
over children, partitions, generated columns, functions, aggregates, operators, casts, domains and triggers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.attacks.attacker import Attacker, Target, cells, error
from tests.leaks.test_protocol_attacks import SYNC, bind, execute
from tests.leaks.worlds import Seen

RULES = {
    "masks": {
        "public.users": {"ssn": "redact"},
        "public.people": {"ssn": "redact"},
        "public.ra": {"x": "redact"},
        "public.later": {"ssn": "redact"},
        "public.gen": {"ssn": "redact"},
    }
}

SCHEMA = """
create table people (id int, ssn text);
create table ch (id int, ssn text);
insert into ch values (1, 'plain');
create table pp1 (id int, ssn text) partition by list (id);
create table pp2 (id int, ssn text);
insert into pp2 values (1, '001-45-6789');
create table ra (id int, x text);
create table rb (id int, x text);
insert into ra values (1, '001-45-6789'); insert into rb values (1, 'plain');
create table gen (id int, ssn text, plain text, g text generated always as (plain) stored);
insert into gen values (1, '001-45-6789', 'plain');
create table trg (id int, note text);
create table notes (id int, note text);
create view v_in as select id, name as x from users;
create view v_out as select id, x from v_in;
create function f_sql(int) returns text language sql stable as 'select name from public.users where id = $1';
create function f_atomic(int) returns text language sql stable
  begin atomic select name from public.users where id = $1; end;
create function f_pl(int) returns text language plpgsql stable as
  'begin return (select name from public.users where id = $1); end';
create function f_step(text, int) returns text language sql stable as 'select name from public.users where id = $2';
create aggregate agg (int) (sfunc = f_step, stype = text);
create function f_check(text) returns boolean language plpgsql as 'begin return true; end';
create domain checked as text check (f_check(value));
create function f_trigger() returns trigger language plpgsql as 'begin return new; end';
create trigger t before insert on trg for each row execute function f_trigger();
"""
OWNED = "people ch pp1 pp2 ra rb gen trg notes v_in v_out".split()

SAFE_VIEW = "create or replace view v_in as select id, name as x from users"
SECRET_VIEW = "create or replace view v_in as select id, ssn as x from users"


@pytest.fixture(scope="module", autouse=True)
def schema(target: Target) -> None:
    target.database.sql(SCHEMA)
    for name in OWNED:
        kind = "view" if name.startswith("v_") else "table"
        target.database.sql(f'alter {kind} {name} owner to "{target.role}"')
    target.database.sql(f'grant usage, create on schema public to "{target.role}"')


@pytest.fixture
def attacker(target: Target) -> Iterator[Attacker]:
    target.database.sql(SAFE_VIEW)
    with target.attacker() as attacker:
        yield attacker


@dataclass(frozen=True, slots=True)
class Utility:
    """A statement whose inner query the server analyses late or silently."""

    statement: str
    then: str = ""
    before: str = ""
    shows: bytes = b"[redacted]"


UTILITIES = [
    Utility("declare cc cursor for select id, x from v_out", "fetch 1 from cc"),
    Utility("create temp table tt as select id, x from v_out", "select * from tt where id = 1"),
    Utility("explain (analyze, verbose, costs off, timing off, summary off) select * from v_out where x < '02'"),
    Utility("copy (select id, x from v_out where id = 1) to stdout"),
    Utility("execute zz", before="prepare zz as select id, x from v_out where id = 1"),
]


@pytest.mark.parametrize("utility", UTILITIES, ids=lambda one: one.statement[:12])
def test_a_view_below_a_utility_statement_changes(target: Target, attacker: Attacker, utility: Utility) -> None:
    """H5. Between Parse and Bind, between Bind and Execute, and between two executions of a named statement."""
    if utility.before:
        assert not error(attacker.ask(utility.before))
    attacker.ask("begin")
    refused = bool(error(attacker.prepare("s", utility.statement)))
    attacker.ask("savepoint one")
    target.database.sql(SECRET_VIEW)
    said = attacker.run("s")
    if utility.then and not error(said):
        said = attacker.ask(utility.then)
    if not refused and not error(said):
        shown = b"".join(c for row in cells(said) for c in row if c) + b"".join(m.body for m in said if m.tag == b"d")
        assert b"name" not in shown, "the old meaning would have shown names"
    attacker.ask("rollback")
    for sql in (SAFE_VIEW, SECRET_VIEW, SAFE_VIEW, SECRET_VIEW):
        target.database.sql(sql)
        attacker.ask("begin")
        attacker.run("s")
        if utility.then:
            attacker.ask(utility.then)
        attacker.ask("rollback")


CHANGES: dict[str, tuple[str, str, str]] = {
    "a child joins": (
        "select id, ssn from people",
        "update ch set ssn = '001-45-6789'; alter table ch inherit people",
        "alter table ch no inherit people; update ch set ssn = 'plain'",
    ),
    "a masked table is given a child that is read itself": (
        "select id, ssn from ch",
        "update ch set ssn = '001-45-6789'; alter table ch inherit people",
        "alter table ch no inherit people; update ch set ssn = 'plain'",
    ),
    "a partition is attached": (
        "select id, ssn from pp1",
        "alter table pp1 rename to later; alter table later attach partition pp2 for values in (1)",
        "alter table later detach partition pp2; alter table later rename to pp1",
    ),
    "a SQL function is replaced": (
        "select f_sql(1)",
        "create or replace function f_sql(int) returns text language sql stable as"
        " 'select ssn from public.users where id = $1'",
        "create or replace function f_sql(int) returns text language sql stable as"
        " 'select name from public.users where id = $1'",
    ),
    "a BEGIN ATOMIC function is replaced": (
        "select f_atomic(1)",
        "create or replace function f_atomic(int) returns text language sql stable"
        " begin atomic select ssn from public.users where id = $1; end",
        "create or replace function f_atomic(int) returns text language sql stable"
        " begin atomic select name from public.users where id = $1; end",
    ),
    "a PL/pgSQL function is replaced": (
        "select f_pl(1)",
        "create or replace function f_pl(int) returns text language plpgsql stable as"
        " 'begin return (select ssn from public.users where id = $1); end'",
        "create or replace function f_pl(int) returns text language plpgsql stable as"
        " 'begin return (select name from public.users where id = $1); end'",
    ),
    "an aggregate's function is replaced": (
        "select agg(1)",
        "create or replace function f_step(text, int) returns text language sql stable as"
        " 'select ssn from public.users where id = $2'",
        "create or replace function f_step(text, int) returns text language sql stable as"
        " 'select name from public.users where id = $2'",
    ),
    "a domain's check is replaced": (
        "select 'x'::checked",
        "create or replace function f_check(text) returns boolean language plpgsql as"
        " 'begin raise exception ''%'', (select ssn from public.users where id = 1); end'",
        "create or replace function f_check(text) returns boolean language plpgsql as 'begin return true; end'",
    ),
    "a trigger's function is replaced": (
        "insert into trg values (1, 'x') returning note",
        "create or replace function f_trigger() returns trigger language plpgsql as"
        " 'begin new.note := (select ssn from public.users where id = 1); return new; end'",
        "create or replace function f_trigger() returns trigger language plpgsql as 'begin return new; end'",
    ),
    "a trigger is added": (
        "insert into notes values (1, 'x') returning note",
        "create or replace function f_trigger() returns trigger language plpgsql as"
        " 'begin new.note := (select ssn from public.users where id = 1); return new; end';"
        "create trigger t before insert on notes for each row execute function f_trigger()",
        "drop trigger t on notes; create or replace function f_trigger() returns trigger language plpgsql as"
        " 'begin return new; end'",
    ),
    "tables are swapped by renames": (
        "select x from rb",
        "begin; alter table ra rename to rc; alter table rb rename to ra; alter table rc rename to rb; commit",
        "begin; alter table ra rename to rc; alter table rb rename to ra; alter table rc rename to rb; commit",
    ),
    "columns are swapped by renames": (
        "select name from users where id = 1",
        "begin; alter table users rename ssn to q; alter table users rename name to ssn;"
        " alter table users rename q to name; commit",
        "begin; alter table users rename ssn to q; alter table users rename name to ssn;"
        " alter table users rename q to name; commit",
    ),
    "a view is replaced": ("select x from v_out where id = 1", SECRET_VIEW, SAFE_VIEW),
}
GENERATED = ("select g from gen", "alter table gen alter g set expression as (ssn)",
             "alter table gen alter g set expression as (plain)")  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_leaves_the_tree_as_it_was(target: Target, attacker: Attacker, name: str) -> None:
    """H6, H7, H10: by the versions of catalog rows, and by what is opaque."""
    statement, change, back = CHANGES[name]
    _run_around(target, attacker, statement, change, back)


def test_a_generated_column_changes_its_expression(target: Target, attacker: Attacker) -> None:
    """H6, on 17 and 18."""
    if target.version < 17:
        pytest.skip("SET EXPRESSION is syntax of PostgreSQL 17")
    _run_around(target, attacker, *GENERATED)


def _run_around(target: Target, attacker: Attacker, statement: str, change: str, back: str) -> None:
    attacker.prepare("s", statement)
    first: list[Seen] = attacker.run("s")
    target.database.sql(change)
    try:
        for _ in (1, 2):
            attacker.run("s")
        attacker.ask(statement)
        attacker.prepare("fresh", statement)
        attacker.run("fresh")
        with target.attacker() as other:  # whatever sessions share
            other.ask(statement)
    finally:
        target.database.sql(back)
    attacker.ask("begin")
    attacker.send(bind("p", "s"), SYNC)
    attacker.ask("savepoint one")
    attacker.send(execute("p"), SYNC)
    attacker.ask("rollback")
    assert bool(error(first)) == bool(error(attacker.run("s"))), "back to where it was"

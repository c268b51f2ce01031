"""Names in the source of functions, which the server looks up when a function is first called, not when it is decided.

Closed by: a portal or cursor with such functions is decided anew before each execution, and before a Bind, where the
planner may run them (`Lineage.looks_up_names`); no WITH HOLD, which runs at COMMIT; no SQL function without a path of
its own where set_config or the function that calls it changes search_path (`lineage/paths.py`); no deferrable trigger
whose code names relations; no view comes under a name that code has in its source (`session/unseen_code.py`),
and code of event triggers and of TRUNCATE runs only if its names can mean nothing else.
"""

from __future__ import annotations

import pytest

from tests.attacks.attacker import Target, cells, error, rule
from tests.leaks.test_protocol_attacks import SYNC, bind, execute, parse

FUNCTIONS = """
create view evil.products as select id, ssn as name, ssn as sku, 0 as price from public.users;
create table public.word (id int primary key, name text);
insert into word select g, 'w' || g from generate_series(1, 9) g;
create function public.named(int) returns text language sql volatile as 'select name from products where id = $1';
create function public.names() returns setof text language sql volatile as 'select name from products order by id';
create function public.words(int) returns text language plpgsql volatile
  as 'begin return (select name from word where id = $1); end';
create function public.all_words() returns setof text language plpgsql
  as 'begin return query select name from word order by id; end';
create function public.told(int) returns int language plpgsql immutable
  as 'begin raise notice ''%'', (select name from word where id = $1); return 1; end';
create function public.under_its_own(int) returns text language sql volatile set search_path = evil
  as 'select public.named($1)';
create function public.sets_it(int) returns text language sql volatile
  as $$select set_config('search_path', 'evil', true); select public.named($1)$$;
"""
SHADOWS = "create temp table word as select id, ssn as name from public.users"
CHANGED = "builtin.changed"


@pytest.fixture(scope="module", autouse=True)
def planted(target: Target) -> None:
    target.database.sql(FUNCTIONS)
    target.database.sql(f'grant select on evil.products to "{target.role}"; grant select on word to "{target.role}"')


WAYS = [
    ("select public.named(id) from public.products order by id", "set search_path = evil, public"),
    ("select public.names()", "set search_path = evil, public"),
    ("select * from public.names()", "set local search_path = evil"),
    ("select public.named(id) from public.products", "create temp table products as select id, ssn as name from users"),
    ("select public.words(id) from public.products", SHADOWS),
    ("select public.all_words()", SHADOWS),
    ("select * from public.all_words()", SHADOWS),
]


@pytest.mark.parametrize(("sql", "change"), WAYS)
@pytest.mark.parametrize("fetch", ["fetch 2 from c", "move 2 in c", "fetch absolute 3 c"])
def test_between_declare_and_fetch(target: Target, sql: str, change: str, fetch: str) -> None:
    with target.attacker() as attacker:
        attacker.ask("begin")
        assert not error(attacker.ask(f"declare c scroll cursor for {sql}"))
        assert not error(attacker.ask(change))
        assert rule(attacker.ask(fetch)) in (CHANGED, "defaults.opaque")


@pytest.mark.parametrize(("sql", "change"), WAYS)
@pytest.mark.parametrize("rows", [0, 1], ids=["before the first row", "between rows"])
def test_between_bind_and_execute(target: Target, sql: str, change: str, rows: int) -> None:
    with target.attacker() as attacker:
        attacker.ask("begin")
        started = [execute("p", rows)] if rows else []
        answer = attacker.send(parse("s", sql), bind("p", "s"), *started, SYNC)
        assert not error(answer)
        assert len(cells(answer)) == rows
        assert not error(attacker.ask(change))
        assert rule(attacker.send(execute("p", 1), SYNC)) in (CHANGED, "defaults.opaque")


@pytest.mark.parametrize(("sql", "change"), WAYS)
def test_in_one_batch(target: Target, sql: str, change: str) -> None:
    with target.attacker() as attacker:
        attacker.ask("begin")
        answer = attacker.send(
            parse("s", sql), bind("p", "s"), parse("t", change), bind("q", "t"), execute("q"), execute("p"), SYNC
        )
        assert rule(answer) in (CHANGED, "defaults.opaque")
        assert cells(answer) == []


def test_unchanged_they_go_on(target: Target) -> None:
    with target.attacker() as attacker:
        attacker.ask("begin")
        for at, (sql, _) in enumerate(WAYS):
            attacker.ask(f"declare c{at} cursor for {sql}")
            assert len(cells(attacker.ask(f"fetch 2 from c{at}"))) == 2
            attacker.send(parse(f"s{at}", sql), bind(f"p{at}", f"s{at}"), SYNC)
            attacker.ask("set timezone = 'UTC'")
            attacker.ask("create temp table if not exists elsewhere (a int)")
            assert len(cells(attacker.send(execute(f"p{at}", 2), SYNC))) == 2
            assert len(cells(attacker.send(execute(f"p{at}", 2), SYNC))) == 2
            assert len(cells(attacker.ask(f"fetch 2 from c{at}"))) == 2


def test_a_held_cursor_runs_at_commit(target: Target) -> None:
    with target.attacker() as attacker:
        attacker.ask("begin")
        declared = attacker.ask("declare c cursor with hold for select public.named(id) from public.products")
        assert rule(declared) == "builtin.cursor"
        attacker.ask("rollback")
        assert not error(attacker.ask("declare c cursor with hold for select name from products"))


def test_the_planner_runs_functions_at_bind(target: Target) -> None:
    """What an immutable function says while the planner runs it comes before BindComplete."""
    with target.attacker() as attacker:
        attacker.prepare("s", "select public.told(1)")
        attacker.ask("prepare t as select public.told(2)")
        assert cells(attacker.run("s")) == [(b"1",)]
        attacker.ask(SHADOWS)
        assert error(attacker.run("s"))["C"] == "42501"
        assert error(attacker.ask("execute t"))["C"] == "42501"


def test_a_prepared_statement_is_decided_with_what_names_mean_now(target: Target) -> None:
    with target.attacker() as attacker:
        attacker.prepare("s", "select named(3)")
        attacker.ask("prepare t as select named(3)")
        assert cells(attacker.run("s")) == cells(attacker.ask("execute t")) == [(b"p3",)]
        attacker.ask("set search_path = evil, public")
        assert cells(attacker.run("s")) == cells(attacker.ask("execute t")) == [(b"*******6789",)]
        attacker.ask("set search_path = public")
        assert cells(attacker.run("s")) == cells(attacker.ask("execute t")) == [(b"p3",)]


@pytest.mark.parametrize(
    "sql",
    [
        "select set_config('search_path', 'evil', false), public.named(1)",
        "select public.named(1) from public.products where set_config('SEARCH_PATH', 'evil', true) <> ''",
        "with a as materialized (select set_config('search_path', 'evil', true)) select public.named(2) from a",
        "select * from (select set_config('search_path', 'evil', true) offset 0) a, lateral (select public.named(3)) b",
        "select public.under_its_own(1)",
        "select public.sets_it(1)",
        "select id from public.products where public.sets_it(id) is not null",
    ],
)
def test_the_path_moves_while_the_statement_runs(target: Target, sql: str) -> None:
    with target.attacker() as attacker:
        assert rule(attacker.ask(sql)) == "defaults.opaque"
        assert cells(attacker.ask("select set_config('statement_timeout', '0', true), public.named(1)")) == [
            (b"0", b"p1")
        ]


TRIGGERS = """
create table public.asked (id int);
create table public.noted (id int, name text);
create table public.plainly (id int);
create function public.notes() returns trigger language plpgsql
  as 'begin insert into noted select new.id, name from word where id = new.id; return null; end';
create function public.checks() returns trigger language plpgsql
  as 'begin if new.id < 0 then raise ''negative''; end if; return null; end';
create constraint trigger late after insert on public.asked deferrable for each row execute function public.notes();
create constraint trigger late after insert on public.plainly deferrable initially deferred for each row
  execute function public.checks();
"""


def test_a_deferred_trigger_runs_at_commit(target: Target) -> None:
    target.database.sql(TRIGGERS + f'grant all on asked, noted, plainly to "{target.role}"')
    with target.attacker() as attacker:
        assert not error(attacker.ask("insert into plainly values (1)"))
        attacker.ask("begin; set constraints all deferred")
        assert rule(attacker.ask("insert into asked values (1)")) == "defaults.opaque"
        attacker.ask("rollback")


MEANWHILE = """
create schema second;
create view public.outer_words as select id, name from public.word;
create view public.inner_words as select id, name from public.word;
create view public.over_inner as select id, name from public.inner_words;
create function public.slowly(int) returns text language plpgsql volatile
  as 'begin perform pg_sleep(0.3); return (select name from word where id = $1); end';
create function public.over_views(int) returns text language plpgsql volatile
  as 'begin return (select name from over_inner where id = $1); end';
create function public.bound(int) returns text language sql volatile
  begin atomic select name from public.outer_words where id = $1; end;
"""


@pytest.fixture(scope="module")
def meanwhile(target: Target, planted: None) -> None:
    target.database.sql(MEANWHILE + "create view second.other as select id, name from public.word")
    owned = ("table word", "view outer_words", "view inner_words", "view over_inner", "view second.other")
    target.database.sql(
        f'grant all on schema second to "{target.role}";'
        + "".join(f'alter {one} owner to "{target.role}";' for one in owned)
    )


@pytest.mark.usefixtures("meanwhile")
@pytest.mark.parametrize(
    "change",
    [
        "create view second.word as select id, ssn as name from public.users",
        "create or replace view second.word as select id, ssn as name from public.users",
        "create materialized view second.word as select id, ssn as name from public.users",
        "begin; create view second.word as select id, ssn as name from public.users; commit",
        "create or replace view public.inner_words as select id, ssn as name from public.users",
        "create or replace view public.outer_words as select id, ssn as name from public.users",
        "alter table public.word rename to gone",
        "alter view second.other rename to word",
        "alter view public.over_inner set schema second",
        "grant usage on schema second to public",
        "revoke usage on schema public from public",
    ],
)
def test_another_session_moves_no_name_while_code_may_run(target: Target, change: str) -> None:
    """`select pg_sleep(3), words(1)` came to the name in a view that a second session made within these seconds."""
    with target.attacker() as attacker:
        assert rule(attacker.ask(change)) in ("builtin.names", "builtin.grant")
        attacker.ask("rollback")
        for harmless in (
            "create view second.unnamed as select id, name from public.word",
            "create or replace view second.unnamed as select id, name, 1 as one from public.word",
            "create temp view word as select 1 as id",
            "create view pg_temp.words as select 1 as id",
            "drop view second.unnamed",
        ):
            assert not error(attacker.ask(harmless)), harmless


UNSEEN = """
create table public.emptied (id int);
create table public.quietly (id int);
create table public.kept (id int, name text);
create function public.on_truncate() returns trigger language plpgsql
  as 'begin insert into kept select 1, name from word where id = 1; return null; end';
create function public.on_truncate_2() returns trigger language plpgsql
  as 'begin insert into kept values (2, ''x''); return null; end';
create trigger t after truncate on public.emptied execute function public.on_truncate();
create trigger t after truncate on public.quietly execute function public.on_truncate_2();
"""


EVENTS = """
create function public.on_comment() returns event_trigger language plpgsql
  as 'begin insert into kept select 3, name from word where id = 1; end';
create event trigger names_in_functions on ddl_command_end when tag in ('COMMENT', 'CREATE TABLE AS')
  execute function public.on_comment();
"""


@pytest.fixture(scope="module")
def unseen(target: Target, planted: None) -> None:
    target.database.sql(UNSEEN)
    owned = "".join(f'alter table {one} owner to "{target.role}";' for one in ("emptied", "quietly", "kept"))
    target.database.sql(owned)


@pytest.mark.usefixtures("unseen")
def test_triggers_of_truncate(target: Target) -> None:
    with target.attacker() as attacker:
        assert not error(attacker.ask("truncate quietly"))
        assert not error(attacker.ask("create temp table word (id int, name text)"))
        for sql in (
            "truncate emptied",
            "truncate only public.quietly, public.emptied restart identity cascade",
            "begin; truncate emptied; commit",
        ):
            assert rule(attacker.ask(sql)) == "builtin.trigger", sql
            attacker.ask("rollback")
        assert not error(attacker.ask("truncate quietly"))
        assert not error(attacker.ask("drop table pg_temp.word; truncate emptied"))


@pytest.mark.usefixtures("unseen")
def test_event_triggers(target: Target) -> None:
    with target.attacker() as attacker:
        attacker.ask("create temp table kept (id int, name text)")
        target.database.sql(EVENTS)
        try:
            for sql in ("comment on table products is 'x'", "create temp table other as select 1 as a"):
                assert rule(attacker.ask(sql)) == "builtin.trigger", sql
            with target.attacker() as another:
                assert not error(another.ask("create temp table other as select 1 as a"))
                for sql in (
                    SHADOWS,
                    "create temp table word (id int, name text)",
                    "create temp view word as select 1 as a",
                ):
                    assert rule(another.ask(sql)) == "builtin.trigger", sql
        finally:
            target.database.sql("drop event trigger names_in_functions")

"""User code that runs inside Parse or Bind, and opaque code that undoes what was decided (H1 to H4, C).

Code that runs there can print trees of its own, switch the real one off, change roles, or put another statement under a
known name. Closed by: clients create nothing that runs code of users; types whose checks run code are
refused as casts, columns and parameters (`is_user_checked`); exactly one tree for each Parse; opaque code is refused.
Tried: with `is_user_checked` off three of these fail.
"""

from __future__ import annotations

import struct

import pytest

from tests.attacks.attacker import Target, cells, error, rule
from tests.leaks.test_protocol_attacks import SYNC, bind, execute
from tests.net.raw_client import message

TRAP = """
create function public.ck(t text) returns boolean language plpgsql as $$ begin
  execute 'select id, name from public.products';
  perform set_config('debug_print_rewritten', t, false); return true; end $$;
create domain public.dd as text check (public.ck(value));
create type public.pair as (a public.dd, b int);
create type public.dd_range as range (subtype = public.dd);
"""


@pytest.fixture(scope="module", autouse=True)
def planted(target: Target) -> None:
    target.database.sql(TRAP)


@pytest.mark.parametrize(
    "sql",
    [
        "create function pg_temp.ck(t text) returns boolean language sql as 'select true'",
        "create domain pg_temp.d2 as text check (public.ck(value))",
        "create domain pg_temp.d2 as text check (value operator(public.===) '')",
        "create type pg_temp.r2 as range (subtype = public.dd)",
        "create type pg_temp.own (input = textin, output = textout)",
        "create operator === (leftarg = text, rightarg = text, function = texteq)",
        "create cast (text as int) with inout",
        "create aggregate pg_temp.a (text) (sfunc = textcat, stype = text)",
    ],
)
def test_a_client_creates_nothing_that_runs(target: Target, sql: str) -> None:
    with target.attacker() as attacker:
        assert rule(attacker.ask(sql)) == "builtin.ddl"


@pytest.mark.parametrize(
    ("made", "used"),
    [
        ("create type pair2 as (a public.dd, b int)", "'(off,1)'::pair2 is not null"),
        ("create domain d2 as public.dd check (value <> '')", "'{off}'::d2[] is not null"),
        ("create domain d2 as public.pair", "'(off,1)'::d2 is not null"),
        ("create temp table t2 (a public.dd)", "'(off)'::t2 is not null"),
        ("create temp view v2 as select null::public.dd as a", "'(off)'::v2 is not null"),
    ],
)
def test_what_a_client_makes_of_a_type_with_code_stays_refused(target: Target, made: str, used: str) -> None:
    """H1. Whether the definition is refused or the use, the check does not run."""
    with target.attacker() as attacker:
        attacker.ask("begin")
        if error(attacker.ask(made)):
            return
        answer = attacker.ask(f"select id, ssn from users where {used}")
        attacker.ask("rollback")
        assert error(answer)["C"] == "42501"


@pytest.mark.parametrize(
    "trap",
    [
        "'{off}'::public.dd[] is not null",
        "'(off,1)'::public.pair is not null",
        "'[off,on]'::public.dd_range is not null",
        "'{\"(off,1)\"}'::public.pair[] is not null",
        "'off'::public.dd is not null",
        "cast('off' as public.dd) = 'off'",
    ],
)
def test_code_inside_parse_shows_nothing(target: Target, trap: str) -> None:
    """H1. Warmed first, so that cached plans print no tree. Closed by types, and by the number of trees."""
    with target.attacker() as attacker:
        for _ in (1, 2):
            assert error(attacker.ask(f"select 1 where {trap.replace('off', 'on')}"))["C"] == "42501"
        answer = attacker.prepare("s", f"select id, ssn from users where {trap}")
        assert error(answer)["C"] == "42501"
        assert error(attacker.run("s"))["C"] == "26000"
        answer = attacker.ask("select ssn from users limit 1")  # the analysis still works
        assert cells(answer) == [(b"*******6789",)]


def test_code_inside_bind_shows_nothing(target: Target) -> None:
    """H2. The type of a parameter, by a cast or by its OID in Parse. Closed by `builtin.parameter_type`."""
    ((oid,),) = target.database.sql("select 'public.dd'::regtype::oid::int")
    with target.attacker() as attacker:
        answer = attacker.prepare("s", "select id, x from v_t where $1::public.dd is not null")
        assert "builtin.parameter_type" in error(answer)["D"]  # the cast alone is opaque, too
        typed = b"s\0select id, x from v_t where $1 is not null\0" + struct.pack("!HI", 1, oid)
        assert "builtin.parameter_type" in error(attacker.send(message(b"P", typed), SYNC))["D"]
        assert error(attacker.run("s"))["C"] == "26000"


@pytest.mark.parametrize(
    "sql",
    [
        "do $$ begin raise notice '%', (select ssn from public.users where id=1); end $$",
        "select dyn('select set_config(''role'',''postgres'',true)'), dyn('select ssn from public.users where id=1')",
        "select query_to_xml('select ssn from public.users where id=1', true, true, '')",
        "call pg_catalog.nothing()",
    ],
)
def test_opaque_code_does_not_run(target: Target, sql: str) -> None:
    """H3. One login cannot hold it (SET ROLE is checked against session_user), so it is refused."""
    with target.attacker() as attacker:
        assert error(attacker.ask(sql))["C"] == "42501"


def test_opaque_code_does_not_replace_statements_or_cursors(target: Target) -> None:
    """H4. Closed because it does not run."""
    with target.attacker() as attacker:
        attacker.prepare("s1", "select id, name from users where id = 1")
        replaced = (
            "do $$ begin perform set_config('debug_print_rewritten','off',true); execute 'deallocate s1';"
            " execute 'prepare s1 as select id, ssn from public.users where id=1'; end $$"
        )
        assert rule(attacker.ask(replaced)) == "builtin.do"
        assert cells(attacker.run("s1")) == [(b"1", b"name1")]
        attacker.ask("begin")
        attacker.ask("declare cc cursor for select id, name from products")
        attacker.ask("savepoint one")
        attacker.ask("do $$ declare k refcursor := 'cc'; begin close k; open k for select id, ssn from users; end $$")
        attacker.ask("rollback to one")
        assert cells(attacker.ask("fetch 1 from cc")) == [(b"1", b"p1")]


@pytest.mark.parametrize(
    "sql",
    [
        "update pg_settings set setting = 'off' where name = 'debug_print_rewritten'",
        "select set_config('client_min_' || 'messages', 'error', false)",
        "select set_config(name, 'error', false) from (values ('client_min_messages')) v(name)",
        "set debug_print_rewritten = off",
        "set debug_print_plan = on",
        "set debug_print_parse = on",
        "set debug_pretty_print = on",
        "alter role current_user set debug_print_rewritten = off",
        "set log_min_messages = debug5",
    ],
)
def test_the_announcements_cannot_be_switched_off(target: Target, sql: str) -> None:
    """C and I4. Closed by functions' OIDs in every query of the list, and by the allow-list of settings."""
    with target.attacker() as attacker:
        assert error(attacker.ask(sql))["C"] == "42501"
        assert cells(attacker.ask("select ssn from users limit 1")) == [(b"*******6789",)]


@pytest.mark.parametrize("back", ["reset all", "discard all", "begin; set search_path = evil; rollback"])
def test_startup_values_win(target: Target, back: str) -> None:
    """C. What RESET ALL and a rolled-back SET return to are the analysis settings of the StartupMessage."""
    with target.attacker() as attacker:
        assert not error(attacker.ask(back))
        assert cells(attacker.ask("select ssn from users limit 1")) == [(b"*******6789",)]


@pytest.mark.parametrize("options", ["-c debug_print_rewritten=off", "-c debug_print_plan=on"])
def test_options_at_startup_do_not_switch_either(target: Target, options: str) -> None:
    with pytest.raises(AssertionError, match="42501"), target.attacker(options=options) as attacker:
        attacker.ask("select 1")


def test_the_clients_own_level_is_kept_by_the_proxy(target: Target) -> None:
    with target.attacker(options="-c client_min_messages=error") as attacker:
        assert cells(attacker.ask("show client_min_messages")) == [(b"error",)]
        assert cells(attacker.ask("select ssn from users limit 1")) == [(b"*******6789",)]


def test_a_portal_over_an_unknown_statement_is_refused(target: Target) -> None:
    with target.attacker() as attacker:
        assert error(attacker.send(bind("", "nowhere"), execute(), SYNC))["C"] == "26000"

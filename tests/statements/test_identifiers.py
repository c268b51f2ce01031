"""Names that the server's printed tree could turn into structure never reach its Parse."""

from __future__ import annotations

import pytest

from pgproxy.errors import NotUnderstood
from pgproxy.statements.grammar import split
from pgproxy.statements.grammar_facts import check_identifiers

CONTROL = "\x01"

PLACES = [
    'select ssn as "{}" from users',
    'select ssn "{}" from users',
    'select * from users "{}"',
    'select * from users as u("{}")',
    'select * from "{}"',
    'select * from "{}".t',
    'select "{}" from users',
    'select u."{}" from users u',
    'select "{}"(1)',
    'select * from f() as x("{}" int)',
    'select * from a join b using (id) as "{}"',
    'select * from users where exists (select 1 as "{}")',
    'select count(*) over "{}" from users window "{}" as (order by id)',
    "select 'x' collate \"{}\"",
    'select x::"{}"',
    'insert into users ("{}") values (1)',
    'update users set "{}" = 1',
    'update users set ("{}", b) = (1, 2)',
    'delete from users returning id as "{}"',
    'with "{}" as (select 1) select 1',
    'with x("{}") as (select 1) select 1',
    'with recursive x as (select 1) search depth first by "{}" set y select 1',
    'select xmlelement(name "{}")',
    "select * from json_table('[]', '$' columns (\"{}\" int path '$.a'))",
    'insert into t values (1) on conflict on constraint "{}" do nothing',
    'select 1 from t for update of "{}"',
    'create table t ("{}" int)',
    'create view "{}" as select 1',
    'create view v as select ssn as "{}" from users',
    'alter table t add column "{}" int',
    "comment on column t.\"{}\" is 'x'",
]
FORGERIES = [
    *(place.replace("{}", f"a{CONTROL}:expr") for place in PLACES),
    'select id, ssn as "a\v:expr\v<>" from users',
    'select id, ssn as "a\r:expr" from users',
    'select ssn as "\u0085x" from users',
    'select ssn as U&"\\0001expr" from users',
    'with "q\n   z" as (select id, name from products), "q    z" as (select id, ssn from users) select * from "q    z"',
    *(f'with "{name}" as (select 1) select 1' for name in (":x", "<>", '""x', "a(b", "a}", "a\\b")),
    'select * from (with recursive "a(b" as (select 1) table "a(b") s',
]


@pytest.mark.parametrize("sql", FORGERIES)
def test_name_that_could_be_misread_is_refused(sql: str) -> None:
    (raw,) = split(sql)
    with pytest.raises(NotUnderstood) as caught:
        check_identifiers(raw)
    assert caught.value.detail == "rule builtin.identifiers"
    assert "expr" not in caught.value.message


ORDINARY = [
    *(place.replace("{}", "count(*)") for place in PLACES if not place.startswith('with "{}"')),
    'select ssn as ":expr", ssn as "<>", ssn as "a{b", ssn as "a\\b", ssn as """x" from users',
    'select "User Name", "naïve", "Größe", "名前", "a-b", "a.b", "a:b", "a<b", "50%" from "Order Items" as "o i"',
    "select ':x', '(', E'\\\\', '{\"a\": 1}'::jsonb, $$}$$ from users",
    "select a <= b, a <> b, a @> b, a operator(pg_catalog.<) b, a < all (select 1) from t order by a using <",
    "select * from json_table('{}', '$.a[*] ? (@ > 1)' columns (c int path '$.\"(x)\"'))",
    "notify x, '(payload)'",
    "comment on table t is '{(:x)}'",
    'select 1 as "?column?", x.* from t x',
    'set search_path to ":x"',
    "create table t (a text default '(:x)', b int[] default '{1}')",
    "create sequence s",
    "begin",
]


@pytest.mark.parametrize("sql", ORDINARY)
def test_ordinary_names_and_any_values_pass(sql: str) -> None:
    check_identifiers(split(sql)[0])

"""Names that the server's printed tree could turn into structure never reach its Parse."""

from __future__ import annotations

import pytest

from pgproxy.errors import NotUnderstood
from pgproxy.statements.grammar import split
from pgproxy.statements.grammar_facts import check_identifiers

FORGERIES = [
    'select ssn as ":expr" from users',
    'select ssn ":expr" from users',
    'select id, ssn as "a\v:expr\v<>" from users',
    'select id, ssn as "a\r:expr" from users',
    'select ssn as "\u0085x" from users',
    'select ssn as "' + "}" * 39 + ':expr" from users',
    'select ssn as "a' + "}" * 45 + '" from users',
    'select ssn as "' + "(" * 25 + "€" * 12 + '" from users',
    'with "q\n   z" as (select id, name from products), "q    z" as (select id, ssn from users) select * from "q    z"',
    'select ssn as "a\\b" from users',
    'select ssn as "a{b" from users',
    'select ssn as "<>" from users',
    'select ssn as """x" from users',
    'select ssn as U&"\\003Aexpr" from users',
    'select * from users ":x"',
    'select * from users as u(":x")',
    'select * from ":x"',
    'select * from ":s".t',
    'select ":c" from users',
    'select u.":c" from users u',
    'select ":f"(1)',
    'select * from f() as x(":c" int)',
    'select * from a join b using (id) as ":j"',
    'select * from users where exists (select 1 as ":x")',
    'select count(*) over ":w" from users window ":w" as (order by id)',
    "select 'x' collate \":c\"",
    'select x::":t"',
    'insert into users (":c") values (1)',
    'update users set ":c" = 1',
    'update users set (":c", b) = (1, 2)',
    'delete from users returning id as ":x"',
    'with ":x" as (select 1) select 1',
    'with x(":c") as (select 1) select 1',
    'with recursive x as (select 1) search depth first by ":c" set y select 1',
    'select xmlelement(name ":x")',
    "select * from json_table('{}', '$' columns (\":c\" int path '$.a'))",
    'insert into t values (1) on conflict on constraint ":c" do nothing',
    'select 1 from t for update of ":x"',
    'create table t (":c" int)',
    'create view ":v" as select 1',
    'create view v as select ssn as ":c" from users',
    'alter table t add column ":c" int',
    "comment on column t.\":c\" is 'x'",
]


@pytest.mark.parametrize("sql", FORGERIES)
def test_name_that_could_be_misread_is_refused(sql: str) -> None:
    (raw,) = split(sql)
    with pytest.raises(NotUnderstood) as caught:
        check_identifiers(raw)
    assert caught.value.detail == "rule builtin.identifiers"
    assert "expr" not in caught.value.message


ORDINARY = [
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

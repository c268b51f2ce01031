"""What a statement says, as rules and people read it."""

from __future__ import annotations

import logging
import sys

import pytest

from pgproxy.statements.facts import leading_reason, read_facts, read_witness
from pgproxy.statements.grammar import split
from pgproxy.statements.grammar_facts import grammar_facts
from pgproxy.statements.model import Facts, StatementClass


def facts(sql: str) -> Facts:
    (raw,) = split(sql)
    return read_facts(raw)


@pytest.mark.parametrize(
    ("sql", "tables", "columns"),
    [
        ("select a, u.b from users u", ("users",), ("a", "u.b")),
        ("select * from s.t, other where t.x = other.y", ("s.t", "other"), ("*", "t.x", "other.y")),
        ("select a from t union select a from u", ("t", "u"), ("a",)),
        ('select "A b", C from "T t"', ("T t",), ("A b", "c")),
        ("with c as (select x from t) select x from c", ("t",), ("x",)),
        ("with t as (select 1) select * from t, s.t", ("s.t",), ("*",)),
        ("with t as (select * from t) select 1 from t", ("t",), ("*",)),
        ("with recursive t as (select 1 union all select * from t) select * from t", (), ("*",)),
        ("with a as (select * from b), b as (select 1) select * from b", ("b",), ("*",)),
        ("with recursive a as (select * from b), b as (select 1) select * from b", (), ("*",)),
        ("with c as (select 1) update c set a = 1", ("c",), ()),
        ("select (with c as (select 1) select * from c), x from c", ("c",), ("*", "x")),
        ("select 1 from t for update of t", ("t",), ()),
        ("insert into t (a) select b from u", ("t", "u"), ("b",)),
        ("update t set (a, b) = (select c, d from u)", ("t", "u"), ("c", "d")),
        ("copy s.t to stdout", ("s.t",), ()),
        ("copy (select a from t) to stdout", ("t",), ("a",)),
        ("explain analyze select a from t", ("t",), ("a",)),
        ("declare c cursor for select a from t", ("t",), ("a",)),
        ("truncate t, s.u", ("t", "s.u"), ()),
        ("drop table t, s.u", ("t", "s.u"), ()),
        ("create view v as select a from t", ("v", "t"), ("a",)),
        ("alter table t drop column a", ("t",), ()),
        ("grant select on t to x", ("t",), ()),
        ("select p ~= q from shapes", ("shapes",), ("p", "q")),
        ("begin", (), ()),
    ],
)
def test_tables_and_columns_as_written(sql: str, tables: tuple[str, ...], columns: tuple[str, ...]) -> None:
    said = facts(sql)
    assert (said.tables, said.columns) == (tables, columns)


NO_WHERE = [
    "true",
    "1 = 1",
    "'a' = 'a'",
    "not false",
    "id = id",
    "t.id = t.id",
    "(id = id)",
    "id >= id",
    "id = id or name = 'x'",
    "name = 'x' or true",
    "id = id and true",
    "not (id <> id)",
    "name = 'x' or 1 = 1 or id = 3",
    "id is not distinct from id",
    "id in (id)",
    "name like name",
    "(id = id)::bool",
    "$1",
    "$1 = $1",
    "now() > '2000-01-01'",
    "exists (select 1)",
    "(select true)",
    "'t'::bool",
    "1",
]
WHERE = [
    "id = 3",
    "id = $1",
    "id = id and name = 'x'",
    "id <> id",
    "not (id = id)",
    "id = t.id + 1",
    "exists (select 1 from u where u.id = t.id)",
    "id in (1, 2)",
    "name is null",
    "active",
    "not active",
    "@id > 3",
    "f(profile -> 'x')",
    "current of c",
]


@pytest.mark.parametrize("verb", ["update t set a = 1", "delete from t"])
@pytest.mark.parametrize("where", NO_WHERE)
def test_where_that_is_constant_or_true_by_form_is_none(verb: str, where: str) -> None:
    assert not facts(f"{verb} where {where}").has_where


@pytest.mark.parametrize("verb", ["update t set a = 1", "delete from t"])
@pytest.mark.parametrize("where", WHERE)
def test_where_that_chooses_rows_is_one(verb: str, where: str) -> None:
    assert facts(f"{verb} where {where}").has_where


@pytest.mark.parametrize(
    ("sql", "has_where"),
    [
        ("delete from t", False),
        ("update t set a = 1", False),
        ("select 1", True),
        ("insert into t values (1)", True),
        ("with d as (delete from t returning *) select * from d where id = 3", False),
        ("with d as (delete from t where id = 3 returning *) select * from d", True),
        ("with d as (update t set a = 1) delete from t where id = 3", False),
        ("explain analyze delete from t", False),
        ("update t set a = 1 where p ~= q", True),
        ("merge into t using u on t.id = u.id when matched then update set a = 1", True),
        ("merge into t using u on t.id = u.id when matched then delete", True),
        ("merge into t using u on true when matched then update set a = 1", False),
        ("merge into t using u on true when matched and t.id = 3 then delete", True),
        ("merge into t using u on true when not matched then insert values (1)", True),
        ("with d as (delete from t) merge into t using u on t.id = u.id when matched then delete", False),
    ],
)
def test_every_update_and_delete_within_needs_a_where(sql: str, has_where: bool) -> None:
    assert facts(sql).has_where is has_where


def test_deep_condition_is_the_stricter_answer() -> None:
    assert not facts("delete from t where " + "(" * 300 + "id = 3" + ")::bool" * 300).has_where


C = StatementClass


@pytest.mark.parametrize(
    ("sql", "classes"),
    [
        ("select 1", {C.SELECT}),
        ("insert into t select * from u", {C.INSERT}),
        ("with d as (delete from t returning *) select * from d", {C.SELECT, C.DELETE}),
        ("with i as (insert into t values (1)) update t set a = 1", {C.INSERT, C.UPDATE}),
        ("insert into t values (1) on conflict do nothing", {C.INSERT}),
        ("insert into t values (1) on conflict (a) do update set a = 2", {C.INSERT, C.UPDATE}),
        (
            "merge into t using u on t.id = u.id when matched and t.a = 1 then delete when matched then do nothing",
            {C.MERGE, C.DELETE},
        ),
        (
            "merge into t using u on t.id = u.id when matched then update set a = 1 when not matched then insert"
            " values (1)",
            {C.MERGE, C.INSERT, C.UPDATE},
        ),
        ("explain delete from t", {C.EXPLAIN, C.DELETE}),
        ("explain select 1", {C.EXPLAIN}),
        ("copy (delete from t returning *) to stdout", {C.COPY_TO, C.DELETE}),
        ("create table x as select 1", {C.DDL}),
        ("begin", {C.TRANSACTION}),
    ],
)
def test_classes_within_are_named(sql: str, classes: set[StatementClass]) -> None:
    assert facts(sql).classes == classes


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("/* reason: ticket 4711 */ select 1", "ticket 4711"),
        ("/*Reason:a*/select 1", "a"),
        ("-- x\n  /* traced */ /* reason: b\n  c */ select 1", "b c"),
        ("/* reason: a /* nested */ b */ select 1", "a /* nested */ b"),
        ("select /* reason: x */ 1", ""),
        ("select '/* reason: x */'", ""),
        ("-- reason: x\nselect 1", ""),
        ("/* the reason: x */ select 1", ""),
        ("select 1", ""),
        ("-- x", ""),
    ],
)
def test_leading_comment_gives_the_reason(text: str, reason: str) -> None:
    assert leading_reason(text) == reason


@pytest.mark.parametrize(
    "sql",
    [
        "select a ~= b from t",
        "select * from only (users)",
        "select ssn from users order by name using <",
        "select 1 from t" + " where a = 1" + " or a = 1" * 6_000,
        "select " + "(" * 900 + "1" + ")" * 900,
    ],
    ids=["operator", "only", "using", "long", "deep"],
)
def test_statement_that_the_witness_cannot_read_still_has_facts(
    sql: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (raw,) = split(sql)
    assert read_witness(raw) is None
    assert read_facts(raw).tables == tuple(str(name) for name in grammar_facts(raw).relations)
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("wrap", ["array[{}]", "struct({})", "f(a -> array[{}])"])
def test_nesting_does_not_keep_the_witness_busy(wrap: str) -> None:
    expression = "a"
    for _ in range(40):
        expression = wrap.format(expression)
    assert read_witness(split(f"select {expression} from t")[0]) is None


def test_many_ctes_are_read_in_reasonable_time() -> None:
    ctes = ", ".join(f"c{n} as (select 1)" for n in range(20_000))
    assert facts(f"with {ctes} select * from c7, c20000").tables == ("c20000",)


def test_witness_says_nothing_to_any_log(capfd: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("sqlglot").warning("secret")
    sys.stderr.flush()
    assert capfd.readouterr() == ("", "")


def test_utility_statements_are_not_shown_to_the_witness() -> None:
    for sql in ("listen x", "set a to b", "copy t to stdout", "create table t (a int)"):
        assert read_witness(split(sql)[0]) is None

"""The readings of a statement agree, or it is not provably safe; ordinary statements are no false alarms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pgproxy.catalog.model import Catalog, Relation
from pgproxy.errors import StatementDenied
from pgproxy.statements.agreement import Differential, Witnesses, agree, agree_with_witness
from pgproxy.statements.facts import read_facts, read_witness
from pgproxy.statements.grammar import split
from pgproxy.statements.grammar_facts import check_identifiers, grammar_facts
from pgproxy.statements.model import Handling, Lineage, Output

ORDINARY = [
    line
    for line in (Path(__file__).parent / "cases" / "ordinary.sql").read_text().splitlines()
    if line and not line.startswith("--")
]


@pytest.mark.parametrize("sql", ORDINARY)
def test_ordinary_statement_is_read_alike(sql: str) -> None:
    (raw,) = split(sql)
    assert raw.handling is Handling.ANALYSE
    check_identifiers(raw)
    witness = read_witness(raw)
    if witness is not None:
        agree_with_witness(grammar_facts(raw), witness)


def test_most_ordinary_statements_have_two_witnesses() -> None:
    unread = [sql for sql in ORDINARY if read_witness(split(sql)[0]) is None]
    assert len(unread) <= 5, unread


HIDDEN = [
    "select jsonb_pretty(profile -> 'ssn' -> 'x') from users",
    "select @salary, @u.salary from users u",
    "select date_trunc(ssn, now()), date_part(ssn, now()), date_bin(a, b, ssn) from users",
    "select date_trunc(u.ssn, now()) from users u",
    "select ssn(u), email(u), (u).ssn from users u",
    "select extract(day from ssn), interval '1' day + ssn from users",
]


@pytest.mark.parametrize("sql", HIDDEN)
def test_column_in_a_place_where_sqlglot_hides_it_is_seen(sql: str) -> None:
    (raw,) = split(sql)
    witness = read_witness(raw)
    assert witness is not None
    agree_with_witness(grammar_facts(raw), witness)


@pytest.mark.parametrize("sql", ['select U&"ss\\006e" from users'])
def test_column_that_sqlglot_misreads_is_a_differential(sql: str) -> None:
    (raw,) = split(sql)
    witness = read_witness(raw)
    assert witness is not None
    with pytest.raises(Differential) as caught:
        agree_with_witness(grammar_facts(raw), witness)
    assert ("grammar", "ssn") in caught.value.sides
    assert "ssn" not in caught.value.message + caught.value.detail + caught.value.hint


def test_what_only_sqlglot_takes_for_a_name_is_counted_and_not_said() -> None:
    differential = Differential("columns", ["id"], ["id", "079-05-1120", "x"], "sqlglot")
    assert differential.sides == (("what", "columns"), ("grammar", "id"), ("sqlglot", "id and 2 more"))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"tables": ()}, "relations"),
        ({"tables": (("users",), ("orders",))}, "relations"),
        ({"columns": (("id",),)}, "columns"),
        ({"columns": (("ssn",),)}, "columns"),
        ({"output_count": 3}, "number of outputs"),
    ],
)
def test_witness_that_saw_something_else_is_a_differential(change: dict[str, object], what: str) -> None:
    (raw,) = split("select id, ssn from users where ssn is not null")
    witness = read_witness(raw)
    assert witness is not None
    with pytest.raises(Differential) as caught:
        agree_with_witness(grammar_facts(raw), replace(witness, **change))  # type: ignore[arg-type]
    assert caught.value.what == what
    assert isinstance(caught.value, StatementDenied)
    assert caught.value.sqlstate == "42501"


def relation(oid: int, schema: str, name: str, kind: str = "r") -> Relation:
    return Relation(oid, schema, name, kind, ())


RELATIONS = [
    relation(1, "public", "users"),
    relation(2, "public", "orders"),
    relation(3, "public", "v_users", "v"),
    relation(4, "s", "orders"),
]
CATALOG = Catalog(server_version=18).with_objects(relations=RELATIONS)


def lineage(outputs: int, *relations: int) -> Lineage:
    return Lineage(outputs=(Output("x", 25),) * outputs, relations=frozenset(relations))


def verdict(sql: str, traced: Lineage, catalog: Catalog = CATALOG) -> Witnesses | str:
    (raw,) = split(sql)
    try:
        return agree(raw, read_facts(raw), traced, catalog)
    except Differential as differential:
        return f"{differential.witness}: {differential.what}"


AGREED = Witnesses(sqlglot="agreed")
UNPARSED = Witnesses(sqlglot="unparsed")


@pytest.mark.parametrize(
    ("sql", "traced", "expected"),
    [
        ("select id from users", lineage(1, 1), AGREED),
        ("select id from public.users u", lineage(1, 1), AGREED),
        ("select id from orders", lineage(1, 4), AGREED),
        ("select * from users", lineage(7, 1), AGREED),
        ("select id from v_users", lineage(1, 3, 1), AGREED),
        ("with c as (select id from users) select id from c", lineage(1, 1), AGREED),
        ("select users.id from users join orders on true", lineage(1, 1, 2), AGREED),
        ("insert into users values (1)", lineage(0, 1), AGREED),
        ("delete from users where id = 1 returning id, name", lineage(2, 1), AGREED),
        ("values (1, 2)", lineage(2), AGREED),
        ("select 1 where 1 ~= 2", lineage(1), UNPARSED),
        ("select id from users where id ~= 2", lineage(1, 2), "server: relations"),
        ("select id from users", lineage(1, 2), "server: relations"),
        ("select id from users", lineage(1), "server: relations"),
        ("select id from users, orders", lineage(1, 1), "server: relations"),
        ("select id from v_users", lineage(1, 1), "server: relations"),
        ("select id from users", lineage(2, 1), "server: number of outputs"),
        ("delete from users where id = 1", lineage(1, 1), "server: number of outputs"),
        ("with c as (delete from users) select 1", lineage(1), "server: relations"),
    ],
)
def test_tree_reaches_what_the_text_names(sql: str, traced: Lineage, expected: Witnesses | str) -> None:
    assert verdict(sql, traced) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select id from v_users", AGREED),
        ("select id from made_in_this_session", AGREED),
        ("select id from users, orders", "server: relations"),
    ],
)
def test_view_leaves_no_trace_in_a_tree_of_15(sql: str, expected: Witnesses | str) -> None:
    assert verdict(sql, lineage(1, 1), replace(CATALOG, server_version=15)) == expected

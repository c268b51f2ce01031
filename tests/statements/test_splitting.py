"""Splitting a client's text: exact slices, positions in characters, limits that close."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgproxy.errors import NotUnderstood, TooManyBytes
from pgproxy.statements.grammar import SyntaxProblem, split

SLICES = [
    ("", []),
    (" ;; -- nothing\n /* at all */ ;", []),
    ("select 1", [(0, "select 1")]),
    ("select 1;", [(0, "select 1")]),
    (" \n select 1 ; select 2 ", [(3, "select 1 "), (14, "select 2 ")]),
    ("/* reason: x */ select 1", [(0, "/* reason: x */ select 1")]),
    ("select 1; -- a;b\n/* c;/*d;*/ */ select 2; -- end", [(0, "select 1"), (10, "-- a;b\n/* c;/*d;*/ */ select 2")]),
    ("select 1 -- a;b\n; select 2", [(0, "select 1 -- a;b\n"), (18, "select 2")]),
    ("select 1;/* gone */;select 2", [(0, "select 1"), (20, "select 2")]),
    ("select 'é;ü', \"ж\"; select 'x'", [(0, "select 'é;ü', \"ж\""), (19, "select 'x'")]),
    ("select $$;$$; select E'\\';'", [(0, "select $$;$$"), (14, "select E'\\';'")]),
    ("-- é\rselect 1", [(0, "-- é\rselect 1")]),
    (
        "create function f() returns int begin atomic select 1; select 2; end; select 3",
        [(0, "create function f() returns int begin atomic select 1; select 2; end"), (70, "select 3")],
    ),
]


@pytest.mark.parametrize(("sql", "expected"), SLICES)
def test_statements_are_exact_slices(sql: str, expected: list[tuple[int, str]]) -> None:
    assert [(raw.character_offset, raw.text) for raw in split(sql)] == expected


pieces = st.sampled_from(
    [
        "select 1",
        "select 'é;'",
        "/* c; */ select 2",
        "-- ж;\nselect 3",
        "begin",
        "update t set a = $$;$$",
        "set x.y = 'a'",
    ]
)
gaps = st.sampled_from([";", " ; ", ";\n;", "; -- x;\n", ";/* ü */ "])


@given(st.lists(st.tuples(pieces, gaps), max_size=6))
def test_slices_stand_where_they_say_and_split_to_themselves(parts: list[tuple[str, str]]) -> None:
    sql = "".join(piece + gap for piece, gap in parts)
    found = split(sql)
    assert len(found) == len(parts)
    for raw, (piece, _) in zip(found, parts, strict=True):
        assert sql[raw.character_offset :].startswith(raw.text)
        assert piece in raw.text
        (again,) = split(raw.text)
        assert (again.text, again.node, again.setting) == (raw.text, raw.node, raw.setting)


@pytest.mark.parametrize(
    ("sql", "position", "message"),
    [
        ("selec 1", 1, 'syntax error at or near "selec"'),
        ("select 1; select from where", 23, 'syntax error at or near "where"'),
        ("select 'é', 'ü' frm t where", 19, 'syntax error at or near "t"'),
        ("select 'é' from", 15, "syntax error at end of input"),
        ("select 'x", 8, 'unterminated quoted string at or near "\'x"'),
    ],
)
def test_syntax_problem_points_at_the_character(sql: str, position: int, message: str) -> None:
    with pytest.raises(SyntaxProblem) as caught:
        split(sql)
    assert (caught.value.position, caught.value.message, caught.value.sqlstate) == (position, message, "42601")


@pytest.mark.parametrize("sql", ["select 'é'", "select 1  "])
def test_statement_over_the_limit_is_refused(sql: str) -> None:
    size = len(sql.encode())
    assert split(sql, max_bytes=size)
    with pytest.raises(TooManyBytes):
        split(sql, max_bytes=size - 1)


def test_default_limit_is_one_mebibyte() -> None:
    with pytest.raises(TooManyBytes):
        split("select 1 --" + "x" * (1 << 20))


@pytest.mark.parametrize("sql", ["select 1\0; drop table t", "select '\ud800'"])
def test_text_that_c_would_read_otherwise_is_refused(sql: str) -> None:
    with pytest.raises(NotUnderstood):
        split(sql)


DEEP = {
    "operators": "select 1" + "+1" * 200_000,
    "casts": "select a" + "::a" * 150_000,
    "joins": "select from a" + " cross join a" * 60_000,
    "set operations": "select" + " union select" * 70_000,
    "prefixes": "select " + "- " * 200_000 + "1",
    "subqueries": "select " + "(select " * 50_000 + "1" + ")" * 50_000,
    "behind a continued string": "select E'a'\n'\\''" + "+1" * 20_000 + " , ''",
    "behind a name with dollars": "select a$$" + "+1" * 20_000 + " as b$$",
    "behind a nested comment": "select /* /* */ ' */ 1" + "+1" * 20_000 + " /* ' */",
    "behind a quoted name": 'select "a\'"' + "+1" * 20_000 + ', "\'"',
    "behind a numbered parameter": "select $1" + "+1" * 20_000 + ", $1",
    "joins with conditions": "select from a" + " join a on x and y" * 15_000,
    "set operations of lists": "select 1, 2" + " union select 1, 2" * 15_000,
    "leftmost in parentheses": "select " + "(" * 2_000 + "1" + "+1+1+1+1+1+1)" * 2_000,
    "functions": "select " + "f(" * 50_000 + "1" + ")" * 50_000,
}


@pytest.mark.parametrize("sql", DEEP.values(), ids=DEEP.keys())
def test_nesting_without_end_is_refused_and_ends_no_process(sql: str) -> None:
    with pytest.raises((NotUnderstood, SyntaxProblem)):
        split(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "select " + " || ',' || ".join(f"c{n}" for n in range(300)) + " from t",
        "select 1" + " union all select 1" * 500,
        "select * from t0" + "".join(f" join t{n} using (id)" for n in range(1, 150)),
        "select " + "coalesce(a, " * 60 + "1" + ")" * 60 + " from t",
        "insert into t values " + ", ".join(["(1, 'x', -2.5)"] * 20_000),
    ],
    ids=["concatenation", "union", "joins", "nested calls", "many rows"],
)
def test_long_but_ordinary_statements_are_read(sql: str) -> None:
    assert len(split(sql)) == 1

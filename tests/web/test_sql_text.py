"""Statements laid out for reading: only white space differs, and every kind of word is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgproxy.web.sql_text import highlighted, laid_out, tokens

LONG = (
    "select u.id, u.name from users u left outer join notes n on n.id = u.id where u.id > 5 and n.body = 'x  y' limit 3"
)


def significant(sql: str) -> list[tuple[str, str]]:
    return [(one.kind, one.text) for one in tokens(sql) if one.kind != "space"]


def test_clauses_begin_lines() -> None:
    assert laid_out(LONG).splitlines() == [
        "select u.id, u.name",
        "from users u",
        "left outer join notes n on n.id = u.id",
        "where u.id > 5",
        "  and n.body = 'x  y'",
        "limit 3",
    ]


@pytest.mark.parametrize(
    ("sql", "lines"),
    [
        ("DELETE   FROM\n\n\n notes", ["DELETE FROM notes"]),
        ("COPY (SELECT a, b, c FROM some_table WHERE something_long = 7) TO STDOUT", None),
        ("SELECT 1; DROP TABLE users", ["SELECT 1;", "DROP TABLE users"]),
        ("SELECT 1 -- WHERE\nFROM users", ["SELECT 1", "-- WHERE", "FROM users"]),
        ("UPDATE notes SET body = 'a very long value for a body' WHERE id = 4711 OR id = 9", 4),
        ("SELECT 1" + " " * 500 + ", pg_sleep(1)", ["SELECT 1 , pg_sleep(1)"]),
        ("SELECT a IS NOT DISTINCT FROM b FROM t WHERE something_that_is_long_enough", 3),
    ],
)
def test_layouts(sql: str, lines: list[str] | int | None) -> None:
    made = laid_out(sql)
    if isinstance(lines, list):
        assert made.splitlines() == lines
    else:
        assert len(made.splitlines()) == (lines or 1)


@pytest.mark.parametrize(
    ("sql", "kinds"),
    [
        ("E'a\\'b' 'c'", ["string", "string"]),
        ("'it''s' x", ["string", "word"]),
        ("'back\\' x", ["string", "word"]),
        ("U&'x' b'1' \"Na\"\"me\"", ["string", "string", "name"]),
        ("$$a'b$$ $tag$ $$ $tag$ $1", ["string", "string", "parameter"]),
        ("/* a /* b */ c */ x", ["comment", "word"]),
        ("-- x\ny", ["comment", "word"]),
        ("1.5e10 .5 1_000 a1", ["number", "number", "number", "word"]),
        ("'open", ["string"]),
        ("/* open", ["comment"]),
        ("$$open", ["string"]),
        ("größe", ["word"]),
    ],
)
def test_kinds(sql: str, kinds: list[str]) -> None:
    assert [kind for kind, _ in significant(sql)] == kinds


@given(st.text(alphabet="ae;,'\"$()/*- \n\r\t\\1.ß\u202eEU&x", max_size=60))
def test_only_white_space_differs(sql: str) -> None:
    assert "".join(one.text for one in tokens(sql)) == sql
    made = laid_out(sql)
    assert significant(made) == significant(sql.strip(" \t\n\r\f\v"))
    assert laid_out(made) == made


@given(st.text(max_size=60))
def test_nothing_is_markup(sql: str) -> None:
    made = highlighted(sql).replace("<b>", "").replace("</b>", "").replace("</span>", "")
    for part in made.split("<span ")[1:]:
        assert part.startswith(('class="sql-', 'class="unseen" title="'))
    assert "<" not in "".join(part.partition(">")[2] for part in ("x>" + made).split("<span "))


def test_a_long_open_text_takes_no_long_time() -> None:
    for piece in ("'", '"', "/*", "$a$", "$", "--", "E'\\", "(" * 3):
        assert len(list(tokens(piece * 20_000))) > 0

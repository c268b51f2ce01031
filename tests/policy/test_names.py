from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgproxy.policy.names import ColumnPattern, Glob, TablePattern, parse_column, parse_table

GLOBS = st.text("ab*", min_size=1, max_size=6)
NAMES = st.text("ab", max_size=8)


@settings(deadline=None)
@given(GLOBS, GLOBS, NAMES)
def test_a_pattern_that_covers_another_fits_what_it_fits(outer: str, inner: str, name: str) -> None:
    if Glob(outer).covers(Glob(inner)) and Glob(inner).fits(name):
        assert Glob(outer).fits(name)


@settings(deadline=None)
@given(GLOBS)
def test_a_pattern_covers_itself_and_everything_is_covered_by_a_star(text: str) -> None:
    assert Glob(text).covers(Glob(text))
    assert Glob("*").covers(Glob(text))


@pytest.mark.parametrize(
    ("pattern", "schema", "table", "fits"),
    [
        ("public.users", "public", "users", True),
        ("public.users", "Public", "users", False),
        ("public.u*s", "public", "us", True),
        ("*.*", "any", "thing", True),
        ("*.*", "pg_catalog", "pg_class", False),
        ("pg_*.*", "pg_catalog", "pg_class", False),
        ("*.*", "information_schema", "tables", False),
        ("*.*", "pg_toast", "pg_toast_1", False),
        ("*.*", "pg_temp_3", "t", False),
        ("pg_catalog.pg_*", "pg_catalog", "pg_class", True),
        ('"*".t', "*", "t", True),
        ('"*".t', "public", "t", False),
        ("a+b.t(1)", "a+b", "t(1)", True),
        ("a+b.t(1)", "aab", "t1", False),
    ],
)
def test_tables_fit(pattern: str, schema: str, table: str, fits: bool) -> None:
    assert parse_table(pattern).fits(schema, table) is fits


@pytest.mark.parametrize("text", ["public.users.email", '"a.b".*.c', '"say ""x""".t.c', "*.*.*"])
def test_column_patterns_are_written_as_read(text: str) -> None:
    assert str(parse_column(text)) == text


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", 'a"b.c', '"a', '"a"b.c', "a", "a.b.c"])
def test_bad_table_names_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"schema|name"):
        parse_table(text)


def test_a_star_covers_no_system_schema() -> None:
    everything = ColumnPattern(TablePattern(Glob("*"), Glob("*")), Glob("*"))
    assert not everything.covers(parse_column("pg_catalog.pg_proc.prosrc"))
    assert parse_column("pg_catalog.*.*").covers(parse_column("pg_catalog.pg_proc.prosrc"))


def test_exactness_orders_table_column_and_literals() -> None:
    weakest_first = ["*.*.*", "*.*.*a", "p*.*.*ab", "*.*.a", "*.*.ab", "a.b.*", "a.b.*a", "a.b.a"]
    ranks = [parse_column(text).exactness for text in weakest_first]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == len(ranks)

"""Laws of how values combine."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pgproxy.statements.lineage.flow import (
    NOTHING,
    NULL,
    Value,
    alternatives,
    column_value,
    derived,
    influence,
    joined_sources,
    weakened,
)
from pgproxy.statements.model import ColumnId, Constant, Form, Source

columns = st.builds(ColumnId, st.integers(1, 2), st.integers(1, 2))
sources = st.builds(Source, columns, st.sampled_from(Form))
values = st.frozensets(sources, max_size=4).map(lambda found: Value(joined_sources([found])))


def carried(value: Value) -> set[ColumnId]:
    return {source.column for source in value.sources}


def forms(value: Value) -> set[Form]:
    return {source.form for source in value.sources}


@given(st.lists(values, max_size=4))
def test_no_column_is_ever_lost(found: list[Value]) -> None:
    everything = set().union(*map(carried, found))
    assert carried(derived(*found)) == everything
    assert carried(alternatives(found)) == everything
    for form in Form:
        assert all(carried(weakened(value, form)) == carried(value) for value in found)


@given(values, values)
def test_what_a_value_depends_on_stays_in_it(value: Value, by: Value) -> None:
    assert carried(influence(value, by)) == carried(value) | carried(by)


@given(values, values, values)
def test_joining_knows_no_order(a: Value, b: Value, c: Value) -> None:
    sets = [a.sources, b.sources, c.sources]
    assert joined_sources(sets) == joined_sources(sets[::-1]) == joined_sources([joined_sources(sets[:2]), sets[2]])
    assert joined_sources([a.sources, a.sources]) == a.sources


@given(values)
def test_an_expression_keeps_no_copy(value: Value) -> None:
    assert not forms(derived(value)) & {Form.COPY, Form.WHOLE}
    assert derived(derived(value)) == derived(value)


@given(values)
def test_a_row_stays_a_row(value: Value) -> None:
    rows = {source.column for source in value.sources if source.form is Form.ROW}
    for form in Form:
        assert {s.column for s in weakened(value, form).sources if s.form is Form.ROW} >= rows


def test_copies_stay_copies_only_among_copies() -> None:
    one, other = column_value(ColumnId(1, 1)), column_value(ColumnId(1, 2))
    assert forms(alternatives([one, other])) == {Form.COPY}
    assert forms(alternatives([one, NULL])) == {Form.COPY}
    for foreign in (NOTHING, Value(constants=frozenset((Constant("x"),))), derived(other)):
        assert forms(alternatives([one, foreign])) == {Form.DERIVED}


def test_counting_hides_only_what_is_whole() -> None:
    column = column_value(ColumnId(1, 1))
    assert forms(weakened(column, Form.COUNT)) == {Form.COUNT}
    assert forms(weakened(derived(column), Form.COUNT)) == {Form.AGGREGATE}
    assert forms(derived(weakened(column, Form.COUNT))) == {Form.COUNT}

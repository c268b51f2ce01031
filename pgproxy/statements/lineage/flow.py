"""What an expression's value is made of, and how that combines. Pure algebra: no trees, no catalog.

A `Value` never says less than the truth: combining two ways to one column keeps the weaker form, and what is not known
to keep a value unchanged is DERIVED.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pgproxy.statements.model import ColumnId, Constant, Form, Source, Use

Sources = frozenset[Source]
NO_SOURCES: Final[Sources] = frozenset()


@dataclass(frozen=True, slots=True)
class Size:
    """What a number, a moment or a text is put together from: what is short of every limit of its type, unless what is
    stored is near one, can be told by it."""

    parts: int = 1
    """Stored values, and constants of modest size."""
    columns: frozenset[ColumnId] = frozenset()
    """The stored columns among them."""
    has_free: bool = False
    """One of the columns takes whatever its type can hold."""

    def is_below(self, most_parts: int) -> bool:
        """A free column could be filled so that, beside another, the expression fails from a chosen value on."""
        return self.parts <= most_parts and (not self.has_free or len(self.columns) <= 1)


def combined_size(sizes: Iterable[Size | None]) -> Size | None:
    """Of an expression over values of these sizes; None: not known."""
    parts, columns, has_free = 0, frozenset[ColumnId](), False
    for size in sizes:
        if size is None:
            return None
        parts, columns, has_free = parts + size.parts, columns | size.columns, has_free or size.has_free
    return Size(parts, columns, has_free)


@dataclass(frozen=True, slots=True)
class Value:
    """One expression's value."""

    sources: Sources = NO_SOURCES
    constants: frozenset[Constant] | None = None
    """Not None: it is one of these values that the client gives, or NULL, or one that the server chooses."""
    chosen: Constant | None = None
    """With no `constants`: what the server chose, as a part of what is computed from it."""
    is_null: bool = False
    """The constant NULL."""
    fields: Mapping[int, Value] | None = None
    """For a row whose columns are known: by attribute number."""
    is_unchanged: bool = False
    """Exactly what is stored in each source column, or at its `json_path`: a further path step can be followed."""
    size: Size | None = None
    """How large it can be; None: not known."""

    @property
    def is_plain(self) -> bool:
        """Unchanged copies only: equality with it is equality with what is stored."""
        return self.is_unchanged and bool(self.sources)


NOTHING: Final = Value()
"""Nothing stored goes into it."""
NULL: Final = Value(is_null=True, constants=frozenset())
NO_ROWS: Final = Value(is_null=True)
"""A column of which no row is known yet, while a recursive query is walked."""


def column_value(column: ColumnId) -> Value:
    """The stored column itself."""
    return Value(frozenset((Source(column, Form.COPY),)), is_unchanged=True)


def row_value(fields: Mapping[int, Value], whole: ColumnId | None = None) -> Value:
    """A whole row of a range table entry; `whole` where it is a stored one."""
    if whole is not None:
        sources: Sources = frozenset((Source(whole, Form.ROW),))
    else:
        sources = weakened_sources(joined_sources([value.sources for value in fields.values()]), Form.ROW)
    return Value(sources, fields=fields)


def derived(*values: Value) -> Value:
    """An expression over these values."""
    sets = [value.sources for value in values if value.sources]
    if not sets:
        return NOTHING
    return Value(weakened_sources(joined_sources(sets), Form.DERIVED))


def weakened(value: Value, form: Form) -> Value:
    """The value under something that keeps no more than `form` of it."""
    return Value(weakened_sources(value.sources, form), size=value.size) if value.sources else NOTHING


def alternatives(values: Sequence[Value]) -> Value:
    """One of these values, row by row: the branches of a set operation, CASE, COALESCE or VALUES.

    Copies stay copies only if every branch is one (or NULL): a branch that a client can choose freely, masked like the
    column beside it, would be a code book for the mask.
    """
    given = [value for value in values if not value.is_null]
    if not given:
        return NULL
    if len(given) == 1 and len(values) == 1:
        return given[0]
    sources = joined_sources([value.sources for value in given])
    if not sources:
        sets = [value.constants for value in given if value.constants is not None]
        return Value(constants=frozenset().union(*sets) if len(sets) == len(given) else None)
    size = combined_size(value.size for value in given)
    if not all(value.sources and all(s.form in _COPIES for s in value.sources) for value in given):
        return Value(weakened_sources(sources, Form.DERIVED), size=size)
    return Value(sources, is_unchanged=all(value.is_unchanged for value in given), size=size)


def union(values: Iterable[Value]) -> Value:
    """All of these at once, each as it is: what is stored and what was just assigned to it."""
    listed = list(values)
    sources = joined_sources([value.sources for value in listed])
    return Value(sources, is_unchanged=bool(sources) and all(value.is_unchanged for value in listed if value.sources))


def influence(value: Value, by: Value) -> Value:
    """The value, whose choice also depends on another one (a CASE test, a FILTER, a WHERE inside a sublink)."""
    if not by.sources:
        return value
    implicit = weakened_sources(by.sources, Form.DERIVED)
    return Value(joined_sources([value.sources, implicit]), size=value.size)


def influence_of(uses: Iterable[Use]) -> Value:
    """What those uses let through to a value that depends on their outcome."""
    return Value(joined_sources([frozenset((Source(use.column, Form.DERIVED, use.json_path),)) for use in uses]))


def joined_sources(sets: Sequence[Sources]) -> Sources:
    """One set for all, with one form for each column: the weakest of all ways that lead to it."""
    filled = [sources for sources in sets if sources]
    if not filled:
        return NO_SOURCES
    if len(filled) == 1 or all(sources == filled[0] for sources in filled):
        return filled[0]
    by_column: dict[ColumnId, set[Source]] = {}
    for sources in filled:
        for source in sources:
            by_column.setdefault(source.column, set()).add(source)
    return frozenset(source for ways in by_column.values() for source in _joined_ways(ways))


def weakened_sources(sources: Sources, form: Form) -> Sources:
    changed = [_weakened(source, form) for source in sources]
    return joined_sources([frozenset((source,)) for source in changed]) if len(changed) > 1 else frozenset(changed)


def _weakened(source: Source, form: Form) -> Source:
    before = source.form
    if before is Form.ROW or before is form:
        return source
    if form is Form.ROW:
        return Source(source.column, before if before is Form.COUNT else Form.ROW)
    if before in (Form.COUNT, Form.AGGREGATE):
        # Made from a count or an aggregate alone, it says no more than that.
        return source
    if form is Form.COUNT:
        # Only of an unchanged or whole value does counting say no more than "is it null".
        return Source(source.column, Form.COUNT if before in _COPIES else Form.AGGREGATE, source.json_path)
    if form is Form.WHOLE and before is Form.DERIVED:
        return source
    return Source(source.column, form, source.json_path)


def _joined_ways(ways: set[Source]) -> Iterable[Source]:
    if len(ways) == 1 or all(way.json_path is not None for way in ways):
        return ways
    column = next(iter(ways)).column
    forms = {way.form for way in ways}
    form = forms.pop()
    for other in forms:
        form = _joined_form(form, other)
    return (Source(column, form),)


_COPIES: Final = frozenset((Form.COPY, Form.WHOLE))


def _joined_form(one: Form, other: Form) -> Form:
    if one is other:
        return one
    pair = {one, other}
    if Form.ROW in pair:
        return Form.ROW
    if pair == {Form.COUNT, Form.AGGREGATE}:
        return Form.AGGREGATE
    if pair == _COPIES:
        return Form.WHOLE
    return Form.DERIVED

"""What a statement compares masked columns with, as far as the client gives it: what probes are counted from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pgproxy.policy.carrying import Carried, Carrying
from pgproxy.policy.tokens import is_of_client, is_token
from pgproxy.statements.model import ColumnId, Constant, Form, Lineage, Source, UseKind, Write


@dataclass(frozen=True, slots=True)
class Comparison:
    """Constants that the client compares with, or writes into, one masked column."""

    column: str
    """"schema.table.column"; of an inheritance tree its root's, for a value looked for in each part is one value, and
    of a temporary table that of what fed it: a new table of the same values is no new budget."""
    constants: tuple[Constant, ...]
    is_limited_by_default: bool
    """Not where `predicates: allow` holds: there a range says more."""


def comparisons(lineage: Lineage, carrying: Carrying, *, of_tokens: bool = False) -> tuple[Comparison, ...]:
    """In a stable order. Raises NotUnderstood.

    Args:
        of_tokens: those that are tokens, as if they were none; else all others.
    """
    found: set[Comparison] = set()

    def note(constants: tuple[Constant, ...], carried: Iterable[Carried], *, meets_tokens: bool) -> None:
        # A token is turned back and asks nothing; what a view or a function compares with is a real value.
        counted = tuple(one for one in constants if (meets_tokens and is_of_client(one)) is of_tokens)
        for one in carried if counted else ():
            found.update(_comparison(one, counted, carrying))

    for use in lineage.uses:
        if use.kind is UseKind.LITERAL and use.constants:
            for one in carrying.of_source(Source(use.column, Form.COPY, use.json_path)):
                note(use.constants, (one,), meets_tokens=is_token(one))
    for write in lineage.writes:
        if write.constants:
            is_shown = any(is_token(one) for one in carrying.of_source(Source(write.target, Form.COPY)))
            note(tuple(sorted(write.constants)), tested_by(write, carrying), meets_tokens=is_shown)
    return tuple(sorted(found, key=lambda one: (one.column, one.constants)))


def counted_rows(lineage: Lineage, carrying: Carrying) -> tuple[Comparison, ...]:
    """The masked columns that each row of a COPY FROM puts a value into; without constants. Raises NotUnderstood."""
    found: set[Comparison] = set()
    for write in lineage.writes:
        for one in tested_by(write, carrying) if write.comes_in_rows else ():
            found.update(_comparison(one, (), carrying))
    return tuple(sorted(found, key=lambda one: one.column))


def tested_by(write: Write, carrying: Carrying) -> Iterator[Carried]:
    """The masked columns of which success of the write may tell whether the written value is there.

    The written column itself: a unique constraint, or a join with another column of the same mask, would tell. And of
    a foreign key the other side. A generated column is written with what it is made from.
    """
    yield from _masked(write.target, carrying)
    for column, _ in carrying.generated_with(write.target):
        yield from _masked(column, carrying)
    for kind, column in carrying.tested_with(write.target):
        if kind == "f" and column != write.target:
            yield from _masked(column, carrying)


def _masked(column: ColumnId, carrying: Carrying) -> Iterator[Carried]:
    return (one for one in carrying.of_source(Source(column, Form.COPY)) if one.mask is not None)


def _comparison(one: Carried, constants: tuple[Constant, ...], carrying: Carrying) -> Iterator[Comparison]:
    if one.mask is not None and not one.is_outside_masked_paths:
        for name in one.mask.stands_for or (carrying.root_name(one.column),):
            yield Comparison(name, constants, one.mask.predicates != "allow")

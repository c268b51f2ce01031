"""Tokens that the client gives: literals and parameters compared with, or written into, columns that show tokens.

Each is turned back into the real value before it goes upstream. So it must not be anywhere else in the statement: there
the real value would be seen, or compared with one of the client's choice. How a value is turned back is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pgproxy.policy.carrying import Carried, Carrying
from pgproxy.policy.masks import Tokenize
from pgproxy.policy.reasons import Reason
from pgproxy.statements.model import ColumnId, Constant, Form, Given, Lineage, Source, UseKind


@dataclass(frozen=True, slots=True)
class Token:
    """One literal or parameter to be turned back."""

    parameter: int
    """$n; 0: a literal."""
    location: int
    """Of a literal where it begins in the statement, in bytes."""
    type_oid: int
    conversions: frozenset[tuple[int, int]]
    """(type, typmod) that it is converted to before it meets the column: it must be the same value there."""
    mask: Tokenize
    column: str
    """"schema.table.column", for people."""
    is_written: bool

    @property
    def is_literal(self) -> bool:
        return not self.parameter


def is_token(one: Carried) -> bool:
    """The column shows its values as tokens, whole."""
    return one.mask is not None and isinstance(one.mask.mask, Tokenize) and one.form is Form.COPY


def is_of_client(constant: Constant) -> bool:
    """Given with this statement, and not by whoever made a view or a function."""
    return constant.location >= 0 or bool(constant.parameters)


def tokens_of(lineage: Lineage, carrying: Carrying) -> tuple[tuple[Token, ...], list[Reason]]:
    """What is to be turned back, in the order of the text, and what speaks against it. Raises NotUnderstood."""
    given = {(one.parameter, one.location): one for one in lineage.given}
    tokens: list[Token] = []
    reasons: list[Reason] = []
    met: dict[tuple[int, int], Carried] = {}
    for constants, carried in _meetings(lineage, carrying):
        for constant in constants:
            if is_of_client(constant) and carried.mask is not None:
                places = [(number, -1) for number in constant.parameters] or [(0, constant.location)]
                met.update(dict.fromkeys(places, carried))
    for place in sorted(met):
        found = _objections(given.get(place), met[place], carrying)
        reasons += found
        if not found:
            tokens.append(_token(given[place], met[place]))
    return tuple(tokens), reasons


def _meetings(lineage: Lineage, carrying: Carrying) -> Iterator[tuple[Sequence[Constant], Carried]]:
    for use in lineage.uses:
        if use.kind is UseKind.LITERAL and use.constants:
            for one in carrying.of_source(Source(use.column, Form.COPY, use.json_path)):
                if is_token(one):
                    yield use.constants, one
    for write in lineage.writes:
        if write.constants:
            for one in carrying.of_source(Source(write.target, Form.COPY)):
                if is_token(one):
                    yield tuple(write.constants), one


def _token(given: Given, carried: Carried) -> Token:
    assert carried.mask is not None and isinstance(carried.mask.mask, Tokenize)
    return Token(
        given.parameter,
        given.location,
        given.type_oid,
        given.conversions,
        carried.mask.mask,
        carried.name,
        is_written=bool(given.written),
    )


def _objections(given: Given | None, carried: Carried, carrying: Carrying) -> list[Reason]:
    mask = carried.mask
    assert mask is not None
    if given is None or given.is_elsewhere:
        return [
            Reason(
                mask.rule,
                f"{carried.name} shows tokens, and a constant that is turned back for it would show elsewhere",
                mask.where,
                "Compare the column itself with a literal or a parameter that stands nowhere else (=, IN, = ANY), and "
                "write such a one.",
            )
        ]
    for column in sorted(given.columns):
        for one in carrying.of_source(Source(column, Form.COPY)):
            if not is_token(one) or one.mask is None or one.mask.mask != mask.mask:
                return [
                    Reason(
                        mask.rule,
                        f"{carried.name} shows tokens, and the same constant meets {one.name}, which shows others",
                        mask.where,
                        "Give the value twice: as a parameter or literal of its own for each column.",
                    )
                ]
    return [reason for column in sorted(given.written) for reason in _test_objections(column, carrying)]


def _test_objections(column: ColumnId, carrying: Carrying) -> Iterator[Reason]:
    """A token may be that of a row in another table: whether its value is accepted here would tell of it. And what
    triggers and cascades do with the value is not followed."""
    for one in carrying.of_source(Source(column, Form.COPY)):
        if one.mask is not None and _is_tested(column, one, carrying):
            yield Reason(
                one.mask.rule,
                f"{one.name} shows tokens, and a token that is written there would tell of its value",
                one.mask.where,
                "Leave the column out: a trigger, a check, a foreign key to what is not masked the same, or the "
                "bounds of partitions see the value.",
            )


def _is_tested(column: ColumnId, carried: Carried, carrying: Carrying) -> bool:
    assert carried.mask is not None
    if carried.mask.predicates != "allow" and (carrying.is_checked(column) or carrying.chooses_partition(column)):
        return True
    references = [other for kind, other in carrying.tested_with(column) if kind == "f" and other != column]
    masks = [one.mask for other in references for one in carrying.of_source(Source(other, Form.COPY))]
    return carrying.has_triggers(column) or any(mask is None or mask.mask != carried.mask.mask for mask in masks)

"""Masked columns outside the result: what WHERE, JOIN, GROUP BY, ORDER BY and writes may do with them."""

from __future__ import annotations

from collections.abc import Iterator

from pgproxy.policy.carrying import Carried, Carrying
from pgproxy.policy.comparisons import tested_by
from pgproxy.policy.decision import Reason
from pgproxy.policy.masks import Mask, Tokenize
from pgproxy.policy.rules import PREDICATES, Defaults, Predicates
from pgproxy.statements.model import ColumnId, Effect, Form, Source, Use, UseKind, Write

_UNBOUNDED_CONTEXTS = frozenset({"function", "limit", "partition", "trigger", "window"})
"""There a value decides how many rows come out, or where they stand: as telling as an order."""

_ERROR_CONTEXTS = frozenset({"error", "aggregate_error", "aggregate_growth"})
"""An expression that may fail for some values: its error would tell of them, whatever comes of its result."""


def use_denials(use: Use, carrying: Carrying, defaults: Defaults) -> Iterator[Reason]:
    """What speaks against a use. Raises NotUnderstood."""
    seen = use.context == "aggregate_error" and defaults.aggregates == "allow"  # the aggregate itself may be seen
    here = _carried(use.column, carrying, use.json_path)
    there = [] if use.other is None else _carried(use.other, carrying)
    for one in (*here, *there):
        if seen and not (one.mask is not None and one.mask.is_secret):
            continue
        if one.mask is not None and (hint := _objection(use, one, here, there)):
            yield Reason(
                one.mask.rule,
                f"{one.name} is masked and cannot {_place(use, one.mask.predicates)}",
                one.mask.where,
                hint,
            )


def _carried(column: ColumnId, carrying: Carrying, json_path: tuple[str, ...] | None = None) -> list[Carried]:
    """What a column holds; a stored count of masked values is no masked value."""
    carried = carrying.of_source(Source(column, Form.COPY, json_path))
    return [one for one in carried if one.form is not Form.COUNT and not one.is_outside_masked_paths]


def _objection(use: Use, one: Carried, here: list[Carried], there: list[Carried]) -> str:
    """What would pass instead, or "" where the use is allowed."""
    assert one.mask is not None
    match one.mask.predicates:
        case "allow":
            return ""
        case "deny" | "equality" if use.context == "partition":
            return "Read the partitioned table instead of one of its partitions."
        case "deny" | "equality" if use.context == "trigger":
            return "Nothing that a client writes can change this; the table's owner can, or a rule for the column."
        case "deny" if use.context == "copy_null":
            return "Leave NULL out (it is \\N then), or use FORMAT csv: a value that equals the string shows as NULL."
        case "equality" if use.context == "aggregate_growth":
            return ""  # it fails at 1 GB, and tells how long values are in all
        case "equality" if use.context in _ERROR_CONTEXTS and use.kind is UseKind.NULL_TEST and one.is_direct:
            return ""
        case "deny" | "equality" if use.context in _ERROR_CONTEXTS:
            return "Select the column itself: it comes back masked. Whether the expression fails would tell the value."
        case "deny":
            return "Select by columns that are not masked, for example a key; this one only as a result column."
        case "equality":
            return _beyond_equality(use, one, here, there)


def _beyond_equality(use: Use, one: Carried, here: list[Carried], there: list[Carried]) -> str:
    # PARTITION BY too: a window sorts its input, so the rows come out in the order of the value.
    is_unbounded = use.context in _UNBOUNDED_CONTEXTS
    kind = use.kind if one.is_direct and not is_unbounded else UseKind.RANGE
    match kind:
        case UseKind.NULL_TEST | UseKind.LITERAL | UseKind.GROUP:
            return ""
        case UseKind.JOIN:
            is_same = len({_mask(side) for side in (*here, *there)}) == 1 and there
            return "" if is_same else "Join by columns that are not masked, or that have the same mask."
        case UseKind.ORDER:
            return "Order by columns that are not masked."
        case UseKind.RANGE:
            return "Compare the column itself with = or IN in WHERE; anything else needs predicates: allow."


def _mask(carried: Carried) -> Mask | None:
    return None if carried.mask is None or not carried.is_direct else carried.mask.mask


def _is_as_closed(target: Carried, one: Carried) -> bool:
    """Whether conditions may use a value there for no more than where it comes from."""
    if one.mask is None or target.mask is None:
        return False
    return PREDICATES.index(target.mask.predicates) <= PREDICATES.index(one.mask.predicates)


_PLACES = {
    "where": "in WHERE",
    "join": "in JOIN",
    "group": "in GROUP BY",
    "order": "in ORDER BY",
    "having": "in HAVING",
    "limit": "in LIMIT",
    "window": "in a window",
    "filter": "in FILTER",
    "case": "in CASE",
    "sublink": "in a subquery's test",
    "partition": "to choose a partition",
    "copy_null": "with this NULL string of COPY",
    "function": "as an argument of a function that returns rows",
    "trigger": "by a trigger that may refuse the row",
}


def _place(use: Use, level: Predicates) -> str:
    if use.context in _ERROR_CONTEXTS:
        return f"go into {use.expression}, which fails for some values"
    place = "be used " + _PLACES.get(use.context, f"in {use.context}")
    has_other_ways = level == "equality" and use.kind is not UseKind.ORDER and use.context not in _UNBOUNDED_CONTEXTS
    return f"{place} this way" if has_other_ways else place


def _rows_denials(write: Write, target: Carried, carrying: Carrying) -> Iterator[Reason]:
    """What COPY FROM cannot do with the values in its rows, though INSERT can."""
    if target.mask is None:
        return
    if isinstance(target.mask.mask, Tokenize):
        lost = "is shown as tokens, which COPY FROM would store as they are"
    elif carrying.is_array(write.target):
        lost = "is masked element by element, and the elements in rows of COPY FROM cannot be counted"
    else:
        return
    hint = "INSERT the rows with parameters, or leave the column out."
    yield Reason(target.mask.rule, f"{target.name} {lost}", target.mask.where, hint)


def write_denials(write: Write, carrying: Carrying, defaults: Defaults) -> Iterator[Reason]:
    """A masked value may only be stored where it stays masked the same; a write asks nothing. Raises NotUnderstood."""
    target = next(iter(carrying.of_source(Source(write.target, Form.COPY))))
    yield from _test_denials(write, target, carrying)
    yield from _uncounted_denials(write, target, carrying)
    if write.comes_in_rows:
        yield from _rows_denials(write, target, carrying)
    is_temporary = carrying.is_temporary(write.target)
    carried = carrying.of_sources(write.sources)
    if is_temporary and target.mask is not None and not write.is_null and not _is_all_copied(target, carried):
        # Values of one's own under its mask, in a table of one's own, would be a code book without an end.
        yield Reason(
            target.mask.rule,
            f"{target.name} holds values that are masked, and takes no others",
            target.mask.where,
            "Write NULL, or columns with the same mask.",
        )
    for one in carried:
        if one.mask is None or one.form is Form.COUNT or one.is_outside_masked_paths:
            continue
        if one.form is Form.AGGREGATE and defaults.aggregates == "allow" and not one.mask.is_secret:
            continue
        # A part of a value, stored under its mask, would be a code book: mask(substr(x, 1, 1)).
        is_same = _is_copied(target, one)
        # Rows of the column itself have passed its own check already. Nothing tests what a temporary table takes: its
        # constraints are none that copies could break.
        is_own = is_temporary or one.column == write.target
        tells = one.mask.predicates != "allow" and not is_own and carrying.is_checked(write.target)
        is_kept = is_same and not tells and _is_as_closed(target, one)
        if is_kept and (one.mask.predicates != "deny" or is_own):
            continue
        lost = "constraints or predicates would tell more" if is_same else "it would not stay masked the same"
        yield Reason(
            one.mask.rule,
            f"{one.name} is masked, and in {target.name} {lost}",
            one.mask.where,
            "Write constants, columns that are not masked, or the column into one with the same mask.",
        )


def _is_copied(target: Carried, one: Carried) -> bool:
    """Whether the whole value goes under the same mask."""
    return one.mask is not None and _mask(target) == one.mask.mask and one.form in (Form.COPY, Form.WHOLE)


def _is_all_copied(target: Carried, carried: list[Carried]) -> bool:
    return bool(carried) and all(_is_copied(target, one) for one in carried)


def effect_denials(effect: Effect, carrying: Carrying, defaults: Defaults) -> Iterator[Reason]:
    """Nothing masked goes where others can see it, or into a setting of the session. Raises NotUnderstood."""
    for one in carrying.of_sources(effect.sources):
        if one.mask is None or one.form is Form.COUNT or one.is_outside_masked_paths:
            continue
        if one.form is Form.AGGREGATE and defaults.aggregates == "allow" and not one.mask.is_secret:
            continue
        yield Reason(
            one.mask.rule,
            f"{one.name} is masked, and {effect.function} takes effect beyond the result of the statement",
            one.mask.where,
            "Give it constants, or columns that are not masked.",
        )


_TESTS = {"u": "a unique constraint", "x": "an exclusion constraint", "f": "a foreign key", "c": "a check"}


def _test_denials(write: Write, target: Carried, carrying: Carrying) -> Iterator[Reason]:
    """Whether a row is accepted tells whether a value is there already, or how it compares.

    Under equality the constants of an INSERT are counted (`comparisons`). A check may compare by less than, an
    exclusion constraint by overlap, and in an UPDATE of a key that a masked column references it is the row's old value
    that is looked for.
    """
    name = target.name
    for kind, column in carrying.tested_with(write.target):
        is_uncounted = kind in ("c", "x") or (kind == "f" and write.changes_rows and target.mask is None)
        for one in carrying.of_source(Source(column, Form.COPY)):
            level = None if one.mask is None else one.mask.predicates
            if one.mask is not None and (level == "deny" or (level == "equality" and is_uncounted)):
                yield Reason(
                    one.mask.rule,
                    f"{one.name} is masked, and {_TESTS[kind]} would tell of it when {name} is written",
                    one.mask.where,
                    "Leave the column out.",
                )


def _uncounted_denials(write: Write, target: Carried, carrying: Carrying) -> Iterator[Reason]:
    """What is written is counted: a join or a constraint would tell which of it was there before, and read back it is
    the mask of a guess.

    So it must be known: constants, what the server chooses, or a masked value. A table of guesses is none of these, nor
    is what a masked generated column makes of several.
    """
    is_known = write.constants is not None or write.comes_in_rows
    if write.sources:
        is_known = all(one.mask is not None for one in carrying.of_sources(write.sources))
    if is_known and all(len(sources) == 1 for _, sources in carrying.generated_with(write.target)):
        return
    for one in tested_by(write, carrying):
        if one.mask is not None and one.mask.predicates != "allow" and not one.is_outside_masked_paths:
            yield Reason(
                one.mask.rule,
                f"{one.name} is masked, and what is written into {target.name} cannot be counted",
                one.mask.where,
                "Write constants or parameters: they are counted as if they were compared with it.",
            )


def deletion_denials(relation: int, carrying: Carrying) -> Iterator[Reason]:
    """Whether a row can go, or what goes with it, tells whether a masked column references it. Raises NotUnderstood."""
    for own, column in carrying.referencing(relation):
        is_own_masked = any(one.mask is not None for one in carrying.of_source(Source(own, Form.COPY)))
        for one in carrying.of_source(Source(column, Form.COPY)):
            level = None if one.mask is None else one.mask.predicates
            if one.mask is not None and (level == "deny" or (level == "equality" and not is_own_masked)):
                yield Reason(
                    one.mask.rule,
                    f"{one.name} is masked, and a foreign key would tell of it when rows are deleted",
                    one.mask.where,
                    "Leave the rows, or mark them as deleted in a column of their own.",
                )

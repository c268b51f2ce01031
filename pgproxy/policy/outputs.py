"""The mask of each result column, from what it carries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pgproxy.catalog.model import Catalog
from pgproxy.policy.carrying import Carried, Carrying
from pgproxy.policy.decision import OutputColumn, Reason
from pgproxy.policy.mask_text import mask_text
from pgproxy.policy.masks import (
    Constant,
    Digits,
    Fake,
    Hash,
    Mask,
    Null,
    Partial,
    Redact,
    Scrub,
    Tokenize,
)
from pgproxy.policy.matching import ColumnMask
from pgproxy.policy.rules import Defaults
from pgproxy.statements.model import Form, Output

TEXT_TYPES = frozenset({25, 1043, 1042, 19, 705})
"""text, varchar, bpchar, name, unknown. Source: pg_type.dat."""
_MASKS_OF_TEXT = (Null, Redact, Constant, Hash, Partial, Fake, Digits, Tokenize, Scrub)


@dataclass(frozen=True, slots=True)
class Judged:
    """One output with what speaks against it, and what was masked by which rule."""

    column: OutputColumn
    denials: tuple[Reason, ...] = ()
    masks: tuple[Reason, ...] = ()


def judge(output: Output, carrying: Carrying, defaults: Defaults, catalog: Catalog) -> Judged:
    """Raises NotUnderstood."""
    carried = carrying.of_sources(output.sources)
    lineage = tuple(sorted({one.row or one.name for one in carried}))
    columns = {source.column for source in output.sources} | {one.column for one in carried}
    origins = frozenset((column.relation, column.attnum) for column in columns)
    masked = masked_parts(carried, defaults)
    denials = tuple(_denials(output, masked, defaults))
    mask = _mask(output, masked, carried, defaults, catalog) if masked else None
    reasons = () if mask is None else tuple(_mask_reason(one, mask) for one in masked)
    named = carrying.mask_of_view(output.origin) if mask is None and output.origin is not None else None
    if named is not None:
        mask = named.mask
        reasons = (Reason(named.rule, f"a column of a view is masked by its name: {mask_text(mask)}", named.where),)
    column = OutputColumn(output.name, output.type_oid, lineage, mask, origins)
    return Judged(column, denials, tuple(dict.fromkeys(reasons)))


def masked_parts(carried: Sequence[Carried], defaults: Defaults) -> list[Carried]:
    """What of it may not be seen as it is."""
    return [one for one in carried if one.mask is not None and not _is_clean(one, defaults)]


def _is_clean(carried: Carried, defaults: Defaults) -> bool:
    """Whether this form of a masked column may be seen."""
    if carried.form is Form.COUNT:
        return True
    assert carried.mask is not None
    if carried.form is Form.AGGREGATE:
        return defaults.aggregates == "allow" and not carried.mask.is_secret
    return carried.form is Form.DERIVED and carried.is_outside_masked_paths


def _mask(
    output: Output, masked: Sequence[Carried], carried: Sequence[Carried], defaults: Defaults, catalog: Catalog
) -> Mask:
    """What covers an output that carries masked columns; in doubt NULL."""
    forms = {one.form for one in masked}
    if forms <= {Form.COPY, Form.WHOLE}:
        # Unmasked and derived beside a copy: it only chose whether the copy comes (a CASE test, a scalar subquery).
        chosen = [one for one in carried if one.mask is None and one.form is Form.DERIVED]
        values = [one for one in carried if one.form is not Form.COUNT and one not in chosen]
        same = _one_mask(values)
        if forms == {Form.COPY}:
            return Redact() if same is None else same
        if defaults.derived == "pseudonym" and same is not None and _has_values(same, output, masked, catalog):
            return same
    return Null()


def _one_mask(values: Sequence[Carried]) -> Mask | None:
    """The mask that all have; None: some have another, or none."""
    masks = {None if one.mask is None else one.mask.mask for one in values}
    return masks.pop() if len(masks) == 1 else None


def _has_values(mask: Mask, output: Output, masked: Sequence[Carried], catalog: Catalog) -> bool:
    """Whether the mask gives a value of the output's type: that of its columns, or text for a mask of text."""
    types = {_type_of(one, catalog) for one in masked}
    if types == {output.type_oid}:
        return True
    return output.type_oid in TEXT_TYPES and isinstance(mask, _MASKS_OF_TEXT)


def _type_of(carried: Carried, catalog: Catalog) -> int:
    column = catalog.relations[carried.column.relation].column(carried.column.attnum)
    return 0 if column is None else column.type_oid


def _denials(output: Output, masked: Sequence[Carried], defaults: Defaults) -> Iterator[Reason]:
    rows = [one for one in masked if one.form is Form.ROW]
    if rows:
        mask = rows[0].mask
        assert mask is not None
        names = ", ".join(one.name for one in rows)
        yield Reason(
            mask.rule,
            f'result column "{output.name}" is a whole row with masked columns: {names}',
            mask.where,
            "List the columns that you need instead of the whole row.",
        )
    if defaults.derived == "deny":
        for one in masked:
            if one.form in (Form.WHOLE, Form.DERIVED) and one.mask is not None:
                yield Reason(
                    one.mask.rule,
                    f'result column "{output.name}" is an expression over {one.name}, which is masked',
                    one.mask.where,
                    "Select the column itself: it comes back masked.",
                )


def _mask_reason(carried: Carried, mask: Mask) -> Reason:
    own: ColumnMask | None = carried.mask
    assert own is not None
    what = f"{carried.name} is masked" if mask == own.mask else f"made from {carried.name}, which is masked"
    return Reason(own.rule, f"{what}: {mask_text(mask)}", own.where)

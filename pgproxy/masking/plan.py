"""Which function each masked column of a result goes through: made once a result, used for every row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pgproxy.catalog.model import Type
from pgproxy.masking.functions import mask_function
from pgproxy.masking.keys import MaskingKeys
from pgproxy.policy.masks import Mask

ValueMask = Callable[[bytes], "bytes | None"]


class ResultColumn(Protocol):
    """What RowDescription says of a column, with the format that the rows will have."""

    @property
    def type_oid(self) -> int: ...
    @property
    def typmod(self) -> int: ...
    @property
    def format(self) -> int: ...


@dataclass(frozen=True, slots=True)
class MaskPlan:
    columns: tuple[tuple[int, ValueMask], ...]
    """(0-based column index, function of a value that is not NULL), ascending."""
    width: int
    """How many columns a row has."""


def plan_masks(
    masks: Sequence[Mask | None],
    row: Sequence[ResultColumn],
    types: Mapping[int, Type],
    keys: MaskingKeys,
    parameters: Mapping[str, str],
) -> MaskPlan:
    """The plan of one result.

    Args:
        masks: one a column, None: as it is. Must be as many as the row has columns.
        parameters: the session's ParameterStatus values when the rows are made (DateStyle, TimeZone, IntervalStyle).

    Raises:
        ValueError: the numbers of columns differ.
    """
    if len(masks) != len(row):
        raise ValueError(f"{len(masks)} masks for {len(row)} columns")
    return MaskPlan(
        tuple(
            (index, mask_function(mask, column.type_oid, column.typmod, column.format, types, keys, parameters))
            for index, (mask, column) in enumerate(zip(masks, row, strict=True))
            if mask is not None
        ),
        len(row),
    )

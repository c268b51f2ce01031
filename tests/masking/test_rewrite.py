from __future__ import annotations

import struct
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgproxy.errors import MalformedMessage
from pgproxy.masking.plan import MaskPlan, plan_masks
from pgproxy.masking.rewrite import rewrite_rows
from pgproxy.policy.masks import Constant, Hash
from pgproxy.wire.formats import oids
from tests.masking.every_mask import KEYS

Row = list[bytes | None]


def frame(values: Row) -> bytes:
    body = b"".join(b"\xff\xff\xff\xff" if v is None else struct.pack("!i", len(v)) + v for v in values)
    return struct.pack("!cih", b"D", 6 + len(body), len(values)) + body


def plan(width: int, *masked: int) -> MaskPlan:
    """Doubles the values of these columns; makes "NULL" of them NULL."""
    return MaskPlan(tuple((index, lambda v: None if v == b"NULL" else v + v) for index in masked), width)


CASES: tuple[tuple[tuple[int, ...], Row, Row], ...] = (
    ((0,), [b"a", b"b"], [b"aa", b"b"]),
    ((1,), [b"a", b"b"], [b"a", b"bb"]),
    ((0, 1), [b"a", b"b"], [b"aa", b"bb"]),
    ((0, 2), [b"", None, b"c", b"d"], [b"", None, b"cc", b"d"]),
    ((0, 1), [None, b"b"], [None, b"bb"]),
    ((0, 1), [None, None], [None, None]),
    ((1,), [b"a", b"NULL", b"c"], [b"a", None, b"c"]),
    ((0, 2), [b"NULL", b"x", b"NULL"], [None, b"x", None]),
    ((), [b"a"], [b"a"]),
    ((), [], []),
    ((2,), [b"x" * 70_000, b"y", b"z" * 70_000], [b"x" * 70_000, b"y", b"z" * 140_000]),
)


@pytest.mark.parametrize(("masked", "row", "expected"), CASES)
def test_planned_columns_are_replaced(masked: tuple[int, ...], row: Row, expected: Row) -> None:
    for count in (1, 3):
        assert rewrite_rows(frame(row) * count, plan(len(row), *masked)) == frame(expected) * count


def test_no_rows_are_no_rows() -> None:
    assert rewrite_rows(b"", plan(2, 0)) == b""


@given(
    st.lists(st.lists(st.none() | st.binary(max_size=9), min_size=3, max_size=3), max_size=5),
    st.sets(st.integers(0, 2)),
)
def test_any_rows(rows: list[Row], masked: set[int]) -> None:
    double = [[v + v if v is not None and i in masked else v for i, v in enumerate(row)] for row in rows]
    given_plan = MaskPlan(tuple((index, lambda v: v + v) for index in sorted(masked)), 3)
    assert rewrite_rows(b"".join(map(frame, rows)), given_plan) == b"".join(map(frame, double))


def test_every_truncation_is_malformed() -> None:
    whole = frame([b"abc", None, b"defg"])
    for length in range(1, len(whole)):
        with pytest.raises(MalformedMessage):
            rewrite_rows(whole[:length], plan(3, 0, 2))


MALFORMED = (
    b"C" + frame([b"a"])[1:],
    frame([b"a", b"b"]),
    struct.pack("!ciH", b"D", 5, 1),
    struct.pack("!cihi", b"D", 10, 1, 4) + b"abcd",  # value longer than its frame
    struct.pack("!cihi", b"D", 10, 1, -2),
    struct.pack("!cih", b"D", 6, 1),
    struct.pack("!cih", b"D", -1, 1),
)


@pytest.mark.parametrize("chunk", MALFORMED)
def test_what_is_no_row_of_the_plan_is_malformed_and_not_shown(chunk: bytes) -> None:
    with pytest.raises(MalformedMessage) as refusal:
        rewrite_rows(chunk, plan(1, 0))
    assert "abcd" not in str(refusal.value)


def test_a_value_before_the_masked_one_may_not_reach_past_the_frame() -> None:
    row = bytearray(frame([b"abc", b"secret"]) + frame([b"abc", b"secret"]))
    row[7:11] = struct.pack("!i", 13)  # the first value swallows the second and part of the next frame's header
    with pytest.raises(MalformedMessage):
        rewrite_rows(bytes(row), plan(2, 1))


@dataclass(frozen=True)
class Field:
    type_oid: int
    typmod: int = -1
    format: int = 0


def test_a_plan_has_the_masked_columns_in_order() -> None:
    row = (Field(oids.INT4), Field(oids.TEXT), Field(oids.TEXT))
    made = plan_masks((None, Constant("x"), Hash()), row, {}, KEYS, {})
    assert [index for index, _ in made.columns] == [1, 2]
    assert made.width == 3
    assert rewrite_rows(frame([b"1", b"secret", None]), made) == frame([b"1", b"x", None])


def test_masks_for_another_number_of_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="1 masks for 2 columns"):
        plan_masks((Hash(),), (Field(oids.TEXT), Field(oids.TEXT)), {}, KEYS, {})

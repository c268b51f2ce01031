"""What holds for every mask, type and value, without a server."""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgproxy.masking.functions import mask_function, typed_transform
from pgproxy.masking.keys import MaskingKeys
from pgproxy.masking.valuetypes import ScalarType, value_type
from pgproxy.policy.masks import (
    Digits,
    Fake,
    Hash,
    Mask,
    Null,
    Partial,
    Redact,
    Round,
    Scrub,
    ShiftDays,
    Tokenize,
    Truncate,
)
from pgproxy.wire.formats import calendar, oids
from pgproxy.wire.formats.calendar import DAY
from pgproxy.wire.formats.intervals import Interval
from pgproxy.wire.formats.network import Network
from tests.masking.every_mask import EVERY_MASK, KEYS
from tests.wire_formats.type_samples import STYLES

days = st.integers(calendar.FIRST_DAY, calendar.END_DAY_OF_DATES - 1) | st.integers(-40_000, 40_000)
timestamps = st.integers(calendar.FIRST_TIMESTAMP, calendar.END_TIMESTAMP - 1) | st.integers(-(10**15), 10**15)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
float4s = st.floats(width=32)
VALUES: dict[int, st.SearchStrategy[Any]] = {
    oids.TEXT: texts,
    oids.INT2: st.integers(-(2**15), 2**15 - 1),
    oids.INT4: st.integers(-(2**31), 2**31 - 1),
    oids.INT8: st.integers(-(2**63), 2**63 - 1),
    oids.OID: st.integers(0, 2**32 - 1),
    oids.NUMERIC: st.decimals(allow_nan=False, allow_infinity=False).filter(lambda n: abs(n.adjusted()) < 500)
    | st.sampled_from([Decimal("NaN"), Decimal("Infinity")]),
    oids.FLOAT4: float4s,
    oids.FLOAT8: st.floats(),
    oids.BOOL: st.booleans(),
    oids.DATE: days,
    oids.TIMESTAMP: timestamps,
    oids.TIMESTAMPTZ: timestamps,
    oids.TIME: st.integers(0, DAY),
    oids.TIMETZ: st.tuples(st.integers(0, DAY), st.integers(-57_599, 57_599)),
    oids.INTERVAL: st.builds(
        Interval, st.integers(-(2**31), 2**31 - 2), st.integers(-(2**31), 2**31 - 2), st.integers(-(2**62), 2**62)
    ),
    oids.UUID: st.binary(min_size=16, max_size=16),
    oids.INET: st.builds(Network, st.just(4), st.integers(0, 2**32 - 1), st.integers(0, 32))
    | st.builds(Network, st.just(6), st.integers(0, 2**128 - 1), st.integers(0, 128)),
    oids.MACADDR: st.binary(min_size=6, max_size=6),
    oids.BYTEA: st.binary(max_size=20),
}


def scalar(type_oid: int, parameters: dict[str, str]) -> ScalarType:
    known = value_type(type_oid, -1, {}, parameters)
    assert isinstance(known, ScalarType)
    return known


@pytest.mark.parametrize("type_oid", VALUES)
@given(data=st.data(), name=st.sampled_from(sorted(EVERY_MASK)), style=st.sampled_from(STYLES))
@settings(max_examples=60, deadline=None)
def test_text_and_binary_agree_and_results_are_values_of_the_type(
    type_oid: int, data: st.DataObject, name: str, style: dict[str, str]
) -> None:
    codec = scalar(type_oid, style).codec
    value = data.draw(VALUES[type_oid])
    as_text, as_binary = codec.to_text(value), codec.to_binary(value)
    assert codec.canonical(codec.from_text(as_text)) == codec.canonical(codec.from_binary(as_binary))
    text, binary = (
        mask_function(EVERY_MASK[name], type_oid, -1, code, {}, KEYS, style)(given_bytes)
        for code, given_bytes in ((0, as_text), (1, as_binary))
    )
    if text is None or binary is None:
        assert text is binary
    else:
        assert codec.canonical(codec.from_text(text)) == codec.canonical(codec.from_binary(binary))


KEYED: tuple[Mask, ...] = (Hash(), Digits(), Tokenize("digits"), Tokenize("alnum"), Fake("email"), ShiftDays(9))


@pytest.mark.parametrize("mask", KEYED, ids=str)
def test_masks_are_the_same_for_equal_keys_and_differ_for_others(mask: Mask) -> None:
    type_oid, value = (oids.DATE, b"1980-05-17") if isinstance(mask, ShiftDays) else (oids.TEXT, b"4111-1111-1111-1111")
    keys = (MaskingKeys(bytes(range(32))), MaskingKeys(bytes(range(32))), MaskingKeys(bytes(32)))
    first, same, other = (mask_function(mask, type_oid, -1, 0, {}, k, {})(value) for k in keys)
    assert first == same != other
    assert value not in (first, other)


@given(texts.filter(lambda text: any(c.isdecimal() for c in text)))
def test_digits_are_never_the_value_itself_and_keep_its_shape(text: str) -> None:
    masked = mask_function(Digits(), oids.TEXT, -1, 0, {}, KEYS, {})(text.encode())
    assert masked is not None
    shown = masked.decode()
    assert shown != text and len(shown) == len(text)
    assert all(a == b or (a.isdecimal() and b.isdecimal()) for a, b in zip(text, shown, strict=True))


def test_digits_of_many_equal_shapes_stay_right() -> None:
    mask = mask_function(Digits(), oids.TEXT, -1, 0, {}, KEYS, {})
    for number in range(2_000):
        value = b"%d%%-%s" % (number, b"x" * (number % 300))
        masked = mask(value)
        assert masked is not None and len(masked) == len(value) and masked != value


@given(st.text(max_size=12), st.integers(0, 5), st.integers(0, 5))
def test_partial_keeps_exactly_what_it_says_by_characters(text: str, first: int, last: int) -> None:
    masked = mask_function(Partial(first, last, "*"), oids.TEXT, -1, 0, {}, KEYS, {})(text.encode("utf-8", "replace"))
    text = text.encode("utf-8", "replace").decode()
    assert masked is not None
    shown = masked.decode()
    if len(text) <= first + last:
        assert shown == "*" * len(text)
    else:
        end = len(text) - last
        assert shown == text[:first] + "*" * (end - first) + text[end:]


@given(days, st.integers(1, 400))
def test_shifts_are_within_the_days_and_never_none(day: int, most: int) -> None:
    shifted = typed_transform(ShiftDays(most), scalar(oids.DATE, {}), KEYS)(day)
    assert 1 <= abs(shifted - day) <= most


def test_every_shift_occurs() -> None:
    shift = typed_transform(ShiftDays(3), scalar(oids.DATE, {}), KEYS)
    assert {shift(day) - day for day in range(300)} == {-3, -2, -1, 1, 2, 3}


@given(st.integers(-40_000, 40_000), st.integers(0, DAY - 1))
def test_a_day_and_its_timestamps_shift_together(day: int, clock: int) -> None:
    by_date, by_timestamp = (typed_transform(ShiftDays(30), scalar(o, {}), KEYS) for o in (oids.DATE, oids.TIMESTAMP))
    assert by_timestamp(day * DAY + clock) == by_date(day) * DAY + clock


@given(st.integers(-(2**63), 2**63 - 1), st.integers(1, 10**6))
def test_rounding_is_to_the_nearest_multiple_within_the_type(number: int, unit: int) -> None:
    rounded = typed_transform(Round(str(unit)), scalar(oids.INT8, {}), KEYS)(number)
    assert rounded % unit == 0
    assert abs(rounded - number) * 2 <= unit or abs(rounded) < 2**63 <= abs(number) + unit


ROUNDED = (
    (oids.INT4, "10", b"15", b"20"),
    (oids.INT4, "10", b"-15", b"-20"),
    (oids.INT4, "10", b"14", b"10"),
    (oids.INT2, "10000", b"32767", b"30000"),
    (oids.INT2, "7", b"32767", b"32767"),
    (oids.INT4, "0.5", b"15", None),
    (oids.INT4, "0", b"15", None),
    (oids.NUMERIC, "10000", b"15000.00", b"20000.00"),
    (oids.NUMERIC, "0.05", b"1.025", b"1.050"),
    (oids.NUMERIC, "0.05", b"-1.025", b"-1.050"),
    (oids.NUMERIC, "1", b"0.4", b"0.0"),
    (oids.NUMERIC, "1", b"-0.4", b"0.0"),
    (oids.NUMERIC, "3", b"1" * 60, b"1" * 60),
    (oids.NUMERIC, "10", b"NaN", b"NaN"),
    (oids.FLOAT8, "0.1", b"0.25", b"0.3"),
    (oids.FLOAT8, "1000", b"-1500", b"-2000"),
    (oids.TEXT, "10", b"15", None),
)


@pytest.mark.parametrize(("type_oid", "unit", "value", "expected"), ROUNDED)
def test_rounding(type_oid: int, unit: str, value: bytes, expected: bytes | None) -> None:
    assert mask_function(Round(unit), type_oid, -1, 0, {}, KEYS, {})(value) == expected


NUMERIC_4_2 = (4 << 16 | 2) + 4


def test_rounding_stays_within_the_precision_of_the_column() -> None:
    assert mask_function(Round("10"), oids.NUMERIC, NUMERIC_4_2, 0, {}, KEYS, {})(b"99.99") == b"90.00"


TRUNCATED = (
    (oids.DATE, "year", b"2024-02-29", b"2024-01-01"),
    (oids.DATE, "month", b"0044-03-15 BC", b"0044-03-01 BC"),
    (oids.DATE, "hour", b"2024-02-29", b"2024-02-29"),
    (oids.TIMESTAMP, "day", b"2024-02-29 23:59:59.5", b"2024-02-29 00:00:00"),
    (oids.TIMESTAMP, "hour", b"1960-02-29 23:59:59.5", b"1960-02-29 23:00:00"),
    (oids.TIMESTAMP, "year", b"infinity", b"infinity"),
    (oids.TIMESTAMPTZ, "year", b"2024-07-01 00:00:00+02", b"2024-01-01 01:00:00+01"),
    (oids.TIME, "hour", b"23:59:59", b"23:00:00"),
    (oids.TIME, "day", b"23:59:59", None),
    (oids.TEXT, "year", b"2024-02-29", None),
)


@pytest.mark.parametrize(("type_oid", "unit", "value", "expected"), TRUNCATED)
def test_truncating(type_oid: int, unit: str, value: bytes, expected: bytes | None) -> None:
    mask = mask_function(Truncate(unit), type_oid, -1, 0, {}, KEYS, {"TimeZone": "Europe/Berlin"})
    assert mask(value) == expected


@given(st.binary(max_size=24))
@settings(max_examples=200)
def test_bytes_that_are_no_value_give_null_or_a_value_but_never_an_error(raw: bytes) -> None:
    for mask in EVERY_MASK.values():
        for type_oid in (*VALUES, oids.JSON, oids.JSONB, 1007, 1009, 1185):
            for code in (0, 1):
                mask_function(mask, type_oid, -1, code, {}, KEYS, STYLES[1])(raw)


UNKNOWN = (600, 3904, 2249, 99_999, 22, 790)


@pytest.mark.parametrize("type_oid", UNKNOWN)
@pytest.mark.parametrize("mask", EVERY_MASK.values(), ids=EVERY_MASK)
def test_types_that_are_not_known_become_null(type_oid: int, mask: Mask) -> None:
    for code in (0, 1):
        assert mask_function(mask, type_oid, -1, code, {}, KEYS, {})(b"(1,2)") is None


def test_an_unknown_format_becomes_null() -> None:
    assert mask_function(Hash(), oids.TEXT, -1, 2, {}, KEYS, {})(b"x") is None


LENGTHS: tuple[tuple[Mask, int, int, bytes, bytes | None], ...] = (
    (Hash(), oids.VARCHAR, 4 + 8, b"x", b"e9d1e0b2"),
    (Redact(), oids.VARCHAR, 4 + 10, b"x", b"[redacted]"),
    (Redact(), oids.VARCHAR, 4 + 9, b"x", None),
    (Redact(), oids.BPCHAR, 4 + 12, b"x           ", b"[redacted]  "),
    (Redact(), oids.INT4, -1, b"5", None),
    (Partial(0, 1), oids.BPCHAR, 4 + 5, b"abc  ", b"**c  "),
    (Partial(0, 1), oids.BPCHAR, 4 + 5, "äöü  ".encode(), "**ü  ".encode()),
    (Partial(0, 1), oids.BPCHAR, -1, b"abc  ", b"**c"),
    (Scrub(("email",)), oids.VARCHAR, 4 + 12, b"a: x@y.z", b"a: kristy.ma"),
    (Fake("email"), oids.VARCHAR, 4 + 12, b"x@y.z", None),
    (Redact(), oids.CHAR, -1, b"x", None),
    (Null(), oids.TEXT, -1, b"x", None),
)


@pytest.mark.parametrize(("mask", "type_oid", "typmod", "value", "expected"), LENGTHS)
def test_results_fit_the_column(mask: Mask, type_oid: int, typmod: int, value: bytes, expected: bytes | None) -> None:
    result = mask_function(mask, type_oid, typmod, 0, {}, KEYS, {})(value)
    if isinstance(mask, Hash):
        whole = mask_function(mask, oids.TEXT, -1, 0, {}, KEYS, {})(value)
        assert whole is not None
        expected = whole[:8]
    assert result == expected


def test_equal_numbers_have_one_hash_in_every_numeric_type_and_format() -> None:
    hashes = {
        mask_function(Hash(), type_oid, -1, 0, {}, KEYS, {})(value)
        for type_oid, value in ((oids.INT4, b"5"), (oids.INT8, b"5"), (oids.NUMERIC, b"5.00"), (oids.FLOAT8, b"5"))
    }
    binary = mask_function(Hash(), oids.INT8, -1, 1, {}, KEYS, {})(struct.pack("!q", 5))
    assert binary is not None
    assert hashes == {str(struct.unpack("!q", binary)[0]).encode()}


def test_text_types_agree() -> None:
    values = ((oids.TEXT, -1, b"abc"), (oids.VARCHAR, 44, b"abc"), (oids.BPCHAR, 36, b"abc" + b" " * 29))
    assert len({mask_function(Hash(), oid, typmod, 0, {}, KEYS, {})(value) for oid, typmod, value in values}) == 1

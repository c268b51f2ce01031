"""Codecs without a server: laws of the calendar, zones that are odd, bytes that are no value."""

from __future__ import annotations

import struct
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgproxy.wire.formats import arrays, builtin, calendar, intervals, oids
from pgproxy.wire.formats.codec import UNPARSEABLE, Codec
from pgproxy.wire.formats.intervals import Interval


def codec(type_oid: int, **parameters: str) -> Codec:
    found = builtin.codec(type_oid, parameters)
    assert found is not None
    return found


@given(st.dates())
def test_days_are_those_of_the_calendar(day: date) -> None:
    number = calendar.day_number(day.year, day.month, day.day)
    assert number == day.toordinal() - date(2000, 1, 1).toordinal()
    assert calendar.civil(number) == (day.year, day.month, day.day)


@given(st.integers(calendar.FIRST_DAY, calendar.END_DAY_OF_DATES))
def test_every_day_of_postgres_comes_back(number: int) -> None:
    assert calendar.day_number(*calendar.civil(number)) == number


ZONES = (
    ("UTC", 0),
    ("", 0),
    ("Europe/Berlin", 3600),
    ("<+02>-02", 7200),
    ("<-0330>+03:30", -12_600),
    ("EST5", -18_000),
    ("EST", -18_000),
)


@pytest.mark.parametrize(("name", "offset"), ZONES)
def test_zones_are_known_by_name_and_by_posix_offset(name: str, offset: int) -> None:
    found = calendar.zone(name)
    assert found is not None
    assert found.at(0)[0] == offset


@pytest.mark.parametrize("name", ("No/Such", "../../etc/passwd", "/etc/localtime", "<+99>-99", "x" * 500))
def test_other_zones_are_unknown(name: str) -> None:
    assert calendar.zone(name) is None


def test_with_an_unknown_zone_iso_is_written_in_utc_and_other_styles_not_at_all() -> None:
    iso = codec(oids.TIMESTAMPTZ, TimeZone="No/Such")
    assert iso.to_text(iso.from_text(b"2026-07-01 12:00:00+02")) == b"2026-07-01 10:00:00+00"
    with pytest.raises(ValueError, match="unknown time zone"):
        codec(oids.TIMESTAMPTZ, TimeZone="No/Such", DateStyle="SQL, DMY").from_text(b"01/07/2026 12:00:00 XYZ")


def test_the_doubled_hour_is_told_apart_by_its_abbreviation() -> None:
    sql = codec(oids.TIMESTAMPTZ, TimeZone="Europe/Berlin", DateStyle="SQL, DMY")
    summer, winter = (sql.from_text(b"25/10/2026 02:30:00 " + name) for name in (b"CEST", b"CET"))
    assert winter - summer == 3600 * calendar.MICROSECONDS


@pytest.mark.parametrize("style", ("postgres", "postgres_verbose", "sql_standard", "iso_8601"))
@given(
    months=st.integers(-(2**31), 2**31 - 1),
    days=st.integers(-(2**31), 2**31 - 1),
    microseconds=st.integers(-(2**62), 2**62),
)
def test_intervals_come_back_in_every_style(style: str, months: int, days: int, microseconds: int) -> None:
    interval = codec(oids.INTERVAL, IntervalStyle=style)
    value = Interval(months, days, microseconds)
    assert interval.from_text(interval.to_text(value)) == value
    assert interval.from_binary(interval.to_binary(value)) == value


def test_infinite_intervals_have_their_own_words() -> None:
    interval = codec(oids.INTERVAL)
    for value, text in ((intervals.INFINITY, b"infinity"), (intervals.MINUS_INFINITY, b"-infinity")):
        assert interval.to_text(value) == text
        assert interval.from_text(text) == interval.from_binary(interval.to_binary(value)) == value


@given(st.binary(max_size=40))
def test_bytea_is_read_in_both_of_its_outputs(value: bytes) -> None:
    bytea = codec(oids.BYTEA)
    escaped = b"".join(
        b"\\\\" if byte == 0x5C else bytes((byte,)) if 0x20 <= byte < 0x7F else b"\\%03o" % byte for byte in value
    )
    assert bytea.from_text(escaped) == bytea.from_text(bytea.to_text(value)) == value


NO_VALUES = (
    (oids.INT4, 0, b"x"),
    (oids.INT4, 0, b"2147483648"),
    (oids.INT4, 1, b"\0\0\0"),
    (oids.INT4, 1, b"\0\0\0\0\0"),
    (oids.OID, 0, b"-1"),
    (oids.NUMERIC, 0, b"1_0"),
    (oids.NUMERIC, 0, b"1e999999"),
    (oids.NUMERIC, 1, struct.pack("!hhHHH", 1, 0, 0, 0, 10_000)),
    (oids.NUMERIC, 1, struct.pack("!hhHH", 1, 0, 0, 0)),
    (oids.NUMERIC, 1, struct.pack("!hhHH", 0, 0, 7, 0)),
    (oids.FLOAT4, 0, b"1e39"),
    (oids.FLOAT8, 0, b"1_0"),
    (oids.BOOL, 1, b"\x02"),
    (oids.BOOL, 0, b"maybe"),
    (oids.DATE, 0, b"2024-02-30"),
    (oids.DATE, 0, b"02/03/2024"),
    (oids.DATE, 1, struct.pack("!i", -(2**31) + 1)),
    (oids.TIMESTAMP, 0, b"2024-02-01 25:00:00"),
    (oids.TIMESTAMP, 1, struct.pack("!q", -(2**63) + 1)),
    (oids.TIME, 0, b"24:00:01"),
    (oids.TIME, 1, struct.pack("!q", -1)),
    (oids.INTERVAL, 0, b"1 fortnight"),
    (oids.INTERVAL, 1, b"\0" * 15),
    (oids.UUID, 0, b"a0eebc99"),
    (oids.UUID, 1, b"\0" * 15),
    (oids.INET, 0, b"1.2.3"),
    (oids.INET, 0, b"1.2.3.4/33"),
    (oids.INET, 0, b"fe80::1%eth0"),
    (oids.INET, 1, b"\x02\x20\x00\x04\x01\x02\x03"),
    (oids.INET, 1, b"\x07\x20\x00\x04\x01\x02\x03\x04"),
    (oids.CIDR, 0, b"10.0.0.1/8"),
    (oids.MACADDR, 0, b"08:00:2b"),
    (oids.BYTEA, 0, b"\\xzz"),
    (oids.BYTEA, 0, b"\\9"),
    (oids.JSONB, 1, b"\x02{}"),
    (oids.TEXT, 0, b"\xff"),
)


@pytest.mark.parametrize(("type_oid", "format_code", "data"), NO_VALUES)
def test_bytes_that_are_no_value_are_refused(type_oid: int, format_code: int, data: bytes) -> None:
    with pytest.raises(UNPARSEABLE):
        codec(type_oid).decoder(format_code)(data)


def test_numerics_longer_than_python_integers_come_back() -> None:
    numeric = codec(oids.NUMERIC)
    text = b"-" + b"7" * 100_000 + b"." + b"3" * 10_000
    value = numeric.from_text(text)
    assert numeric.to_text(numeric.from_binary(numeric.to_binary(value))) == text


@given(st.decimals(allow_nan=False, allow_infinity=False).filter(lambda n: abs(n.adjusted()) < 200))
def test_numerics_come_back_in_binary(value: Decimal) -> None:
    numeric = codec(oids.NUMERIC)
    assert numeric.from_binary(numeric.to_binary(value)) == value


elements = st.none() | st.binary(max_size=8).map(lambda raw: raw.replace(b"\0", b""))


@given(st.lists(elements, min_size=1, max_size=6))
def test_arrays_keep_elements_and_dimensions(values: list[bytes | None]) -> None:
    seen: list[bytes] = []

    def see(element: bytes) -> bytes:
        seen.append(element)
        return element

    binary = struct.pack("!iiIii", 1, int(None in values), oids.TEXT, len(values), 3) + b"".join(
        b"\xff\xff\xff\xff" if value is None else struct.pack("!i", len(value)) + value for value in values
    )
    assert arrays.map_binary(binary, see) == binary
    text = arrays.map_text(b"[3:%d]={" % (len(values) + 2) + b",".join(b"x" for _ in values) + b"}", see)
    assert seen == [value for value in values if value is not None] + [b"x"] * len(values)
    assert text.startswith(b"[3:")


@given(st.lists(elements, min_size=1, max_size=6))
def test_written_text_arrays_read_back_as_they_were(values: list[bytes | None]) -> None:
    following = iter(values)
    written = arrays.map_text(b"{" + b",".join(b"x" for _ in values) + b"}", lambda _: next(following))
    seen: list[bytes] = []

    def see(element: bytes) -> bytes:
        seen.append(element)
        return element

    assert arrays.map_text(written, see) == written
    assert seen == [value for value in values if value is not None]


@pytest.mark.parametrize(
    "data",
    (b"", b"a", b"{", b"{a", b"{a}}", b"{a}x", b"{a b}{", b'{"a', b"{,}", b"{a,,b}", b"{a,}", b'{a"b}', b"{\\", b"}"),
)
def test_text_that_is_no_array_is_refused(data: bytes) -> None:
    with pytest.raises(UNPARSEABLE):
        arrays.map_text(data, lambda element: element)


BINARY_ARRAY = struct.pack("!iiIii", 1, 0, oids.TEXT, 1, 1) + struct.pack("!i", 1) + b"a"


@pytest.mark.parametrize(
    "data",
    (
        *(BINARY_ARRAY[:length] for length in range(len(BINARY_ARRAY))),
        BINARY_ARRAY + b"x",
        struct.pack("!iiI", 7, 0, oids.TEXT),
        struct.pack("!iiI", -1, 0, oids.TEXT),
        struct.pack("!iiIii", 1, 0, oids.TEXT, 2**30, 1),
        struct.pack("!iiIii", 1, 0, oids.TEXT, -1, 1),
        struct.pack("!iiIii", 1, 0, oids.TEXT, 1, 1) + struct.pack("!i", -2),
    ),
)
def test_binary_that_is_no_array_is_refused(data: bytes) -> None:
    with pytest.raises(UNPARSEABLE):
        arrays.map_binary(data, lambda element: element)

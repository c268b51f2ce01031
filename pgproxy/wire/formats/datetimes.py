"""date, timestamp, timestamptz, time and timetz, as the session's DateStyle and TimeZone write them.

Source: `EncodeDateOnly`, `EncodeDateTime`, `EncodeTimezone` in `src/backend/utils/adt/datetime.c`. Whatever the style,
the ISO spelling is read too: constants of rules are written that way.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from pgproxy.wire.formats.calendar import (
    DAY,
    INFINITY,
    MICROSECONDS,
    UTC_ZONE,
    Zone,
    check_day,
    check_timestamp,
    civil,
    day_number,
    zone,
)
from pgproxy.wire.formats.codec import Codec, Family

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Sat", "Sun", "Mon", "Tue", "Wed", "Thu", "Fri")  # 2000-01-01 was a Saturday
_INT32 = struct.Struct("!i")
_INT64 = struct.Struct("!q")
_TIMETZ = struct.Struct("!qi")

_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,6}))?)?"
_TZ = r"(?:\s?(?!BC$)(?P<zone>[+-]\d\d(?::?\d\d)?(?::\d\d)?|Z|[A-Za-z0-9+\-_/]+?))?"
_BC = r"(?P<bc> BC)?"
_ISO = re.compile(rf"(?P<year>\d{{4,7}})-(?P<month>\d\d)-(?P<day>\d\d)(?:[ T]{_CLOCK}{_TZ})?{_BC}")
_PARTS = {
    "sql": re.compile(rf"(?P<a>\d\d)/(?P<b>\d\d)/(?P<year>\d{{4,7}})(?: {_CLOCK}{_TZ})?{_BC}"),
    "german": re.compile(rf"(?P<a>\d\d)\.(?P<b>\d\d)\.(?P<year>\d{{4,7}})(?: {_CLOCK}{_TZ})?{_BC}"),
    "postgres": re.compile(rf"(?P<a>\d\d)-(?P<b>\d\d)-(?P<year>\d{{4,7}}){_BC}"),
}
_POSTGRES = re.compile(
    rf"[A-Z][a-z][a-z] (?:(?P<name>[A-Z][a-z][a-z]) (?P<day>\d\d)|(?P<day2>\d\d) (?P<name2>[A-Z][a-z][a-z]))"
    rf" {_CLOCK} (?P<year>\d{{4,7}}){_TZ}{_BC}"
)
_TIME = re.compile(rf"{_CLOCK}(?P<zone>[+-]\d\d(?::\d\d)?(?::\d\d)?)?")
_OFFSET = re.compile(r"([+-])(\d\d)(?::?(\d\d))?(?::(\d\d))?")


@dataclass(frozen=True, slots=True)
class DateStyle:
    style: str = "iso"
    """iso, sql, postgres or german."""
    day_first: bool = False

    @classmethod
    def of(cls, setting: str) -> DateStyle:
        words = [word.strip().lower() for word in setting.split(",")]
        style = words[0] if words[0] in ("sql", "postgres", "german") else "iso"
        return cls(style, "dmy" in words or style == "german")

    def date(self, year: int, month: int, day: int) -> str:
        shown = f"{year if year > 0 else 1 - year:04d}"
        first, second = (day, month) if self.day_first else (month, day)
        match self.style:
            case "iso":
                text = f"{shown}-{month:02d}-{day:02d}"
            case "sql":
                text = f"{first:02d}/{second:02d}/{shown}"
            case "german":
                text = f"{day:02d}.{month:02d}.{shown}"
            case _:
                text = f"{first:02d}-{second:02d}-{shown}"
        return text

    def timestamp(self, value: int, zone_text: str = "") -> str:
        """`value` is local time; `zone_text` as it is to follow the time, without a space before it."""
        days, rest = divmod(value, DAY)
        year, month, day = civil(days)
        if self.style == "postgres":
            first, second = (f"{day:02d}", _MONTHS[month - 1])
            if not self.day_first:
                first, second = second, first
            shown = f"{year if year > 0 else 1 - year:04d}"
            text = f"{_WEEKDAYS[days % 7]} {first} {second} {clock_text(rest)} {shown}"
        else:
            text = f"{self.date(year, month, day)} {clock_text(rest)}"
        if zone_text:
            text += zone_text if self.style == "iso" else f" {zone_text}"
        return text if year > 0 else text + " BC"


def clock_text(value: int) -> str:
    seconds, micros = divmod(value, MICROSECONDS)
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{text}.{micros:06d}".rstrip("0") if micros else text


def offset_text(seconds: int) -> str:
    sign, rest = ("+", seconds) if seconds >= 0 else ("-", -seconds)
    text = f"{sign}{rest // 3600:02d}"
    if rest % 3600:
        text += f":{rest // 60 % 60:02d}"
    if rest % 60:
        text += f":{rest % 60:02d}"
    return text


def _offset(text: str) -> int | None:
    if text in ("Z", "UTC", "GMT"):
        return 0
    found = _OFFSET.fullmatch(text)
    if found is None:
        return None
    seconds = int(found[2]) * 3600 + int(found[3] or 0) * 60 + int(found[4] or 0)
    return -seconds if found[1] == "-" else seconds


def _clock(found: re.Match[str]) -> int:
    if found["hour"] is None:
        return 0
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"] or 0)
    micros = int((found["fraction"] or "").ljust(6, "0"))
    value = ((hour * 60 + minute) * 60 + second) * MICROSECONDS + micros
    if minute > 59 or second > 60 or value > DAY:
        raise ValueError("no time")
    return value


def _parse(data: bytes, style: DateStyle) -> tuple[int, int, str]:
    """(day number, microseconds of the day, zone as written) of a date or timestamp in any spelling of the style."""
    text = data.decode("ascii").strip()
    found = _ISO.fullmatch(text)
    if found is not None:
        month, day = int(found["month"]), int(found["day"])
    elif style.style == "postgres" and (named := _POSTGRES.fullmatch(text)) is not None:
        found = named
        month = _MONTHS.index(found["name"] or found["name2"]) + 1
        day = int(found["day"] or found["day2"])
    else:
        found = _PARTS[style.style].fullmatch(text) if style.style != "iso" else None
        if found is None:
            raise ValueError("no date")
        first, second = int(found["a"]), int(found["b"])
        day, month = (first, second) if style.day_first else (second, first)
    groups = found.groupdict()
    year = int(groups["year"])
    if groups["bc"]:
        year = 1 - year
    clock = _clock(found) if "hour" in groups else 0
    return day_number(year, month, day), clock, groups.get("zone") or ""


def _infinity(data: bytes) -> int | None:
    word = data.strip().lower()
    return INFINITY if word == b"infinity" else -INFINITY if word == b"-infinity" else None


def _infinity_text(value: int) -> bytes:
    return b"infinity" if value > 0 else b"-infinity"


def _integer_pair(packer: struct.Struct) -> tuple[int, int]:
    bits = packer.size * 8 - 1
    return -(1 << bits), (1 << bits) - 1


def _from_integer(packer: struct.Struct, data: bytes) -> int:
    least, greatest = _integer_pair(packer)
    value: int = packer.unpack(data)[0]
    return INFINITY if value == greatest else -INFINITY if value == least else value


def _to_integer(packer: struct.Struct, value: int) -> bytes:
    if abs(value) == INFINITY:
        least, greatest = _integer_pair(packer)
        value = greatest if value > 0 else least
    return packer.pack(value)


_ISO_STYLE = DateStyle()


def date_text(value: int, style: DateStyle = _ISO_STYLE) -> str:
    if abs(value) == INFINITY:
        return _infinity_text(value).decode()
    year, month, day = civil(value)
    return style.date(year, month, day) + ("" if year > 0 else " BC")


def date_codec(parameters: Mapping[str, str]) -> Codec:
    style = DateStyle.of(parameters.get("DateStyle", "ISO"))

    def from_text(data: bytes) -> int:
        infinity = _infinity(data)
        return infinity if infinity is not None else check_day(_parse(data, style)[0])

    return Codec(
        Family.DATE,
        from_text,
        lambda value: date_text(check_day(value), style).encode(),
        lambda data: check_day(_from_integer(_INT32, data)),
        lambda value: _to_integer(_INT32, check_day(value)),
        date_text,
    )


def timestamp_text(value: int) -> str:
    return _infinity_text(value).decode() if abs(value) == INFINITY else _ISO_STYLE.timestamp(value)


def timestamp_codec(parameters: Mapping[str, str]) -> Codec:
    style = DateStyle.of(parameters.get("DateStyle", "ISO"))

    def from_text(data: bytes) -> int:
        infinity = _infinity(data)
        if infinity is not None:
            return infinity
        days, clock, _ = _parse(data, style)
        return check_timestamp(days * DAY + clock)

    def to_text(value: int) -> bytes:
        check_timestamp(value)
        return _infinity_text(value) if abs(value) == INFINITY else style.timestamp(value).encode()

    return Codec(
        Family.TIMESTAMP,
        from_text,
        to_text,
        lambda data: check_timestamp(_from_integer(_INT64, data)),
        lambda value: _to_integer(_INT64, check_timestamp(value)),
        timestamp_text,
    )


def timestamptz_codec(parameters: Mapping[str, str]) -> Codec:
    """A TimeZone that is not known here: ISO values are written in UTC, other styles cannot be read or written."""
    style = DateStyle.of(parameters.get("DateStyle", "ISO"))
    session_zone = zone(parameters.get("TimeZone", "UTC"))

    def known() -> Zone:
        if session_zone is not None:
            return session_zone
        if style.style != "iso":
            raise ValueError("unknown time zone")
        return UTC_ZONE

    def from_text(data: bytes) -> int:
        infinity = _infinity(data)
        if infinity is not None:
            return infinity
        days, clock, written = _parse(data, style)
        local = days * DAY + clock
        offset = _offset(written)
        if offset is not None:
            return check_timestamp(local - offset * MICROSECONDS)
        return check_timestamp(known().instant(local, written))

    def to_text(value: int) -> bytes:
        check_timestamp(value)
        if abs(value) == INFINITY:
            return _infinity_text(value)
        offset, abbreviation = known().at(value)
        shown = offset_text(offset) if style.style == "iso" or not abbreviation else abbreviation
        return style.timestamp(value + offset * MICROSECONDS, shown).encode()

    return Codec(
        Family.TIMESTAMPTZ,
        from_text,
        to_text,
        lambda data: check_timestamp(_from_integer(_INT64, data)),
        lambda value: _to_integer(_INT64, check_timestamp(value)),
        timestamp_text,
    )


def _time_from_text(data: bytes) -> tuple[int, int]:
    found = _TIME.fullmatch(data.decode("ascii").strip())
    if found is None:
        raise ValueError("no time")
    return _clock(found), _offset(found["zone"] or "Z") or 0


def _check_clock(value: int) -> int:
    if not 0 <= value <= DAY:
        raise ValueError("no time")
    return value


TIME = Codec(
    Family.TIME,
    lambda data: _time_from_text(data)[0],
    lambda value: clock_text(_check_clock(value)).encode(),
    lambda data: _check_clock(_INT64.unpack(data)[0]),
    lambda value: _INT64.pack(_check_clock(value)),
    clock_text,
)


def _timetz_from_binary(data: bytes) -> tuple[int, int]:
    value, seconds_west = _TIMETZ.unpack(data)
    return _check_clock(value), -seconds_west


def _timetz_text(value: tuple[int, int]) -> str:
    return clock_text(_check_clock(value[0])) + offset_text(value[1])


TIMETZ = Codec(
    Family.TIMETZ,
    _time_from_text,
    lambda value: _timetz_text(value).encode(),
    _timetz_from_binary,
    lambda value: _TIMETZ.pack(_check_clock(value[0]), -value[1]),
    _timetz_text,
)

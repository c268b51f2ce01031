"""interval in its four output styles. Source: `EncodeInterval` in `src/backend/utils/adt/datetime.c`."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from pgproxy.wire.formats.calendar import MICROSECONDS
from pgproxy.wire.formats.codec import Codec, Family

_BINARY = struct.Struct("!qii")
_LEAST32, _GREATEST32 = -(2**31), 2**31 - 1
_LEAST64, _GREATEST64 = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Interval:
    months: int = 0
    days: int = 0
    microseconds: int = 0


INFINITY = Interval(_GREATEST32, _GREATEST32, _GREATEST64)
MINUS_INFINITY = Interval(_LEAST32, _LEAST32, _LEAST64)

_UNITS = {
    "year": (12, 0, 0), "mon": (1, 0, 0), "month": (1, 0, 0), "week": (0, 7, 0), "day": (0, 1, 0),
    "hour": (0, 0, 3600), "min": (0, 0, 60), "minute": (0, 0, 60), "sec": (0, 0, 1), "second": (0, 0, 1),
}  # fmt: skip
_ISO_DATE_UNITS = {"Y": "year", "M": "mon", "W": "week", "D": "day"}
_ISO_TIME_UNITS = {"H": "hour", "M": "min", "S": "sec"}

_TOKEN = re.compile(
    r"(?P<clock>[+-]?\d+:\d\d(?::\d\d(?:\.\d{1,6})?)?)"
    r"|(?P<years>[+-]?\d+)-(?P<months>\d+)"
    r"|(?P<number>[+-]?\d+(?:\.\d{1,6})?)(?:\s*(?P<unit>[a-z]+))?"
)
_ISO_TOKEN = re.compile(r"([+-]?\d+(?:\.\d{1,6})?)([YMWDHS])|(T)")


def _microseconds(number: str) -> int:
    """A decimal number of seconds; the sign counts for the fraction too."""
    sign = -1 if number.startswith("-") else 1
    whole, _, fraction = number.lstrip("+-").partition(".")
    return sign * (int(whole) * MICROSECONDS + int(fraction.ljust(6, "0")))


def _clock(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    hour, minute, *rest = text.lstrip("+-").split(":")
    return sign * ((int(hour) * 60 + int(minute)) * 60 * MICROSECONDS + (_microseconds(rest[0]) if rest else 0))


def _checked(months: int, days: int, microseconds: int) -> Interval:
    if not (
        _LEAST32 <= months <= _GREATEST32
        and _LEAST32 <= days <= _GREATEST32
        and _LEAST64 <= microseconds <= _GREATEST64
    ):
        raise ValueError("interval out of range")
    return Interval(months, days, microseconds)


def _add(total: list[int], number: str, unit: str) -> None:
    months, days, seconds = _UNITS[unit if unit in _UNITS else unit.removesuffix("s")]
    if seconds:
        total[2] += _microseconds(number) * seconds
    else:
        total[0] += int(number) * months
        total[1] += int(number) * days


def _from_iso(text: str) -> Interval:
    total = [0, 0, 0]
    units = _ISO_DATE_UNITS
    at = 1
    while at < len(text):
        found = _ISO_TOKEN.match(text, at)
        if found is None:
            raise ValueError("no interval")
        if found[3]:
            units = _ISO_TIME_UNITS
        else:
            _add(total, found[1], units[found[2]])
        at = found.end()
    return _checked(*total)


def from_text(data: bytes) -> Interval:
    """Any of the four styles."""
    text = data.decode("ascii").strip()
    if text in ("infinity", "-infinity"):
        return INFINITY if text == "infinity" else MINUS_INFINITY
    if text.startswith("P"):
        return _from_iso(text)
    text = text.lower()
    ago = text.endswith(" ago")
    body = text.removesuffix(" ago").removeprefix("@").strip()
    total = [0, 0, 0]
    # "-1-2 3 4:05:06" of sql_standard: one sign at the front is for everything where no other field has one.
    fields = body.split(" ")
    shared = fields[0].startswith("-") and not re.search(r"[a-z]", body) and not any(f[:1] in "+-" for f in fields[1:])
    at = 0
    while at < len(body):
        if body[at] == " ":
            at += 1
            continue
        found = _TOKEN.match(body, at)
        if found is None:
            raise ValueError("no interval")
        if shared and at:
            sign = -1
        else:
            sign = 1
        if found["clock"]:
            total[2] += sign * _clock(found["clock"])
        elif found["years"]:
            months = int(found["months"])
            total[0] += int(found["years"]) * 12 + (-months if found["years"].startswith("-") else months)
        else:
            number = found["number"]
            part = [0, 0, 0]
            # A bare number is days in sql_standard ("3 4:05:06"), and "0" is nothing at all.
            _add(part, number, found["unit"] or "day")
            total = [whole + sign * more for whole, more in zip(total, part, strict=True)]
        at = found.end()
    if ago:
        total = [-part for part in total]
    return _checked(*total)


def _split(value: Interval) -> tuple[int, int, int, int, int, int, int]:
    """(years, months, days, hours, minutes, seconds, microseconds), each with its own sign, towards zero."""
    years, months = _towards_zero(value.months, 12)
    hours, rest = _towards_zero(value.microseconds, 3600 * MICROSECONDS)
    minutes, rest = _towards_zero(rest, 60 * MICROSECONDS)
    seconds, micros = _towards_zero(rest, MICROSECONDS)
    return years, months, value.days, hours, minutes, seconds, micros


def _towards_zero(value: int, unit: int) -> tuple[int, int]:
    whole, rest = divmod(abs(value), unit)
    return (-whole, -rest) if value < 0 else (whole, rest)


def _seconds_text(seconds: int, micros: int, width: int = 1) -> str:
    text = f"{abs(seconds):0{width}d}"
    return f"{text}.{abs(micros):06d}".rstrip("0") if micros else text


def _postgres(value: Interval) -> str:
    years, months, days, hours, minutes, seconds, micros = _split(value)
    out: list[str] = []
    before_negative = False
    for number, unit in ((years, "year"), (months, "mon"), (days, "day")):
        if number:
            plus = "+" if before_negative and number > 0 else ""
            out.append(f"{plus}{number} {unit}{'' if number == 1 else 's'}")
            before_negative = number < 0
    if value.microseconds or not out:
        sign = "-" if value.microseconds < 0 else "+" if before_negative else ""
        out.append(f"{sign}{abs(hours):02d}:{abs(minutes):02d}:{_seconds_text(seconds, micros, 2)}")
    return " ".join(out)


def _verbose(value: Interval) -> str:
    years, months, days, hours, minutes, seconds, micros = _split(value)
    out = ["@"]
    negative: bool | None = None
    for number, unit in ((years, "year"), (months, "mon"), (days, "day"), (hours, "hour"), (minutes, "min")):
        if number:
            if negative is None:
                negative = number < 0
            shown = -number if negative else number
            out.append(f"{shown} {unit}{'' if shown == 1 else 's'}")
    if seconds or micros:
        below_zero = seconds < 0 or micros < 0
        if negative is None:
            negative = below_zero
        sign = "-" if below_zero != negative else ""
        one = abs(seconds) == 1 and not micros
        out.append(f"{sign}{_seconds_text(seconds, micros)} sec{'' if one else 's'}")
    if len(out) == 1:
        out.append("0")
    return " ".join(out) + (" ago" if negative else "")


def _sql_standard(value: Interval) -> str:
    years, months, days, hours, minutes, seconds, micros = _split(value)
    parts = (value.months, value.days, value.microseconds)
    has_negative, has_positive = any(part < 0 for part in parts), any(part > 0 for part in parts)
    has_year_month, has_day_time = value.months != 0, value.days != 0 or value.microseconds != 0
    if not has_negative and not has_positive:
        return "0"
    clock = f"{abs(hours)}:{abs(minutes):02d}:{_seconds_text(seconds, micros, 2)}"
    if (has_negative and has_positive) or (has_year_month and has_day_time):
        signs = ["-" if part < 0 else "+" for part in parts]
        return f"{signs[0]}{abs(years)}-{abs(months)} {signs[1]}{abs(days)} {signs[2]}{clock}"
    sign = "-" if has_negative else ""
    if has_year_month:
        return f"{sign}{abs(years)}-{abs(months)}"
    return f"{sign}{abs(days)} {clock}" if days else f"{sign}{clock}"


def _iso_8601(value: Interval) -> str:
    years, months, days, hours, minutes, seconds, micros = _split(value)
    if value == Interval():
        return "PT0S"
    date = "".join(f"{number}{unit}" for number, unit in ((years, "Y"), (months, "M"), (days, "D")) if number)
    time = "".join(f"{number}{unit}" for number, unit in ((hours, "H"), (minutes, "M")) if number)
    if seconds or micros:
        time += f"{'-' if seconds < 0 or micros < 0 else ''}{_seconds_text(seconds, micros)}S"
    return f"P{date}{'T' if time else ''}{time}"


_STYLES = {"postgres_verbose": _verbose, "sql_standard": _sql_standard, "iso_8601": _iso_8601}


def _from_binary(data: bytes) -> Interval:
    microseconds, days, months = _BINARY.unpack(data)
    return Interval(months, days, microseconds)


def interval_codec(parameters: Mapping[str, str]) -> Codec:
    style = _STYLES.get(parameters.get("IntervalStyle", "postgres").lower(), _postgres)

    def to_text(value: Interval) -> bytes:
        if value in (INFINITY, MINUS_INFINITY):
            return b"infinity" if value == INFINITY else b"-infinity"
        return style(value).encode()

    return Codec(
        Family.INTERVAL,
        from_text,
        to_text,
        _from_binary,
        lambda value: _BINARY.pack(value.microseconds, value.days, value.months),
        lambda value: f"{value.months} {value.days} {value.microseconds}",
    )

"""Masks of dates and times. Days count from 2000-01-01, times in microseconds; timestamptz is UTC throughout."""

from __future__ import annotations

from collections.abc import Callable

from pgproxy.masking.keys import Draw
from pgproxy.wire.formats.calendar import (
    DAY,
    END_DAY_OF_DATES,
    END_TIMESTAMP,
    FIRST_DAY,
    FIRST_TIMESTAMP,
    INFINITY,
    civil,
    day_number,
)
from pgproxy.wire.formats.datetimes import date_text

HOUR = DAY // 24
UNITS = ("year", "month", "day", "hour")

_FIRST_HASHED_DAY = day_number(1950, 1, 1)
_HASHED_DAYS = 36_525


def truncate_day(unit: str) -> Callable[[int], int]:
    def truncate(days: int) -> int:
        if abs(days) == INFINITY or unit in ("day", "hour"):
            return days
        year, month, _ = civil(days)
        return day_number(year, 1 if unit == "year" else month, 1)

    return truncate


def truncate_timestamp(unit: str) -> Callable[[int], int]:
    first_of = truncate_day(unit)

    def truncate(value: int) -> int:
        if abs(value) == INFINITY:
            return value
        if unit == "hour":
            return value - value % HOUR
        return first_of(value // DAY) * DAY

    return truncate


def truncate_clock(value: int) -> int:
    """To the hour, within a day; 24:00 stays."""
    return value - value % HOUR


def shift(draw: Draw, days: int, unit: int) -> Callable[[int], int]:
    """Shifted by -days…days, never 0, keyed by the day alone: a date and a timestamp of one day stay together.

    `unit`: 1 for days, DAY for microseconds. An infinity stays; at the ends of the calendar it goes the other way.
    """
    first, end = (FIRST_DAY, END_DAY_OF_DATES) if unit == 1 else (FIRST_TIMESTAMP, END_TIMESTAMP)

    def shifted(value: int) -> int:
        if abs(value) == INFINITY:
            return value
        keyed = int.from_bytes(draw(date_text(value // unit).encode())[:8], "big") % (2 * days)
        offset = (keyed - days if keyed < days else keyed - days + 1) * unit
        return value + offset if first <= value + offset < end else value - offset

    return shifted


def hash_day(keyed: bytes) -> int:
    """A day from 1950 to 2049."""
    return _FIRST_HASHED_DAY + int.from_bytes(keyed[:8], "big") % _HASHED_DAYS


def hash_clock(keyed: bytes) -> int:
    """A whole second of a day."""
    return int.from_bytes(keyed[8:16], "big") % 86_400 * (DAY // 86_400)

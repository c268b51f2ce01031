"""Days, months and time zones beyond what `datetime` holds: years from 4713 BC to 294276 AD.

Years are astronomical (0 is 1 BC), days count from 2000-01-01, times are microseconds. Zones come from Python's
`zoneinfo`, once a name; a zone that it does not know is `None`, and the caller decides what that means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

INFINITY: Final = 1 << 80
"""`infinity` as a date or timestamp; `-INFINITY` is `-infinity`. Greater than every finite value."""
MICROSECONDS: Final = 1_000_000
DAY: Final = 86_400 * MICROSECONDS

FIRST_DAY: Final = -2_451_545
END_DAY_OF_DATES: Final = 2_147_483_494 - 2_451_545
FIRST_TIMESTAMP: Final = -211_813_488_000_000_000
END_TIMESTAMP: Final = 9_223_371_331_200_000_000
"""Limits of `src/include/datatype/timestamp.h`."""

_FROM_0000_03_01: Final = 730_425
_DAYS_IN_400_YEARS: Final = 146_097
_EPOCH: Final = datetime(2000, 1, 1)


def day_number(year: int, month: int, day: int) -> int:
    """Days from 2000-01-01. Raises ValueError for a date that is none."""
    if not (1 <= month <= 12 and 1 <= day <= days_in_month(year, month)):
        raise ValueError("no date")
    # Years begin in March here, so that a leap day is the last day of its year.
    shifted = year - (month <= 2)
    era, year_of_era = divmod(shifted, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return (
        era * _DAYS_IN_400_YEARS
        + year_of_era * 365 + year_of_era // 4 - year_of_era // 100
        + day_of_year - _FROM_0000_03_01
    )  # fmt: skip


def civil(days: int) -> tuple[int, int, int]:
    """(year, month, day) of a day number."""
    era, day_of_era = divmod(days + _FROM_0000_03_01, _DAYS_IN_400_YEARS)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return era * 400 + year_of_era + (month <= 2), month, day


def days_in_month(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def check_day(days: int) -> int:
    if not (FIRST_DAY <= days < END_DAY_OF_DATES or abs(days) == INFINITY):
        raise ValueError("date out of range")
    return days


def check_timestamp(value: int) -> int:
    if not (FIRST_TIMESTAMP <= value < END_TIMESTAMP or abs(value) == INFINITY):
        raise ValueError("timestamp out of range")
    return value


@dataclass(frozen=True, slots=True)
class Zone:
    rules: tzinfo

    def at(self, instant: int) -> tuple[int, str]:
        """(seconds east of UTC, abbreviation) at an instant in microseconds since 2000-01-01 UTC."""
        there = self.rules.fromutc(_within_datetime(instant).replace(tzinfo=self.rules))
        return _seconds(there.utcoffset()), there.tzname() or ""

    def instant(self, local: int, abbreviation: str) -> int:
        """The instant of a local time. Of a doubled hour the one whose abbreviation it is, else the first."""
        naive = _within_datetime(local)
        candidates = [naive.replace(tzinfo=self.rules, fold=fold) for fold in (0, 1)]
        there = next((time for time in candidates if time.tzname() == abbreviation), candidates[0])
        return local - _seconds(there.utcoffset()) * MICROSECONDS


def _seconds(offset: timedelta | None) -> int:
    return int((offset or timedelta()).total_seconds())


def _within_datetime(value: int) -> datetime:
    """A datetime of the same rules: the calendar repeats every 400 years, and before year 2 no zone changed."""
    days, rest = divmod(value, DAY)
    year = civil(days)[0]
    if year > 9000:
        days -= (year - 8600) // 400 * _DAYS_IN_400_YEARS
    elif year < 2:
        days = day_number(2, 1, 1)
    return _EPOCH + timedelta(days=days, microseconds=rest)


_POSIX_FIXED = re.compile(r"(?:<[+-]?[0-9A-Za-z:]+>|[A-Za-z]{3,})([+-]?)(\d{1,2})(?::(\d\d))?(?::(\d\d))?")

UTC_ZONE: Final = Zone(UTC)


@lru_cache(maxsize=256)
def zone(name: str) -> Zone | None:
    """The zone of a TimeZone setting: a name of the tz database or a POSIX offset such as `<+02>-02`."""
    if name in ("", "UTC", "Etc/UTC"):
        return UTC_ZONE
    try:
        return Zone(ZoneInfo(name))
    except (ValueError, OSError, KeyError):
        pass
    found = _POSIX_FIXED.fullmatch(name)
    if found is None:
        return None
    west = int(found[2]) * 3600 + int(found[3] or 0) * 60 + int(found[4] or 0)
    if found[1] == "-":
        west = -west
    if abs(west) >= 86_400:
        return None
    abbreviation = name[1 : name.index(">")] if name[0] == "<" else re.match(r"[A-Za-z]+", name)[0]  # type: ignore[index]
    return Zone(timezone(timedelta(seconds=-west), abbreviation))

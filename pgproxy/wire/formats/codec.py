"""What a codec is: four functions between bytes and one Python value, and the value's canonical text.

The canonical text is the same for equal values of every type of a family and for both formats (5 as int2, int8,
numeric or float8 is "5"); keyed masks are derived from it. Codecs raise one of `UNPARSEABLE` for bytes that are no
value of the type; such an exception may quote the bytes, so whoever calls a codec must catch it and never show it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

TEXT_FORMAT = 0
BINARY_FORMAT = 1

UNPARSEABLE = (ValueError, ArithmeticError, LookupError, struct.error, RecursionError)
"""Everything a decoder or encoder may raise."""


class Family(Enum):
    """Which Python value a type has: comments say which."""

    TEXT = "text"  # str
    INTEGER = "integer"  # int
    NUMERIC = "numeric"  # decimal.Decimal with the value's display scale as exponent
    FLOAT = "float"  # float
    BOOL = "bool"  # bool
    DATE = "date"  # days since 2000-01-01, or calendar.INFINITY / -INFINITY
    TIMESTAMP = "timestamp"  # microseconds since 2000-01-01, or ±INFINITY
    TIMESTAMPTZ = "timestamptz"  # the same in UTC
    TIME = "time"  # microseconds since midnight
    TIMETZ = "timetz"  # (microseconds since midnight, seconds east of UTC)
    INTERVAL = "interval"  # intervals.Interval
    UUID = "uuid"  # 16 bytes
    INET = "inet"  # network.Network
    MAC = "macaddr"  # 6 or 8 bytes
    JSON = "json"  # str: the JSON text
    BYTES = "bytea"  # bytes
    ENUM = "enum"  # str: a label


@dataclass(frozen=True, slots=True)
class Codec:
    family: Family
    from_text: Callable[[bytes], Any]
    to_text: Callable[[Any], bytes]
    from_binary: Callable[[bytes], Any]
    to_binary: Callable[[Any], bytes]
    canonical: Callable[[Any], str]
    limits: tuple[int, int] = (0, 0)
    """Least and greatest value of an integer type."""
    same_in_both: bool = False
    """Text and binary format are the same bytes."""

    def decoder(self, format_code: int) -> Callable[[bytes], Any]:
        return self.from_binary if format_code == BINARY_FORMAT else self.from_text

    def encoder(self, format_code: int) -> Callable[[Any], bytes]:
        return self.to_binary if format_code == BINARY_FORMAT else self.to_text

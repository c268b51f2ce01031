"""`hash` of types other than text: a keyed value of the type. Equal values agree in all types of a family.

An int gives an int, an enum a label, and so on; what each gives is frozen with derivation version 1.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from pgproxy.masking import numbermasks, timemasks
from pgproxy.masking.fakes import uuid4_bytes
from pgproxy.masking.keys import Draw
from pgproxy.masking.valuetypes import ScalarType
from pgproxy.wire.formats.calendar import DAY
from pgproxy.wire.formats.codec import Family
from pgproxy.wire.formats.intervals import Interval
from pgproxy.wire.formats.network import Network

_FLOAT4_EXACT = 2**24
_FLOAT8_EXACT = 2**53
_ROOMY = 10
"""Digits before the point from which on a numeric holds the same number as an int4."""


def hash_transform(scalar: ScalarType, draw: Draw) -> Callable[[Any], Any]:
    """A decoded value → the decoded value of its hash."""
    canonical = scalar.codec.canonical

    def keyed(value: Any) -> bytes:
        return draw(canonical(value).encode("utf-8"))

    match scalar.codec.family:
        case Family.INTEGER:
            greatest = scalar.codec.limits[1]
            return lambda value: numbermasks.hash_number(draw, canonical(value)) & greatest
        case Family.NUMERIC:
            return lambda value: _numeric(scalar, numbermasks.hash_number(draw, canonical(value)))
        case Family.FLOAT:
            exact = _FLOAT4_EXACT if len(scalar.codec.to_binary(0.0)) == 4 else _FLOAT8_EXACT
            return lambda value: float(numbermasks.hash_number(draw, canonical(value)) % exact)
        case Family.BOOL:
            return lambda value: bool(keyed(value)[0] & 1)
        case Family.DATE:
            return lambda value: timemasks.hash_day(keyed(value))
        case Family.TIMESTAMP | Family.TIMESTAMPTZ:
            return lambda value: _timestamp(keyed(value))
        case Family.TIME:
            return lambda value: timemasks.hash_clock(keyed(value))
        case Family.TIMETZ:
            return lambda value: (timemasks.hash_clock(keyed(value)), 0)
        case Family.INTERVAL:
            return lambda value: Interval(days=int.from_bytes(keyed(value)[:8], "big") % 36_525)
        case Family.UUID:
            return lambda value: uuid4_bytes(keyed(value))
        case Family.INET:
            return lambda value: _network(value, keyed(value))
        case Family.MAC:
            return lambda value: _hardware_address(value, keyed(value))
        case Family.BYTES:
            return lambda value: draw(value)[:16]
        case Family.ENUM:
            labels = scalar.labels
            return lambda value: labels[int.from_bytes(keyed(value)[:8], "big") % len(labels)]
        case Family.JSON:
            return lambda value: f'"{keyed(value)[:16].hex()}"'
        case Family.TEXT:
            return lambda value: keyed(value)[:16].hex()


def _numeric(scalar: ScalarType, number: int) -> Decimal:
    """As many of the number's digits as the type holds, with the places of the type or, without any, of none."""
    if scalar.precision is None:
        return Decimal(number)
    if scalar.precision - scalar.scale >= _ROOMY:
        return Decimal(number % 10 ** (scalar.precision - scalar.scale))
    unscaled = number % 10**scalar.precision
    return Decimal(unscaled).scaleb(-scalar.scale, numbermasks.EXACT)


def _timestamp(keyed: bytes) -> int:
    return timemasks.hash_day(keyed) * DAY + timemasks.hash_clock(keyed)


def _network(value: Network, keyed: bytes) -> Network:
    """Of the same family and prefix length; bits right of the prefix stay zero where they were (cidr)."""
    address = int.from_bytes(keyed[: value.width // 8], "big")
    host_bits = value.width - value.bits
    if not value.address & ((1 << host_bits) - 1):
        address = address >> host_bits << host_bits
    return Network(value.version, address, value.bits)


def _hardware_address(value: bytes, keyed: bytes) -> bytes:
    """Locally administered and unicast: never a real device's."""
    return bytes((keyed[0] & 0xFC | 0x02,)) + keyed[1 : len(value)]

"""Integers, numeric, floats and bool.

Source: `src/backend/utils/adt/{int,int8,numeric,float,bool}.c`. Numbers go through decimal text and never through
`int(text)` for numeric: a numeric may have 131,072 digits, more than Python turns into an int.
"""

from __future__ import annotations

import math
import struct
from decimal import Decimal

from pgproxy.wire.formats.codec import Codec, Family

_POSITIVE, _NEGATIVE, _NAN, _INFINITY, _MINUS_INFINITY = 0x0000, 0x4000, 0xC000, 0xD000, 0xF000
_SPECIAL = {"nan": "NaN", "infinity": "Infinity", "-infinity": "-Infinity", "inf": "Infinity", "-inf": "-Infinity"}


def integer_codec(pattern: str, least: int, greatest: int) -> Codec:
    """`pattern` is the struct format of the binary value."""
    packer = struct.Struct(pattern)

    def from_text(data: bytes) -> int:
        value = int(data)
        if not least <= value <= greatest:
            raise ValueError("out of range")
        return value

    return Codec(
        Family.INTEGER,
        from_text,
        lambda value: b"%d" % value,
        lambda data: packer.unpack(data)[0],
        packer.pack,
        str,
        limits=(least, greatest),
    )


INT2 = integer_codec("!h", -(2**15), 2**15 - 1)
INT4 = integer_codec("!i", -(2**31), 2**31 - 1)
INT8 = integer_codec("!q", -(2**63), 2**63 - 1)
OID = integer_codec("!I", 0, 2**32 - 1)


def canonical_decimal(value: Decimal) -> str:
    """Plain digits without leading plus, exponent or needless zeros; NaN, Infinity, -Infinity."""
    if not value.is_finite():
        return numeric_text(value)
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def numeric_text(value: Decimal) -> str:
    if value.is_nan():
        return "NaN"
    if value.is_infinite():
        return "-Infinity" if value.is_signed() else "Infinity"
    return format(value, "f")


def _numeric_from_text(data: bytes) -> Decimal:
    value = Decimal(data.decode("ascii").replace("_", "x"))
    # More than numeric holds, as a number inside JSON may: written out it would fill the memory.
    if value.is_finite() and not (value.adjusted() < 131_072 and int(value.as_tuple().exponent) >= -16_383):
        raise ValueError("out of range")
    return value


def _numeric_from_binary(data: bytes) -> Decimal:
    count, weight, sign, scale = struct.unpack_from("!hhHH", data)
    if sign in (_NAN, _INFINITY, _MINUS_INFINITY):
        return Decimal({_NAN: "NaN", _INFINITY: "Infinity", _MINUS_INFINITY: "-Infinity"}[sign])
    if sign not in (_POSITIVE, _NEGATIVE) or len(data) != 8 + 2 * count:
        raise ValueError("no numeric")
    groups = struct.unpack_from(f"!{count}H", data, 8)
    if any(group > 9999 for group in groups):
        raise ValueError("no numeric")
    digits = "".join(f"{group:04d}" for group in groups)
    point = 4 * (weight + 1)
    if point <= 0:
        whole, fraction = "0", "0" * -point + digits
    else:
        digits = digits.ljust(point, "0")
        whole, fraction = digits[:point].lstrip("0") or "0", digits[point:]
    fraction = fraction[:scale].ljust(scale, "0")
    return Decimal(f"{'-' if sign == _NEGATIVE else ''}{whole}{'.' if scale else ''}{fraction}")


def _numeric_to_binary(value: Decimal) -> bytes:
    if not value.is_finite():
        sign = _NAN if value.is_nan() else _MINUS_INFINITY if value.is_signed() else _INFINITY
        # The scale that numeric_send gives to infinities; nobody reads it.
        return struct.pack("!hhHH", 0, 0, sign, 0 if value.is_nan() else 32)
    whole, _, fraction = format(value.copy_abs(), "f").partition(".")
    scale = len(fraction)
    whole = whole.lstrip("0")
    whole = whole.zfill(-(-len(whole) // 4) * 4)
    digits = whole + fraction.ljust(-(-scale // 4) * 4, "0")
    groups = [int(digits[at : at + 4]) for at in range(0, len(digits), 4)]
    weight = len(whole) // 4 - 1
    while groups and groups[0] == 0:
        del groups[0]
        weight -= 1
    while groups and groups[-1] == 0:
        del groups[-1]
    sign = _NEGATIVE if value.is_signed() and groups else _POSITIVE
    return struct.pack(f"!hhHH{len(groups)}H", len(groups), weight if groups else 0, sign, scale, *groups)


def _numeric_to_text(value: Decimal) -> bytes:
    return numeric_text(value).encode("ascii")


NUMERIC = Codec(
    Family.NUMERIC, _numeric_from_text, _numeric_to_text, _numeric_from_binary, _numeric_to_binary, canonical_decimal
)


def shortest_float4(value: float) -> str:
    """The shortest decimal that reads back as the same float4."""
    # Six digits are always kept, but for the denormals at the very bottom.
    for precision in range(6 if abs(value) > 2e-38 else 1, 9):
        text = f"{value:.{precision}g}"
        if struct.unpack("!f", struct.pack("!f", float(text)))[0] == value:
            return text
    return f"{value:.9g}"


def _float_codec(pattern: str, is_float4: bool) -> Codec:
    packer = struct.Struct(pattern)
    plain_up_to = 6 if is_float4 else 15

    def shortest(value: float) -> Decimal:
        return Decimal(shortest_float4(value) if is_float4 else repr(value))

    def from_text(data: bytes) -> float:
        text = data.decode("ascii").replace("_", "x")
        value = float(_SPECIAL.get(text.strip().lower(), text))
        return float(packer.unpack(packer.pack(value))[0])

    def to_text(value: float) -> bytes:
        if not math.isfinite(value):
            return b"NaN" if math.isnan(value) else b"Infinity" if value > 0 else b"-Infinity"
        number = shortest(value)
        sign, digits, exponent = number.as_tuple()
        significant = "".join(map(str, digits)).rstrip("0") or "0"
        power = len(digits) + int(exponent) - 1
        if number and not -5 < power < plain_up_to:
            mantissa = significant[0] + ("." + significant[1:] if len(significant) > 1 else "")
            return f"{'-' if sign else ''}{mantissa}e{power:+03d}".encode()
        text = format(number, "f")
        return (text.rstrip("0").rstrip(".") if "." in text else text).encode()

    def canonical(value: float) -> str:
        return canonical_decimal(shortest(value) if math.isfinite(value) else Decimal(value))

    def from_binary(data: bytes) -> float:
        return float(packer.unpack(data)[0])

    return Codec(Family.FLOAT, from_text, to_text, from_binary, packer.pack, canonical)


FLOAT4 = _float_codec("!f", is_float4=True)
FLOAT8 = _float_codec("!d", is_float4=False)

_TRUE = frozenset((b"t", b"true", b"y", b"yes", b"on", b"1"))
_FALSE = frozenset((b"f", b"false", b"n", b"no", b"off", b"0"))


def _bool_from_text(data: bytes) -> bool:
    word = data.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("no bool")


def _bool_from_binary(data: bytes) -> bool:
    return {b"\x00": False, b"\x01": True}[data]


BOOL = Codec(
    Family.BOOL,
    _bool_from_text,
    lambda value: b"t" if value else b"f",
    _bool_from_binary,
    lambda value: b"\x01" if value else b"\x00",
    lambda value: "t" if value else "f",
)

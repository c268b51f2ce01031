"""Masks of numbers, on their canonical decimal text: equal numbers agree in every numeric type.

`digits` and `tokenize` keep the number of digits, no leading zero, and the smallest type that holds the value, so that
the result fits wherever the value did and the types agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal

from pgproxy.masking.keys import Draw
from pgproxy.masking.textmasks import keyed_digits

EXACT = Context(prec=300_000, Emax=999_999, Emin=-999_999)
_LIMITS = (2**15 - 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, 34_028_235 * 10**31, 17_976_931_348_623_157 * 10**292)
"""Greatest int2, int4, oid, int8, and float4, float8 as they are written."""
_GREATEST = tuple((len(str(limit)), str(limit)) for limit in _LIMITS)
_LEAST = tuple((len(str(limit + (limit < 2**64))), str(limit + (limit < 2**64))) for limit in _LIMITS)
_ATTEMPTS = 2000


@dataclass(frozen=True, slots=True)
class DecimalShape:
    """A canonical number taken apart: sign, digits that may change, and where the point is."""

    is_negative: bool
    digits: str
    fraction_length: int
    starts_with_zero: bool
    """0.25: the zero before the point stays and is not one of `digits`."""

    @classmethod
    def of(cls, canonical: str) -> DecimalShape:
        """Raises ValueError for NaN and the infinities."""
        negative = canonical.startswith("-")
        whole, _, fraction = canonical.lstrip("-").partition(".")
        if not whole.isdecimal():
            raise ValueError("no finite number")
        leading = bool(fraction) and whole == "0"
        return cls(negative, fraction if leading else whole + fraction, len(fraction), leading)

    def size_class(self, digits: str) -> int:
        """How many of the limits it is over; none for all fractions."""
        if self.fraction_length:
            return 0
        # As strings of one length: a numeric may have more digits than Python turns into an int.
        number = len(digits), digits
        return sum(number > limit for limit in (_LEAST if self.is_negative else _GREATEST))

    def admits(self, digits: str) -> bool:
        """Whether these digits give a number of the same shape, written canonically."""
        if self.fraction_length:
            return digits[-1] != "0" and (self.starts_with_zero or digits[0] != "0")
        if digits[0] == "0" and (len(digits) > 1 or self.is_negative):
            return False
        return self.size_class(digits) == self.size_class(self.digits)

    def compose(self, digits: str) -> str:
        sign = "-" if self.is_negative else ""
        if not self.fraction_length:
            return sign + digits
        if self.starts_with_zero:
            return f"{sign}0.{digits}"
        return f"{sign}{digits[: -self.fraction_length]}.{digits[-self.fraction_length :]}"


def digits(draw: Draw, canonical: str) -> str | None:
    """Every digit replaced by a keyed one; never the number itself."""
    shape = DecimalShape.of(canonical)
    value = canonical.encode("ascii")
    for attempt in range(_ATTEMPTS):
        keyed = keyed_digits(draw, value, len(shape.digits), attempt).decode("ascii")
        if keyed != shape.digits and shape.admits(keyed):
            return shape.compose(keyed)
    return None


def permute(permutation: Callable[[str], str], canonical: str, longest: int) -> str | None:
    """The token of a number: the permutation is walked along its cycle until the shape is right, so it stays one."""
    shape = DecimalShape.of(canonical)
    if len(shape.digits) > longest:
        return None
    walked = permutation(shape.digits)
    while not shape.admits(walked):
        walked = permutation(walked)
    return shape.compose(walked)


def with_scale_of(result: str, original: Decimal) -> Decimal:
    """A canonical result shown with the places of the value it stands for (12.50 stays two places)."""
    number = Decimal(result)
    exponent = original.as_tuple().exponent
    if not isinstance(exponent, int) or not number.is_finite():
        return number
    return number.quantize(Decimal(1).scaleb(min(exponent, 0), EXACT), context=EXACT)


def round_half_away(value: Decimal, unit: Decimal) -> Decimal:
    """The nearest multiple of `unit`, halves away from zero; with the places of both. NaN and infinities stay."""
    if not value.is_finite():
        return value
    return _round_by_integers(value, unit)


def clamp(rounded: Decimal, least: Decimal, greatest: Decimal, unit: Decimal) -> Decimal:
    """The multiple of `unit` nearest to `rounded` that lies between `least` (≤ 0) and `greatest`."""
    if not rounded.is_finite() or least <= rounded <= greatest:
        return rounded
    return _round_by_integers(greatest if rounded > greatest else least, unit, down=True)


def _round_by_integers(value: Decimal, unit: Decimal, *, down: bool = False) -> Decimal:
    # Both as whole numbers of the smaller place: exact whatever the unit, where a division would not be.
    places = min(int(value.as_tuple().exponent), int(unit.as_tuple().exponent), 0)
    whole = int(value.copy_abs().scaleb(-places, EXACT))
    step = int(unit.scaleb(-places, EXACT))
    count = whole // step if down else (2 * whole + step) // (2 * step)
    result = Decimal(count * step).scaleb(places, EXACT)
    return result.copy_negate() if value.is_signed() and result else result


def hash_number(draw: Draw, canonical: str) -> int:
    """A keyed number: 31 bits where the value is an integer that fits int4, else 63."""
    keyed = int.from_bytes(draw(canonical.encode("ascii"))[:8], "big") >> 1
    is_small = canonical.lstrip("-").isdecimal() and len(canonical) <= 11 and -(2**31) <= int(canonical) < 2**31
    return keyed >> 32 if is_small else keyed

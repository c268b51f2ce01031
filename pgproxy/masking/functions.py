"""From a mask, a type and a format to one function: bytes of a value → bytes of its mask, or None for NULL.

Whatever cannot be done gives NULL: a type that is not known, bytes that are no value of it, a result that does not
fit. No path of this module returns the bytes it was given because something failed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from pgproxy.catalog.model import Type
from pgproxy.masking import (
    fakes,
    jsonmask,
    jsonpaths,
    numbermasks,
    scrubbing,
    textmasks,
    timemasks,
    tokens,
    typedhash,
)
from pgproxy.masking.fakes import known_providers as known_providers
from pgproxy.masking.keys import KEY_BYTES, MaskingKeys
from pgproxy.masking.valuetypes import ArrayType, ScalarType, ValueType, value_type
from pgproxy.policy import masks
from pgproxy.policy.masks import Mask
from pgproxy.wire.formats import arrays, builtin, oids, strings
from pgproxy.wire.formats.calendar import DAY
from pgproxy.wire.formats.codec import BINARY_FORMAT, TEXT_FORMAT, UNPARSEABLE, Codec, Family

ValueMask = Callable[[bytes], "bytes | None"]
Transform = Callable[[Any], Any]
"""A decoded value → the decoded value of its mask, or None."""

_NUMBERS = (Family.INTEGER, Family.NUMERIC, Family.FLOAT)


class DoesNotFit(ValueError):
    """This mask gives no value of this type; the message is a sentence for the author of the rule."""


def to_null(_value: bytes) -> bytes | None:
    return None


def mask_function(
    mask: Mask,
    type_oid: int,
    typmod: int,
    format: int,
    types: Mapping[int, Type],
    keys: MaskingKeys,
    parameters: Mapping[str, str],
) -> ValueMask:
    """The function of one column; never raises for what the column is, and the function never for what a value is."""
    if isinstance(mask, masks.Null) or format not in (TEXT_FORMAT, BINARY_FORMAT):
        return to_null
    known = value_type(type_oid, typmod, types, parameters)
    if known is None:
        return to_null
    try:
        if isinstance(known, ArrayType):
            return _array_function(known, _scalar_function(mask, known.element, format, keys), format)
        return _scalar_function(mask, known, format, keys)
    except DoesNotFit:
        return to_null


def detokenize_function(
    mask: masks.Tokenize,
    type_oid: int,
    typmod: int,
    format: int,
    types: Mapping[int, Type],
    keys: MaskingKeys,
    parameters: Mapping[str, str],
) -> ValueMask:
    """The inverse of `mask_function` for `tokenize`: token → real value; None for what is no token."""
    known = value_type(type_oid, typmod, types, parameters)
    try:
        if isinstance(known, ScalarType) and format in (TEXT_FORMAT, BINARY_FORMAT):
            return _scalar_function(mask, known, format, keys, backward=True)
    except DoesNotFit:
        pass
    return to_null


def probe(mask: Mask, known: ValueType) -> None:
    """Raises DoesNotFit where the mask gives no values of the type."""
    scalar = known.element if isinstance(known, ArrayType) else known
    _scalar_function(mask, scalar, TEXT_FORMAT, _ANY_KEYS)


_ANY_KEYS = MaskingKeys(bytes(KEY_BYTES))


def _array_function(array: ArrayType, element: ValueMask, format: int) -> ValueMask:
    change: Callable[[bytes], bytes] = (
        partial(arrays.map_binary, change=element)
        if format == BINARY_FORMAT
        else partial(arrays.map_text, change=element, delimiter=array.delimiter)
    )
    return _guarded(change)


def _guarded(function: ValueMask) -> ValueMask:
    def mask(value: bytes) -> bytes | None:
        try:
            return function(value)
        except UNPARSEABLE:
            return None

    return mask


def _scalar_function(
    mask: Mask, scalar: ScalarType, format: int, keys: MaskingKeys, *, backward: bool = False
) -> ValueMask:
    """Raises DoesNotFit."""
    if scalar.codec.family is Family.TEXT:
        return _text_function(mask, scalar, keys, backward=backward)
    transform = typed_transform(mask, scalar, keys, backward=backward)
    decode, encode = scalar.codec.decoder(format), scalar.codec.encoder(format)

    def function(value: bytes) -> bytes | None:
        try:
            result = transform(decode(value))
            return None if result is None else encode(result)
        except UNPARSEABLE:
            return None

    return function


# ---- text


def _text_function(mask: Mask, scalar: ScalarType, keys: MaskingKeys, *, backward: bool = False) -> ValueMask:
    inner, longest = _text_mask(mask, keys, backward=backward)
    if isinstance(mask, masks.Constant) and scalar.fit_text(mask.value.encode("utf-8"), cut=False) is None:
        raise DoesNotFit("the constant is longer than the column")
    if isinstance(mask, masks.Redact) and scalar.fit_text(textmasks.REDACTED, cut=False) is None:
        raise DoesNotFit("[redacted] is longer than the column")
    limit = scalar.max_bytes if scalar.max_characters is None else scalar.max_characters
    is_blank_padded = scalar.codec is strings.BPCHAR
    if not is_blank_padded and scalar.max_bytes is None and (limit is None or (longest and longest <= limit)):
        return inner if isinstance(mask, _NEVER_DECODES) else _guarded(inner)
    cut = isinstance(mask, masks.Hash | masks.Scrub)
    fit = scalar.fit_text

    def fitted(value: bytes) -> bytes | None:
        result = inner(value.rstrip(b" ") if is_blank_padded else value)
        return None if result is None else fit(result, cut=cut)

    return _guarded(fitted)


_NEVER_DECODES = (masks.Redact, masks.Constant, masks.Hash, masks.Fake)


def _text_mask(mask: Mask, keys: MaskingKeys, *, backward: bool) -> tuple[ValueMask, int | None]:
    """The mask on bare text, and the most characters that it gives where that does not depend on the value."""
    match mask:
        case masks.Null():
            return to_null, None
        case masks.Redact():
            return textmasks.constant(textmasks.REDACTED), len(textmasks.REDACTED)
        case masks.Constant(value):
            return textmasks.constant(value.encode("utf-8")), len(value)
        case masks.Hash():
            return textmasks.hash_text(keys.draw("hash")), 32
        case masks.Partial(first, last, char):
            if first < 0 or last < 0 or len(char) != 1:
                raise DoesNotFit("partial keeps 0 or more characters and covers with exactly one")
            return textmasks.partial(first, last, char), None
        case masks.Fake(name):
            made = fake_provider(name)
            return textmasks.fake(keys.draw(fake_domain(name)), made.make), made.longest
        case masks.Digits():
            return textmasks.digits(keys.draw("digits")), None
        case masks.Tokenize(alphabet):
            check_alphabet(alphabet)
            change = tokens.detokenize if backward else tokens.tokenize
            return _on_str(partial(change, keys, alphabet)), None
        case masks.Scrub(kinds):
            try:
                return scrubbing.scrub(keys, kinds), None
            except KeyError:
                raise DoesNotFit(f"scrub finds {', '.join(scrubbing.KINDS)}") from None
        case masks.Json():
            return _on_str(_json_transform(mask, keys)), None
        case masks.Round() | masks.Truncate() | masks.ShiftDays():
            raise DoesNotFit(f"{mask_name(mask)} does not work on text")


def _on_str(function: Callable[[str], str | None]) -> ValueMask:
    def mask(value: bytes) -> bytes | None:
        result = function(value.decode("utf-8"))
        return None if result is None else result.encode("utf-8")

    return mask


# ---- other types


def typed_transform(mask: Mask, scalar: ScalarType, keys: MaskingKeys, *, backward: bool = False) -> Transform:
    """Raises DoesNotFit."""
    codec = scalar.codec
    family = codec.family
    match mask:
        case masks.Null() | masks.Redact():
            return lambda _: None
        case masks.Constant(text):
            value = _constant(text, scalar)
            return lambda _: value
        case masks.Hash():
            hashed = typedhash.hash_transform(scalar, keys.draw("hash"))
            return _fitted(scalar, hashed)
        case masks.Fake(name):
            provider = fake_provider(name)
            if family not in provider.families:
                raise DoesNotFit(f"fake: {name} gives text")
            draw, canonical = keys.draw(fake_domain(name)), codec.canonical
            parse = _plain_codec(scalar).from_text
            return _fitted(scalar, lambda value: parse(provider.make(draw(canonical(value).encode()))))
        case masks.Digits() if family in _NUMBERS:
            return _number_transform(scalar, partial(numbermasks.digits, keys.draw("digits")))
        case masks.Tokenize(alphabet):
            check_alphabet(alphabet)
            return _token_transform(scalar, keys, backward=backward)
        case masks.Round(unit) if family in _NUMBERS:
            return _round_transform(scalar, _unit(unit))
        case masks.Truncate(unit):
            return _truncate_transform(family, unit)
        case masks.ShiftDays(days):
            return _shift_transform(family, keys, days)
        case masks.Json() if family is Family.JSON:
            return _json_transform(mask, keys)
    raise DoesNotFit(f"{mask_name(mask)} gives no {family.value}")


def _plain_codec(scalar: ScalarType) -> Codec:
    """The type's codec with the default settings, in which rules and fakes are written."""
    return _PLAIN.get(scalar.codec.family, scalar.codec)


_DATE_OIDS = (oids.DATE, oids.TIMESTAMP, oids.TIMESTAMPTZ, oids.INTERVAL)
_PLAIN: dict[Family, Codec] = {
    codec.family: codec for codec in (builtin.codec(oid, {}) for oid in _DATE_OIDS) if codec is not None
}


def _constant(text: str, scalar: ScalarType) -> Any:
    codec = _plain_codec(scalar)
    try:
        value = codec.from_text(text.encode("utf-8"))
        codec.to_text(value)
        if codec.family is Family.JSON:
            strings.check_json(text)
    except UNPARSEABLE:
        raise DoesNotFit(f"the constant is no {codec.family.value}") from None
    fitted = scalar.fit_numeric(value) if isinstance(value, Decimal) else value
    if fitted is None:
        raise DoesNotFit("the constant has too many digits for the column")
    return fitted


def _fitted(scalar: ScalarType, transform: Transform) -> Transform:
    if scalar.precision is None:
        return transform

    def fit(value: Any) -> Any:
        result = transform(value)
        return None if result is None else scalar.fit_numeric(result)

    return fit


def _from_canonical(scalar: ScalarType) -> Callable[[str, Any], Any]:
    """(canonical number, the value it stands for) → a value of the type; raises ValueError out of range."""
    family, (least, greatest) = scalar.codec.family, scalar.codec.limits

    def convert(result: str, original: Any) -> Any:
        if family is Family.NUMERIC:
            return numbermasks.with_scale_of(result, original)
        if family is Family.FLOAT:
            return scalar.codec.from_text(result.encode())
        number = int(result)
        return number if least <= number <= greatest else None

    return convert


def _number_transform(scalar: ScalarType, change: Callable[[str], str | None]) -> Transform:
    if scalar.scale < 0:
        raise DoesNotFit("the digits of a numeric with a negative scale are fixed")
    canonical, convert = scalar.codec.canonical, _from_canonical(scalar)

    def transform(value: Any) -> Any:
        result = change(canonical(value))
        return None if result is None else convert(result, value)

    return _fitted(scalar, transform)


def _token_transform(scalar: ScalarType, keys: MaskingKeys, *, backward: bool) -> Transform:
    family = scalar.codec.family
    if family is Family.UUID:
        hexadecimal = tokens.permutation(keys, "hex")
        permute = hexadecimal.backward if backward else hexadecimal.forward
        return lambda value: bytes.fromhex(permute(value.hex()))
    if family in (Family.INTEGER, Family.NUMERIC):
        digits = tokens.permutation(keys, "digits")
        permute = digits.backward if backward else digits.forward
        return _number_transform(scalar, lambda canonical: numbermasks.permute(permute, canonical, tokens.LONGEST))
    raise DoesNotFit(f"tokenize gives no {family.value}")


def _unit(text: str) -> Decimal:
    try:
        unit = Decimal(text)
    except UNPARSEABLE:
        raise DoesNotFit("round needs a number") from None
    if not unit.is_finite() or unit <= 0:
        raise DoesNotFit("round needs a number greater than zero")
    return unit


def _round_transform(scalar: ScalarType, unit: Decimal) -> Transform:
    family = scalar.codec.family
    if family is Family.FLOAT:
        codec = scalar.codec
        return lambda value: codec.from_text(
            str(numbermasks.round_half_away(Decimal(codec.to_text(value).decode()), unit)).encode()
        )
    if family is Family.NUMERIC:
        if scalar.precision is None:
            return lambda value: numbermasks.round_half_away(value, unit)
        limit = Decimal("9" * scalar.precision).scaleb(-scalar.scale, numbermasks.EXACT)

        def round_numeric(value: Decimal) -> Decimal:
            return numbermasks.clamp(numbermasks.round_half_away(value, unit), limit.copy_negate(), limit, unit)

        return _fitted(scalar, round_numeric)
    if unit != unit.to_integral_value():
        raise DoesNotFit("round needs a whole number on an integer column")
    least, greatest = map(Decimal, scalar.codec.limits)

    def round_integer(value: int) -> int:
        rounded = numbermasks.round_half_away(Decimal(value), unit)
        return int(numbermasks.clamp(rounded, least, greatest, unit))

    return round_integer


def _truncate_transform(family: Family, unit: str) -> Transform:
    if unit not in timemasks.UNITS:
        raise DoesNotFit(f"truncate knows {', '.join(timemasks.UNITS)}")
    if family is Family.DATE:
        return timemasks.truncate_day(unit)
    if family in (Family.TIMESTAMP, Family.TIMESTAMPTZ):
        return timemasks.truncate_timestamp(unit)
    if unit == "hour" and family is Family.TIME:
        return timemasks.truncate_clock
    if unit == "hour" and family is Family.TIMETZ:
        return lambda value: (timemasks.truncate_clock(value[0]), value[1])
    raise DoesNotFit(f"truncate: {unit} gives no {family.value}")


def _shift_transform(family: Family, keys: MaskingKeys, days: int) -> Transform:
    if days <= 0:
        raise DoesNotFit("shift_days needs a number greater than zero")
    if family is Family.DATE:
        unit = 1
    elif family in (Family.TIMESTAMP, Family.TIMESTAMPTZ):
        unit = DAY
    else:
        raise DoesNotFit(f"shift_days gives no {family.value}")
    return timemasks.shift(keys.draw(f"shift_days:{days}"), days, unit)


# ---- json


def _json_transform(mask: masks.Json, keys: MaskingKeys) -> Callable[[str], str]:
    try:
        paths = tuple(jsonpaths.parse_path(path) for path, _ in mask.paths)
    except jsonpaths.BadPath as bad:
        raise DoesNotFit(str(bad)) from None
    return jsonmask.json_mask(paths, tuple(_leaf(inner, keys) for _, inner in mask.paths))


_TEXT, _NUMERIC, _BOOL = (
    ScalarType(codec) for codec in (builtin.codec(oid, {}) for oid in (oids.TEXT, oids.NUMERIC, oids.BOOL)) if codec
)


def _leaf(mask: Mask, keys: MaskingKeys) -> jsonmask.LeafMask:
    """A mask inside JSON: strings as text (dates in strings as dates), numbers as numeric, true and false as bool."""
    if isinstance(mask, masks.Json):
        raise DoesNotFit("json does not nest")
    whole = None
    if isinstance(mask, masks.Constant):
        whole = json.dumps(mask.value, ensure_ascii=False)
    if isinstance(mask, masks.Truncate | masks.ShiftDays):
        return jsonmask.LeafMask(_guarded(_dates_in_text(mask, keys)), to_null, to_null)
    functions: list[ValueMask] = []
    reasons: list[DoesNotFit] = []
    for scalar in (_TEXT, _NUMERIC, _BOOL):
        try:
            functions.append(_scalar_function(mask, scalar, TEXT_FORMAT, keys))
        except DoesNotFit as reason:
            functions.append(to_null)
            reasons.append(reason)
    if len(reasons) == len(functions):
        raise reasons[0]
    on_strings, on_numbers, on_booleans = functions
    return jsonmask.LeafMask(on_strings, on_numbers, on_booleans, whole)


def _dates_in_text(mask: Mask, keys: MaskingKeys) -> ValueMask:
    """ISO dates and timestamps, as JSON strings hold them; a timestamp comes back in UTC where it had an offset."""
    by_day, by_time = (
        typed_transform(mask, ScalarType(_PLAIN[family]), keys) for family in (Family.DATE, Family.TIMESTAMPTZ)
    )
    day, plain, zoned = (_PLAIN[family] for family in (Family.DATE, Family.TIMESTAMP, Family.TIMESTAMPTZ))

    def change(value: bytes) -> bytes:
        if b":" not in value:
            return day.to_text(by_day(day.from_text(value)))
        has_offset = value.endswith(b"Z") or any(sign in value[11:] for sign in (b"+", b"-"))
        codec = zoned if has_offset else plain
        result = codec.to_text(by_time(codec.from_text(value)))
        return result.replace(b" ", b"T", 1) if b"T" in value else result

    return change


# ---- what several branches need


def fake_provider(name: str) -> fakes.Provider:
    try:
        return fakes.provider(name)
    except fakes.UnknownProvider as unknown:
        raise DoesNotFit(str(unknown)) from None


def fake_domain(name: str) -> str:
    return f"fake:{fakes.canonical_name(name)}"


def check_alphabet(alphabet: str) -> None:
    if alphabet not in ("digits", "alnum"):
        raise DoesNotFit("tokenize knows digits and alnum")


def mask_name(mask: Mask) -> str:
    """As rules write it."""
    return "shift_days" if isinstance(mask, masks.ShiftDays) else type(mask).__name__.lower()

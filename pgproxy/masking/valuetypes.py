"""What a column's type is to a mask: a codec with the limits of its typmod, or an array of such.

Built-in types are known by OID; enums, domains and arrays of users by the catalog. Anything else is None: no mask can
give a value of a type that cannot be read and written here, so it becomes NULL.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal

from pgproxy.catalog.model import Type
from pgproxy.wire.formats import builtin, oids, strings
from pgproxy.wire.formats.codec import Codec

_VARHDRSZ = 4
_NAME_BYTES = 63
_MAX_NESTING = 32
_DECIMAL = Context(prec=300_000, Emax=999_999, Emin=-999_999)
"""Exact for every numeric (131,072 digits before the point, 16,383 after)."""


@dataclass(frozen=True, slots=True)
class ScalarType:
    codec: Codec
    max_characters: int | None = None
    """varchar(n), char(n), "char"."""
    max_bytes: int | None = None
    """name."""
    is_padded: bool = False
    """char(n): filled with spaces up to `max_characters`."""
    precision: int | None = None
    """numeric(precision, scale)."""
    scale: int = 0
    labels: tuple[str, ...] = ()

    def fit_text(self, value: bytes, *, cut: bool) -> bytes | None:
        """A text as this type holds it; too long: cut to the type, or None."""
        limit = self.max_characters
        if limit is not None:
            if len(value) > limit:
                characters = value.decode("utf-8")
                if len(characters) > limit:
                    if not cut:
                        return None
                    value = characters[:limit].encode("utf-8")
            if self.is_padded:
                value += b" " * (limit - len(value.decode("utf-8")))
            if limit == 1 and len(value) > 1 and self.max_bytes == 1:
                return None
        elif self.max_bytes is not None and len(value) > self.max_bytes:
            if not cut:
                return None
            value = value[: self.max_bytes].decode("utf-8", "ignore").encode("utf-8")
        return value

    def fit_numeric(self, value: Decimal) -> Decimal | None:
        """The number with the scale of numeric(p, s); None where it has more digits than that."""
        if self.precision is None or not value.is_finite():
            return None if value.is_infinite() and self.precision is not None else value
        rounded = value.quantize(Decimal(1).scaleb(-self.scale, _DECIMAL), context=_DECIMAL)
        if rounded != value or rounded.copy_abs() >= Decimal(1).scaleb(self.precision - self.scale, _DECIMAL):
            return None
        # A negative scale (numeric(3, -2)) leaves an exponent that is no display scale.
        return rounded if self.scale >= 0 else rounded.quantize(Decimal(1), context=_DECIMAL)


@dataclass(frozen=True, slots=True)
class ArrayType:
    element: ScalarType
    delimiter: bytes = b","


ValueType = ScalarType | ArrayType


def value_type(
    type_oid: int, typmod: int, types: Mapping[int, Type], parameters: Mapping[str, str]
) -> ValueType | None:
    """The type of a result column.

    Args:
        typmod: as RowDescription has it; -1: none.
        types: the catalog's types by OID; built-in types need not be in it.
        parameters: the session's ParameterStatus values.
    """
    return _value_type(type_oid, typmod, types, parameters, 0)


def _value_type(
    type_oid: int, typmod: int, types: Mapping[int, Type], parameters: Mapping[str, str], depth: int
) -> ValueType | None:
    codec = builtin.codec(type_oid, parameters)
    if codec is not None:
        return _built_in(type_oid, typmod, codec)
    element_oid, delimiter = oids.ELEMENT_OF_ARRAY.get(type_oid, 0), b","
    known = types.get(type_oid)
    if not element_oid:
        if known is None or depth > _MAX_NESTING:
            return None
        if known.kind == "e":
            return ScalarType(strings.enum_codec(known.labels), labels=known.labels)
        if known.kind == "d":
            return _value_type(known.base, typmod, types, parameters, depth + 1)
        if known.kind == "b" and known.name == "citext":
            # The one type of the contrib modules that is text by another name, in binary too.
            return ScalarType(strings.TEXT)
        element_oid, delimiter = known.element, known.delimiter.encode("utf-8")
    if not element_oid:
        return None
    element = _value_type(element_oid, typmod, types, parameters, depth + 1)
    # An array of a domain over an array would be an array of arrays: not read here.
    return ArrayType(element, delimiter) if isinstance(element, ScalarType) else None


def _built_in(type_oid: int, typmod: int, codec: Codec) -> ScalarType:
    has_modifier = typmod >= _VARHDRSZ
    if type_oid in (oids.VARCHAR, oids.BPCHAR):
        length = typmod - _VARHDRSZ if has_modifier else None
        return ScalarType(codec, max_characters=length, is_padded=type_oid == oids.BPCHAR and length is not None)
    if type_oid == oids.CHAR:
        return ScalarType(codec, max_characters=1, max_bytes=1)
    if type_oid == oids.NAME:
        return ScalarType(codec, max_bytes=_NAME_BYTES)
    if type_oid == oids.NUMERIC and has_modifier:
        modifier = typmod - _VARHDRSZ
        # Since 15 the scale is an 11-bit signed number; before, it was a small positive one: the same bits.
        return ScalarType(codec, precision=modifier >> 16 & 0xFFFF, scale=(modifier & 0x7FF ^ 1024) - 1024)
    return ScalarType(codec)

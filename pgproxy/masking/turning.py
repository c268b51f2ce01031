"""From a token that the client gives to the real value: of one type, in text or binary format, arrays by element.

What the client was never shown for a value finds no row: of a text a keyed text stands for it that no column holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Final

from pgproxy.catalog.model import Type
from pgproxy.errors import StatementDenied
from pgproxy.masking.functions import detokenize_function
from pgproxy.masking.keys import MaskingKeys
from pgproxy.masking.valuetypes import ArrayType, ScalarType, value_type
from pgproxy.policy.tokens import Token
from pgproxy.wire.formats import arrays, oids
from pgproxy.wire.formats.codec import BINARY_FORMAT, UNPARSEABLE, Family

_TOKENS: Final = (Family.TEXT, Family.INTEGER, Family.NUMERIC, Family.UUID)


class TurningBack:
    """
    Args:
        types: the catalog's, by OID.
        settings: ParameterStatus values.
    """

    def __init__(self, keys: MaskingKeys, types: Mapping[int, Type], settings: Mapping[str, str]) -> None:
        self._keys = keys
        self._types = types
        self._settings = settings

    def real(self, token: Token, type_oid: int, value: bytes, format_code: int) -> bytes:
        """The value that goes upstream in place of this one.

        Raises:
            StatementDenied: it is no token, and nothing can stand for it.
        """
        known = value_type(type_oid, -1, self._types, self._settings)
        scalar = known.element if isinstance(known, ArrayType) else known
        if scalar is None or scalar.codec.family not in _TOKENS:
            raise _no_token(token)
        element = self._element(token, scalar, type_oid, known, format_code)
        if not isinstance(known, ArrayType):
            return element(value)
        try:
            if format_code == BINARY_FORMAT:
                return arrays.map_binary(value, element)
            return arrays.map_text(value, element, known.delimiter)
        except UNPARSEABLE:
            raise _no_token(token) from None

    def _element(
        self, token: Token, scalar: ScalarType, type_oid: int, known: object, format_code: int
    ) -> Callable[[bytes], bytes]:
        if isinstance(known, ArrayType):
            declared = self._types.get(type_oid)
            type_oid = declared.element if declared is not None else oids.ELEMENT_OF_ARRAY.get(type_oid, 0)
        backward = detokenize_function(token.mask, type_oid, -1, format_code, self._types, self._keys, self._settings)
        meets = [
            found.element if isinstance(found, ArrayType) else found
            for oid, typmod in sorted(token.conversions)
            for found in (value_type(oid, typmod, self._types, self._settings),)
        ]

        def turned(value: bytes) -> bytes:
            real = backward(value)
            is_kept = partial(_is_kept, scalar=scalar, meets=meets, format_code=format_code)
            if real is not None and is_kept(value) and is_kept(real):
                return real
            is_text = scalar.codec.family is Family.TEXT and scalar.max_bytes != 1
            if is_text and not token.is_written:
                return b"no token " + self._keys.draw("no token")(value).hex()[:32].encode()
            raise _no_token(token)

        return turned


def _is_kept(value: bytes, *, scalar: ScalarType, meets: list[ScalarType | None], format_code: int) -> bool:
    """Whether every conversion leaves the value as it is: what rounding or cutting makes of it would tell of it."""
    family = scalar.codec.family
    for met in meets:
        if met is None or (met.codec.family is not family and family not in _NUMBERS):
            return False
        if family is Family.TEXT:
            if met.codec.family is not family or met.fit_text(value, cut=False) is None:
                return False
        elif family in _NUMBERS:
            number = Decimal(scalar.codec.canonical(scalar.codec.decoder(format_code)(value)))
            if not _holds(met, number):
                return False
    return True


_NUMBERS: Final = (Family.INTEGER, Family.NUMERIC)


def _holds(met: ScalarType, number: Decimal) -> bool:
    if met.codec.family is Family.NUMERIC:
        return met.fit_numeric(number) is not None
    least, greatest = met.codec.limits
    return met.codec.family is Family.INTEGER and number == number.to_integral_value() and least <= number <= greatest


def _no_token(token: Token) -> StatementDenied:
    return StatementDenied(
        f"{token.column} shows tokens, and one of the values given for it is none",
        detail=f"rule builtin.tokens: {token.column}",
        hint="Give tokens as they were shown, in the type of the column.",
    )

"""Masks of text: bytes in UTF-8 to bytes in UTF-8, without a look at the column's length (`functions` sees to that).

Each maker returns a function of one value. ASCII takes a short way; the result is the same as by characters.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from pgproxy.masking.keys import Draw

TextMask = Callable[[bytes], "bytes | None"]

REDACTED = b"[redacted]"
_SHAPES_KEPT = 256
_LONGEST_SHAPE = 24
_ZEROS = bytes(0x30 if 0x30 <= byte <= 0x39 else byte for byte in range(256))
_AS_DIGIT = bytes(0x30 + byte % 10 for byte in range(256))
_ATTEMPTS = 1000


def constant(value: bytes) -> TextMask:
    return lambda _: value


def hash_text(draw: Draw) -> TextMask:
    """32 hex digits."""
    return lambda value: draw(value)[:16].hex().encode()


def partial(keep_first: int, keep_last: int, char: str) -> TextMask:
    """All characters but the first and last ones replaced by `char`; by characters, not bytes."""
    kept = keep_first + keep_last
    cover = char.encode("utf-8")

    def mask(value: bytes) -> bytes:
        if value.isascii():
            length = len(value)
            if length <= kept:
                return cover * length
            return value[:keep_first] + cover * (length - kept) + value[length - keep_last :]
        text = value.decode("utf-8")
        length = len(text)
        if length <= kept:
            return cover * length
        return text[:keep_first].encode() + cover * (length - kept) + text[length - keep_last :].encode()

    return mask


def fake(draw: Draw, make: Callable[[bytes], bytes]) -> TextMask:
    return lambda value: make(draw(value))


def keyed_digits(draw: Draw, value: bytes, count: int, attempt: int = 0) -> bytes:
    """`count` ASCII digits for a value. `attempt` starts anew where the first ones cannot be used."""
    seed = value if not attempt else b"%b\0%d" % (value, attempt)
    digits = draw(seed).translate(_AS_DIGIT)
    block = 1
    while len(digits) < count:
        digits += draw(b"%b\0%d.%d" % (value, attempt, block)).translate(_AS_DIGIT)
        block += 1
    return digits[:count]


def digits(draw: Draw) -> TextMask:
    """Every digit replaced, of any script; the rest stays. Never the value itself, unless it has no digit."""
    shapes: dict[bytes, tuple[bytes, int]] = {}

    def mask(value: bytes) -> bytes:
        shape = value.translate(_ZEROS)
        known = shapes.get(shape)
        if known is None:
            if not value.isascii():
                return _digits_of_any_script(draw, value)
            known = shape.replace(b"%", b"%%").replace(b"0", b"%c"), shape.count(b"0")
            # A shape holds what is no digit: only few and short ones stay in memory.
            if len(shape) <= _LONGEST_SHAPE and len(shapes) < _SHAPES_KEPT:
                shapes[shape] = known
        template, count = known
        if not count:
            return value
        if count <= 32:
            out = template % tuple(draw(value).translate(_AS_DIGIT)[:count])
            if out != value:
                return out
        for attempt in range(_ATTEMPTS):
            out = template % tuple(keyed_digits(draw, value, count, attempt))
            if out != value:
                return out
        return template % tuple(b"0" * count)

    return mask


def _digits_of_any_script(draw: Draw, value: bytes) -> bytes:
    text = value.decode("utf-8")
    zeros = [
        ord(character) - unicodedata.decimal(character) if unicodedata.category(character) == "Nd" else 0
        for character in text
    ]
    count = sum(1 for zero in zeros if zero)
    if not count:
        return value
    out = value
    attempt = 0
    while out == value and attempt < _ATTEMPTS:
        keyed = iter(keyed_digits(draw, value, count, attempt))
        out = "".join(
            chr(zero + next(keyed) - 0x30) if zero else character for zero, character in zip(zeros, text, strict=True)
        ).encode("utf-8")
        attempt += 1
    return out

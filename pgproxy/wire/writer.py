"""Writing the fields of a message: the counterpart of `reader`, and as strict.

What does not fit its field is refused, above all text with a zero byte: on the wire it would end the field early and
the rest would be read as other fields.

Source: PostgreSQL manual, "Message Data Types".
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from pgproxy.errors import MalformedMessage


def message(tag: bytes, *fields: bytes) -> bytes:
    """The whole message: type, length, fields. `tag` is empty for the packets that have none."""
    body = b"".join(fields)
    return b"%b%b%b" % (tag, pack("I", len(body) + 4), body)


def string(text: str) -> bytes:
    """The text and its zero byte."""
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise MalformedMessage("text that cannot be sent: a lone surrogate") from None
    if b"\0" in data:
        raise MalformedMessage("text that cannot be sent: a zero byte")
    return data + b"\0"


def letter(text: str) -> bytes:
    """One ASCII character."""
    if len(text) != 1 or not "\0" < text < "\x80":
        raise MalformedMessage("a code that is not one character")
    return text.encode("ascii")


def uint8(number: int) -> bytes:
    return pack("B", number)


def int16(number: int) -> bytes:
    return pack("h", number)


def uint16(number: int) -> bytes:
    return pack("H", number)


def int32(number: int) -> bytes:
    return pack("i", number)


def uint32(number: int) -> bytes:
    return pack("I", number)


def value(data: bytes | None) -> bytes:
    """A length and the bytes; None is NULL."""
    return pack("i", -1) if data is None else pack("i", len(data)) + data


def int16s(numbers: Sequence[int]) -> bytes:
    """A count and that many numbers."""
    return pack(f"H{len(numbers)}h", len(numbers), *numbers)


def uint32s(numbers: Sequence[int]) -> bytes:
    """A count and that many numbers."""
    return pack(f"H{len(numbers)}I", len(numbers), *numbers)


def values(items: Sequence[bytes | None]) -> bytes:
    """A count and that many values."""
    return b"".join((uint16(len(items)), *map(value, items)))


def pack(layout: str, *numbers: int) -> bytes:
    """Raises MalformedMessage (08P01): a number that does not fit."""
    try:
        return struct.pack(f"!{layout}", *numbers)
    except struct.error:
        raise MalformedMessage("a number that does not fit its field") from None

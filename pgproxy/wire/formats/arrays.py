"""Arrays: find the elements, put other bytes in their place, keep dimensions and lower bounds.

Elements stay bytes in the array's own format; what they mean is the caller's business. Source: the PostgreSQL
manual, "Arrays" (input and output syntax), and `array_send` in `src/backend/utils/adt/arrayfuncs.c`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

ElementFunction = Callable[[bytes], "bytes | None"]

_SPACES = b" \t\n\r\v\f"
MAX_DIMENSIONS = 6


def map_binary(data: bytes, change: ElementFunction) -> bytes:
    """The array with `change` applied to every element that is not NULL. Raises ValueError or struct.error."""
    dimensions, _flags, element_oid = struct.unpack_from("!iiI", data)
    if not 0 <= dimensions <= MAX_DIMENSIONS:
        raise ValueError("no array")
    at = 12 + 8 * dimensions
    count = 1 if dimensions else 0
    for dimension in range(dimensions):
        (length,) = struct.unpack_from("!i", data, 12 + 8 * dimension)
        if length < 0:
            raise ValueError("no array")
        count *= length
    if count > len(data) // 4:
        raise ValueError("no array")
    parts: list[bytes] = []
    has_null = 0
    for _ in range(count):
        (length,) = struct.unpack_from("!i", data, at)
        at += 4
        if length == -1:
            changed = None
        elif length < 0 or at + length > len(data):
            raise ValueError("no array")
        else:
            changed = change(data[at : at + length])
            at += length
        if changed is None:
            has_null = 1
            parts.append(b"\xff\xff\xff\xff")
        else:
            parts.append(struct.pack("!i", len(changed)) + changed)
    if at != len(data):
        raise ValueError("no array")
    return struct.pack("!iiI", dimensions, has_null, element_oid) + data[12 : 12 + 8 * dimensions] + b"".join(parts)


def map_text(data: bytes, change: ElementFunction, delimiter: bytes = b",") -> bytes:
    """The same for text format: `{a,"b c",NULL}`, nested, with or without `[1:2]=` before it."""
    start = 0
    if data[:1] == b"[":
        start = data.index(b"=") + 1
    if data[start : start + 1] != b"{":
        raise ValueError("no array")
    out = bytearray(data[:start])
    depth = 0
    at = start
    size = len(data)
    expects_value = True  # after { or a delimiter
    while at < size:
        byte = data[at : at + 1]
        if byte == b"{":
            if not expects_value:
                raise ValueError("no array")
            depth += 1
            out += byte
            at += 1
        elif byte == b"}":
            if expects_value and data[at - 1 : at] != b"{":
                raise ValueError("no array")
            depth -= 1
            out += byte
            at += 1
            expects_value = False
            if depth < 0:
                raise ValueError("no array")
            if depth == 0:
                break
        elif byte == delimiter:
            if expects_value:
                raise ValueError("no array")
            out += byte
            at += 1
            expects_value = True
        else:
            if not expects_value:
                raise ValueError("no array")
            element, at = _element(data, at, delimiter)
            changed = None if element is None else change(element)
            out += b"NULL" if changed is None else _quoted(changed, delimiter)
            expects_value = False
    if depth or at != size:
        raise ValueError("no array")
    return bytes(out)


def _element(data: bytes, at: int, delimiter: bytes) -> tuple[bytes | None, int]:
    """One element from `at` (None for NULL) and where it ends."""
    if data[at] != 0x22:
        end = at
        while data[end : end + 1] not in (delimiter, b"}"):
            if end >= len(data) or data[end] in b'{"':
                raise ValueError("no array")
            end += 2 if data[end] == 0x5C else 1
        word = data[at:end]
        if word.upper() == b"NULL":
            return None, end
        return _unescaped(word), end
    end = at + 1
    while data[end] != 0x22:
        end += 2 if data[end] == 0x5C else 1
    return _unescaped(data[at + 1 : end]), end + 1


def _unescaped(word: bytes) -> bytes:
    if b"\\" not in word:
        return word
    out = bytearray()
    escaped = False
    for byte in word:
        if byte == 0x5C and not escaped:
            escaped = True
        else:
            out.append(byte)
            escaped = False
    return bytes(out)


def _quoted(element: bytes, delimiter: bytes) -> bytes:
    if element and element.upper() != b"NULL" and not any(byte in element for byte in b'{}"\\' + delimiter + _SPACES):
        return element
    return b'"' + element.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'

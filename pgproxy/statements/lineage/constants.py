"""Constants of a tree as text: only what the server prints in a form that is the same on every machine it runs on."""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import Final

from pgproxy.statements.tree import Node

_TEXT_TYPES: Final = frozenset((25, 1042, 1043))
_INTEGERS: Final = {21: "<h", 23: "<i", 20: "<q", 26: "<I"}
_NAME, _UNKNOWN, _BOOL = 19, 705, 16
_NUMERIC: Final = 1700
_FLOATS: Final = {700: "<f", 701: "<d"}
_MOMENTS: Final = {1082: ("<i", 86_400_000_000), 1114: ("<q", 1), 1184: ("<q", 1)}
"""date counts days, timestamp and timestamptz microseconds, both from 2000-01-01."""
_INTERVAL: Final = 1186
_LARGEST_EXPONENT: Final = 400
_ARRAYS: Final = {1009: 25, 1015: 1043, 1014: 1042, 1005: 21, 1007: 23, 1016: 20}
"""Array type → element type."""


def constant_text(node: Node) -> str | None:
    """The constant as SQL text, or None where its bytes cannot be read (or it is NULL)."""
    datum = node["constvalue"]
    if datum is None:
        return None
    return _scalar(node["consttype"], _bytes(datum))


def constant_texts(node: Node) -> list[str] | None:
    """The elements of a constant one-dimensional array, or None."""
    datum = node["constvalue"]
    element = _ARRAYS.get(node["consttype"])
    if datum is None or element is None:
        return None
    return _array(_bytes(datum), element)


def raw_constant(node: Node) -> bytes:
    """What tells the constant from every other, whatever its type."""
    return f"{node['consttype']} ".encode() + bytes(node["constvalue"] or b"")


def element_count(node: Node) -> int | None:
    """How many elements a constant array has; None where its bytes cannot be read."""
    content = _content(_bytes(node["constvalue"] or b"[]"))
    if content is None or len(content) < 12:
        return None
    dimensions, offset, type_oid = struct.unpack_from("<iiI", content)
    if not 0 <= dimensions <= 6 or offset < 0 or not type_oid or len(content) < 12 + 8 * dimensions:
        return None
    count = 1 if dimensions else 0
    for number in range(dimensions):
        count *= struct.unpack_from("<i", content, 12 + 4 * number)[0]
    return count if 0 <= count <= len(content) * 8 else None


def _bytes(datum: bytes) -> bytes:
    # Printed as signed or unsigned bytes, depending on the machine.
    return bytes(int(number) & 0xFF for number in datum[1:-1].split())


def _scalar(type_oid: int, data: bytes) -> str | None:
    if type_oid in _TEXT_TYPES:
        content = _content(data)
        return _decoded(content) if content is not None else None
    if type_oid in _INTEGERS:
        layout = _INTEGERS[type_oid]
        return str(struct.unpack_from(layout, data)[0]) if len(data) >= struct.calcsize(layout) else None
    if type_oid in _FLOATS:
        layout = _FLOATS[type_oid]
        return repr(struct.unpack_from(layout, data)[0]) if len(data) >= struct.calcsize(layout) else None
    if type_oid == _NUMERIC:
        content = _content(data)
        return _numeric(content) if content is not None else None
    if type_oid == _BOOL:
        return "true" if data[:1] == b"\x01" else "false"
    if type_oid in (_NAME, _UNKNOWN):
        return _decoded(data.split(b"\0", 1)[0])
    return None


def _content(data: bytes) -> bytes | None:
    """A variable-length value without its header, which is four bytes (length in all, shifted by two) here."""
    if len(data) < 4:
        return None
    (header,) = struct.unpack_from("<I", data)
    return data[4:] if header == len(data) << 2 else None


def _numeric(content: bytes) -> str | None:
    """A numeric as the server prints it; None for NaN, infinity and numbers of no modest size.

    Source: PostgreSQL src/backend/utils/adt/numeric.c, NumericShort and NumericLong.
    """
    if len(content) < 2 or len(content) % 2:
        return None
    header, *words = struct.unpack(f"<H{len(content) // 2 - 1}h", content)
    if header & 0xC000 == 0x8000:
        is_negative, scale = bool(header & 0x2000), (header & 0x1F80) >> 7
        weight = (header & 0x3F) - (header & 0x40)
    elif header & 0xC000 != 0xC000 and words:
        is_negative, scale = bool(header & 0x4000), header & 0x3FFF
        weight = words.pop(0)
    else:
        return None
    exponent = 4 * (weight - len(words) + 1)
    if (
        abs(exponent) > _LARGEST_EXPONENT
        or len(words) > _LARGEST_EXPONENT
        or not all(0 <= one < 10_000 for one in words)
    ):
        return None
    digits = tuple(int(digit) for one in words for digit in f"{one:04}") or (0,)
    whole, _, fraction = f"{Decimal((0, digits, exponent)):f}".partition(".")
    text = (whole.lstrip("0") or "0") + ("." + fraction[:scale].ljust(scale, "0") if scale else "")
    return "-" + text if is_negative else text


def deciding_moment(node: Node) -> int | None:
    """A date or timestamp in microseconds from 2000-01-01; None for infinity, and for everything else."""
    node.fields[_DECIDES] = True
    found = _MOMENTS.get(node["consttype"])
    data = _bytes(node["constvalue"] or b"[]")
    if found is None or len(data) < struct.calcsize(found[0]):
        return None
    layout, microseconds = found
    (count,) = struct.unpack_from(layout, data)
    limit = 1 << (8 * struct.calcsize(layout) - 1)
    return None if count in (-limit, limit - 1) else count * microseconds


def deciding_interval(node: Node) -> tuple[int, int, int] | None:
    """Months, days and microseconds of an interval; None for everything else."""
    node.fields[_DECIDES] = True
    data = _bytes(node["constvalue"] or b"[]")
    if node["consttype"] != _INTERVAL or len(data) != 16:
        return None
    microseconds, days, months = struct.unpack("<qii", data)
    return months, days, microseconds


def _array(data: bytes, element: int) -> list[str] | None:
    content = _content(data)
    if content is None or len(content) < 12:
        return None
    dimensions, nulls, type_oid = struct.unpack_from("<iiI", content)
    if dimensions == 0:
        return []
    if dimensions != 1 or nulls != 0 or type_oid != element or len(content) < 20:
        return None
    (count,) = struct.unpack_from("<i", content, 12)
    at = 20
    texts: list[str] = []
    for _ in range(count):
        if element in _INTEGERS:
            size = struct.calcsize(_INTEGERS[element])
            piece: bytes | None = content[at : at + size]
        else:
            at = -(-at // 4) * 4
            if at + 4 > len(content):
                return None
            size = struct.unpack_from("<I", content, at)[0] >> 2
            piece = content[at : at + size]
        text = _scalar(element, piece) if piece else None
        if text is None:
            return None
        texts.append(text)
        at += size
    return texts


def _decoded(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def deciding_text(node: Node) -> str | None:
    """As `constant_text`, where the lineage depends on it: another constant may give another lineage."""
    node.fields[_DECIDES] = True
    return constant_text(node)


def deciding_texts(node: Node) -> list[str] | None:
    """As `constant_texts`, in the same way."""
    node.fields[_DECIDES] = True
    return constant_texts(node)


def deciding_constants(tree: Node) -> tuple[tuple[int, bytes], ...]:
    """Which constants decided when this tree was traced: (number, datum), numbered as `tree.shape` does."""
    found: list[tuple[int, bytes]] = []
    number = 0
    for node in tree.within():
        if node.tag == "CONST" and node["constvalue"] is not None:
            if node.get(_DECIDES):
                found.append((number, node["constvalue"]))
            number += 1
    return tuple(found)


_DECIDES: Final = "(decides)"
"""A mark that is no field of the server's."""

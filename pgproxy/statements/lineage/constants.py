"""Constants of a tree as text: only what the server prints in a form that is the same on every machine it runs on."""

from __future__ import annotations

import struct
from typing import Any, Final

from pgproxy.statements.tree import Node

_TEXT_TYPES: Final = frozenset((25, 1042, 1043))
_INTEGERS: Final = {21: "<h", 23: "<i", 20: "<q", 26: "<I"}
_NAME, _UNKNOWN, _BOOL = 19, 705, 16
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
    pending: list[Any] = [tree]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(reversed(value))
        elif isinstance(value, Node):
            if value.tag == "CONST" and value["constvalue"] is not None:
                if value.get(_DECIDES):
                    found.append((number, value["constvalue"]))
                number += 1
            pending.extend(reversed(value.fields.values()))
    return tuple(found)


_DECIDES: Final = "(decides)"
"""A mark that is no field of the server's."""

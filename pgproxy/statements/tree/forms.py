"""How a node is printed, as regular expressions made of its layout: what stands between two nodes is matched at once.

The server puts one space between two words, so a form says every byte. Made when a tag is met first.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final, NamedTuple

from pgproxy.statements.tree.nodes import TABLE_ENTRY, Field, Kind, Layout, layouts

LETTERS: Final = rb"[^ \n\t(){}\\]*(?:\\.[^ \n\t(){}\\]*)*"
"""A word as `outToken` prints it (`nodes/outfuncs.c`), also an empty one."""

_NUMBER: Final = rb"-?[0-9]{1,20}"
_OID: Final = rb"[0-9]{1,10}"
_NAME: Final = rb"(?![ \n\t(){}])" + LETTERS
_OIDS: Final = rb"<>|\(o(?: [0-9]{1,10})*\)"
_ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)


def unescaped(word: bytes) -> str:
    """A word of a tree that is valid UTF-8."""
    return (_ESCAPE.sub(rb"\1", word) if b"\\" in word else word).decode()


def _name(word: bytes) -> str | None:
    return None if word == b"<>" else "" if word == b'""' else unescaped(word)


def _numbers(word: bytes) -> list[int]:
    return [] if word == b"<>" else [int(number) for number in word[2:-1].split()]


def _bits(word: bytes) -> frozenset[int]:
    return frozenset(_numbers(word))


def _datum(word: bytes) -> bytes | None:
    return None if word == b"<>" else word[word.index(b"[") :]


_SCALARS: Final[dict[Kind, tuple[bytes, Callable[[bytes], Any]]]] = {
    "int": (_NUMBER, int),
    "bool": (rb"true|false", b"true".__eq__),
    "name": (_NAME, _name),
    "char": (_NAME, _name),
    "word": (rb"and|or|not", bytes.decode),
    "bits": (rb"\(b(?: -?[0-9]{1,20})*\)", _bits),
    "datum": (rb"<>|[0-9]{1,10} \[ (?:-?[0-9]+ )*\]", _datum),
    "oid": (_OID, int),
    "relation": (_OID, int),
    "function": (_OID, int),
    "operator": (_OID, int),
    "type": (_OID, int),
    "types": (_OIDS, _numbers),
    "operators": (_OIDS, _numbers),
}
"""What is printed for a field of that kind, and the value that it stands for; a node is none of these."""


class Stretch(NamedTuple):
    """Fields that follow each other, up to a node or to the end."""

    match: Callable[[bytes, int], re.Match[bytes] | None]
    """Of what is printed, with the name of the node's field or the brace that closes; a group for each field."""
    names: tuple[str, ...]
    reads: tuple[Callable[[bytes], Any], ...]
    node: str | None
    """The field whose node stands behind it; None: nothing does."""


Form = tuple[Stretch, ...]


class Forms:
    """Of one server version."""

    def __init__(self, server_version: int) -> None:
        """Raises KeyError: a version that is not known."""
        self._layouts = layouts(server_version)
        self._nodes: dict[bytes, tuple[str, Form]] = {}
        self._entries: dict[int, Form] = {}

    def node(self, tag: bytes) -> tuple[str, Form] | None:
        """The tag and the form; None: no node of this version. A range table entry's ends behind its kind."""
        known = self._nodes.get(tag)
        if known is None and (layout := self._layouts.nodes.get(tag.decode("ascii", "replace"))) is not None:
            name = tag.decode()
            known = self._nodes[tag] = (name, _form(layout, b"" if name == TABLE_ENTRY else b"}"))
        return known

    def entry(self, kind: int) -> Form | None:
        """The rest of a range table entry of that kind."""
        known = self._entries.get(kind)
        if known is None and (layout := self._layouts.table_entries.get(kind)) is not None:
            known = self._entries[kind] = _form(layout, b"}")
        return known


@cache
def forms(server_version: int) -> Forms:
    """Raises KeyError: a version that is not in `nodes.VERSIONS`."""
    return Forms(server_version)


def _form(layout: Layout, end: bytes) -> Form:
    stretches: list[Stretch] = []
    scalars: list[Field] = []
    for field in layout:
        if field.kind == "node":
            stretches.append(_stretch(scalars, b" %s " % field.token, field.name))
            scalars = []
        else:
            scalars.append(field)
    return (*stretches, _stretch(scalars, end, None))


def _stretch(scalars: list[Field], end: bytes, node: str | None) -> Stretch:
    printed = b"".join(b" %s (%s)" % (field.token, _SCALARS[field.kind][0]) for field in scalars) + end
    return Stretch(
        re.compile(printed, re.DOTALL).match,
        tuple(field.name for field in scalars),
        tuple(_SCALARS[field.kind][1] for field in scalars),
        node,
    )

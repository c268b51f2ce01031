"""What trees name, remembered by their text and by their shape: one that was read is not read again.

Shared by the sessions of one database: the server's version is the same for all.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from pgproxy.session.recent import Recent
from pgproxy.statements.model import Reached
from pgproxy.statements.tree import Node, reached, read_stored, unfolded
from pgproxy.statements.tree.shape import Shape, digest_of, shape_of
from pgproxy.wire.results import RowDescription

READINGS: Final = 2048
READ_BYTES: Final = 16 * 1024 * 1024
"""Of the texts of all trees that are remembered."""
LARGEST_BYTES: Final = 256 * 1024
"""Of a tree that is remembered."""
DESCRIBED: Final = 4


@dataclass(frozen=True, slots=True)
class Reading:
    digest: bytes
    """Of the whole text."""
    shape: Shape
    reached: Reached
    _described: Recent[tuple[object, ...], Reached] = field(default_factory=lambda: Recent(DESCRIBED), compare=False)

    def with_description(self, parameter_types: tuple[int, ...], row: RowDescription | None) -> Reached:
        """What the tree, the parameters and the row description name."""
        known = self._described.get((parameter_types, row))
        if known is None:
            fields = row.fields if row is not None else ()
            types = self.reached.types.union(parameter_types, (field.type_oid for field in fields)) - {0}
            relations = self.reached.relations.union(field.table_oid for field in fields) - {0}
            known = replace(self.reached, types=types, relations=relations)
            self._described.keep((parameter_types, row), known)
        return known


class Readings:
    def __init__(self) -> None:
        self._by_text: Recent[bytes, Reading] = Recent(READINGS, READ_BYTES)
        self._by_shape: Recent[bytes, Reached] = Recent(READINGS)

    def read(self, text: bytes, version: int) -> tuple[Reading, Node | None]:
        """What a tree names; with the tree itself where it had to be read for that.

        Raises:
            NotUnderstood, TooManyBytes: as `read_tree`.
        """
        known = self._by_text.get(text)
        if known is not None:
            return known, None
        line = unfolded(text)
        shape = shape_of(line)
        tree: Node | None = None
        named = self._by_shape.get(shape.digest)
        if named is None:
            tree = read_stored(line, version)
            named = reached(tree)
        reading = Reading(digest_of(text), shape, named)
        if len(text) <= LARGEST_BYTES:
            self._by_shape.keep(shape.digest, named)
            self._by_text.keep(text, reading, len(text))
        return reading, tree

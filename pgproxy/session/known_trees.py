"""What trees name, remembered by their text and by their shape: one that was read is not read again.

Shared by the sessions of one database: the server's version is the same for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pgproxy.session.recent import Recent
from pgproxy.statements.model import Reached
from pgproxy.statements.tree import Node, reached, read_stored, unfolded
from pgproxy.statements.tree.shape import Shape, digest_of, shape_of

READINGS: Final = 2048
LARGEST_BYTES: Final = 256 * 1024
"""Of a tree that is remembered."""


@dataclass(frozen=True, slots=True)
class Reading:
    digest: bytes
    """Of the whole text."""
    shape: Shape
    reached: Reached


class Readings:
    def __init__(self) -> None:
        self._by_text: Recent[bytes, Reading] = Recent(READINGS)
        self._by_shape: Recent[bytes, Reached] = Recent(READINGS)

    def read(self, text: bytes, version: int) -> tuple[Reading, Node | None]:
        """What a tree names; with the tree itself where it had to be read for that.

        Raises:
            NotUnderstood, TooManyBytes: as `read_tree`.
        """
        digest = digest_of(text)
        known = self._by_text.get(digest)
        if known is not None:
            return known, None
        line = unfolded(text)
        shape = shape_of(line)
        tree: Node | None = None
        named = self._by_shape.get(shape.digest)
        if named is None:
            tree = read_stored(line, version)
            named = reached(tree)
        reading = Reading(digest, shape, named)
        if len(text) <= LARGEST_BYTES:
            self._by_shape.keep(shape.digest, named)
            self._by_text.keep(digest, reading)
        return reading, tree

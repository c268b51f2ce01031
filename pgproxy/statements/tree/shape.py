"""A tree's text without its constants and locations: what statements that differ only in constants have in common.

Only text that an equal shape was read for by the strict reader may be taken by its shape: nothing is checked here but
the fold. A constant's bytes and the numbers behind `:location` are all that is left out, and in a name neither can
stand: spaces in names are escaped.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from pgproxy.errors import TooManyBytes
from pgproxy.statements.tree.reader import TREE_BYTES, unfolded

_LOCATIONS: Final = re.compile(rb" :(?:location|stmt_location|stmt_len) -?[0-9]{1,10}(?=[ )}])")
_CONSTANT: Final = re.compile(rb"(?<= :constvalue )[0-9]{1,10} (\[ (?:-?[0-9]{1,3} )*\])")
_LEFT_OUT: Final = b"?"


@dataclass(frozen=True, slots=True)
class Shape:
    digest: bytes
    constants: tuple[bytes, ...]
    """The bytes of each constant that is not NULL, as printed, in the order of the text."""


def shape_of(text: bytes) -> Shape:
    """The shape of the DETAIL of a tree notice.

    Raises:
        NotUnderstood: it is not folded as the server does it.
        TooManyBytes
    """
    if len(text) > TREE_BYTES:
        raise TooManyBytes("the analysed tree of this statement is too large", detail=f"limit {TREE_BYTES} bytes")
    line = _LOCATIONS.sub(b"", unfolded(text))
    constants: list[bytes] = []

    def left_out(match: re.Match[bytes]) -> bytes:
        constants.append(match[1])
        return _LEFT_OUT

    return Shape(digest_of(_CONSTANT.sub(left_out, line)), tuple(constants))


def digest_of(text: bytes) -> bytes:
    """Stands for the text in a mapping."""
    return hashlib.blake2b(text, digest_size=20).digest()

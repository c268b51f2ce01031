"""A tree's text without its constants and places: what statements that differ only in constants have in common.

Only text that an equal shape was read for by the strict reader may be taken by its shape: nothing is checked here.
A constant's bytes and the numbers that say where something stands in the statement are all that is left out, and in a
name neither can stand: spaces in names are escaped.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

_PLACE: Final = re.compile(rb" :(?:location|stmt_location|stmt_len|list_start|list_end) -?[0-9]{1,10}(?=[ )}])")
_CONSTANT: Final = re.compile(rb" :constvalue [0-9]{1,10} (\[ (?:-?[0-9]{1,3} )*\])")
_LEFT_OUT: Final = b" :constvalue ?"


@dataclass(frozen=True, slots=True)
class Shape:
    digest: bytes
    meaning: bytes
    """As `meaning_of`."""
    constants: tuple[bytes, ...]
    """The bytes of each constant that is not NULL, as printed, in the order of the text."""


def shape_of(line: bytes) -> Shape:
    """The shape of a tree that is unfolded (`reader.unfolded`)."""
    constants: list[bytes] = []

    def left_out(match: re.Match[bytes]) -> bytes:
        constants.append(match[1])
        return _LEFT_OUT

    placeless = _PLACE.sub(b"", line)
    return Shape(digest_of(_CONSTANT.sub(left_out, placeless)), digest_of(placeless), tuple(constants))


def meaning_of(text: bytes) -> bytes:
    """A digest of a folded tree without the places, which PREPARE counts from elsewhere, and without the folds, which
    depend on them."""
    return digest_of(_PLACE.sub(b"", text.removesuffix(b"\n").replace(b"\n", b" ")))


def digest_of(text: bytes) -> bytes:
    """Stands for the text in a mapping."""
    return hashlib.blake2b(text, digest_size=20).digest()

"""Text of strangers as it may stand in a message: nothing invisible, nothing that turns the direction, not too long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

_MOST_NAMES: Final = 10
_LINE_LETTERS: Final = 4000
"""Of which a line is made; megabytes would take their time."""


@dataclass(frozen=True, slots=True)
class Cut:
    text: str
    left_out: int
    """Characters."""


def visible(letter: str) -> str:
    """One sign for whatever has no shape of its own; lines and tabs stay."""
    if letter.isprintable() or letter in "\n\t":
        return letter
    return "" if letter == "\r" else "\N{REPLACEMENT CHARACTER}"


def one_line(text: str) -> str:
    shown = " ".join("".join(map(visible, text[:_LINE_LETTERS])).split())
    return shown if len(text) <= _LINE_LETTERS else shown + "…"


def cut(text: str, limit: int, escape: Callable[[str], str] = str) -> Cut:
    """As much as fits into `limit` characters once it is escaped; no escape is torn apart, and no more is looked at.

    Args:
        escape: of a single character.
    """
    parts: list[str] = []
    length = 0
    for at, letter in enumerate(text):
        part = escape(letter)
        length += len(part)
        if length > limit:
            return Cut("".join(parts), len(text) - at)
        parts.append(part)
    return Cut("".join(parts), 0)


def some(names: Sequence[str]) -> str:
    if len(names) <= _MOST_NAMES:
        return ", ".join(names)
    return ", ".join(names[:_MOST_NAMES]) + f" and {len(names) - _MOST_NAMES} more"

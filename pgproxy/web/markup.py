"""HTML made of elements: whatever is not `Html` is escaped, and no character stays unseen. No page is laid out here."""

from __future__ import annotations

import re
import unicodedata
from html import escape

Child = str | None
"""Text, or Html; None is nothing."""

_VOID = frozenset(("input", "link", "meta", "br", "hr"))
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Drawn as nothing, or as a space, though Unicode calls them letters, marks or symbols."""
_SUSPECT = re.compile(r"[^\x20-\x7e\n\t]")
_VARIATIONS = ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))


class Html(str):
    """Markup: what was text in it is escaped."""

    __slots__ = ()


def tag(element: str, /, *children: Child, **attributes: str | bool | None) -> Html:
    """An element.

    Args:
        attributes: `_` stands for `-`, and one at the end is dropped; True: without a value; None and False: not there.
    """
    opening = f"<{element}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    if element in _VOID:
        return Html(opening)
    return Html(f"{opening}{joined(*children)}</{element}>")


def joined(*children: Child) -> Html:
    return Html("".join(child if isinstance(child, Html) else shown(child) for child in children if child is not None))


def shown(text: str) -> Html:
    """Text, with what is invisible or changes the direction of others drawn as its code point."""
    return Html(_SUSPECT.sub(lambda found: _mark(found[0]) if is_unseen(found[0]) else found[0], escape(text)))


def is_unseen(character: str) -> bool:
    """Whether a reader could miss it, or be misled by it. Line ends and tabs are layout."""
    if character in "\n\t ":
        return False
    code = ord(character)
    if character in _BLANK or any(first <= code <= last for first, last in _VARIATIONS):
        return True
    category = unicodedata.category(character)
    return category[0] in "CZ"


def _mark(character: str) -> str:
    code = f"U+{ord(character):04X}"
    name = unicodedata.name(character, "control character")
    return f'<span class="unseen" title="{escape(name.lower())}">{code}</span>'


def _attribute(key: str, value: str | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(value)}"'

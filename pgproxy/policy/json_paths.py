"""The paths of a json mask, as far as a decision needs them: which keys lead to what is masked.

`$.address`, `$.contacts[*].email`, `$."a key"`, `$["a key"]`, `$.items[0]`, `$.*`, `$..email`. Array steps are left
out: as in SQL/JSON's lax mode a path may pass through arrays, or not, wherever the document has them.
"""

from __future__ import annotations

import json
import re
from enum import Enum


class Wild(Enum):
    ANY = "*"
    """Any one key."""
    ANYWHERE = ".."
    """Any number of keys."""


KeyPath = tuple[str | Wild, ...]

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_STEP = re.compile(
    rf"""\[(?:[0-9]+|\*)\]
      | \[(?P<bracketed>{_QUOTED})\]
      | (?P<before_index>\.\.(?=\[))
      | \.(?P<deep>\.)?(?:(?P<quoted>{_QUOTED})|(?P<any>\*)|(?P<plain>[^\s.\[\]"'*$?@()]+))""",
    re.VERBOSE,
)
_INTEGER = re.compile(r"\s*[-+]?[0-9]+\s*")
"""As the server reads an array place (strtol): white space and a sign may stand before it."""


def parse_key_path(text: str) -> KeyPath:
    """Raises ValueError(message, suggestion)."""
    if not text.startswith("$"):
        raise ValueError(f'a JSON path begins with $, not "{text[:1]}"', f"$.{text}")
    keys: list[str | Wild] = []
    at = 1
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise ValueError(f"JSON path not understood from character {at + 1}", 'e.g. $.contacts[*]."e-mail"')
        at = match.end()
        if match["deep"] or match["before_index"]:
            keys.append(Wild.ANYWHERE)
        if match["any"]:
            keys.append(Wild.ANY)
        elif match["plain"]:
            keys.append(match["plain"])
        elif quoted := match["quoted"] or match["bracketed"]:
            keys.append(_unquoted(quoted))
    return tuple(keys)


def _unquoted(quoted: str) -> str:
    try:
        name: str = json.loads(quoted)
    except ValueError:
        raise ValueError("a quoted key of the JSON path is no JSON string") from None
    return name


def may_meet(steps: tuple[str, ...], masked: KeyPath) -> bool:
    """Whether what constant steps lead to may hold, or lie in, what the masked path leads to.

    Args:
        steps: of `->`, `->>`, `#>`, `#>>`; a number may be a key or a place in an array.
    """
    if not steps or not masked:
        return True
    (step, *_), (key, *_) = steps, masked
    if key is Wild.ANYWHERE:
        return True
    if _INTEGER.fullmatch(step) and may_meet(steps[1:], masked):
        return True
    return key in (Wild.ANY, step) and may_meet(steps[1:], masked[1:])

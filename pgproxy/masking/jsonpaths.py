"""Paths of the json mask: `$.address`, `$.contacts[*].email`, `$."quoted key"`, `$.items[0]`, `$.*`, `$..email`.

As in SQL/JSON's lax mode a key looks into the elements of an array, and `[*]` or `[0]` on what is no array means
the value itself: a document that is shaped a little otherwise is masked all the same.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    name: str | None
    """None: any key."""


@dataclass(frozen=True, slots=True)
class Index:
    number: int | None
    """None: any element."""


@dataclass(frozen=True, slots=True)
class Anywhere:
    """`..`: the rest of the path, from here or any depth below."""


Step = Key | Index | Anywhere
Path = tuple[Step, ...]


class BadPath(ValueError):
    """The path is not one of these; says where."""


_STEP = re.compile(r'(?P<anywhere>\.\.)|\.(?=[^.\[])|\[(?P<index>\d+|\*)\]|(?P<bracketed>\["(?:[^"\\]|\\.)*"\])')
_KEY = re.compile(r'(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<any>\*)|(?P<plain>[^\s.\[\]"\'*$?@()]+)')


def parse_path(text: str) -> Path:
    """Raises BadPath."""
    if not text.startswith("$"):
        raise BadPath(f"a JSON path begins with $: {text!r}")
    steps: list[Step] = []
    at = 1
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            raise BadPath(f"not understood at character {at + 1} of JSON path {text!r}")
        at = found.end()
        if found["index"]:
            steps.append(Index(None if found["index"] == "*" else int(found["index"])))
            continue
        if found["bracketed"]:
            steps.append(Key(_unquoted(found["bracketed"][1:-1], text)))
            continue
        if found["anywhere"]:
            steps.append(Anywhere())
            if text[at : at + 1] == "[":
                continue
        key = _KEY.match(text, at)
        if key is None:
            raise BadPath(f"a key is missing at character {at + 1} of JSON path {text!r}")
        at = key.end()
        if key["quoted"]:
            steps.append(Key(_unquoted(key["quoted"], text)))
        else:
            steps.append(Key(None if key["any"] else key["plain"]))
    if steps and isinstance(steps[-1], Anywhere):
        raise BadPath(f"a key is missing at the end of JSON path {text!r}")
    return tuple(steps)


def _unquoted(quoted: str, path: str) -> str:
    try:
        name: str = json.loads(quoted)
    except ValueError:
        raise BadPath(f"a quoted key of JSON path {path!r} is no JSON string") from None
    return name


def into_key(paths: frozenset[tuple[Path, int]], name: str) -> frozenset[tuple[Path, int]]:
    """What is left of each path inside the value of this key."""
    left: set[tuple[Path, int]] = set()
    for path, mask in _without_wrapping(paths):
        match path:
            case (Key(wanted), *rest) if wanted is None or wanted == name:
                left.add((tuple(rest), mask))
            case (Anywhere(), *rest):
                left.add((path, mask))
                match rest:
                    case (Key(wanted), *after) if wanted is None or wanted == name:
                        left.add((tuple(after), mask))
    return frozenset(left)


def into_element(paths: frozenset[tuple[Path, int]], number: int) -> frozenset[tuple[Path, int]]:
    """What is left of each path inside an element of an array."""
    left: set[tuple[Path, int]] = set()
    for path, mask in paths:
        match path:
            case (Index(wanted), *rest) if wanted is None or wanted == number:
                left.add((tuple(rest), mask))
            case (Key(), *_):
                left.add((path, mask))
            case (Anywhere(), *rest):
                left.add((path, mask))
                match rest:
                    case (Index(wanted), *after) if wanted is None or wanted == number:
                        left.add((tuple(after), mask))
    return frozenset(left)


def _without_wrapping(paths: frozenset[tuple[Path, int]]) -> frozenset[tuple[Path, int]]:
    """The paths at a value that is no array: leading `[*]` and `[0]` mean the value itself."""
    unwrapped: set[tuple[Path, int]] = set()
    for path, mask in paths:
        while path and isinstance(path[0], Index) and path[0].number in (None, 0):
            path = path[1:]
        unwrapped.add((path, mask))
    return frozenset(unwrapped)


def ends_at_scalar(paths: frozenset[tuple[Path, int]]) -> int | None:
    """Which mask (the first of the rule) covers a value that is no array; None: none does."""
    return min((mask for path, mask in _without_wrapping(paths) if not path), default=None)


def ends_here(paths: frozenset[tuple[Path, int]]) -> int | None:
    return min((mask for path, mask in paths if not path), default=None)

"""`{json: {PATH: MASK}}`: the values at the paths replaced inside the JSON text, all else left byte for byte.

Key order, spaces, the spelling of numbers and duplicate keys stay (each duplicate is masked). jsonb is the same text;
the server's order of its keys is not disturbed since keys never change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from pgproxy.masking.jsonpaths import Index, Path, ends_at_scalar, ends_here, into_element, into_key

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)
_MAX_DEPTH = 200

Paths = frozenset[tuple[Path, int]]
_EACH_ELEMENT: Paths = frozenset((((Index(None),), 0),))


@dataclass(frozen=True, slots=True)
class LeafMask:
    """One mask as it works inside JSON: on the UTF-8 text of a string, of a number, of a whole value."""

    string: Callable[[bytes], bytes | None]
    number: Callable[[bytes], bytes | None]
    boolean: Callable[[bytes], bytes | None]
    whole: str | None = None
    """What stands for an object, as JSON text; None: null."""


class _Rewriter:
    """One pass over one document. `out` gets the pieces of the result."""

    def __init__(self, text: str, masks: tuple[LeafMask, ...]) -> None:
        self.text = text
        self.masks = masks
        self.out: list[str] = []
        self.copied = 0

    def value(self, at: int, paths: Paths, depth: int) -> int:
        """Read the value at `at`, masking where a path ends; returns where it ends. Raises ValueError."""
        if depth > _MAX_DEPTH:
            raise ValueError("nested too deeply")
        first = self.text[at : at + 1]
        if not paths:
            return self._skip(at)
        mask = ends_here(paths) if first == "[" else ends_at_scalar(paths)
        if mask is not None:
            end = self._skip(at)
            self.replace(at, end, masked(self.text[at:end], self.masks[mask], depth))
            return end
        if first == "{":
            return self._object(at + 1, paths, depth)
        if first == "[":
            return self._array(at + 1, paths, depth)
        return self._skip(at)

    def replace(self, start: int, end: int, text: str) -> None:
        self.out.append(self.text[self.copied : start])
        self.out.append(text)
        self.copied = end

    def result(self) -> str:
        return "".join(self.out) + self.text[self.copied :]

    def _skip(self, at: int) -> int:
        try:
            return _DECODER.raw_decode(self.text, at)[1]
        except StopIteration:
            raise ValueError("no JSON") from None

    def _object(self, at: int, paths: Paths, depth: int) -> int:
        at = _after_space(self.text, at)
        if self.text[at : at + 1] == "}":
            return at + 1
        while True:
            if self.text[at : at + 1] != '"':
                raise ValueError("no JSON")
            name, at = _DECODER.raw_decode(self.text, at)
            at = _after_space(self.text, at)
            if self.text[at : at + 1] != ":":
                raise ValueError("no JSON")
            at = self.value(_after_space(self.text, at + 1), into_key(paths, name), depth + 1)
            at, ended = self._separator(at, "}")
            if ended:
                return at

    def _array(self, at: int, paths: Paths, depth: int) -> int:
        at = _after_space(self.text, at)
        if self.text[at : at + 1] == "]":
            return at + 1
        number = 0
        while True:
            at = self.value(at, into_element(paths, number), depth + 1)
            number += 1
            at, ended = self._separator(at, "]")
            if ended:
                return at

    def _separator(self, at: int, closing: str) -> tuple[int, bool]:
        """After a comma or the closing bracket, and whether it was that."""
        at = _after_space(self.text, at)
        found = self.text[at : at + 1]
        if found == closing:
            return at + 1, True
        if found != ",":
            raise ValueError("no JSON")
        return _after_space(self.text, at + 1), False


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def masked(text: str, mask: LeafMask, depth: int = 0) -> str:
    """One JSON value under a mask: arrays element by element, objects as a whole, null stays null."""
    if text == "null":
        return "null"
    if text[0] == '"':
        value = json.loads(text)
        try:
            raw = value.encode("utf-8")
        except UnicodeEncodeError:  # half of a surrogate pair, which json (not jsonb) lets through
            return "null"
        changed = mask.string(raw)
        return "null" if changed is None else json.dumps(changed.decode("utf-8"), ensure_ascii=False)
    if text[0] == "[":
        rewriter = _Rewriter(text, (mask,))
        rewriter.value(0, _EACH_ELEMENT, depth)
        return rewriter.result()
    if text[0] == "{":
        return "null" if mask.whole is None else mask.whole
    if text in ("true", "false"):
        changed = mask.boolean(text.encode())
        return {b"t": "true", b"f": "false"}.get(changed or b"", "null")
    changed = mask.number(text.encode())
    if changed is None or not _NUMBER.fullmatch(changed.decode("ascii")):
        return "null"
    return changed.decode("ascii")


def json_mask(paths: tuple[Path, ...], masks: tuple[LeafMask, ...]) -> Callable[[str], str]:
    """`masks[i]` for `paths[i]`; where several fit one value, the first. The function raises ValueError for no JSON."""
    start: Paths = frozenset((path, number) for number, path in enumerate(paths))

    def mask(text: str) -> str:
        rewriter = _Rewriter(text, masks)
        at = _after_space(text, 0)
        end = _after_space(text, rewriter.value(at, start, 0))
        if end != len(text):
            raise ValueError("no JSON")
        return rewriter.result()

    return mask

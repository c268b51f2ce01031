"""How deeply a text can nest at most, from its tokens alone: asked before libpg_query sees a long text.

libpg_query's output takes time with the square of the depth (measured: 200,000 levels of "+1", 400 kB, took 15 s), so a
client could stop the proxy with one statement. The bound counts every token as a level, except that a comma, AND and OR
begin anew: the grammar keeps what they join in flat lists. Set operations, joins and CASE chain across those, so they
never do.
"""

from __future__ import annotations

import re

MAX_LEVELS = 10_000

_TOKEN = re.compile(
    r"""
      (?P<skip>
          \s++ | --[^\r\n]*+ | \$\d++ | \d[\w.]*+
        | [eE]'(?:[^'\\]++|\\.|'')*+'(?:(?:\s++|--[^\r\n]*+)*+'(?:[^'\\]++|\\.|'')*+')*+
        | '(?:[^']++|'')*+'
      )
    | (?P<comment>/\*)
    | (?P<dollar>\$(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*)?\$)
    | (?P<word>"(?:[^"]++|"")*+" | [A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*)
    | (?P<open>[(\[])
    | (?P<close>[)\]])
    | (?P<comma>[,;])
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)

_COMMENT_EDGE = re.compile(r"/\*|\*/")
_FLAT_WORDS = frozenset(("and", "or"))
_CHAINING_WORDS = frozenset(("union", "intersect", "except", "join", "case"))


class _Frame:
    """Inside one pair of parentheses."""

    __slots__ = ("below", "chained", "deepest", "here")

    def __init__(self) -> None:
        self.here = 0
        """Tokens since the last separator."""
        self.below = 0
        """The deepest pair of parentheses since the last separator."""
        self.deepest = 0
        """Of everything before the last separator."""
        self.chained = 0
        """Set operations, joins and CASEs."""

    def separate(self) -> None:
        self.deepest = max(self.deepest, self.here + self.below)
        self.here = self.below = 0

    def levels(self) -> int:
        # Two more for an AND in an OR.
        return max(self.deepest, self.here + self.below) + self.chained + 2


def may_nest_too_deeply(text: str) -> bool:
    """The text cannot be shown to have fewer than MAX_LEVELS levels."""
    frames = [_Frame()]
    position, end = 0, len(text)
    while position < end:
        token = _TOKEN.match(text, position)
        assert token is not None  # `other` takes anything
        position = token.end()
        frame = frames[-1]
        match token.lastgroup:
            case "comma":
                frame.separate()
            case "word":
                word = token[0].lower()
                if word in _FLAT_WORDS:
                    frame.separate()
                elif word in _CHAINING_WORDS:
                    frame.chained += 1
                else:
                    frame.here += 1
            case "other":
                frame.here += 1
            case "open":
                if len(frames) >= MAX_LEVELS:
                    return True
                frames.append(_Frame())
            case "close" if len(frames) > 1:
                levels = frames.pop().levels()
                if levels >= MAX_LEVELS:
                    return True
                frames[-1].below = max(frames[-1].below, levels)
            case "dollar":
                closing = text.find(token[0], position)
                position = end if closing < 0 else closing + len(token[0])
            case "comment":
                position = _behind_comment(text, position)
    return sum(frame.levels() for frame in frames) >= MAX_LEVELS


def _behind_comment(text: str, position: int) -> int:
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(text, position)
        if edge is None:
            return len(text)
        depth += 1 if edge[0] == "/*" else -1
        position = edge.end()
    return position

"""YAML files as nodes that know their place. What a scalar means is for whoever reads it: nothing is guessed here.

Read as YAML 1.2 where 1.1 surprises: `on`, `yes`, dates, octals and numbers are text until a reader asks for
something else; an anchor may be used again, a merge key `<<` is a key like any other. Over PyYAML's composed nodes.

Source: YAML 1.2.2, chapter 10.3 (core schema).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from pgproxy.config.problems import Position, ProblemList

NODES_LIMIT = 200_000
"""Nodes with aliases written out: a small file that grows without end is refused."""

_DEFAULT_TAGS = {
    yaml.ScalarNode: "tag:yaml.org,2002:str",
    yaml.SequenceNode: "tag:yaml.org,2002:seq",
    yaml.MappingNode: "tag:yaml.org,2002:map",
}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, slots=True)
class TextNode:
    """A scalar, as written between its quotes."""

    at: Position
    text: str
    is_plain: bool = True
    """Written without quotes; only then it may be null, a boolean or a number."""
    is_substituted: bool = False
    """Part of it came from the environment or from a file: it is never shown."""
    is_missing: bool = False
    """What it refers to is not there; that is reported, and nothing more is to be said of it."""

    @property
    def is_null(self) -> bool:
        return self.is_plain and not self.is_substituted and self.text in _NULLS

    @property
    def shown(self) -> str:
        """For a message."""
        if self.is_null:
            return "nothing"
        return "a value from outside the file" if self.is_substituted else f'"{self.text}"'


@dataclass(frozen=True, slots=True)
class ListNode:
    at: Position
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MappingNode:
    at: Position
    entries: tuple[tuple[TextNode, Node], ...]


Node = TextNode | ListNode | MappingNode


def load_nodes(path: Path, problems: ProblemList, name: str | None = None) -> Node | None:
    """The document of a YAML file; None where it cannot be read, or is empty.

    Args:
        name: how messages call the file; default `path` as it is.
    """
    name = name or str(path)
    start = Position(name, 1, 1)
    try:
        content = path.read_bytes()
    except OSError as error:
        problems.error(start, f"cannot be read: {error.strerror}")
        return None
    return parse_nodes(content, name, problems)


def parse_nodes(content: bytes, name: str, problems: ProblemList) -> Node | None:
    """As `load_nodes`, of what a file holds."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problems.error(Position(name, line, 1), "not UTF-8")
        return None
    try:
        composed = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Position(name, mark.line + 1, mark.column + 1) if mark else Position(name, 1, 1)
        parts = (error.context, error.problem) if error.problem_mark else (error.problem, error.context)
        problems.error(at, "not YAML: " + ", ".join(part for part in parts if part))
        return None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problems.error(Position(name, line, 1), "not YAML: a control character")
        return None
    except RecursionError:
        problems.error(Position(name, 1, 1), "nested too deeply")
        return None
    return None if composed is None else _Converter(name, problems).convert(composed)


class _Converter:
    def __init__(self, name: str, problems: ProblemList) -> None:
        self._name = name
        self._problems = problems
        self._open: set[int] = set()
        self._left = NODES_LIMIT

    def convert(self, node: yaml.Node) -> Node:
        at = Position(self._name, node.start_mark.line + 1, node.start_mark.column + 1)
        self._left -= 1
        if self._left == 0:
            self._problems.error(at, "too large once its aliases are written out")
        if id(node) in self._open:
            self._problems.error(at, "an alias that contains itself")
        if self._left <= 0 or id(node) in self._open:
            return TextNode(at, "")
        if node.tag != _DEFAULT_TAGS[type(node)] and node.tag != "!":
            self._problems.error(at, f"tags are not used here: {node.tag}", "leave it out")
        self._open.add(id(node))
        try:
            match node:
                case yaml.ScalarNode():
                    return TextNode(at, node.value, is_plain=node.style is None)
                case yaml.SequenceNode():
                    return ListNode(at, tuple(self.convert(item) for item in node.value))
                case _:
                    return MappingNode(at, self._entries(node))
        finally:
            self._open.discard(id(node))

    def _entries(self, node: yaml.Node) -> tuple[tuple[TextNode, Node], ...]:
        entries: list[tuple[TextNode, Node]] = []
        first: dict[str, TextNode] = {}
        for key_node, value_node in node.value:
            key, value = self.convert(key_node), self.convert(value_node)
            if not isinstance(key, TextNode):
                self._problems.error(key.at, "a key must be text")
            elif key.text in first:
                again = first[key.text].at.line
                self._problems.error(key.at, f'"{key.text}" is here twice', f"the other is in line {again}")
            else:
                first[key.text] = key
                entries.append((key, value))
        return tuple(entries)


def substituted(node: TextNode, text: str, *, is_missing: bool) -> TextNode:
    """This scalar with what its `${…}` stand for."""
    return replace(node, text=text, is_substituted=True, is_missing=is_missing)

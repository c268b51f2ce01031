"""Reading mappings key by key: what is asked for is known, what is left is a problem with a suggestion.

Each reader returns None where the key is missing or its value is wrong (then the problem is noted), so that one run
finds everything. Used for pgproxy.yaml and for rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from pgproxy.config.problems import Position, ProblemList, nearest_or_all
from pgproxy.config.yaml_nodes import ListNode, MappingNode, Node, TextNode

Value = TypeVar("Value")


class Fields:
    """The entries of one mapping.

    Args:
        what: how messages call the mapping, e.g. "upstream".
    """

    def __init__(self, node: MappingNode, what: str, problems: ProblemList) -> None:
        self.at = node.at
        self.what = what
        self.problems = problems
        self._entries = {key.text: (key, value) for key, value in node.entries}
        self._asked: list[str] = []

    def node(self, key: str) -> Node | None:
        """The value of a key; None where it is missing."""
        self._asked.append(key)
        found = self._entries.get(key)
        return None if found is None else found[1]

    def key_position(self, key: str) -> Position:
        found = self._entries.get(key)
        return self.at if found is None else found[0].at

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def require(self, key: str, suggestion: str = "") -> None:
        if key not in self._entries:
            self.problems.error(self.at, f"{self.what}: {key} is missing", suggestion)

    def text(self, key: str) -> str | None:
        """A non-empty text."""
        node = self.scalar(key)
        return None if node is None else node.text

    def scalar(self, key: str) -> TextNode | None:
        """A non-empty text with its place."""
        node = self.node(key)
        return None if node is None else as_text(node, self.name(key), self.problems)

    def parsed(self, key: str, parse: Callable[[str], Value]) -> Value | None:
        """A text through `parse`, whose ValueError says what is wrong, and never holds the value."""
        node = self.scalar(key)
        if node is None:
            return None
        try:
            return parse(node.text)
        except ValueError as error:
            message, *suggestion = error.args
            self.problems.error(node.at, f"{self.name(key)}: {message}", *suggestion)
            return None

    def choice(self, key: str, choices: Iterable[str]) -> str | None:
        node = self.scalar(key)
        return None if node is None else as_choice(node, self.name(key), choices, self.problems)

    def boolean(self, key: str) -> bool | None:
        node = self.scalar(key)
        if node is None:
            return None
        if node.is_plain and node.text in ("true", "false"):
            return node.text == "true"
        self.problems.error(node.at, f"{self.name(key)} must be true or false, not {node.shown}")
        return None

    def whole_number(self, key: str, least: int = 0) -> int | None:
        node = self.scalar(key)
        if node is None:
            return None
        if node.is_plain and node.text.isascii() and node.text.isdigit() and len(node.text) < 19:
            number = int(node.text)
            if number >= least:
                return number
        self.problems.error(node.at, f"{self.name(key)} must be a whole number from {least}, not {node.shown}")
        return None

    def texts(self, key: str) -> tuple[TextNode, ...]:
        """A list of texts; a single text is a list of one. Empty where it is missing or wrong."""
        node = self.node(key)
        return () if node is None else as_texts(node, self.name(key), self.problems)

    def fields(self, key: str) -> Fields | None:
        """A mapping."""
        node = self.node(key)
        return None if node is None else as_fields(node, self.name(key), self.problems)

    def entries(self, key: str) -> tuple[tuple[TextNode, Node], ...]:
        """A mapping whose keys are names of the operator's own. Empty where it is missing or wrong."""
        node = self.node(key)
        return () if node is None else as_entries(node, self.name(key), self.problems)

    def items(self, key: str) -> tuple[Node, ...]:
        """A list of anything. Empty where it is missing or wrong."""
        node = self.node(key)
        return () if node is None else as_items(node, self.name(key), self.problems)

    def finish(self) -> None:
        """Report the keys that nobody asked for."""
        known = sorted(set(self._asked))
        for key, _ in self._entries.values():
            if key.text not in self._asked:
                self.problems.error(key.at, f'{self.what}: unknown key "{key.text}"', nearest_or_all(key.text, known))

    def name(self, key: str) -> str:
        """The key as messages call it."""
        return f"{self.what}.{key}" if self.what else key


def as_text(node: Node, what: str, problems: ProblemList) -> TextNode | None:
    if isinstance(node, TextNode):
        if not node.is_null and node.text and not node.is_missing:
            return node
        if not node.is_missing:
            problems.error(node.at, f"{what} is empty")
    else:
        problems.error(node.at, f"{what} must be a text, not {_kind(node)}")
    return None


def as_choice(node: TextNode, what: str, choices: Iterable[str], problems: ProblemList) -> str | None:
    names = list(choices)
    if node.text in names:
        return node.text
    problems.error(node.at, f"{what} cannot be {node.shown}", nearest_or_all(node.text, names))
    return None


def as_texts(node: Node, what: str, problems: ProblemList) -> tuple[TextNode, ...]:
    if isinstance(node, ListNode):
        if not node.items:
            problems.error(node.at, f"{what} is an empty list", "leave it out")
        texts = [as_text(item, f"an entry of {what}", problems) for item in node.items]
    else:
        texts = [as_text(node, what, problems)]
    return tuple(text for text in texts if text is not None)


def as_fields(node: Node, what: str, problems: ProblemList) -> Fields | None:
    if isinstance(node, MappingNode):
        return Fields(node, what, problems)
    problems.error(node.at, f"{what} must be a mapping (key: value), not {_kind(node)}")
    return None


def as_entries(node: Node, what: str, problems: ProblemList) -> tuple[tuple[TextNode, Node], ...]:
    if isinstance(node, MappingNode):
        return node.entries
    if not (isinstance(node, TextNode) and node.is_null):
        problems.error(node.at, f"{what} must be a mapping (key: value), not {_kind(node)}")
    return ()


def as_items(node: Node, what: str, problems: ProblemList) -> tuple[Node, ...]:
    if isinstance(node, ListNode):
        return node.items
    if not (isinstance(node, TextNode) and node.is_null):
        problems.error(node.at, f"{what} must be a list, not {_kind(node)}")
    return ()


def _kind(node: Node) -> str:
    match node:
        case TextNode():
            return node.shown
        case ListNode():
            return "a list"
        case MappingNode():
            return "a mapping"

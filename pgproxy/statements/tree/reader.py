"""Reads the text of a server's analysed tree, or refuses it.

The text comes folded into lines (`format_node_dump` in PostgreSQL's `nodes/print.c`), so it is first unfolded, then cut
into the tokens that `pg_strtok` (`nodes/read.c`) would see, then read field by field as `nodes` says. Nothing is
skipped, guessed or repaired: anything else raises `NotUnderstood`, which names the node but no value of it. Iterative,
so that a deep tree costs a refusal and no stack.
"""

from __future__ import annotations

import re
from typing import Any, Final, NoReturn

from pgproxy.errors import NotUnderstood, TooManyBytes
from pgproxy.statements.tree.nodes import TABLE_ENTRY, Layout, layouts

LINE_BYTES: Final = 78
"""LINELEN of `format_node_dump`."""
TREE_BYTES: Final = 16 * 1024 * 1024
"""As many parameters as the protocol takes, each with a cast, take nearly all of it."""
DEPTH: Final = 320
"""Nodes and lists inside each other. Who walks a tree may recurse: this keeps it within Python's stack."""

_TOKEN: Final = re.compile(rb"\[ (?:-?[0-9]+ )*\]|[(){}]|(?:[^ \n\t(){}\\]|\\.)+", re.DOTALL)
"""The first alternative takes a constant's bytes at once; it is accepted in no other place."""
_NUMBER: Final = re.compile(rb"-?[0-9]{1,20}")
_UNSIGNED: Final = re.compile(rb"[0-9]{1,10}")
_ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)
_WORDS: Final = {b"and": "and", b"or": "or", b"not": "not"}


class Node:
    """One node: its tag and its fields by name.

    Field values: int, bool, str or None (a name; None is "not given"), bytes or None (a constant's datum as printed),
    frozenset[int] (bits), and for nodes: Node, list of these, list of int or str, or None.
    """

    __slots__ = ("fields", "tag")

    def __init__(self, tag: str, fields: dict[str, Any]) -> None:
        self.tag = tag
        self.fields = fields

    def __getitem__(self, name: str) -> Any:
        """The field. Raises NotUnderstood where the node has none: it is not the node that belongs there."""
        try:
            return self.fields[name]
        except KeyError:
            _refuse(f"{self.tag} where another node should be")

    def get(self, name: str) -> Any:
        """The field, or None where this server version has none."""
        return self.fields.get(name)

    def nodes(self, name: str) -> list[Any]:
        """A field that holds a list; empty if there is none."""
        return self.fields.get(name) or []

    def __repr__(self) -> str:
        return f"<Node {self.tag}>"


def read_tree(text: bytes, server_version: int, *, limit_bytes: int = TREE_BYTES) -> Node:
    """The queries of a notice "rewritten parse tree:" under one node, tag QUERIES, field `queries`.

    Args:
        text: the notice's DETAIL field.
        server_version: 15, 16, 17 or 18.
    Raises:
        NotUnderstood: it is not exactly what that server prints.
        TooManyBytes
    """
    if len(text) > limit_bytes:
        raise TooManyBytes("the analysed tree of this statement is too large", detail=f"limit {limit_bytes} bytes")
    return read_stored(unfolded(text), server_version)


def read_stored(text: bytes, server_version: int) -> Node:
    """As `read_tree`, for text that is not folded: a rule's action as pg_rewrite has it."""
    try:
        known = layouts(server_version)
    except KeyError:
        _refuse(f"PostgreSQL {server_version} is not supported")
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError:
            _refuse("the tree is not valid UTF-8")
    if text[-1:] not in (b")", b">"):
        _refuse("the tree is cut off")
    queries = _Reading(_TOKEN.findall(text), known.nodes, known.table_entries).whole()
    for query in queries:
        if not isinstance(query, Node) or query.tag != "QUERY":
            _refuse("not a list of queries")
    return Node("QUERIES", {"queries": queries})


def unfolded(text: bytes) -> bytes:
    """The text before `format_node_dump` folded it.

    A fold puts a newline in place of a space; only where 78 bytes have no space does it put one between two bytes. That
    second kind cannot be told apart afterwards, so it is refused, and the rest must fold again to exactly this text:
    then no newline can be one that a name brought along.
    """
    lines = text.split(b"\n")
    if lines.pop() != b"" or not lines:
        _refuse("the tree does not end with a line")
    last = len(lines) - 1
    for number, line in enumerate(lines):
        length = len(line)
        if length > LINE_BYTES:
            _refuse("a line of the tree is too long")
        if number == last:
            break
        if length == LINE_BYTES:
            if line.find(b" ", 1) < 0:
                _refuse("the tree has a word as long as a line")
            continue
        # The fold went back to this line's end because the next word did not fit any more.
        rest = LINE_BYTES - length
        following = lines[number + 1]
        if length == 0 or len(following) < rest or following.find(b" ", 0, rest) >= 0:
            _refuse("the tree is not folded as the server does it")
    return b" ".join(lines)


class _Reading:
    """One pass over the tokens, with the open nodes and lists on an explicit stack."""

    def __init__(self, tokens: list[bytes], nodes: Any, table_entries: Any) -> None:
        self._tokens = tokens
        self._nodes = nodes
        self._table_entries = table_entries
        self._at = 0

    def whole(self) -> list[Any]:
        try:
            value = self._value()
        except IndexError:
            _refuse("the tree is cut off")
        if self._at != len(self._tokens):
            _refuse("the tree goes on after its end")
        if value is None:
            return []
        if not isinstance(value, list):
            _refuse("not a list of queries")
        return value

    def _value(self) -> Any:
        """A node, list or nothing, with all that is in it.

        The stack holds, for a node, [node, layout, index of the field that is being read], for a list [list].
        """
        tokens = self._tokens
        at = self._at
        stack: list[list[Any]] = []
        while True:
            # A value begins here.
            token = tokens[at]
            at += 1
            value: Any
            if token == b"{":
                tag = tokens[at].decode("ascii", "replace")
                at += 1
                layout = self._nodes.get(tag)
                if layout is None:
                    _refuse(f"the tree has a node this version does not know: {_shown(tag)}")
                stack.append([Node(tag, {}), layout, 0])
                if len(stack) > DEPTH:
                    _refuse("the statement is nested too deeply")
                at, done = self._scalars(stack, at)
                if not done:
                    continue
                value = stack.pop()[0]
            elif token == b"(":
                if tokens[at] in (b"i", b"o"):
                    at, value = self._numbers(at + 1)
                elif tokens[at] == b")":
                    _refuse("an empty list")
                else:
                    stack.append([[]])
                    if len(stack) > DEPTH:
                        _refuse("the statement is nested too deeply")
                    continue
            elif token == b"<>":
                value = None
            elif token[:1] == b'"' and token[-1:] == b'"' and len(token) > 1:
                value = _ESCAPE.sub(rb"\1", token[1:-1]).decode()
            else:
                where = stack[-1][0].tag if stack and isinstance(stack[-1][0], Node) else "a list"
                _refuse(f"a value of {where} is neither node nor list")
            # It belongs to whatever is open; that may end with it, again and again.
            while True:
                if not stack:
                    self._at = at
                    return value
                top = stack[-1]
                holder = top[0]
                if isinstance(holder, list):
                    holder.append(value)
                    if tokens[at] != b")":
                        break
                    at += 1
                    value = holder
                    stack.pop()
                else:
                    holder.fields[top[1][top[2]].name] = value
                    top[2] += 1
                    at, done = self._scalars(stack, at)
                    if not done:
                        break
                    value = holder
                    stack.pop()

    def _scalars(self, stack: list[list[Any]], at: int) -> tuple[int, bool]:
        """Read fields of the open node up to the next that holds a node (False), or to its end (True)."""
        tokens = self._tokens
        node, layout, index = stack[-1]
        fields = node.fields
        while True:
            if index == len(layout):
                if node.tag == TABLE_ENTRY and "lateral" not in fields:
                    layout = self._entry_layout(fields["rtekind"])
                    index = 0
                    continue
                if tokens[at] != b"}":
                    _refuse(f"{node.tag} has a field this version does not know")
                return at + 1, True
            token, name, kind = layout[index]
            if tokens[at] != token:
                _refuse(f"{node.tag} has no field {name} where this version has it")
            at += 1
            if kind == "node":
                stack[-1][1] = layout
                stack[-1][2] = index
                return at, False
            word = tokens[at]
            at += 1
            value: Any
            if kind == "int":
                if not _NUMBER.fullmatch(word):
                    _refuse(f"{node.tag}.{name} is no number")
                value = int(word)
            elif kind == "bool":
                if word not in (b"true", b"false"):
                    _refuse(f"{node.tag}.{name} is neither true nor false")
                value = word == b"true"
            elif kind in ("name", "char"):
                if word in (b"(", b")", b"{", b"}"):
                    _refuse(f"{node.tag}.{name} is no name")
                value = None if word == b"<>" else "" if word == b'""' else _ESCAPE.sub(rb"\1", word).decode()
            elif kind == "datum":
                at, value = self._datum(node, word, at)
            elif kind in ("types", "operators"):
                at, value = self._oids(node, name, word, at)
            elif kind == "bits":
                if word != b"(" or tokens[at] != b"b":
                    _refuse(f"{node.tag}.{name} is no set of numbers")
                at, numbers = self._numbers(at + 1)
                value = frozenset(numbers)
            elif kind == "word":
                value = _WORDS.get(word)
                if value is None:
                    _refuse(f"{node.tag}.{name} is no word of this version")
            else:
                if not _UNSIGNED.fullmatch(word):
                    _refuse(f"{node.tag}.{name} is no OID")
                value = int(word)
            fields[name] = value
            index += 1

    def _entry_layout(self, kind: int) -> Layout:
        layout: Layout | None = self._table_entries.get(kind)
        if layout is None:
            _refuse(f"the tree has a range table entry of unknown kind {kind}")
        return layout

    def _numbers(self, at: int) -> tuple[int, list[int]]:
        tokens = self._tokens
        numbers: list[int] = []
        while (token := tokens[at]) != b")":
            if not _NUMBER.fullmatch(token):
                _refuse("a list of numbers holds something else")
            numbers.append(int(token))
            at += 1
        return at + 1, numbers

    def _oids(self, node: Node, name: str, word: bytes, at: int) -> tuple[int, list[int]]:
        if word == b"<>":
            return at, []
        if word != b"(" or self._tokens[at] != b"o":
            _refuse(f"{node.tag}.{name} is no list of OIDs")
        return self._numbers(at + 1)

    def _datum(self, node: Node, word: bytes, at: int) -> tuple[int, bytes | None]:
        if word == b"<>":
            return at, None
        printed = self._tokens[at]
        if not _UNSIGNED.fullmatch(word) or printed[:2] != b"[ " or printed[-1:] != b"]":
            _refuse(f"{node.tag} has no readable value")
        return at + 1, printed


def _shown(tag: str) -> str:
    """A tag for an error text: only what a tag can be."""
    return tag if re.fullmatch(r"[A-Z0-9_]{1,64}", tag) else "(not a tag)"


def _refuse(why: str) -> NoReturn:
    raise NotUnderstood(
        f"not provably safe: {why}",
        detail="rule builtin.tree",
        hint="Write the statement in a simpler form.",
    )

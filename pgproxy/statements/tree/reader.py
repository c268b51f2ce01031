"""Reads the text of a server's analysed tree, or refuses it.

The text comes folded into lines (`format_node_dump` in PostgreSQL's `nodes/print.c`), so it is first unfolded, then
read field by field as `forms` says, which knows every byte of what a server prints. Nothing is skipped, guessed or
repaired: anything else raises `NotUnderstood`, which names the node but no value of it. Iterative, so that a deep tree
costs a refusal and no stack.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn

from pgproxy.errors import NotUnderstood, TooManyBytes
from pgproxy.statements.tree.forms import LETTERS, Form, Forms, forms, unescaped
from pgproxy.statements.tree.nodes import TABLE_ENTRY

LINE_BYTES: Final = 78
"""LINELEN of `format_node_dump`."""
TREE_BYTES: Final = 16 * 1024 * 1024
"""As many parameters as the protocol takes, each with a cast, take nearly all of it."""
DEPTH: Final = 320
"""Nodes and lists inside each other. Who walks a tree may recurse: this keeps it within Python's stack."""

_STRING: Final = re.compile(rb'"(%s)"(?=[ )}])' % LETTERS, re.DOTALL)
_STRINGS: Final = re.compile(rb'\("%s"(?: "%s")*\)' % (LETTERS, LETTERS), re.DOTALL)
_NUMBERS: Final = re.compile(rb"\([io]((?: -?[0-9]{1,20})*)\)")


class Node:
    """One node: its tag and its fields by name.

    Field values: int, bool, str or None (a name; None is "not given"), bytes or None (a constant's datum as printed),
    frozenset[int] (bits), and for nodes: Node, list of these, list of int or str, or None.
    """

    __slots__ = ("children", "fields", "tag")

    def __init__(self, tag: str, fields: dict[str, Any]) -> None:
        self.tag = tag
        self.fields = fields
        self.children: list[Node] = []
        """Every node in a field, lists of nodes resolved, in the order of the text."""

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

    def within(self) -> Iterator[Node]:
        """The node and all that are in it, in the order of the text."""
        pending = [self]
        while pending:
            node = pending.pop()
            yield node
            pending += reversed(node.children)

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
    return read_stored(unfolded(text, limit_bytes=limit_bytes), server_version)


def read_stored(text: bytes, server_version: int) -> Node:
    """As `read_tree`, for text that is not folded: a rule's action as pg_rewrite has it."""
    try:
        known = forms(server_version)
    except KeyError:
        _refuse(f"PostgreSQL {server_version} is not supported")
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError:
            _refuse("the tree is not valid UTF-8")
    whole = Node("QUERIES", {})
    queries = _value(text, known, whole) or []
    if not isinstance(queries, list):
        _refuse("not a list of queries")
    for query in queries:
        if not isinstance(query, Node) or query.tag != "QUERY":
            _refuse("not a list of queries")
    whole.fields["queries"] = queries
    return whole


def unfolded(text: bytes, *, limit_bytes: int = TREE_BYTES) -> bytes:
    """The text before `format_node_dump` folded it.

    A fold puts a newline in place of a space; only where 78 bytes have no space does it put one between two bytes. That
    second kind cannot be told apart afterwards, so it is refused, and the rest must fold again to exactly this text:
    then no newline can be one that a name brought along.

    Raises:
        NotUnderstood, TooManyBytes.
    """
    if len(text) > limit_bytes:
        raise TooManyBytes("the analysed tree of this statement is too large", detail=f"limit {limit_bytes} bytes")
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


class _Open:
    """A node or a list that is being read."""

    __slots__ = ("field", "node", "stretches", "value")

    def __init__(self, value: Node | list[Any], node: Node, form: Form = ()) -> None:
        self.value = value
        self.node = node
        """It, or the node that the list is in."""
        self.stretches = iter(form)
        """Those that come next."""
        self.field: str | None = None
        """The field of the node that the next value is for; None: the node is read to its end."""


def _value(text: bytes, known: Forms, whole: Node) -> Any:
    """The one node, list or nothing that the text is, with all that is in it; its nodes become children of `whole`."""
    stack: list[_Open] = []
    at = 0
    while True:
        # A value begins here.
        value: Any = None
        first = text[at : at + 1]
        if first == b"{":
            end = text.find(b" ", at)
            printed = text[at + 1 : end]
            tag, form = known.node(printed) or _refuse(f"a node this version does not know: {_shown(printed)}")
            value = Node(tag, {})
            (stack[-1].node if stack else whole).children.append(value)
            top = _opened(stack, _Open(value, value, form))
            at = _fields(text, end, top, known)
            if top.field is not None:
                continue
            stack.pop()
        elif first == b"(":
            if numbers := _NUMBERS.match(text, at):
                value, at = [int(number) for number in numbers[1].split()], numbers.end()
            elif strings := _STRINGS.match(text, at):
                value, at = [unescaped(word) for word in _STRING.findall(strings[0])], strings.end()
            else:
                _opened(stack, _Open([], stack[-1].node if stack else whole))
                at += 1
                continue
        elif text.startswith(b"<>", at):
            at += 2
        elif string := _STRING.match(text, at):
            value, at = unescaped(string[1]), string.end()
        else:
            where = stack[-1].node.tag if stack else whole.tag
            _refuse(f"a value of {where} is neither node nor list")
        # It belongs to whatever is open; that may end with it, again and again.
        while stack:
            top = stack[-1]
            if isinstance(top.value, list):
                top.value.append(value)
                sign = text[at : at + 1]
                at += 1
                if sign == b" ":
                    break
                if sign != b")":
                    _refuse("a list of the tree has no end")
            elif top.field is not None:
                top.node.fields[top.field] = value
                at = _fields(text, at, top, known)
                if top.field is not None:
                    break
            value = top.value
            stack.pop()
        else:
            if at != len(text):
                _refuse("the tree goes on after its end")
            return value


def _opened(stack: list[_Open], one: _Open) -> _Open:
    if len(stack) == DEPTH:
        _refuse("the statement is nested too deeply")
    stack.append(one)
    return one


def _fields(text: bytes, at: int, top: _Open, known: Forms) -> int:
    """Read fields of the open node up to the next that holds a node, or to its end; where that is in the text."""
    fields = top.node.fields
    for stretch in top.stretches:
        found = stretch.match(text, at)
        if found is None:
            _refuse(f"{top.node.tag} is not printed as this version does it")
        at = found.end()
        if stretch.reads:
            for name, read, word in zip(stretch.names, stretch.reads, found.groups(), strict=True):
                fields[name] = read(word)
        if stretch.node is None:
            continue
        if not text.startswith(b"<>", at):
            top.field = stretch.node
            return at
        fields[stretch.node] = None
        at += 2
    if top.node.tag == TABLE_ENTRY and "lateral" not in fields:
        top.stretches = iter(known.entry(fields["rtekind"]) or _refuse("an unknown kind of range table entry"))
        return _fields(text, at, top, known)
    top.field = None
    return at


def _shown(tag: bytes) -> str:
    """A tag for an error text: only what a tag can be."""
    return tag.decode() if re.fullmatch(rb"[A-Z0-9_]{1,64}", tag) else "(not a tag)"


def _refuse(why: str) -> NoReturn:
    raise NotUnderstood(
        f"not provably safe: {why}",
        detail="rule builtin.tree",
        hint="Write the statement in a simpler form.",
    )

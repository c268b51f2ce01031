"""The statement inside a statement, as a text of its own: of EXPLAIN, DECLARE, PREPARE, CREATE TABLE AS, SELECT INTO,
and the arguments of EXECUTE.

Where it begins and ends is found by trying and proven by its parse tree: with everything around it turned into spaces
the text must have the very tree that stands inside, locations included. What cannot be proven is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from pgproxy.statements.grammar_parser import SyntaxProblem, parse_tree
from pgproxy.statements.model import Handling, RawStatement

Split = Callable[[str], tuple[RawStatement, ...]]

WITH_PARTS = frozenset({Handling.WRAP, Handling.PREPARE, Handling.EXECUTE})

_MAX_TRIES = 64
"""Of a text made to look as if it began or ended in many places. Each try parses it."""

_QUERY_BEGINS = re.compile(
    r"\b(?:(?P<for>for)|select|with|insert|update|delete|merge|values|table|execute)\b|\(", re.IGNORECASE
)
_WITH_DATA = re.compile(r"\bwith\b", re.IGNORECASE)
_INTO = re.compile(rb"\binto\b", re.IGNORECASE)
_NAME = re.compile(rb"""(?:U&)?(?:"(?:[^"]|"")*"|[^\s.,;()"']+)""", re.IGNORECASE)
_DOT = re.compile(rb"\s*\.\s*")


def with_parts(statement: RawStatement, split: Split) -> RawStatement:
    """The statement with what is inside it; refused where that is not found, or is none that could be decided."""
    if statement.handling is Handling.EXECUTE:
        return _with_arguments(statement, split)
    # From its own text: locations count from there.
    own = parse_tree(statement.text).stmts[0].stmt
    if own.WhichOneof("node") == "select_stmt":
        wanted, places = _without_into(own), _places_without_into(statement.text, own)
    else:
        wanted = getattr(own, own.WhichOneof("node")).query
        places = _places(statement.text, may_end_early=statement.target is not None)
    place = _first_with(wanted, places)
    if place is not None:
        (inner,) = split(place.text)
        inner = replace(inner, character_offset=statement.character_offset + place.start + inner.character_offset)
        may_execute = statement.handling is Handling.WRAP and not statement.cursor
        if inner.handling is Handling.ANALYSE or (may_execute and inner.handling is Handling.EXECUTE):
            is_explain = own.WhichOneof("node") == "explain_stmt"
            is_run = is_explain and any(one.def_elem.defname == "analyze" for one in own.explain_stmt.options)
            return replace(statement, inner=inner, is_planned_only=is_explain and not is_run)
    return _refused(statement, "What is inside cannot be used by an identity with masked columns.")


@dataclass(frozen=True, slots=True)
class _Place:
    """A text that may be what is inside, and where it begins."""

    text: str
    start: int
    """In characters of the statement's text."""
    bytes_before: int


def _refused(statement: RawStatement, refusal: str) -> RawStatement:
    return replace(statement, handling=Handling.REFUSE, refusal=refusal, hint="A SELECT inside would pass.")


def _first_with(wanted: Any, places: Iterable[_Place]) -> _Place | None:
    """The first text that has that parse tree and nothing else."""
    for place in islice(places, _MAX_TRIES):
        try:
            trees = parse_tree(" " * place.bytes_before + place.text).stmts
        except SyntaxProblem:
            continue
        if len(trees) == 1 and trees[0].stmt == wanted:
            return place
    return None


def _places(text: str, *, may_end_early: bool) -> Iterator[_Place]:
    ends = [len(text)]
    if may_end_early:  # CREATE TABLE AS … WITH NO DATA
        ends += [match.start() for match in _WITH_DATA.finditer(text)][:-3:-1]
    for match in _QUERY_BEGINS.finditer(text):
        start = match.end() if match["for"] else match.start()
        for end in ends:
            if start < end:
                yield _Place(text[start:end], start, len(text[:start].encode()))


def _without_into(statement: Any) -> Any:
    bare = type(statement)()
    bare.CopyFrom(statement)
    _leftmost(bare.select_stmt).ClearField("into_clause")
    return bare


def _leftmost(select: Any) -> Any:
    while select.HasField("larg"):
        select = select.larg
    return select


def _places_without_into(text: str, statement: Any) -> Iterator[_Place]:
    """The text with spaces in place of INTO … name; the grammar says where the name is."""
    source = text.encode()
    at = _leftmost(statement.select_stmt).into_clause.rel.location
    ends: list[int] = []
    part = _NAME.match(source, at)
    while part is not None:
        ends.append(part.end())
        dot = _DOT.match(source, part.end())
        part = None if dot is None else _NAME.match(source, dot.end())
    for match in reversed(list(_INTO.finditer(source, 0, at))):
        for end in reversed(ends):
            yield _Place((source[: match.start()] + b" " * (end - match.start()) + source[end:]).decode(), 0, 0)


def _with_arguments(statement: RawStatement, split: Split) -> RawStatement:
    """EXECUTE name (…): what is in parentheses as a SELECT, at the same place of the text."""
    wanted = list(parse_tree(statement.text).stmts[0].stmt.execute_stmt.params)
    if not wanted:
        return statement
    source = statement.text.encode()
    end = source.rfind(b")")
    begins = [match.end() for match in re.finditer(rb"\(", source)]
    for begin in islice(begins, _MAX_TRIES):
        text = (b"SELECT".ljust(begin) + source[begin:end]).decode(errors="replace")
        try:
            trees = parse_tree(text).stmts
        except SyntaxProblem:
            continue
        if len(trees) != 1 or trees[0].stmt.WhichOneof("node") != "select_stmt":
            continue
        select = type(trees[0].stmt.select_stmt)()
        select.CopyFrom(trees[0].stmt.select_stmt)  # the parsed tree is remembered
        found = [target.res_target.val for target in select.target_list]
        select.ClearField("target_list")
        if found == wanted and select == parse_tree("SELECT").stmts[0].stmt.select_stmt:
            (arguments,) = split(text)
            arguments = replace(arguments, character_offset=statement.character_offset)
            literals = {
                at: value.a_const.location
                for at, value in enumerate(wanted)
                if value.WhichOneof("node") == "a_const" and not value.a_const.isnull
            }
            return replace(statement, arguments=arguments, literals=literals)
    return _refused(statement, "The arguments of this EXECUTE cannot be read.")

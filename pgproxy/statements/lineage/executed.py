"""Calls that execute a text as SQL: of functions in PL/pgSQL, and of built-in ones that take one as an argument.

Where constants alone make the text, it is analysed as a statement of its own (`texts_in` says which), and what it
reaches goes into the call. Everything else is opaque, or denied, as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pgproxy.catalog.model import Catalog, Function
from pgproxy.errors import NotUnderstood
from pgproxy.statements.executed_texts import MADE_BY, Value, possible_texts
from pgproxy.statements.lineage.builtins import TS_REWRITE_QUERY
from pgproxy.statements.lineage.constants import constant_text, deciding_text
from pgproxy.statements.lineage.refusals import refuse
from pgproxy.statements.model import ColumnId, Effect, Form, Lineage, Source
from pgproxy.statements.tree import Node
from pgproxy.statements.trigger_code import TriggerCode, read_function_code

if TYPE_CHECKING:
    from pgproxy.statements.lineage.walk import Walk

Executed = Mapping[str, Lineage]
"""What was found of texts: by text."""
NOTHING_EXECUTED: Executed = {}

_COMPUTED_TYPES: Final = frozenset((19, 20, 21, 23, 25, 1043))
"""name, integers, text and varchar: what they are in a text is known."""
_TEXT: Final = 25
_BUILT_IN: Final[Mapping[str, tuple[int, ...]]] = {
    "query_to_xml": (0,),
    "query_to_xmlschema": (0,),
    "query_to_xml_and_xmlschema": (0,),
    "ts_stat": (0,),
    "ts_rewrite": (1,),
}
"""Which arguments are texts."""


def may_execute_texts(function: Function) -> bool:
    return takes_texts(function) or (function.source is not None and "execute" in function.source.text.lower())


def code_of(function: Function) -> TriggerCode | None:
    """What the source of a function in PL/pgSQL says, if it executes texts. Raises NotUnderstood."""
    source = function.source
    if source is None or not may_execute_texts(function):
        return None
    code = read_function_code(source.text, source.header)
    return code if code.texts else None


def takes_texts(function: Function) -> bool:
    """A function that is not in PL/pgSQL, and executes some of its arguments."""
    if function.is_builtin:
        return function.name in _BUILT_IN and (function.name != "ts_rewrite" or function.oid == TS_REWRITE_QUERY)
    library = function.compiled.rpartition("/")[2].removesuffix(".so")
    return function.language == "c" and library == "tablefunc" and function.name.startswith("crosstab")


def texts_in(tree: Node, catalog: Catalog) -> frozenset[str]:
    """All texts that are to be analysed before the tree can be traced."""
    found: set[str] = set()
    pending: list[Any] = [tree]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending.extend(item)
        elif isinstance(item, Node):
            function = catalog.functions.get(item["funcid"]) if item.tag == "FUNCEXPR" else None
            if function is not None:
                try:
                    found |= texts_of(function, item.nodes("args"), constant_text)
                except NotUnderstood:
                    pass  # the trace says why
            pending.extend(item.fields.values())
    return frozenset(found)


def texts_of(function: Function, arguments: Sequence[Any], text_of: Any = deciding_text) -> frozenset[str]:
    """What a call executes; nothing, if it executes no texts.

    Args:
        text_of: how constants are read.

    Raises:
        NotUnderstood: it is not all known; the message says why.
    """
    if takes_texts(function):
        places = _BUILT_IN.get(function.name) if function.is_builtin else tuple(range(len(arguments)))
        at = [arguments[place] for place in places or () if place < len(arguments)]
        if not function.is_builtin:  # crosstab(text, integer): the number is of no use
            at = [one for one in at if not (isinstance(one, Node) and one.get("consttype") == _INTEGER)]
        values = [_constant(one, text_of) for one in at]
        return frozenset(value for value in values if value is not None)
    code = code_of(function)
    if code is None:
        return frozenset()

    def argument(number: int) -> Value:
        if number >= len(arguments):
            raise NotUnderstood("it executes SQL made of an argument that is left to its default")
        return _constant(arguments[number], text_of)

    return frozenset[str]().union(*(possible_texts(text, argument) for text in code.texts))


_INTEGER: Final = 23


def _constant(node: Any, text_of: Any) -> Value:
    if not isinstance(node, Node) or node.tag != "CONST" or node["consttype"] not in _COMPUTED_TYPES:
        raise NotUnderstood("it executes SQL made of an argument that is no constant")
    if node["constisnull"]:
        return None
    text: str | None = text_of(node)
    if text is None:
        raise NotUnderstood("it executes SQL made of a constant that cannot be read")
    return text


class ExecutedTexts:
    """Notes what the texts of a call reach."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    def check(self, function: Function, arguments: Sequence[Any] | None) -> None:
        """
        Args:
            arguments: nodes; None: it runs by itself.

        Raises:
            NotUnderstood: what it executes is not all known; the message says why.
        """
        walk = self._walk
        if arguments is None:
            raise NotUnderstood("it executes SQL and runs by itself")
        if walk.parameters is not None:
            raise NotUnderstood("it executes SQL inside another function")
        if function.security_definer or function.settings:
            raise NotUnderstood("it executes SQL under other rights or settings")
        if function.source is not None and MADE_BY & {name for name, _ in function.source.functions}:
            raise NotUnderstood("it executes SQL that functions which are not built in may have made")
        for text in sorted(texts_of(function, arguments)):
            lineage = walk.executed.get(text)
            if lineage is None:
                raise NotUnderstood("it executes a text that is no single query, or cannot be analysed")
            self._note(function, lineage)

    def _note(self, function: Function, lineage: Lineage) -> None:
        walk = self._walk
        walk.looks_up_names = True
        walk.is_read_only = walk.is_read_only and lineage.is_read_only
        walk.relations |= lineage.relations
        walk.written |= lineage.written_relations
        walk.deleted |= lineage.deleted_relations
        walk.trigger_relations |= lineage.trigger_relations
        walk.materialized.update(lineage.materialized)
        columns = {source.column for source in _sources(lineage)} | {use.column for use in lineage.uses}
        changed = lineage.written_relations | lineage.trigger_relations
        columns |= {ColumnId(oid, one.attnum) for oid in self._near(changed) for one in walk.relation(oid).columns}
        if columns:
            sources = frozenset(Source(column, Form.DERIVED) for column in columns)
            walk.effects.append(Effect(f"{function.schema}.{function.name}", sources))

    def _near(self, relations: Iterable[int]) -> set[int]:
        """What a write reaches, whose errors the function may catch."""
        found: set[int] = set()
        pending = list(relations)
        while pending:
            oid = pending.pop()
            if oid in found:
                continue
            relation = self._walk.relation(oid)
            if relation.has_rules or relation.has_policies:
                refuse("SQL made at run time writes to a table with rules or policies")
            found.add(oid)
            pending.extend((*relation.children, *relation.parents, *relation.cascades))
        return found


def _sources(lineage: Lineage) -> Iterable[Source]:
    for output in lineage.outputs:
        yield from output.sources
    for write in lineage.writes:
        yield Source(write.target, Form.DERIVED)
        yield from write.sources
    for effect in lineage.effects:
        yield from effect.sources

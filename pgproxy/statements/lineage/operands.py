"""Where the literals and parameters of a statement stand: as they are in a comparison or a write, or anywhere else too.

Only structure: which comparisons are equalities with stored columns is what the walk noted. A value that is in one
place an operand and in another something else could be seen there, so a place that is not certain counts as elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pgproxy.catalog.model import FIRST_NORMAL_OID
from pgproxy.statements.lineage.constants import constant_text
from pgproxy.statements.model import ColumnId, Given
from pgproxy.statements.tree import Node

Compared = Mapping[int, Collection[ColumnId]]
"""The equalities with stored columns: id() of the node → the columns."""

_SELECT, _UPDATE, _INSERT = 1, 2, 3
_SUBQUERY_ENTRY: Final = 1
_VALUES_ENTRY: Final = 5
_MOST_RUNS: Final = 10
"""Subqueries within subqueries through which VALUES are followed to where they go, and two."""
_IMPLICIT_CAST: Final = 2
_EXTERNAL: Final = 0


@dataclass(frozen=True, slots=True)
class _Bare:
    """A place where a value is compared with, or written into, a column as it is."""

    columns: frozenset[ColumnId]
    written: frozenset[ColumnId] = frozenset()
    conversions: frozenset[tuple[int, int]] = frozenset()

    def converted(self, type_oid: int, typmod: int) -> _Bare:
        return _Bare(self.columns, self.written, self.conversions | {(type_oid, typmod)})


_Place = _Bare | None
"""None: elsewhere."""
_NOWHERE: Final = _Bare(frozenset())
"""An output of a subquery that nothing names. INSERT … SELECT has copies of the literals that its subquery selects."""


@dataclass(slots=True)
class _Query:
    """One query of the tree, and where the columns of its entries go."""

    node: Node
    parent: _Query | None
    variables: dict[tuple[int, int], dict[int, _Place]] = field(default_factory=dict)
    """(entry, column) → id() of each node that names it → where that stands, as the run before found it."""

    def places(self, entry: int, column: int) -> list[_Place]:
        """Of a column of an entry, and of its whole row."""
        found = (self.variables.get((entry, one), {}) for one in (column, 0))
        return [place for places in found for place in places.values()]

    def up(self, levels: int) -> _Query | None:
        found: _Query | None = self
        for _ in range(levels):
            found = found.parent if found is not None else None
        return found


@dataclass(slots=True)
class _Found:
    types: set[int] = field(default_factory=set)
    places: list[_Place] = field(default_factory=list)


_Item = tuple[Any, _Place, "_Query | None"]


def given_in(tree: Node, compared: Compared) -> tuple[Given, ...]:
    """The literals and parameters that are compared with, or written into, columns; in no order."""
    queries: dict[int, _Query] = {}
    found: dict[tuple[int, int], _Found] = {}
    scan = _Scan(compared, queries, found)
    for _ in range(_MOST_RUNS):  # what was not found by then stands elsewhere, as far as is known
        found.clear()
        if not scan.run(tree):
            break
    return tuple(made for key, one in found.items() if (made := _given(key, one)) is not None)


def _given(key: tuple[int, int], found: _Found) -> Given | None:
    bare = [place for place in found.places if place is not None]
    if not bare:
        return None
    parameter, location = key
    return Given(
        parameter,
        location,
        min(found.types),
        frozenset().union(*(place.columns for place in bare)),
        frozenset().union(*(place.written for place in bare)),
        frozenset().union(*(place.conversions for place in bare)),
        is_elsewhere=len(bare) < len(found.places) or len(found.types) > 1,
    )


class _Scan:
    """Runs until nothing changes: one finds where the columns of VALUES, subqueries and a proposed row go, the next
    what is in them. All variables are known after the first; where they stand is elsewhere until a run knows better."""

    def __init__(self, compared: Compared, queries: dict[int, _Query], found: dict[tuple[int, int], _Found]) -> None:
        self._compared = compared
        self._queries = queries
        self._found = found
        self._has_changed = False
        self._depends = False

    def run(self, tree: Node) -> bool:
        """Returns: whether variables that something depends on stand elsewhere than the run before knew."""
        self._has_changed = self._depends = False
        pending: list[_Item] = [(tree, None, None)]
        while pending:
            node, place, owner = pending.pop()
            if isinstance(node, list):
                pending.extend((item, place, owner) for item in node)
            elif isinstance(node, Node):
                self._note_given(node, place)
                if node.tag == "VAR":
                    self._note_variable(node, place, owner)
                pending.extend(self._parts(node, place, owner))
        return self._has_changed and self._depends

    def _places(self, query: _Query, entry: int, column: int) -> list[_Place]:
        self._depends = True
        return query.places(entry, column)

    def _note_given(self, node: Node, place: _Place) -> None:
        if place is _NOWHERE:
            return
        if node.tag == "CONST" and node["location"] >= 0 and not node["constisnull"]:
            key, type_oid = (0, node["location"]), node["consttype"]
        elif node.tag == "PARAM" and int(node["paramkind"]) == _EXTERNAL:
            key, type_oid = (int(node["paramid"]), -1), node["paramtype"]
        else:
            return
        one = self._found.setdefault(key, _Found())
        one.types.add(type_oid)
        one.places.append(place)

    def _note_variable(self, node: Node, place: _Place, owner: _Query | None) -> None:
        query = owner.up(node["varlevelsup"]) if owner is not None else None
        if query is not None:
            places = query.variables.setdefault((node["varno"], node["varattno"]), {})
            if id(node) not in places or places[id(node)] != place:
                places[id(node)] = place
                self._has_changed = True

    def _parts(self, node: Node, place: _Place, owner: _Query | None) -> Iterator[_Item]:
        match node.tag:
            case "QUERY":
                yield from self._query_parts(node, owner)
                return
            case "RELABELTYPE" if place is not None:
                yield node["arg"], place.converted(node["resulttype"], node["resulttypmod"]), owner
                return
            case "FUNCEXPR" if place is not None and _is_implicit_cast(node):
                first, *others = node.nodes("args")
                yield first, _cast(node, place), owner
                yield others, None, owner
                return
            case "ARRAYCOERCEEXPR" if place is not None:
                yield node["arg"], _by_element(node["elemexpr"], place), owner
                return
            case "OPEXPR" | "DISTINCTEXPR" if id(node) in self._compared:
                yield node["args"], _Bare(frozenset(self._compared[id(node)])), owner
                return
            case "SCALARARRAYOPEXPR" if id(node) in self._compared:
                left, right = node["args"]
                yield left, None, owner
                yield right, _Bare(frozenset(self._compared[id(node)])), owner
                return
            case "ARRAYEXPR" if not node["multidims"]:
                yield node["elements"], place, owner
                return
        for child in node.children:
            yield child, None, owner

    def _query_parts(
        self, node: Node, parent: _Query | None, outputs: Sequence[_Place] | None = None
    ) -> Iterator[_Item]:
        """
        Args:
            outputs: where what a subquery selects goes; None: elsewhere.
        """
        query = self._queries.setdefault(id(node), _Query(node, parent))
        command, entries = node["commandType"], node.nodes("rtable")
        number = node["resultRelation"]
        target = entries[number - 1].get("relid") if 1 <= number <= len(entries) else None
        conflict = node["onConflict"]
        for name, value in node.fields.items():
            if name == "targetList" and command in (_INSERT, _UPDATE):
                proposed = conflict["exclRelIndex"] if conflict is not None else 0
                yield from self._assignments(value, target, query, proposed)
            elif name == "targetList" and outputs is not None:
                for entry, place in zip(node.nodes("targetList"), outputs, strict=True):
                    # Sorted and grouped by, it would tell of its order.
                    yield entry["expr"], None if entry["ressortgroupref"] else place, query
            elif name == "mergeActionList":
                for action in value or ():
                    yield action["qual"], None, query
                    yield from self._assignments(action["targetList"], target, query)
            elif name == "onConflict" and conflict is not None:
                yield from self._assignments(conflict["onConflictSet"], target, query)
                for part, inner in conflict.fields.items():
                    if part not in ("onConflictSet", "exclRelTlist") and isinstance(inner, (Node, list)):
                        yield inner, None, query
            elif name == "rtable":
                for at, entry in enumerate(entries, 1):
                    yield from self._entry_parts(entry, at, query)
            elif isinstance(value, (Node, list)):
                yield value, None, query

    def _assignments(self, entries: Any, target: Any, query: _Query, proposed: int = 0) -> Iterator[_Item]:
        for entry in entries or ():
            if entry["resjunk"] or not target:
                yield entry["expr"], None, query
                continue
            number = entry["resno"]
            column = frozenset((ColumnId(target, number),))
            place: _Place = _Bare(column, column)
            if proposed:  # EXCLUDED gives the value on
                place = _together([place, *self._places(query, proposed, number)])
            yield entry["expr"], place, query

    def _entry_parts(self, entry: Node, number: int, query: _Query) -> Iterator[_Item]:
        for name, value in entry.fields.items():
            if name == "values_lists" and value and entry["rtekind"] == _VALUES_ENTRY:
                width = max(len(row or ()) for row in value)
                places = [_together(self._places(query, number, at)) for at in range(1, width + 1)]
                for row in value:
                    for item, place in zip(row or (), places, strict=False):
                        yield item, place, query
            elif name == "subquery" and entry["rtekind"] == _SUBQUERY_ENTRY and _is_plain(value):
                count = len(value.nodes("targetList"))
                outputs = [_together(self._places(query, number, at) or [_NOWHERE]) for at in range(1, count + 1)]
                yield from self._query_parts(value, query, outputs)
            elif isinstance(value, (Node, list)):
                yield value, None, query


def _is_plain(subquery: Any) -> bool:
    """A SELECT whose outputs are what the entry has, and not compared with those of another one."""
    return isinstance(subquery, Node) and subquery["commandType"] == _SELECT and subquery["setOperations"] is None


def _is_implicit_cast(node: Node) -> bool:
    """A conversion by a function of the server's own. One that changes the value is found by what it converts to."""
    is_cast = node.tag == "FUNCEXPR" and node["funcformat"] == _IMPLICIT_CAST and node["funcid"] < FIRST_NORMAL_OID
    return is_cast and bool(node.nodes("args"))


def _cast(node: Node, place: _Bare) -> _Bare:
    return place.converted(node["funcresulttype"], _typmod(node.nodes("args")[1:]))


def _by_element(conversion: Any, place: _Bare) -> _Place:
    """Of the elements of an array that are converted one by one."""
    while isinstance(conversion, Node):
        if conversion.tag == "CASETESTEXPR":
            return place
        if conversion.tag == "RELABELTYPE":
            place = place.converted(conversion["resulttype"], conversion["resulttypmod"])
            conversion = conversion["arg"]
        elif _is_implicit_cast(conversion):
            place = _cast(conversion, place)
            conversion = conversion["args"][0]
        else:
            return None
    return None


def _together(places: list[_Place]) -> _Place:
    """Of one value that goes to all of them."""
    bare = [place for place in places if place is not None]
    if len(bare) < len(places) or not bare:
        return None
    if len(bare) == 1:
        return bare[0]
    return _Bare(
        frozenset().union(*(place.columns for place in bare)),
        frozenset().union(*(place.written for place in bare)),
        frozenset().union(*(place.conversions for place in bare)),
    )


def _typmod(arguments: list[Any]) -> int:
    """Of a length coercion its second argument; -1: none."""
    first = arguments[0] if arguments else None
    text = constant_text(first) if isinstance(first, Node) and first.tag == "CONST" else None
    return int(text) if text is not None and text.lstrip("-").isdigit() else -1

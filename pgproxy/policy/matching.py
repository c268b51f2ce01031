"""Which mask covers a stored column, for one identity, over one catalog.

Names decide, and pins (OID, attribute) of names seen before. A mask covers its table's partitions and inheritance
children; and reading a parent reads its children, so a mask of a child covers the parent's column of that name too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

from pgproxy.catalog.model import FIRST_NORMAL_OID, Catalog, Column, Relation
from pgproxy.errors import NotUnderstood
from pgproxy.policy.masks import Mask, Null, Redact
from pgproxy.policy.names import parse_column
from pgproxy.policy.rules import PREDICATES, MaskEntry, Predicates
from pgproxy.policy.secrets import is_secret
from pgproxy.policy.subject import Subject, is_transparent
from pgproxy.statements.model import ColumnId, Form, Source

__all__ = ["ColumnMask", "Masked", "Pins", "Temporary", "column_named", "is_transparent"]

Pins = Mapping[tuple[int, int], tuple[MaskEntry, ...]]
"""(relation OID, attribute number) → the entries that covered it when it was first seen."""

Rank = tuple[bool, bool, int, int]
"""Of a claim on a column, greater wins: exact table, exact column, nearness of the relation, literal characters."""


@dataclass(frozen=True, slots=True)
class ColumnMask:
    """The mask of one column, and the entries that it comes from: several where they tie, or where children differ."""

    mask: Mask
    predicates: Predicates
    entries: tuple[MaskEntry, ...]
    is_secret: bool = False
    """Of a system table (`policy.secrets`): no default of the rules opens it, and nobody is asked."""
    stands_for: tuple[str, ...] = ()
    """Of a column of a temporary relation: the "schema.table.column" whose values it holds; probes count for those."""

    @property
    def rule(self) -> str:
        return "builtin.secret" if self.is_secret else self.entries[0].name

    @property
    def where(self) -> str:
        return "" if self.is_secret else str(self.entries[0].at)


Temporary = Mapping[ColumnId, ColumnMask]
"""The masks that columns of the session's temporary relations carry by what fed them; patterns never match those."""


def combined(entries: Collection[MaskEntry], default: Predicates) -> ColumnMask | None:
    """One mask for all who claim a column: the same, else redaction; and the strictest answer to predicates."""
    if not entries:
        return None
    distinct = tuple(dict.fromkeys(entries))
    is_same = len({entry.mask for entry in distinct}) == 1
    levels = {entry.predicates or default for entry in distinct}
    strictest = next(level for level in PREDICATES if level in levels)
    return ColumnMask(distinct[0].mask if is_same else Redact(), strictest, distinct)


SECRET = ColumnMask(Null(), "deny", (MaskEntry(parse_column("pg_catalog.*.*"), Null(), "deny"),), is_secret=True)


def column_named(relation: Relation, name: str) -> Column | None:
    return next((column for column in relation.columns if column.name == name), None)


@lru_cache(maxsize=16384)
def _entries_for(subject: Subject, schema: str, table: str) -> tuple[MaskEntry, ...]:
    return tuple(entry for entry in subject.masks if entry.columns.relation.fits(schema, table))


@lru_cache(maxsize=65536)
def _mask_by_name(subject: Subject, schema: str, table: str, column: str) -> ColumnMask | None:
    """The mask of a column that stands alone: no inheritance, no pin."""
    if subject.reveals_name(schema, table, column):
        return None
    fitting = [entry for entry in _entries_for(subject, schema, table) if entry.columns.column.fits(column)]
    top = max((entry.columns.exactness for entry in fitting), default=None)
    chosen = [entry for entry in fitting if entry.columns.exactness == top]
    return combined(chosen, subject.rules.defaults.predicates)


@dataclass(slots=True)
class Masked:
    """Looks up the masks of the columns that one statement reaches; remembers them, so it lives for one decision."""

    subject: Subject
    catalog: Catalog
    pins: Pins = field(default_factory=dict)
    temporary: Temporary = field(default_factory=dict)
    _found: dict[tuple[int, str], ColumnMask | None] = field(default_factory=dict)
    _by_views: dict[ColumnId, ColumnMask] = field(default_factory=dict)

    def seen_through(self, views: Mapping[ColumnId, frozenset[Source]]) -> Self:
        """Where a pattern masks a column of a view by its name, what the view makes it from is masked the same in this
        statement, if nothing masks it already: the origin's own mask counts more.

        Args:
            views: what each column of the views that the statement reads is made from.

        Raises:
            NotUnderstood.
        """
        named: dict[ColumnId, list[MaskEntry]] = {}
        for view_column, sources in views.items() if self.subject.masks else ():
            mask = self.mask_of_view(view_column)
            for source in sources if mask is not None else ():
                if source.form is not Form.COUNT and mask is not None:
                    for column in self._columns_of(source.column):
                        named.setdefault(column, []).extend(mask.entries)
        default = self.subject.rules.defaults.predicates
        self._by_views = {
            column: mask for column, entries in named.items() if (mask := combined(entries, default)) is not None
        }
        return self

    def mask_of_view(self, column: ColumnId) -> ColumnMask | None:
        """The mask that a column of a view has by its name. Raises NotUnderstood."""
        relation = self.relation(column.relation)
        stored = relation.column(column.attnum)
        return self.mask_of(relation, stored.name) if relation.kind == "v" and stored is not None else None

    def _columns_of(self, column: ColumnId) -> list[ColumnId]:
        """Of a whole row all columns."""
        if column.attnum:
            return [column]
        return [ColumnId(column.relation, one.attnum) for one in self.relation(column.relation).columns]

    def relation(self, oid: int) -> Relation:
        """Raises NotUnderstood."""
        found = self.catalog.relations.get(oid)
        if found is None:
            raise NotUnderstood(
                "not provably safe: the statement reaches a relation that is not known",
                detail=f"rule builtin.catalog: relation {oid}",
                hint="Send the statement again.",
            )
        return found

    def column(self, column: ColumnId) -> Column | None:
        """None for a whole row and for system columns. Raises NotUnderstood."""
        relation = self.relation(column.relation)
        found = relation.column(column.attnum)
        if found is None and column.attnum > 0:
            raise NotUnderstood(
                "not provably safe: the statement reaches a column that is not known",
                detail=f"rule builtin.catalog: {relation.qualified_name}, attribute {column.attnum}",
                hint="Send the statement again.",
            )
        return found

    def mask_of(self, relation: Relation, name: str) -> ColumnMask | None:
        """The mask that rules give a column: by its name or pin, through the whole inheritance tree, or by a name that
        a view in the statement has for it."""
        found = self._mask_of(relation, name)
        if found is None and self._by_views and not self.is_revealed(relation, name):
            column = column_named(relation, name)
            return None if column is None else self._by_views.get(ColumnId(relation.oid, column.attnum))
        return found

    def _mask_of(self, relation: Relation, name: str) -> ColumnMask | None:
        if not self.subject.masks:
            return None
        if is_secret(relation, name):
            return SECRET
        if relation.is_temporary:
            column = column_named(relation, name)
            return None if column is None else self.temporary.get(ColumnId(relation.oid, column.attnum))
        if not (relation.parents or relation.children):
            by_name = _mask_by_name(self.subject, relation.schema, relation.name, name)
            if self._is_as_pinned(relation, name, by_name):
                return by_name
        key = (relation.oid, name)
        if key not in self._found:
            # Rows of the children come out under the parent's column; where masks differ only redaction fits all.
            family = (relation, *self._descendants(relation))
            claims = (self.claims(one, name) for one in family if column_named(one, name) is not None)
            entries = [entry for claim in claims for entry in claim]
            self._found[key] = combined(entries, self.subject.rules.defaults.predicates)
        return self._found[key]

    def is_revealed(self, relation: Relation, name: str) -> bool:
        """Whether a reveal names the column itself."""
        if not self.subject.reveals or relation.is_temporary:
            return False
        return any(
            self.subject.reveals_name(one.schema, one.name, name)
            for one in (relation, *self._ancestors(relation))
            if column_named(one, name) is not None
        )

    def masked_columns(self, relation: Relation) -> Iterator[tuple[Column, ColumnMask]]:
        """The columns of a relation that rules mask, generated ones by what they are made of."""
        for column in relation.columns:
            mask = self.mask_of(relation, column.name)
            if mask is None and column.sources and not self.is_revealed(relation, column.name):
                parts = (relation.column(attnum) for attnum in sorted(column.sources))
                masks = (self.mask_of(relation, part.name) for part in parts if part is not None)
                mask = next((found for found in masks if found is not None), None)
            if mask is not None:
                yield column, mask

    def has_masked_columns(self, oid: int) -> bool:
        """Also true for a relation that is not known, and for a materialized view: it holds what it was made from."""
        relation = self.catalog.relations.get(oid)
        if relation is not None and relation.oid < FIRST_NORMAL_OID:
            return False  # secrets come out as NULL and are compared by nobody, so no error quotes them
        if relation is None or relation.kind == "m":
            return bool(self.subject.masks)
        return next(self.masked_columns(relation), None) is not None

    def family(self, relation: Relation) -> list[Relation]:
        """The relation with its inheritance ancestors and descendants. Raises NotUnderstood."""
        return [relation, *self._ancestors(relation), *self._descendants(relation)]

    def with_descendants(self, relation: Relation) -> Iterator[Relation]:
        """The relations whose rows a statement on this one reaches. Raises NotUnderstood."""
        yield relation
        yield from self._descendants(relation)

    def _is_as_pinned(self, relation: Relation, name: str, by_name: ColumnMask | None) -> bool:
        """Whether the column's pins add nothing to what its name says."""
        column = column_named(relation, name) if self.pins else None
        pinned = () if column is None else self.pins.get((relation.oid, column.attnum), ())
        known = () if by_name is None else by_name.entries
        return all(entry in known for entry in pinned)

    def claims(self, relation: Relation, name: str) -> list[MaskEntry]:
        """The most exact entries for a column of this relation's own rows; none where it is revealed."""
        if self.is_revealed(relation, name):
            return []
        ranked: dict[MaskEntry, Rank] = {}
        for distance, one in enumerate((relation, *self._ancestors(relation))):
            column = column_named(one, name)
            if column is None:
                continue
            fitting = [e for e in _entries_for(self.subject, one.schema, one.name) if e.columns.column.fits(name)]
            pinned = self.pins.get((one.oid, column.attnum), ())
            fitting += [e for e in pinned if e.is_enforced and not self.subject.reveals_entry(e)]
            for entry in fitting:
                is_exact_table, is_exact_column, literal = entry.columns.exactness
                ranked.setdefault(entry, (is_exact_table, is_exact_column, -distance, literal))
        top = max(ranked.values(), default=None)
        return [entry for entry, rank in ranked.items() if rank == top]

    def _ancestors(self, relation: Relation) -> list[Relation]:
        return [self.relation(oid) for oid in self.catalog.ancestors(relation.oid)] if relation.parents else []

    def _descendants(self, relation: Relation) -> Iterator[Relation]:
        seen = {relation.oid}
        queue = list(relation.children)
        while queue:
            oid = queue.pop()
            if oid not in seen:
                seen.add(oid)
                child = self.relation(oid)
                queue.extend(child.children)
                yield child

"""What a lineage's columns come down to: the stored columns behind them and their masks, for one identity.

Generated columns and columns of materialized views without rules of their own stand for what they are made from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pgproxy.catalog.model import Relation
from pgproxy.errors import NotUnderstood
from pgproxy.policy.json_paths import may_meet, parse_key_path
from pgproxy.policy.masks import Json
from pgproxy.policy.matching import ColumnMask, Masked, column_named
from pgproxy.policy.rules import PREDICATES
from pgproxy.statements.model import ColumnId, Form, Source

WHOLE_ROW = 0
TABLEOID = -6


@dataclass(frozen=True, slots=True)
class Carried:
    """A stored column whose value an output, a use or a write carries."""

    column: ColumnId
    name: str
    """"schema.table.column"; of a row without masked columns "schema.table.*"."""
    form: Form
    mask: ColumnMask | None
    json_path: tuple[str, ...] | None = None
    is_direct: bool = True
    """Named by the statement itself, not reached through a row, a generated column or a materialized view."""
    row: str = ""
    """"schema.table.*" where the statement names the whole row."""

    @property
    def is_outside_masked_paths(self) -> bool:
        """A constant path of a json column that neither leads to, nor into, what its mask covers."""
        if self.json_path is None or self.mask is None or not isinstance(self.mask.mask, Json):
            return False
        return not any(may_meet(self.json_path, parse_key_path(path)) for path, _ in self.mask.mask.paths)


class Carrying:
    """
    Args:
        materialized: what the columns of materialized views were made from.
    """

    def __init__(self, masked: Masked, materialized: Mapping[ColumnId, frozenset[Source]]) -> None:
        self._masked = masked
        self._materialized = materialized
        self._known: dict[Source, tuple[Carried, ...]] = {}

    def mask_of_view(self, column: ColumnId) -> ColumnMask | None:
        """As `Masked.mask_of_view`. Of a relation that the catalog does not have it is not asked."""
        return self._masked.mask_of_view(column) if column.relation in self._masked.catalog.relations else None

    def is_temporary(self, column: ColumnId) -> bool:
        """Of the session's own temporary relation. Raises NotUnderstood."""
        return self._masked.relation(column.relation).is_temporary

    def is_array(self, column: ColumnId) -> bool:
        """Of arrays, also under domains; so is a type that is not known. Raises NotUnderstood."""
        found, types = self._masked.column(column), self._masked.catalog.types
        known = None if found is None else types.get(found.type_oid)
        while known is not None and known.base:
            known = types.get(known.base)
        return known is None or known.element != 0

    def tested_with(self, target: ColumnId) -> Iterator[tuple[str, ColumnId]]:
        """The kinds of constraints that a value for that column meets, with the stored columns that decide. Raises
        NotUnderstood."""
        column = self._masked.column(target)
        name = "" if column is None else column.name
        for one in self._masked.with_descendants(self._masked.relation(target.relation)):
            own = column_named(one, name)
            written = ColumnId(one.oid, 0 if own is None else own.attnum)
            for constraint in one.constraints:
                if written in constraint.columns:
                    for oid, attnum in sorted(constraint.columns):
                        # A check of the new value alone asks nothing; a foreign key that is not enforced is not read.
                        is_new = constraint.kind == "c" and (oid, attnum) == written
                        if not is_new and oid in self._masked.catalog.relations:
                            yield constraint.kind, ColumnId(oid, attnum)

    def generated_with(self, target: ColumnId) -> Iterator[tuple[ColumnId, frozenset[int]]]:
        """The generated columns computed from that column that a rule masks itself, with the attribute numbers of all
        that they are computed from. Raises NotUnderstood."""
        relation = self._masked.relation(target.relation)
        for column in relation.columns:
            if target.attnum in column.sources and self._masked.mask_of(relation, column.name) is not None:
                yield ColumnId(target.relation, column.attnum), column.sources

    def is_checked(self, target: ColumnId) -> bool:
        """A check or an exclusion constraint compares what is written there. Raises NotUnderstood."""
        column = self._masked.column(target)
        name = "" if column is None else column.name
        return any(
            constraint.kind in ("c", "x") and own is not None and (one.oid, own.attnum) in constraint.columns
            for one in self._masked.with_descendants(self._masked.relation(target.relation))
            for own in (column_named(one, name),)
            for constraint in one.constraints
        )

    def has_triggers(self, target: ColumnId) -> bool:
        """Of a row that is written there, or of one that a foreign key ties to it. Raises NotUnderstood."""
        relations = {target.relation, *(other.relation for _, other in self.tested_with(target))}
        return any(one.triggers for oid in relations for one in self._masked.family(self._masked.relation(oid)))

    def chooses_partition(self, target: ColumnId) -> bool:
        """Its value decides which partition takes the row, or whether this one does. Raises NotUnderstood."""
        column = self._masked.column(target)
        relation = self._masked.relation(target.relation)
        return column is not None and any(name == column.name for _, name in self._partition_keys(relation))

    def root_name(self, column: ColumnId) -> str:
        """ "schema.table.column" of the topmost relation of its inheritance tree. Raises NotUnderstood."""
        stored = self._masked.column(column)
        relation = self._masked.relation(column.relation)
        name = "*" if stored is None else stored.name
        roots = [one for one in self._masked.family(relation) if not one.parents and column_named(one, name)]
        root = min((one.qualified_name for one in roots), default=relation.qualified_name)
        return f"{root}.{name}"

    def referencing(self, target: int) -> Iterator[tuple[ColumnId, ColumnId]]:
        """Columns of this relation (or a descendant) with those of other relations that a foreign key ties to them.
        Raises NotUnderstood."""
        for one in self._masked.with_descendants(self._masked.relation(target)):
            for constraint in one.constraints:
                columns = [ColumnId(*column) for column in sorted(constraint.columns)] if constraint.kind == "f" else []
                for own in columns:
                    for other in columns:
                        is_pair = own.relation == one.oid and other.relation != one.oid
                        if is_pair and other.relation in self._masked.catalog.relations:
                            yield own, other

    def of_sources(self, sources: Iterable[Source]) -> list[Carried]:
        """In a stable order. Raises NotUnderstood."""
        return [carried for source in sorted(sources, key=_order) for carried in self.of_source(source)]

    def of_source(self, source: Source) -> tuple[Carried, ...]:
        """Raises NotUnderstood."""
        known = self._known.get(source)
        if known is None:  # a decision asks for the same columns again and again
            known = self._known[source] = tuple(self._carried(source))
        return known

    def _carried(self, source: Source) -> Iterator[Carried]:
        relation = self._masked.relation(source.column.relation)
        if source.column.attnum == WHOLE_ROW:
            yield from self._whole_row(relation, source)
            return
        column = self._masked.column(source.column)
        if column is None:
            yield self._system_column(relation, source)
            return
        name = f"{relation.qualified_name}.{column.name}"
        mask = self._masked.mask_of(relation, column.name)
        origin = self._origin(relation, source.column, column.name, column.sources) if mask is None else None
        if origin is None:
            yield Carried(source.column, name, source.form, mask, source.json_path)
            return
        for inner in sorted(origin, key=_order):
            form = through(source.form, inner.form)
            path = source.json_path if inner.form is Form.COPY else None
            path = inner.json_path if source.form is Form.COPY else path
            for carried in self.of_source(Source(inner.column, form, path)):
                yield Carried(carried.column, carried.name, carried.form, carried.mask, carried.json_path, False)

    def _origin(
        self, relation: Relation, column: ColumnId, name: str, generated_from: frozenset[int]
    ) -> frozenset[Source] | None:
        """What a column without a mask is made from; None: it is stored as it is, or revealed."""
        if not self._masked.subject.masks or self._masked.is_revealed(relation, name):
            return None
        if generated_from:
            return frozenset(Source(ColumnId(relation.oid, attnum), Form.DERIVED) for attnum in generated_from)
        if relation.kind != "m":
            return None
        known = self._materialized.get(column)
        if known is None:
            raise NotUnderstood(
                f"materialized view not analysed: what {relation.qualified_name}.{name} was made from is not known",
                detail=f"rule builtin.materialized_view: {relation.qualified_name}.{name}",
                hint="Read the tables or views behind it, or name its columns in a mask or reveal rule.",
            )
        return known

    def _whole_row(self, relation: Relation, source: Source) -> Iterator[Carried]:
        """One for each masked column; else one for the row."""
        form = Form.COUNT if source.form is Form.COUNT else Form.ROW
        row = f"{relation.qualified_name}.*"
        found = False
        for column in relation.columns:
            for carried in self.of_source(Source(ColumnId(relation.oid, column.attnum), form)):
                if carried.mask is not None:
                    found = True
                    yield Carried(source.column, carried.name, form, carried.mask, is_direct=False, row=row)
        if not found:
            yield Carried(source.column, row, form, None, row=row)

    def _system_column(self, relation: Relation, source: Source) -> Carried:
        """tableoid tells the partition, which may be chosen by a masked column."""
        mask = None
        if source.column.attnum == TABLEOID:
            keys = (self._masked.mask_of(one, name) for one, name in self._partition_keys(relation))
            masks = [found for found in keys if found is not None]
            mask = min(masks, key=lambda found: PREDICATES.index(found.predicates), default=None)
        name = f"{relation.qualified_name}.{SYSTEM_COLUMNS.get(source.column.attnum, 'system column')}"
        return Carried(source.column, name, Form.DERIVED if mask else source.form, mask, is_direct=mask is None)

    def _partition_keys(self, relation: Relation) -> Iterator[tuple[Relation, str]]:
        for one in self._masked.family(relation):
            for attnum in sorted(one.partition_key):
                column = one.column(attnum)
                if column is not None:
                    yield one, column.name


SYSTEM_COLUMNS = {-1: "ctid", -2: "xmin", -3: "cmin", -4: "xmax", -5: "cmax", TABLEOID: "tableoid"}
"""Source: PostgreSQL src/include/access/sysattr.h."""


def through(outer: Form, inner: Form) -> Form:
    """The form of an expression over a column that is itself made from another."""
    if Form.COUNT in (outer, inner):
        return Form.COUNT
    if Form.ROW in (outer, inner):
        return Form.ROW
    if outer is Form.COPY:
        return inner
    if inner is Form.COPY or outer is inner:
        return outer
    if Form.DERIVED in (outer, inner):
        return Form.DERIVED if Form.AGGREGATE not in (outer, inner) else Form.AGGREGATE
    return Form.AGGREGATE if Form.AGGREGATE in (outer, inner) else Form.WHOLE


def _order(source: Source) -> tuple[ColumnId, str]:
    return source.column, source.form.value

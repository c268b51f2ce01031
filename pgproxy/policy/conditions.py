"""When a rule under `approvals` or `deny` applies to a statement. Who it applies to is decided in `subject`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pgproxy.catalog.model import Catalog, Relation
from pgproxy.policy.carrying import WHOLE_ROW
from pgproxy.policy.matching import Masked, column_named
from pgproxy.policy.names import ColumnPattern, TablePattern
from pgproxy.policy.rules import Conditions
from pgproxy.statements.model import ColumnId, Facts, Lineage, StatementClass

TableName = tuple[str | None, str | None]
"""(schema, table); the schema is None where only the text is known, and it does not say. No table: it may be any."""
ColumnName = tuple[str | None, str | None, str | None]
"""(schema, table, column); None where it is not known: it may be any."""


@dataclass(frozen=True, slots=True)
class Touched:
    """What a statement does, as far as conditions ask."""

    classes: frozenset[str]
    tables: frozenset[TableName]
    columns: frozenset[ColumnName]
    has_where: bool
    touches_masked: bool
    estimated_rows: float | None
    """The planner's estimate; None: not known, which counts as over."""
    moves_tables: bool = False
    """As `Facts.moves_tables`."""

    @classmethod
    def by_lineage(
        cls, facts: Facts, lineage: Lineage, masked: Masked, *, touches_masked: bool, estimated_rows: float | None
    ) -> Touched:
        """Raises NotUnderstood."""
        columns: set[ColumnName] = set()
        for column in touched_columns(lineage):
            columns.update(_column_names(column, masked))
        tables = {
            (one.schema, one.name)
            for oid in lineage.relations | lineage.written_relations
            for one in _with_ancestors(masked.relation(oid), masked.catalog)
        }
        return cls(
            _classes(facts),
            frozenset(tables),
            frozenset(columns),
            facts.has_where,
            touches_masked,
            estimated_rows,
            facts.moves_tables,
        )

    @classmethod
    def by_text(cls, facts: Facts, *, has_masks: bool, estimated_rows: float | None = None) -> Touched:
        """Of a statement that the server does not analyse: names as written, and what they leave open counts."""
        tables: list[TableName] = []
        for written in facts.tables:
            schema, dot, table = written.rpartition(".")
            tables.append((schema.rpartition(".")[2] if dot else None, table))
        names: list[str | None] = [written.rpartition(".")[2] for written in facts.columns]
        columns = {(schema, table, name) for schema, table in tables for name in names or [None]}
        return cls(
            _classes(facts),
            frozenset(tables),
            frozenset(columns),
            facts.has_where,
            touches_masked=has_masks and bool(tables),
            estimated_rows=estimated_rows if tables else 0.0,
        )

    @classmethod
    def unseen(cls, classes: Iterable[StatementClass]) -> Touched:
        """By code that nobody reads: anything of these classes. Masked columns are not in its reach."""
        return cls(
            frozenset(map(str, classes)),
            frozenset({(None, None)}),
            frozenset({(None, None, None)}),
            has_where=False,
            touches_masked=False,
            estimated_rows=None,
        )


def _classes(facts: Facts) -> frozenset[str]:
    return frozenset(str(name) for name in (facts.statement_class, *facts.classes))


def applies(conditions: Conditions, touched: Touched) -> bool:
    """Whether all conditions that are given hold."""
    is_of_class = not conditions.classes or "all" in conditions.classes or conditions.classes & touched.classes
    if not is_of_class and not (touched.moves_tables and (conditions.tables or conditions.columns)):
        return False
    if conditions.tables and not _any_table((p for p, _ in conditions.tables), touched.tables):
        return False
    if conditions.columns and not _any_column((p for p, _ in conditions.columns), touched.columns):
        return False
    if conditions.without_where and touched.has_where:
        return False
    if conditions.touches_masked and not touched.touches_masked:
        return False
    limit = conditions.estimated_rows_over
    return limit is None or touched.estimated_rows is None or touched.estimated_rows > limit


def _any_table(patterns: Iterable[TablePattern], tables: Iterable[TableName]) -> bool:
    return any(_fits_table(pattern, *table) for pattern in patterns for table in tables)


def _any_column(patterns: Iterable[ColumnPattern], columns: Iterable[ColumnName]) -> bool:
    return any(
        _fits_table(pattern.relation, schema, table) and (column is None or pattern.column.fits(column))
        for pattern in patterns
        for schema, table, column in columns
    )


def _fits_table(pattern: TablePattern, schema: str | None, table: str | None) -> bool:
    if table is None:
        return True
    return pattern.table.fits(table) if schema is None else pattern.fits(schema, table)


def touched_columns(lineage: Lineage) -> frozenset[ColumnId]:
    """Every column that the statement reads, writes, or decides by."""
    sources = {source.column for output in lineage.outputs for source in output.sources}
    sources |= {source.column for write in lineage.writes for source in write.sources}
    sources |= {source.column for effect in lineage.effects for source in effect.sources}
    uses = {use.column for use in lineage.uses} | {use.other for use in lineage.uses if use.other is not None}
    return frozenset(sources | uses | {write.target for write in lineage.writes})


def names_of_touched(lineage: Lineage, masked: Masked) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """ "schema.table.column" of everything the statement touches, sorted; and of these what is masked.

    Raises:
        NotUnderstood.
    """
    every: set[str] = set()
    hidden: set[str] = set()
    for touched in touched_columns(lineage):
        relation = masked.relation(touched.relation)
        found = relation.columns if touched.attnum == WHOLE_ROW else (masked.column(touched),)
        for column in found:
            if column is not None:
                name = f"{relation.qualified_name}.{column.name}"
                every.add(name)
                if any(one == column for one, _ in masked.masked_columns(relation)):
                    hidden.add(name)
    return tuple(sorted(every)), tuple(sorted(hidden))


def _column_names(column: ColumnId, masked: Masked) -> Iterator[ColumnName]:
    relation = masked.relation(column.relation)
    if column.attnum == WHOLE_ROW:
        names = [one.name for one in relation.columns]
    else:
        found = masked.column(column)
        names = [] if found is None else [found.name]
    for one in _with_ancestors(relation, masked.catalog):
        for name in names:
            if one is relation or column_named(one, name) is not None:
                yield one.schema, one.name, name


def _with_ancestors(relation: Relation, catalog: Catalog) -> list[Relation]:
    known = (catalog.relations.get(oid) for oid in catalog.ancestors(relation.oid))
    return [relation, *(one for one in known if one is not None)]

"""What an identity must not read, with what is stored there, read beside the proxy as the login of `upstream.dsn`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import asyncpg

from pgproxy.attack.judging import Change, Secrets
from pgproxy.attack.templates import QUESTIONS
from pgproxy.catalog.model import Catalog, Column, Relation
from pgproxy.config.settings import Upstream
from pgproxy.login.identity import Identity
from pgproxy.masking.functions import mask_function
from pgproxy.masking.keys import MaskingKeys
from pgproxy.net.analysis import PLAIN_PARAMETERS
from pgproxy.net.reading import reading_texts
from pgproxy.policy.masked_columns import masked_columns, stored_relations
from pgproxy.policy.matching import ColumnMask, Pins
from pgproxy.policy.names import ColumnPattern
from pgproxy.policy.rules import Predicates, Rules
from pgproxy.policy.sql_names import quoted
from pgproxy.wire.formats import builtin
from pgproxy.wire.formats.codec import Family

ROWS_READ = 500
_SHOWN_IN_STATISTICS = """
SELECT DISTINCT s.value FROM pg_catalog.pg_stats AS p, unnest(p.most_common_vals::text::text[]) AS s(value)
WHERE (p.schemaname || '.' || p.tablename || '.' || p.attname) <> ALL (ARRAY[{}]::text[]) LIMIT 20000
"""


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    """schema.table.column."""
    table: str
    """As SQL writes it, as the two that follow."""
    column: str
    key: str
    """Another column of the table, masked or not."""
    ids: frozenset[tuple[int, int]]
    """(relation, attribute number), with those of parents and partitions."""
    secrets: Secrets
    change: Change | None
    predicates: Predicates
    """What its rules allow of questions."""

    @property
    def has_values(self) -> bool:
        return bool(self.secrets.telling)

    def allows(self, category: str) -> bool:
        """Whether its rules say that such questions may be asked."""
        return (self.predicates == "allow" and category in QUESTIONS) or (
            self.predicates != "deny" and category == "equality"
        )

    @property
    def guess(self) -> str:
        """A value that is stored."""
        return self.secrets.telling[0] if self.secrets.telling else ""

    @property
    def ends(self) -> tuple[str, str]:
        """Two that are stored, far apart."""
        return min(self.secrets.telling, key=_order), max(self.secrets.telling, key=_order)


def _order(value: str) -> tuple[float, str]:
    try:
        return float(value), value
    except ValueError:
        return 0.0, value


@dataclass(frozen=True, slots=True)
class Targets:
    found: tuple[Target, ...]
    unread: tuple[tuple[str, str], ...]
    """Columns that cannot be attacked: schema.table.column, why."""


@dataclass(frozen=True, slots=True)
class _Hidden:
    column: Column
    mask: ColumnMask | None
    change: Change | None


async def read_targets(
    upstream: Upstream,
    rules: Rules,
    catalog: Catalog,
    pins: Pins,
    identity: Identity,
    keys: MaskingKeys,
    also: Sequence[ColumnPattern],
) -> Targets:
    """
    Args:
        also: columns that must stay hidden though no rule masks them for this identity.

    Raises:
        UpstreamUnreachable.
    """
    hidden: dict[int, list[_Hidden]] = {}
    for one in masked_columns(rules, catalog, pins, identity):
        change = _on_texts(one.column, one.mask, catalog, keys)
        hidden.setdefault(one.relation.oid, []).append(_Hidden(one.column, one.mask, change))
    for relation in stored_relations(catalog):
        for column in relation.columns:
            known = {entry.column.attnum for entry in hidden.get(relation.oid, ())}
            is_meant = any(pattern.fits(relation.schema, relation.name, column.name) for pattern in also)
            if is_meant and column.attnum not in known:
                hidden.setdefault(relation.oid, []).append(_Hidden(column, None, None))
    found: list[Target] = []
    unread: list[tuple[str, str]] = []
    async with reading_texts(upstream, upstream.database) as connection:
        names = [
            f"{catalog.relations[oid].qualified_name}.{entry.column.name}"
            for oid, entries in hidden.items()
            for entry in entries
        ]
        shown = await _shown_in_statistics(connection, names)
        for oid, entries in hidden.items():
            relation = catalog.relations[oid]
            try:
                targets = await _of_table(connection, relation, entries, catalog, shown)
            except asyncpg.PostgresError as error:
                why = " ".join(str(error).split())
                unread += [(f"{relation.qualified_name}.{entry.column.name}", why) for entry in entries]
                continue
            found += [one for one in targets if one.has_values]
            unread += [(one.name, "no value that its mask changes was found") for one in targets if not one.has_values]
    return Targets(tuple(found), tuple(unread))


async def _shown_in_statistics(connection: asyncpg.Connection, hidden: Sequence[str]) -> frozenset[str]:
    """Common values of columns that are not masked: pg_stats shows them."""
    try:
        rows = await connection.fetch(_SHOWN_IN_STATISTICS.format(",".join(_literal(name) for name in hidden)))
    except asyncpg.PostgresError:
        return frozenset()
    return frozenset(str(row[0]) for row in rows)


async def _of_table(
    connection: asyncpg.Connection,
    relation: Relation,
    hidden: Sequence[_Hidden],
    catalog: Catalog,
    shown: frozenset[str],
) -> list[Target]:
    """Raises asyncpg.PostgresError: the login may not read it."""
    table = f"{quoted(relation.schema)}.{quoted(relation.name)}"
    attnums = {entry.column.attnum for entry in hidden}
    others = [column for column in relation.columns if column.attnum not in attnums]
    columns = [entry.column for entry in hidden] + others
    listed = ", ".join(f"{quoted(column.name)}::text" for column in columns)
    rows = await connection.fetch(f"SELECT {listed} FROM {table} LIMIT {ROWS_READ}")  # noqa: S608
    is_all = len(rows) < ROWS_READ
    values: list[list[str]] = []
    for place, entry in enumerate(hidden):
        own = [str(row[place]) for row in rows if row[place] is not None]
        if not own and not is_all:
            name = quoted(entry.column.name)
            sql = f"SELECT {name}::text FROM {table} WHERE {name} IS NOT NULL LIMIT {ROWS_READ}"  # noqa: S608
            own = [str(row[0]) for row in await connection.fetch(sql)]
        values.append(own)
    seen = set(shown)
    for place in range(len(hidden), len(columns)):
        seen.update(str(row[place]) for row in rows if row[place] is not None)
    for entry, own in zip(hidden, values, strict=True):
        if entry.change is not None:
            masks = {entry.change(value.encode()) for value in own}
            seen.update(mask.decode() for mask in masks if mask is not None)
    columns_of_key = others or [entry.column for entry in reversed(hidden)]
    key = quoted(columns_of_key[0].name)
    return [
        Target(
            f"{relation.qualified_name}.{entry.column.name}",
            table,
            quoted(entry.column.name),
            key,
            _ids(relation, entry.column, catalog),
            Secrets.of(own, entry.change, seen, is_text=_is_text(entry.column), is_all=is_all),
            entry.change,
            "deny" if entry.mask is None else entry.mask.predicates,
        )
        for entry, own in zip(hidden, values, strict=True)
    ]


def _ids(relation: Relation, column: Column, catalog: Catalog) -> frozenset[tuple[int, int]]:
    family: Collection[int] = (relation.oid, *catalog.descendants(relation.oid), *catalog.ancestors(relation.oid))
    return frozenset(
        (oid, one.attnum)
        for oid in family
        if oid in catalog.relations
        for one in catalog.relations[oid].columns
        if one.name == column.name
    )


def _on_texts(column: Column, mask: ColumnMask, catalog: Catalog, keys: MaskingKeys) -> Change:
    return mask_function(mask.mask, column.type_oid, -1, 0, catalog.types, keys, PLAIN_PARAMETERS)


def _is_text(column: Column) -> bool:
    codec = builtin.codec(column.type_oid, PLAIN_PARAMETERS)
    return codec is None or codec.family in (Family.TEXT, Family.JSON)


def _literal(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"

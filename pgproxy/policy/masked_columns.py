"""The columns of a database that a rule masks for somebody: what no one must reach in another way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgproxy.catalog.model import Catalog, Column, Relation
from pgproxy.login.identity import Identity
from pgproxy.policy.matching import ColumnMask, Masked, Pins
from pgproxy.policy.names import is_system_schema
from pgproxy.policy.rules import Rules
from pgproxy.policy.subject import subject_of

NOBODY = Identity("", source="role")
"""Whom no reveal names: what is masked for anybody is masked for it."""
_STORED_KINDS = frozenset("rpfm")


@dataclass(frozen=True, slots=True)
class MaskedColumn:
    relation: Relation
    column: Column
    mask: ColumnMask

    @property
    def id(self) -> tuple[int, int]:
        return self.relation.oid, self.column.attnum

    @property
    def name(self) -> str:
        return f"{self.relation.qualified_name}.{self.column.name}"


def stored_relations(catalog: Catalog) -> Iterator[Relation]:
    """Tables and materialized views outside the system schemas, in order of their names."""
    for relation in sorted(catalog.relations.values(), key=lambda one: (one.schema, one.name)):
        if relation.kind in _STORED_KINDS and not relation.is_temporary and not is_system_schema(relation.schema):
            yield relation


def masked_columns(rules: Rules, catalog: Catalog, pins: Pins, identity: Identity = NOBODY) -> list[MaskedColumn]:
    """Those of stored relations that the identity sees masked; what views make of them is not here."""
    masked = Masked(subject_of(identity, rules), catalog, pins)
    return [
        MaskedColumn(relation, column, mask)
        for relation in stored_relations(catalog)
        for column, mask in masked.masked_columns(relation)
    ]

"""Names that a definition gives to values that are stored already: a rule that masks the new name never counted them.

Whoever fills a table of one's own with guesses and then renames it into a mask would read the mask of each.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproxy.catalog.model import Column, Relation
from pgproxy.policy.decision import Reason
from pgproxy.policy.matching import Masked
from pgproxy.statements.model import Landing, Lineage

_MADE = 0


def landing_denials(landing: Landing, lineage: Lineage, masked: Masked) -> Iterator[Reason]:
    """Raises NotUnderstood."""
    for oid in sorted(lineage.relations):
        relation = masked.relation(oid)
        if relation.name != landing.relation or relation.kind == "v" or relation.is_temporary:
            continue
        for one in masked.with_descendants(relation):
            yield from _denials(_landed(landing, one, is_named=one is relation), masked)


def _landed(landing: Landing, relation: Relation, *, is_named: bool) -> Relation:
    """The relation by its names of then, without the family that those do not concern."""
    names = landing.columns or tuple(column.name for column in relation.columns)
    columns = tuple(Column(at, name, 0) for at, name in enumerate(names, 1))
    schema = landing.schema if is_named and landing.schema else relation.schema
    table = landing.table if is_named and landing.table else relation.name
    return Relation(_MADE, schema, table, relation.kind, columns)


def _denials(landed: Relation, masked: Masked) -> Iterator[Reason]:
    for column in landed.columns:
        mask = masked.mask_of(landed, column.name)
        if mask is not None and mask.predicates != "allow":
            yield Reason(
                mask.rule,
                f"{landed.qualified_name}.{column.name} is masked, and would name values that are stored already",
                mask.where,
                "Make the column or table under this name while it is empty.",
            )

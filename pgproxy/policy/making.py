"""Relations that a statement makes of a query's rows: what their columns carry, and whether they may be made.

A temporary relation carries the masks of what fed it, for as long as the session lives. A permanent one has only the
masks of rules, so it may take a masked value only where they give it the same mask. A materialized view stands for what
it was made from wherever it is read, unless a rule names its columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pgproxy.catalog.model import Column, Relation
from pgproxy.login.identity import Identity
from pgproxy.policy.carrying import Carrying
from pgproxy.policy.decide import decide
from pgproxy.policy.decision import Decision
from pgproxy.policy.masks import Mask
from pgproxy.policy.matching import ColumnMask, Masked
from pgproxy.policy.outputs import judge, masked_parts
from pgproxy.policy.rules import PREDICATES, Rules
from pgproxy.statements.model import ColumnId, Facts, Form, Lineage, Source, Target, Write

_MADE = 0
"""OID of what is not there yet."""

_HINT = "CREATE TEMPORARY TABLE … AS would pass: its columns keep the masks of what fed them."


def fed_masks(lineage: Lineage, masked: Masked, rules: Rules) -> tuple[ColumnMask | None, ...]:
    """What each output hands on to a temporary column that stores it.

    An unchanged copy may be used as its source may; anything else in no predicate, or a part of a value would be asked
    for that the source's own predicates do not allow.
    """
    carrying = Carrying(masked, lineage.materialized)
    found: list[ColumnMask | None] = []
    for output in lineage.outputs:
        carried = carrying.of_sources(output.sources)
        parts = masked_parts(carried, rules.defaults)
        mask: Mask | None = judge(output, carrying, rules.defaults, masked.catalog).column.mask
        own = [one.mask for one in parts if one.mask is not None]
        if mask is None or not own:
            found.append(None)
            continue
        strictest = min((one.predicates for one in own), key=PREDICATES.index)
        # Beside values of another mask, or of none, equality among the rows would compare them.
        is_copy = all(one.form is Form.COPY and one.is_direct for one in carried)
        is_copy = is_copy and len({one.mask.mask if one.mask else None for one in carried}) == 1
        entries = tuple(dict.fromkeys(entry for one in own for entry in one.entries))
        predicates = strictest if is_copy or strictest == "allow" else "deny"
        names = [name for one in parts if one.mask for name in one.mask.stands_for or (carrying.root_name(one.column),)]
        is_secret = any(one.is_secret for one in own)
        found.append(ColumnMask(mask, predicates, entries, is_secret, tuple(sorted(set(names)))))
    return tuple(found)


def decide_making(
    target: Target,
    schema: str,
    facts: Facts,
    lineage: Lineage,
    identity: Identity,
    rules: Rules,
    masked: Masked,
    estimated_rows: float | None = None,
) -> Decision:
    """Decide a permanent relation that is made of the query's rows, beyond what was decided of the query itself.

    Args:
        schema: where it will be.
        estimated_rows: as `decide`.
    """
    names: Mapping[int, str] = dict(enumerate(target.columns, 1))
    columns = tuple(
        Column(at, names.get(at, output.name), output.type_oid) for at, output in enumerate(lineage.outputs, 1)
    )
    relation = Relation(_MADE, schema, target.name, target.kind, columns)
    writes = tuple(
        Write(ColumnId(_MADE, column.attnum), output.sources, constants=output.constants)
        for column, output in zip(columns, lineage.outputs, strict=True)
        if target.kind != "m" or masked.mask_of(relation, column.name) or masked.is_revealed(relation, column.name)
    )
    making = replace(lineage, outputs=(), uses=frozenset(), writes=writes, written_relations=frozenset((_MADE,)))
    if target.kind == "m":
        making = replace(making, materialized={**lineage.materialized, **_made_from(lineage)})
    catalog = masked.catalog.with_objects([relation])
    decision = decide(
        facts,
        making,
        identity,
        rules,
        catalog,
        pins=masked.pins,
        temporary=masked.temporary,
        estimated_rows=estimated_rows,
    )
    return replace(decision, reasons=tuple(replace(reason, hint=_HINT) for reason in decision.reasons))


def _made_from(lineage: Lineage) -> Mapping[ColumnId, frozenset[Source]]:
    return {ColumnId(_MADE, at): output.sources for at, output in enumerate(lineage.outputs, 1)}

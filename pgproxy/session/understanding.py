"""From the server's tree to a decision, in one visible order; every step needs what the step before made.

    trees → tree → reached objects → catalog → lineage → agreement → decision → mask plan

Pure: no socket, no clock. `analysis` calls it between the messages that bring the trees and the catalog rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pgproxy.catalog.model import FIRST_NORMAL_OID, Catalog, Relation, Source
from pgproxy.errors import ApprovalRequired, NotAnalysable, NotUnderstood, StatementDenied
from pgproxy.login.identity import Identity
from pgproxy.masking.keys import MaskingKeys
from pgproxy.masking.plan import MaskPlan, plan_masks
from pgproxy.policy.conditions import names_of_touched
from pgproxy.policy.decide import compares_masked, decide, decide_utility
from pgproxy.policy.decision import Action, Decision
from pgproxy.policy.making import decide_making, fed_masks
from pgproxy.policy.matching import ColumnMask, Masked, Pins, Temporary
from pgproxy.policy.rules import Rules
from pgproxy.policy.subject import subject_of
from pgproxy.session.known_trees import Reading, Readings
from pgproxy.statements.agreement import agree
from pgproxy.statements.copied import as_copied, with_null_tests
from pgproxy.statements.facts import facts_of_like, read_facts
from pgproxy.statements.lineage import Bodies, trace, trace_block
from pgproxy.statements.lineage.constants import deciding_constants
from pgproxy.statements.model import Facts, Handling, Lineage, RawStatement, Reached, StatementClass, Target
from pgproxy.statements.tree import Node, reached, read_tree
from pgproxy.wire.results import RowDescription


@dataclass(frozen=True, slots=True)
class ReadText:
    """A text that a function executes, as the server analysed it."""

    raw: RawStatement
    query: RawStatement
    """The query in it: itself, or what it explains."""
    tree: Node
    """Of the query."""


NOT_KNOWN: Final = float("inf")
"""Rows of what the planner cannot be asked about."""


@dataclass(frozen=True, slots=True)
class Announced:
    """The server's tree of a statement, and what the catalog must know before it can be traced."""

    text: bytes
    version: int
    """Of the server."""
    reading: Reading
    reached: Reached
    """What the tree, the parameters and the row description name."""
    known_tree: Node | None = None
    """If it had to be read already."""
    bodies: Bodies = field(default_factory=dict)
    """Of the SQL functions that it reaches (`reading`)."""
    tried: frozenset[int] = frozenset()
    """Functions whose bodies were asked for."""
    called: frozenset[int] = frozenset()
    """Functions that the code of others names (`reading`)."""
    texts: Mapping[str, ReadText | None] = field(default_factory=dict)
    """What it executes by functions (`reading_texts`); None: no query."""

    def tree(self) -> Node:
        """Raises NotUnderstood."""
        return self.known_tree or read_tree(self.text, self.version)

    @property
    def needed(self) -> Reached:
        """What the tree, the bodies, the code and the texts name."""
        inside = [tree for body in self.bodies.values() for tree in body]
        inside += [text.tree for text in self.texts.values() if text is not None]
        if not (inside or self.called):
            return self.reached
        named = [self.reached, Reached(functions=self.called), *map(reached, inside)]
        return Reached(*(frozenset().union(*(getattr(one, part) for one in named)) for part in Reached.__slots__))

    def unknown(self, catalog: Catalog) -> Reached:
        """What must be asked for: all that users made; what is built in the shared catalog has for good."""
        named = self.needed
        return Reached(
            _unknown(named.relations, catalog.relations),
            _unknown(named.functions, catalog.functions),
            _unknown(named.operators, catalog.operators),
            _unknown(named.types, catalog.types),
        )


def _unknown(oids: frozenset[int], known: Mapping[int, object]) -> frozenset[int]:
    return frozenset(oid for oid in oids if oid >= FIRST_NORMAL_OID or oid not in known)


@dataclass(frozen=True, slots=True)
class Understanding:
    """Everything a decision about one statement is made from; a new rules version decides again from it."""

    raw: RawStatement
    facts: Facts
    lineage: Lineage
    """Where it is `borrowed`, constants in it are another statement's; no masked column meets any of them."""
    catalog: Catalog
    tree: Node | None = None
    """For what is inside a COPY, whose tree the server announces once more."""
    row: RowDescription | None = None
    """Of its result; None where it returns no rows."""
    temporary: Temporary = field(default_factory=dict, compare=False)
    """The session's own, which only grows: what its temporary relations carry."""
    deciding: tuple[tuple[int, bytes], ...] = ()
    """The constants that its lineage depends on: (number in `Shape.constants`, bytes)."""
    borrowed: Announced | None = None
    """It was made for a statement that differs in constants alone; this is the tree of this one."""
    executed: tuple[tuple[RawStatement, Understanding], ...] = ()
    """What it executes by functions: the statement, and its query. Its lineage has what they reach."""

    def own(self, parameter_types: Sequence[int], row: RowDescription | None) -> Understanding:
        """With this statement's own constants, for rules under which they may matter.

        Raises:
            NotUnderstood, StatementDenied: as `understand`.
        """
        if self.borrowed is None:
            return self
        return understand(self.raw, self.borrowed, parameter_types, row, self.catalog, self.temporary)

    def like(self, raw: RawStatement, announcement: Announced) -> Understanding | None:
        """This, for a statement whose tree differs in constants alone; None where its text says more than that."""
        facts = facts_of_like(raw, self.raw, self.facts)
        return None if facts is None else replace(self, raw=raw, facts=facts, borrowed=announcement)

    @property
    def stored_relations(self) -> list[Relation]:
        """What the statement reads and writes of what users made."""
        oids = self.lineage.relations | self.lineage.written_relations
        return [self.catalog.relations[oid] for oid in oids if oid >= FIRST_NORMAL_OID]


def announced(
    trees: Sequence[bytes],
    parameter_types: Sequence[int],
    row: RowDescription | None,
    version: int,
    readings: Readings,
) -> Announced:
    """Read the one tree that Parse announced.

    Raises:
        NotUnderstood: none or more than one came (ATTACK: code that runs inside Parse may print trees of its own),
            or it has something this reader does not know.
    """
    if len(trees) != 1:
        raise NotUnderstood(
            "not provably safe: the server did not announce exactly one analysed tree for this statement",
            detail=f"rule builtin.tree: {len(trees)} trees",
            hint="Send the statement alone; types whose checks run code cannot be used here.",
        )
    reading, tree = readings.read(trees[0], version)
    named = reading.with_description(tuple(parameter_types), row)
    return Announced(trees[0], version, reading, named, tree)


def understand(
    raw: RawStatement,
    announcement: Announced,
    parameter_types: Sequence[int],
    row: RowDescription | None,
    catalog: Catalog,
    temporary: Temporary | None = None,
) -> Understanding:
    """Trace the tree over the catalog as the statement's own transaction sees it.

    Raises:
        NotUnderstood, StatementDenied: with the reason.
    """
    for oid in parameter_types:
        parameter = catalog.types.get(oid)
        if parameter is None or parameter.is_user_checked:
            raise NotUnderstood(
                "not provably safe: a parameter's type runs code of its own when a value is read",
                detail=f"rule builtin.parameter_type: {parameter.name if parameter else oid}",
                hint="Send the parameter as text or another built-in type.",
            )
    tree = announcement.tree()
    carried: Temporary = {} if temporary is None else temporary
    executed = {
        text: (read.raw, _understand_text(read, catalog, announcement.bodies, carried))
        for text, read in announcement.texts.items()
        if read is not None
    }
    known = {text: inside.lineage for text, (_, inside) in executed.items()}
    lineage = trace(tree, catalog, announcement.bodies, known)
    facts = read_facts(raw)
    agree(raw, facts, lineage, catalog)
    outputs = len(row.fields) if row is not None else 0
    if len(lineage.outputs) != outputs:
        raise NotUnderstood(
            "not provably safe: the analysed tree and the row description disagree",
            detail=f"rule builtin.agreement: {len(lineage.outputs)} outputs traced, {outputs} described",
        )
    if raw.is_made:
        copied = as_copied(raw, tree, lineage, catalog)
        lineage = copied.lineage
        if row is not None:
            row = replace(row, fields=tuple(row.fields[at] for at in copied.outputs)) if copied.outputs else None
    lineage = with_null_tests(raw, lineage)
    kept = tree if raw.feeds is not None else None
    deciding = deciding_constants(tree)
    inside = tuple(executed.values())
    return Understanding(raw, facts, lineage, catalog, kept, row, carried, deciding, executed=inside)


def _understand_text(read: ReadText, catalog: Catalog, bodies: Bodies, temporary: Temporary) -> Understanding:
    lineage = trace(read.tree, catalog, bodies)
    facts = read_facts(read.query)
    agree(read.query, facts, lineage, catalog)
    return Understanding(read.query, facts, lineage, catalog, temporary=temporary)


def understand_block(raw: RawStatement, source: Source, catalog: Catalog, temporary: Temporary) -> Understanding:
    """As `understand`, for DO, whose tree nobody prints: its code does what the names in it may mean."""
    lineage = trace_block(source, catalog)
    classes = {StatementClass.DO, *([StatementClass.SELECT] if lineage.relations else [])}
    facts = replace(read_facts(raw), classes=frozenset(classes))
    return Understanding(raw, facts, lineage, catalog, temporary=temporary)


def decision_for(
    understanding: Understanding, identity: Identity, rules: Rules, pins: Pins, estimated_rows: float | None = None
) -> Decision:
    """Decide; a denial is raised, but for one that waits for the planner's estimate.

    Args:
        estimated_rows: as `decide`.

    Raises:
        StatementDenied.
    """
    inside = check_executed(understanding, identity, rules, pins)
    decision = decide(
        understanding.facts,
        understanding.lineage,
        identity,
        rules,
        understanding.catalog,
        pins=pins,
        temporary=understanding.temporary,
        estimated_rows=estimated_rows,
    )
    for one in inside:
        decision = decision.also_held(one)
    return not_denied(decision)


def touched_names(
    understanding: Understanding, identity: Identity, rules: Rules, pins: Pins
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """ "schema.table.column" of everything the statement touches, sorted; and of these what is masked for the
    identity."""
    return names_of_touched(understanding.lineage, _masked(understanding, identity, rules, pins))


def check_executed(understanding: Understanding, identity: Identity, rules: Rules, pins: Pins) -> list[Decision]:
    """What it executes by functions would be allowed or held by itself, and needs no mask. Raises as `decision_for`."""
    found: list[Decision] = []
    for raw, query in understanding.executed:
        if raw is not query.raw:
            found.append(decision_for_utility(raw, identity, rules))
        decision = decision_for(query, identity, rules, pins, NOT_KNOWN)
        found.append(decision)
        if decision.masks_anything or decision.comparisons or decision.counted_rows or decision.tokens:
            raise StatementDenied(
                "the SQL that a function of this statement executes uses masked columns",
                detail="rule builtin.function",
                hint="Send that SQL as a statement of its own, or leave the columns out.",
            )
    return found


def masks_to_hand_on(
    understanding: Understanding, identity: Identity, rules: Rules, pins: Pins
) -> tuple[ColumnMask | None, ...]:
    """What each output hands on to a temporary column that stores it."""
    masked = _masked(understanding, identity, rules, pins)
    return fed_masks(understanding.lineage, masked, rules)


def without_parameters(understanding: Understanding) -> Understanding:
    """Outputs that depend on parameters are not known to be one value."""
    outputs = tuple(
        replace(output, constants=None) if any(one.parameters for one in output.constants or ()) else output
        for output in understanding.lineage.outputs
    )
    return replace(understanding, lineage=replace(understanding.lineage, outputs=outputs))


def check_making(
    target: Target,
    schema: str,
    understanding: Understanding,
    identity: Identity,
    rules: Rules,
    pins: Pins,
    estimated_rows: float | None = None,
) -> Decision:
    """Decide a permanent relation made of the statement's rows. Raises as `decision_for`."""
    facts, lineage = understanding.facts, understanding.lineage
    masked = _masked(understanding, identity, rules, pins)
    return not_denied(decide_making(target, schema, facts, lineage, identity, rules, masked, estimated_rows))


def decision_for_utility(
    raw: RawStatement, identity: Identity, rules: Rules, estimated_rows: float | None = None
) -> Decision:
    """As `decision_for`, for a statement that has no tree. COPY and DO are decided when they run.

    Args:
        estimated_rows: of the statement inside; None: not known.
    """
    if raw.handling in (Handling.COPY_OUT, Handling.COPY_IN, Handling.CODE):
        return Decision(Action.ALLOW)
    facts = read_facts(raw) if raw.text else Facts(raw.statement_class)
    return not_denied(decide_utility(raw, facts, identity, rules, estimated_rows))


def needs_constants(understanding: Understanding, identity: Identity, rules: Rules, pins: Pins) -> bool:
    """Whether a masked column meets what the client gives: then another constant is another question.

    Constants that come out as they are count too: they may be an EXECUTE's arguments, or go into what is made of them.
    """
    if any(output.constants for output in understanding.lineage.outputs):
        return True
    masked = _masked(understanding, identity, rules, pins)
    return bool(masked.subject.masks) and compares_masked(understanding.lineage, masked)


def _masked(understanding: Understanding, identity: Identity, rules: Rules, pins: Pins) -> Masked:
    masked = Masked(subject_of(identity, rules), understanding.catalog, pins, understanding.temporary)
    return masked.seen_through(understanding.lineage.views)


def not_denied(decision: Decision) -> Decision:
    """The decision, if the statement may run or may be held.

    Raises:
        StatementDenied.
    """
    if decision.action is not Action.DENY or decision.asks_estimate:
        return decision
    reason = decision.reasons[0] if decision.reasons else None
    rule = f"rule {reason.rule}" if reason else "rule builtin"
    hint = reason.hint if reason else ""
    text = reason.text if reason else "denied"
    if decision.is_only_opaque:
        raise NotAnalysable(text, detail=rule, hint=hint)
    raise StatementDenied(text, detail=rule, hint=hint)


def allowed(decision: Decision) -> Decision:
    """The decision, if the statement may run now, where none can be held.

    Raises:
        StatementDenied, ApprovalRequired.
    """
    if not_denied(decision).action is Action.ALLOW:
        return decision
    reason = decision.reasons[0]
    raise ApprovalRequired(f"approval required: {reason.text}", detail=f"rule {reason.rule}", hint=reason.hint)


def check_origins(
    decision: Decision, row: RowDescription, understanding: Understanding, identity: Identity, rules: Rules, pins: Pins
) -> None:
    """The tripwire: a masked column that the server names in its row description must be one that the lineage names.

    Raises:
        NotUnderstood: before a row is passed on.
    """
    masked = _masked(understanding, identity, rules, pins)
    for column, described in zip(decision.columns, row.fields, strict=True):
        if described.table_oid == 0 or (described.table_oid, described.attnum) in column.origins:
            continue
        relation = masked.relation(described.table_oid)
        stored = relation.column(described.attnum)
        if described.attnum == 0:  # a whole row
            is_masked = masked.has_masked_columns(described.table_oid)
        else:
            is_masked = stored is not None and masked.mask_of(relation, stored.name) is not None
        if is_masked and not (relation.kind == "v" and column.mask is not None):  # by a name that only the view has
            raise NotUnderstood(
                "not provably safe: the server names a masked column that the analysis did not find",
                detail=f"rule builtin.tripwire: {relation.qualified_name}.{stored.name if stored else '*'}",
            )


def plan_for(
    decision: Decision,
    row: RowDescription | None,
    result_formats: Sequence[int],
    catalog: Catalog,
    keys: MaskingKeys,
    parameters: Mapping[str, str],
) -> MaskPlan | None:
    """The mask plan of one portal; None where its rows pass as they are."""
    if row is None or not decision.masks_anything:
        return None
    fields = row.with_formats(result_formats).fields
    return plan_masks([column.mask for column in decision.columns], fields, catalog.types, keys, parameters)

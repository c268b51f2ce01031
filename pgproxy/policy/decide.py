"""The decision: facts + lineage + identity + rules + catalog → a frozen `Decision` with its reasons.

Pure: the same arguments give the same decision, so `explain`, the reviewer's page and the client's error agree.
Deny beats hold beats allow. Doubt about meaning was raised before, or is raised here, as `NotUnderstood`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from pgproxy.catalog.model import Catalog
from pgproxy.login.identity import Identity
from pgproxy.policy.carrying import Carrying
from pgproxy.policy.comparisons import Comparison, comparisons, counted_rows, tested_by
from pgproxy.policy.conditions import Touched, applies, touched_columns
from pgproxy.policy.decision import Action, Decision, OutputColumn, Reason
from pgproxy.policy.holds import OPAQUE_RULE, Hold
from pgproxy.policy.landing import landing_denials
from pgproxy.policy.mask_text import mask_text
from pgproxy.policy.matching import Masked, Pins, Temporary
from pgproxy.policy.outputs import judge
from pgproxy.policy.predicates import deletion_denials, effect_denials, use_denials, write_denials
from pgproxy.policy.rules import Approval, Denial, Rules
from pgproxy.policy.subject import Subject, subject_of
from pgproxy.policy.tokens import Token, tokens_of
from pgproxy.statements.model import Facts, Form, Handling, Lineage, RawStatement, Source, StatementClass

RUNS_ELSEWHERE = Reason(
    "role_split", "cannot be analysed: runs on the clean login, to which the server opens no masked column"
)

_CODE_READS = (
    StatementClass.SELECT,
    StatementClass.CALL,
    StatementClass.DO,
    StatementClass.EXPLAIN,
    StatementClass.CURSOR,
    StatementClass.SET,
    StatementClass.LISTEN,
)
"""What code can do with the rights of a login that may change nothing."""

_NO_PINS: Pins = {}
_NOTHING_TEMPORARY: Temporary = {}


def decide(
    facts: Facts,
    lineage: Lineage,
    identity: Identity,
    rules: Rules,
    catalog: Catalog,
    *,
    pins: Pins = _NO_PINS,
    temporary: Temporary = _NOTHING_TEMPORARY,
    estimated_rows: float | None = None,
) -> Decision:
    """Decide one analysed statement.

    Args:
        catalog: must know every relation of the lineage, with ancestors and descendants.
        pins: entries that covered a column when it was first seen, for columns renamed since.
        temporary: what the session's temporary relations carry (`policy.making`).
        estimated_rows: the planner's; infinite: not known; None: not asked for yet, which counts as over.

    Raises:
        NotUnderstood (42501): the catalog lacks what the lineage names, or a materialized view is not analysed.
    """
    subject = subject_of(identity, rules)
    masked = Masked(subject, catalog, pins, temporary).seen_through(lineage.views)
    carrying = Carrying(masked, lineage.materialized)
    judged = [judge(output, carrying, rules.defaults, catalog) for output in lineage.outputs]

    touches_masked = _touches_masked(lineage, carrying)
    touched = Touched.by_lineage(
        facts,
        lineage,
        masked,
        touches_masked=touches_masked,
        estimated_rows=estimated_rows,
    )
    denials = [reason for rule, reason in _denied(subject, touched) if not _is_unsettled(rule, touched)]
    unsettled = [reason for rule, reason in _denied(subject, touched) if _is_unsettled(rule, touched)]
    held = list(_held(subject, touched))
    asks_estimate = bool(unsettled) or any(_is_unsettled(rule, touched) for rule, _, _ in held)
    holds: list[_Held] = [(hold, reason) for _, hold, reason in held]
    tokens: tuple[Token, ...] = ()
    is_only_opaque = False
    if subject.masks:
        tokens, against_tokens = tokens_of(lineage, carrying)
        denials += _view_denials(lineage, masked)
        denials += [reason for one in judged for reason in one.denials]
        denied = [(use, found) for use in lineage.uses if (found := [*use_denials(use, carrying, rules.defaults)])]
        denials += [reason for _, found in sorted(denied, key=repr) for reason in found]
        denials += [r for write in lineage.writes for r in write_denials(write, carrying, rules.defaults)]
        denials += [r for oid in sorted(lineage.deleted_relations) for r in deletion_denials(oid, carrying)]
        denials += [reason for effect in lineage.effects for reason in effect_denials(effect, carrying, rules.defaults)]
        denials += against_tokens
        is_only_opaque = not (denials or holds or touches_masked) and _is_opaque(lineage, rules)
        denials += _function_denials(lineage)
        if facts.landing is not None:
            denials += landing_denials(facts.landing, lineage, masked)
        if rules.defaults.opaque == "hold":
            holds += [(Hold.of_opaque(rules.defaults), reason) for reason in _opaque(lineage)]
        else:
            denials += _opaque(lineage)

    observed = [*_observed(subject, touched), *_observed_masks(subject, lineage, masked)]
    names = (masked.relation(oid).qualified_name for oid in lineage.relations | lineage.written_relations)
    return _decision(
        denials or unsettled,
        holds,
        asks_estimate=asks_estimate and not denials,
        masks=[reason for one in judged for reason in one.masks],
        observed=observed,
        columns=tuple(one.column for one in judged),
        tables=tuple(sorted(set(names))),
        redacts_errors=_redacts_errors(lineage, masked),
        compared=comparisons(lineage, carrying) if subject.masks else (),
        rows=counted_rows(lineage, carrying) if subject.masks else (),
        tokens=tokens,
        shown_tokens=comparisons(lineage, carrying, of_tokens=True) if tokens else (),
        is_only_opaque=is_only_opaque,
    )


def compares_masked(lineage: Lineage, masked: Masked) -> bool:
    """Whether a masked column decides rows, or is written or tested: then constants may be guesses at its values.

    Raises:
        NotUnderstood (42501): as `decide`.
    """
    carrying = Carrying(masked, lineage.materialized)
    used = {use.column for use in lineage.uses}
    return any(any(tested_by(write, carrying)) for write in lineage.writes) or any(
        carried.mask is not None for column in used for carried in carrying.of_source(Source(column, Form.COPY))
    )


def decide_utility(
    raw: RawStatement, facts: Facts, identity: Identity, rules: Rules, estimated_rows: float | None = None
) -> Decision:
    """Decide a statement that has no tree, by what its text says. What the grammar refuses is refused under masks.

    Args:
        estimated_rows: of the statement inside; None: not known.
    """
    subject = subject_of(identity, rules)
    touched = Touched.by_text(facts, has_masks=bool(subject.masks), estimated_rows=estimated_rows)
    denials = [reason for _, reason in _denied(subject, touched)]
    holds: list[_Held] = [(hold, reason) for _, hold, reason in _held(subject, touched)]
    is_code = raw.statement_class in (StatementClass.DO, StatementClass.CALL)
    is_refused = bool(subject.masks) and raw.handling is Handling.REFUSE
    is_only_opaque = is_refused and is_code and not (denials or holds)
    if is_refused and is_code and rules.defaults.opaque == "hold":
        construct = raw.statement_class.upper()
        opaque = Reason(OPAQUE_RULE, f"{construct} runs code that cannot be analysed")
        holds.append((Hold.of_opaque(rules.defaults), opaque))
    elif is_refused:
        denials.append(Reason(f"builtin.{raw.statement_class}", raw.refusal, hint=raw.hint))
    return _decision(
        denials,
        holds,
        observed=list(_observed(subject, touched)),
        tables=tuple(sorted(set(facts.tables))),
        redacts_errors=bool(subject.masks and facts.tables) and raw.node not in _WITHOUT_ROWS,
        is_only_opaque=is_only_opaque,
    )


_WITHOUT_ROWS: Final = frozenset(
    "CreateStmt CreateSchemaStmt CreateSeqStmt ViewStmt CommentStmt DropStmt GrantStmt LockStmt".split()
)
"""Definitions and the like that look at no row: their errors, and what they leave for the end of the transaction, name
objects and what the client wrote. One over stored columns is decided as the query in its stead."""


def decide_by_grammar(facts: Facts, identity: Identity, rules: Rules) -> Decision:
    """What the text alone shows of a statement whose tree will decide: rules whose conditions need no analysis hold
    it."""
    subject = subject_of(identity, rules)
    touched = Touched.by_text(facts, has_masks=bool(subject.masks))
    holds = [(hold, reason) for rule, hold, reason in _held(subject, touched) if not rule.conditions.asks_analysis]
    return _decision((), holds, tables=tuple(sorted(set(facts.tables))), redacts_errors=False)


def decide_elsewhere(facts: Facts, identity: Identity, rules: Rules, *, may_write: bool) -> Decision:
    """Decide a statement that is only opaque, for the clean login of role_split: there the server keeps masked columns
    away, but what the rules say of tables and of other columns it does not know. So a rule counts that may be about
    anything such code can do.

    Args:
        may_write: the clean login may change stored data.
    """
    subject = subject_of(identity, rules)
    touched = Touched.unseen([*StatementClass] if may_write else [facts.statement_class, *facts.classes, *_CODE_READS])
    denials = [reason for _, reason in _denied(subject, touched, " for code that cannot be analysed")]
    held = _held(subject, touched, " for code that cannot be analysed")
    holds = [(hold, reason) for _, hold, reason in held]
    decision = _decision(denials, holds, observed=[*_observed(subject, touched)], redacts_errors=False)
    if decision.action is Action.ALLOW:
        return replace(decision, reasons=(RUNS_ELSEWHERE,))
    return decision


_Held = tuple[Hold, Reason]


def _decision(
    denials: Sequence[Reason],
    holds: Sequence[_Held],
    *,
    asks_estimate: bool = False,
    masks: Sequence[Reason] = (),
    observed: Sequence[Reason] = (),
    columns: tuple[OutputColumn, ...] = (),
    tables: tuple[str, ...] = (),
    redacts_errors: bool,
    compared: tuple[Comparison, ...] = (),
    rows: tuple[Comparison, ...] = (),
    tokens: tuple[Token, ...] = (),
    shown_tokens: tuple[Comparison, ...] = (),
    is_only_opaque: bool = False,
) -> Decision:
    """The strictest answer, with the reasons for it alone."""
    if denials:
        action, reasons = Action.DENY, [*denials]
    elif holds:
        action, reasons = Action.HOLD, [*(reason for _, reason in holds), *masks]
    else:
        action, reasons = Action.ALLOW, [*masks]
    return Decision(
        action,
        reasons=tuple(dict.fromkeys(reasons)),
        columns=columns,
        tables=tables,
        redacts_errors=redacts_errors,
        comparisons=compared,
        counted_rows=rows,
        tokens=tokens,
        shown_tokens=shown_tokens,
        is_only_opaque=is_only_opaque,
        holds=tuple(dict.fromkeys(hold for hold, _ in holds)),
        asks_estimate=asks_estimate,
        observed=tuple(dict.fromkeys(observed)),
    )


def _denied(subject: Subject, touched: Touched, of_what: str = "") -> Iterator[tuple[Denial, Reason]]:
    for rule in subject.denials:
        if _is_enforced(rule, touched):
            yield rule, Reason(rule.name, f"denied{of_what} by rule {rule.name}", str(rule.at), _hint(rule))


def _held(subject: Subject, touched: Touched, of_what: str = "") -> Iterator[tuple[Approval, Hold, Reason]]:
    for rule in subject.approvals:
        if _is_enforced(rule, touched):
            reason = Reason(rule.name, f"held{of_what} by rule {rule.name}", str(rule.at), _hint(rule))
            yield rule, Hold.of_rule(rule), reason


def _is_enforced(rule: Denial | Approval, touched: Touched) -> bool:
    return rule.is_enforced and applies(rule.conditions, touched)


def _is_unsettled(rule: Denial | Approval, touched: Touched) -> bool:
    """It applies because the planner was not asked for its estimate."""
    return rule.conditions.estimated_rows_over is not None and touched.estimated_rows is None


def _hint(rule: Denial | Approval) -> str:
    conditions = rule.conditions
    if conditions.without_where:
        return "Give it a WHERE that names the rows."
    if conditions.estimated_rows_over is not None:
        return f"Ask for at most {conditions.estimated_rows_over} rows."
    if conditions.columns or conditions.touches_masked:
        return "Leave out the columns that the rule names."
    if isinstance(rule, Approval):
        return "A reviewer can let it pass."
    return "Leave it out, or ask whoever keeps the rules."


def _observed(subject: Subject, touched: Touched) -> Iterator[Reason]:
    rules: list[Denial | Approval] = [*subject.denials, *subject.approvals]
    for rule in rules:
        if not rule.is_enforced and applies(rule.conditions, touched):
            verdict = "would deny" if isinstance(rule, Denial) else "would hold"
            yield Reason(rule.name, verdict, str(rule.at))


def _observed_masks(subject: Subject, lineage: Lineage, masked: Masked) -> Iterator[Reason]:
    if not subject.observed_masks:
        return
    for column in sorted(touched_columns(lineage)):
        relation = masked.relation(column.relation)
        found = masked.column(column)
        for entry in subject.observed_masks:
            if found is not None and entry.columns.fits(relation.schema, relation.name, found.name):
                name = f"{relation.qualified_name}.{found.name}"
                yield Reason(entry.name, f"would mask {name}: {mask_text(entry.mask)}", str(entry.at))


def _touches_masked(lineage: Lineage, carrying: Carrying) -> bool:
    return any(
        carried.mask is not None
        for column in touched_columns(lineage)
        for carried in carrying.of_source(Source(column, Form.COPY))
    )


def _view_denials(lineage: Lineage, masked: Masked) -> Iterator[Reason]:
    """A rule that names a view: the lineage goes past the view's own columns, so it could not be kept."""
    for oid in sorted(lineage.relations):
        relation = masked.relation(oid)
        if relation.kind != "v":
            continue
        for entry in masked.subject.masks:
            pattern = entry.columns.relation
            if pattern.is_exact and pattern.fits(relation.schema, relation.name):
                yield Reason(
                    entry.name,
                    f"{relation.qualified_name} is a view, and a mask on a view's own columns cannot be kept",
                    str(entry.at),
                    "Mask the columns of the tables behind the view: masks follow them into every view.",
                )


def _function_denials(lineage: Lineage) -> Iterator[Reason]:
    for name in lineage.denied_functions:
        yield Reason(
            "builtin.function",
            f"function {name} is not allowed where columns are masked",
            hint="Leave the function out; it reaches beyond what the text of a statement says.",
        )


def _opaque(lineage: Lineage) -> Iterator[Reason]:
    for what in lineage.opaque:
        yield Reason(
            OPAQUE_RULE,
            f"not provably safe: {what} cannot be analysed",
            hint="Leave it out, or write what it does as plain SQL.",
        )


def _is_opaque(lineage: Lineage, rules: Rules) -> bool:
    """Something cannot be analysed, and no reviewer shall look at it."""
    return rules.defaults.opaque == "deny" and bool(lineage.opaque or lineage.denied_functions)


def _redacts_errors(lineage: Lineage, masked: Masked) -> bool:
    """Whether an error may quote a masked value.

    The unit is the relation, not the column: a failing row is quoted whole. A write also reaches the inheritance tree,
    what it cascades to, the relations that foreign keys tie to all of these, and whatever triggers do.
    """
    if not masked.subject.masks:
        return False
    near = set(lineage.relations)
    changed = set(lineage.written_relations | lineage.trigger_relations)
    queue = list(changed)
    while queue:
        relation = masked.catalog.relations.get(queue.pop())
        if relation is None:
            return True
        more = {one.oid for one in masked.family(relation)}.union(relation.cascades) - changed
        changed |= more
        queue.extend(more)
        near.update(relation.references)
    return any(masked.has_masked_columns(oid) for oid in near | changed)

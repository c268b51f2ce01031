"""A statement that needs an approval: nothing of it runs until `Granted`, then the client's message is taken anew.

    HOLD ─▶ what came before is answered ─▶ reason, names, the planner's estimate ─▶ decided with the estimate
         ─▶ held: the implicit transaction ends, AskApproval ─▶ Filed … (NOTICE) ─▶ Granted ─▶ the message once more:
         analysed and decided as if it had just come, and this time the permit covers it ─▶ executed ─▶ ReportOutcome

Because the whole message is taken anew, what is approved is never a remembered verdict: rules, catalog and masks are
those of that moment, and a name that stands for something else by then is refused.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import isfinite

from pgproxy.catalog.model import FIRST_NORMAL_OID
from pgproxy.errors import (
    ApprovalExpired,
    ApprovalRequired,
    NotUnderstood,
    ProxyError,
    StatementDenied,
)
from pgproxy.policy.conditions import touched_columns
from pgproxy.policy.decision import Action, Decision
from pgproxy.policy.holds import OPAQUE_RULE
from pgproxy.session.actions import AskApproval, ReportOutcome, WithdrawRequest
from pgproxy.session.admission import DECIDED_WHEN_RUN
from pgproxy.session.constant_values import parameter_texts
from pgproxy.session.holds import (
    ClientMode,
    Filed,
    Granted,
    HoldEvent,
    HoldRequest,
    Outcome,
    Refused,
    Release,
    binding_of,
    objects_of,
)
from pgproxy.session.pending import Pending, Request
from pgproxy.session.phases import Phase
from pgproxy.session.prepared import Portal, Verdict
from pgproxy.session.questions import about_estimate, about_hold
from pgproxy.session.refusing import refuse, refuse_here, refuse_query
from pgproxy.session.state import SessionState
from pgproxy.session.understanding import (
    Understanding,
    decision_for,
    decision_for_utility,
    touched_names,
)
from pgproxy.statements.facts import leading_reason, read_facts
from pgproxy.statements.model import Handling, RawStatement
from pgproxy.wire import asynchronous, query, results
from pgproxy.wire.framing import Frame

UNKNOWN = float("inf")

UNREADABLE = NotUnderstood("not provably safe: what the statement's names stand for could not be read")

CHANGED = StatementDenied(
    "what the statement means changed since its approval was asked for",
    detail="rule builtin.approval",
    hint="Send it again: the new meaning needs its own approval.",
)

GIVEN_UP = StatementDenied(
    "its approval was given up when another statement was held",
    detail="rule builtin.approval",
    hint="Bind and execute it again.",
)

RULES_CHANGED = ApprovalRequired(
    "approval required: a rule that is new since it was bound holds this statement",
    detail="rule builtin.rules_changed",
    hint="Bind and execute it again.",
)

SEND_ALONE = "Send it alone: a statement behind others of its string cannot wait for an approval."

_PLANNED = frozenset(("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"))

_CARRIED_BY_QUERY = frozenset((b"Q", b"F"))
"""Messages whose answer ends with a ReadyForQuery of their own."""


class Holding:
    """Lets what is allowed pass, holds what is not, and lets it pass once it was approved."""

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self._portal: Portal | None = None
        """What is to be bound anew when its Execute is taken again."""

    # Before the execution --------------------------------------------------------------------------------------

    def when_permitted(self, portal: Portal, then: Callable[[Portal], None]) -> None:
        """`then` is called when no rule holds the portal's execution, or an approval covers it."""
        decision = portal.verdict.decision
        release = portal.verdict.release
        if decision is None or decision.action is Action.ALLOW or (release is not None and not release.is_void):
            then(portal)
            return
        unit, raw = self._state.unit, portal.verdict.raw
        is_late = unit is not None and unit.tag == b"E" and raw is not None and raw.handling not in DECIDED_WHEN_RUN
        if is_late and portal.is_started:
            then(portal)
            return
        if release is not None or is_late:
            refuse_here(self._state, GIVEN_UP if release is not None else RULES_CHANGED)
            return
        inner = portal.inner or portal.verdict
        text = self._text(portal.verdict.raw)

        def settle(estimate: float | None) -> Decision:
            return self._decide_anew(portal, estimate)

        def permitted(release: Release) -> None:
            portal.verdict = portal.verdict.released(release)
            portal.inner = None if portal.inner is None else portal.inner.released(release)
            then(portal)

        def allowed() -> None:
            portal.verdict = portal.verdict.settled()
            portal.inner = None if portal.inner is None else portal.inner.settled()
            then(portal)

        self._portal = portal
        self._settle(inner, text, portal.bind, settle, permitted, allowed)

    def when_permitted_whole(
        self, raws: Sequence[RawStatement], text: str, decision: Decision, then: Callable[[], None]
    ) -> None:
        """A whole message, by what its text says: a string of statements, utility statements, a FunctionCall."""
        if decision.action is Action.ALLOW:
            then()
            return
        self._portal = None
        whole = Verdict(raws[0], decision)
        state = self._state
        state.script = deque()  # whatever comes of it ends with a Sync of ours
        state.has_run_statement = False

        def permitted(release: Release) -> None:
            passed()

        def passed() -> None:
            state.script = None
            state.enter(Phase.READY)
            if state.is_outside_transaction and not state.has_open_batch:
                # What was asked began an implicit transaction, in which a Query behind it would stay.
                state.ask(Pending(Request.SYNC, hides_ready=True), query.Sync().encode())
            then()

        self._settle(whole, text, None, lambda estimate: decision, permitted, passed, raws)

    @property
    def _is_behind(self) -> bool:
        """A statement of the same string was executed before."""
        return self._state.script is not None and self._state.has_run_statement

    def _text(self, raw: RawStatement | None) -> str:
        unit = self._state.unit
        if unit is not None and unit.tag == b"Q":
            return query.Query.decode(unit.body).query
        return "" if raw is None else raw.text

    def _settle(
        self,
        verdict: Verdict,
        text: str,
        bind: query.Bind | None,
        settle: Callable[[float | None], Decision],
        permitted: Callable[[Release], None],
        allowed: Callable[[], None],
        raws: Sequence[RawStatement] = (),
    ) -> None:
        """Learn what a request says, decide with it, and hold, pass or refuse."""
        state = self._state
        unit = state.unit
        assert unit is not None and verdict.raw is not None
        if state.pending.has_visible:  # only if all before it succeeded it would run
            state.script = None
            state.wait_for_answers(unit)
            return
        is_whole = bool(raws)
        raws = raws or (verdict.raw,)
        ends = len(raws) == 1 and raws[0].handling is Handling.TRANSACTION
        if ends and state.has_failed and not state.has_open_batch:  # it can only end the failed transaction
            allowed()
            return
        facts = [read_facts(raw) for raw in raws if raw.text]
        names = [name.rpartition(".")[2] for one in facts for name in one.tables]
        rows: list[bytes] = []
        plans: list[bytes] = []

        def answered() -> None:
            try:
                decision = settle(_estimate(plans))
            except ProxyError as error:
                refuse_here(state, error)
                return
            if decision.action is Action.ALLOW:
                allowed()
                return
            rows_expected = _estimate(plans)
            assert decision.holds, "a statement that no rule holds was about to be held"
            reason, mode, settings, named = (
                None if value is None else value.decode("utf-8", "replace")
                for value in results.DataRow.decode(rows[-1][5:]).values()
            )
            understanding = verdict.understanding
            reached = _reached(understanding)
            objects = objects_of(settings or "", named or "", reached, is_whole=is_whole)
            if state.release is not None and state.released_unit is unit:
                self._use_permit(state.release, decision, objects, permitted)
                return
            if self._is_behind:
                refuse_here(state, _alone(decision))
                return
            columns, masked = ((), ()) if understanding is None else self._touched(understanding)
            types = verdict.parameter_types
            request = HoldRequest(
                identity=state.context.identity,
                statement=text,
                statement_class=str(facts[0].statement_class if facts else raws[0].statement_class),
                parameters=parameter_texts(
                    state, bind, types, {} if understanding is None else understanding.catalog.types
                ),
                holds=decision.holds,
                reason=leading_reason(text) or (reason or ""),
                tables=decision.tables,
                columns=columns,
                masked_columns=masked,
                estimated_rows=rows_expected if isfinite(rows_expected) else None,
                binding=binding_of(state.context.identity, text, bind, types),
                objects=objects,
                is_opaque=any(hold.rule == OPAQUE_RULE for hold in decision.holds),
                in_transaction=not state.is_outside_transaction or state.has_open_batch,
                mode=_mode(mode),
                process_id=state.context.process_id,
            )
            self._hold(request)

        state.enter(Phase.ANALYSING)
        if _is_planned(verdict):
            types = () if verdict.raw.handling is Handling.EXECUTE else verdict.parameter_types
            questions = about_estimate(verdict.raw.text, types, bind)
            state.ask_ourselves(questions, None, plans, lambda: None)
        state.ask_ourselves(about_hold(names), UNREADABLE, rows, answered)

    def _decide_anew(self, portal: Portal, estimate: float | None) -> Decision:
        """Raises ProxyError: denied."""
        state, outer = self._state, portal.prepared.verdict
        identity, rules = state.context.identity, state.context.rules()
        inner = portal.inner or portal.verdict
        found: list[Decision] = []
        if not outer.is_analysed and outer.raw is not None and outer.raw.handling is not Handling.EXECUTE:
            found.append(decision_for_utility(outer.raw, identity, rules, estimate))
        understanding = inner.understanding
        if understanding is not None:
            understanding = understanding.own(inner.parameter_types, inner.row)
            found.append(decision_for(understanding, identity, rules, state.context.pins.under(rules), estimate))
        if portal.decide_target is not None:
            found.insert(0, portal.decide_target(estimate))
        decision = found[-1]
        for one in found[:-1]:
            decision = decision.also_held(one)
        tables = {name for one in found for name in one.tables}
        return replace(decision, tables=tuple(sorted(tables)))

    def _touched(self, understanding: Understanding) -> tuple[tuple[str, ...], tuple[str, ...]]:
        context = self._state.context
        rules = context.rules()
        return touched_names(understanding, context.identity, rules, context.pins.under(rules))

    # Held ------------------------------------------------------------------------------------------------------

    def _hold(self, request: HoldRequest) -> None:
        """Ask, with no transaction left open that the client did not open."""
        state, unit = self._state, self._state.unit
        assert unit is not None
        report(state, "it was not executed before another statement was held")
        is_execute = unit.tag == b"E"
        if not is_execute:
            self._portal = None
        state.script = None
        state.gate = None
        state.enter(Phase.HELD)
        if request.in_transaction or (state.names.has_portals and not is_execute):
            state.act(AskApproval(request))
            return
        pending = Pending(Request.SYNC, hides_ready=True, then=lambda: state.act(AskApproval(request)))
        state.ask(pending, query.Sync().encode())

    def on_event(self, event: HoldEvent) -> None:
        state = self._state
        if state.phase is not Phase.HELD:
            return
        match event:
            case Filed(approval_id, expires_at):
                state.send_client(_notice(approval_id, expires_at))
            case Granted(permit):
                state.release, state.released_unit = Release(permit), state.unit
                self._resume()
            case Refused(error):
                self._refuse(error)

    def cancel(self) -> None:
        """The client sent a CancelRequest."""
        state = self._state
        if state.phase is Phase.HELD:
            state.act(WithdrawRequest("cancelled by the client"))
            self._refuse(ApprovalExpired("canceling statement due to user request"))

    def _resume(self) -> None:
        state, unit, portal = self._state, self._state.unit, self._portal
        assert unit is not None
        state.enter(Phase.READY)
        if portal is not None:  # the implicit transaction that it was bound in is over
            portal.verdict = portal.prepared.verdict
            portal.inner = None
            portal.feeds = ()
            portal.is_held_back = False
            bind = portal.bind or query.Bind(portal.name, portal.prepared.name, result_formats=portal.result_formats)
            if not state.names.has_portal(portal.name):
                state.ask(Pending(Request.BIND, visible=False, portal=portal, verdict=portal.verdict), bind.encode())
                state.names.bound(portal)
            self._portal = None
        state.inbox.put_back(unit)

    def _refuse(self, error: ProxyError) -> None:
        state, unit = self._state, self._state.unit
        assert unit is not None
        self._portal = None
        state.enter(Phase.READY)
        if ends_with_ready(unit):
            refuse_query(state, error)
        else:
            refuse(state, error)

    def _use_permit(
        self, release: Release, decision: Decision, objects: str, permitted: Callable[[Release], None]
    ) -> None:
        state, permit = self._state, release.permit
        more = [hold.rule for hold in decision.holds if hold not in permit.holds]
        if more:
            refuse_here(
                state,
                ApprovalRequired(
                    f"approval required: rule {more[0]} was not part of what was approved",
                    detail=f"rule {more[0]}",
                    hint=SEND_ALONE if self._is_behind else "Send it again.",
                ),
            )
        elif not self._is_behind and not permit.is_for(objects):
            refuse_here(state, CHANGED)
        else:
            permitted(release)


def ends_with_ready(unit: Frame | None) -> bool:
    """A message whose end is a ReadyForQuery of its own."""
    return unit is not None and unit.tag in _CARRIED_BY_QUERY


def report(state: SessionState, error: str = "") -> None:
    """The execution of an approved statement is over."""
    release = state.release
    if release is not None and not release.is_over:
        release.is_over = True
        state.release = state.released_unit = None
        state.act(ReportOutcome(Outcome(release.permit.approval_id, release.rows, error)))


def withdraw(state: SessionState, why: str) -> None:
    """The connection ends: nobody waits for an approval, and what was approved may have run or not."""
    if state.phase is Phase.HELD:
        state.act(WithdrawRequest(why))
    report(state, f"{why}; whether it was executed is not known")


def _notice(approval_id: str, expires_at: str) -> bytes:
    notice = asynchronous.NoticeResponse.of(
        "NOTICE",
        "01000",
        f"waiting for an approval: {approval_id}, until {expires_at}",
        detail=f"approval={approval_id} expires={expires_at}",
        hint="SET pgproxy.on_hold = 'ticket' ends such a statement at once; sent again after its approval it passes.",
    )
    return notice.encode()


def _alone(decision: Decision) -> ApprovalRequired:
    rule = decision.holds[0].rule if decision.holds else "builtin.approval"
    return ApprovalRequired(f"approval required by rule {rule}", detail=f"rule {rule}", hint=SEND_ALONE)


def _mode(setting: str | None) -> ClientMode:
    return setting if setting in ("wait", "ticket") else ""  # type: ignore[return-value]


def _reached(understanding: Understanding | None) -> list[str]:
    """What the analysis found behind the names: relations, columns and users' functions, by OID."""
    if understanding is None:
        return []
    lineage = understanding.lineage
    functions = (f"f{oid}" for oid in lineage.functions if oid >= FIRST_NORMAL_OID)
    columns = (f"{column.relation}.{column.attnum}" for column in touched_columns(lineage))
    return sorted([*map(str, lineage.relations | lineage.written_relations), *columns, *functions])


def _is_planned(verdict: Verdict) -> bool:
    """The planner runs no code of users for it."""
    understanding, raw = verdict.understanding, verdict.raw
    if understanding is None or raw is None:
        return False
    if raw.arguments is not None:  # EXPLAIN EXECUTE would evaluate them
        return False
    lineage = understanding.lineage
    node = understanding.raw.node
    return node in _PLANNED and not lineage.opaque and max(lineage.functions, default=0) < FIRST_NORMAL_OID


def _estimate(plans: Sequence[bytes]) -> float:
    """The planner's rows; infinite: not known."""
    if not plans:
        return UNKNOWN
    try:
        (plan,) = json.loads(results.only_value(plans[-1]))
        return _rows(plan["Plan"])
    except (ValueError, KeyError, TypeError, AssertionError):
        return UNKNOWN


def _rows(plan: dict[str, object]) -> float:
    """Of what is written where the plan writes: its own node has no rows without RETURNING."""
    if plan["Node Type"] == "ModifyTable":
        below = plan["Plans"]
        assert isinstance(below, list)
        return sum(_rows(one) for one in below if one.get("Parent Relationship") in ("Outer", "Member"))
    rows = plan["Plan Rows"]
    assert isinstance(rows, (int, float))
    return float(rows)

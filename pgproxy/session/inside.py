"""Statements that hold or name another one: EXPLAIN, DECLARE, CREATE TABLE AS, COPY, FETCH, PREPARE and EXECUTE.

The server announces nothing when the first of these run, or late, so what is inside is analysed in the same transaction
just before each execution, and the locks of that analysis keep its meaning:

    what is inside: Parse, tree, decided ─▶ the statement itself: Parse and Bind anew ─▶ what is inside: the same tree

Names were resolved when the statement itself was parsed, so that is done anew, between two analyses that agree: a
relation that another session makes between them would show in the second. COPY resolves its names when it runs: what it
announces then is compared (`copyout`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from pgproxy.catalog.model import FIRST_NORMAL_OID
from pgproxy.errors import NotUnderstood, ProxyError
from pgproxy.session.admission import has_masks
from pgproxy.session.analysis import Analysis
from pgproxy.session.binding import RENAMED, Binding, Then
from pgproxy.session.blocks import Blocks
from pgproxy.session.holding import Holding
from pgproxy.session.pending import Pending, Request
from pgproxy.session.phases import Phase
from pgproxy.session.prepared import RESERVED_PREFIX, Portal, Prepared, Verdict
from pgproxy.session.probing import is_charged
from pgproxy.session.questions import about_materialized_view
from pgproxy.session.refusing import refuse_here, refuse_parsed
from pgproxy.session.state import Gate, OfTokens, SessionState
from pgproxy.session.targets import Targets
from pgproxy.session.tokens import (
    check_no_tokens,
    check_same_tree,
    literal_tokens,
    with_real_arguments,
    with_real_literals,
    with_real_literals_inside,
    with_real_parameters,
)
from pgproxy.session.unseen_code import check_unseen_code
from pgproxy.statements.grammar import split
from pgproxy.statements.literals import Spliced
from pgproxy.statements.model import Handling, RawStatement
from pgproxy.wire import query, results
from pgproxy.wire.formats import oids

WRAPPER_STATEMENT = RESERVED_PREFIX + "wrapper"
PROBE_PORTAL = RESERVED_PREFIX + "probe"

HELD = NotUnderstood(
    "not provably safe: names in the functions that the cursor calls are looked up at COMMIT",
    detail="rule builtin.cursor",
    hint="Declare it without WITH HOLD, or without the functions.",
)


class Inside:
    """Makes such a portal executable, and notes what its execution made."""

    def __init__(self, state: SessionState, analysis: Analysis, binding: Binding, holding: Holding) -> None:
        self._state = state
        self._holding = holding
        self._analysis = analysis
        self._binding = binding
        self._blocks = Blocks(state)
        self._targets = Targets(state)

    def when_executable(self, portal: Portal, then: Then) -> None:
        """`then` is called when it is certain what the portal's execution means, and nothing holds it."""
        verdict, raw = portal.verdict, portal.verdict.raw
        if raw is not None and raw.handling is Handling.ANALYSE and portal.decided_at != self._state.moment:
            self._look_again(verdict, lambda: self._holding.when_permitted(portal, then))
            return
        if raw is None or portal.is_started:
            then(portal)
            return
        permitted = partial(self._holding.when_permitted, then=then)
        if raw.sets_code_off and has_masks(self._state.context):
            check_unseen_code(self._state, raw, lambda: self._make_executable(portal, raw, permitted))
        else:
            self._make_executable(portal, raw, permitted)

    def _make_executable(self, portal: Portal, raw: RawStatement, then: Then) -> None:
        match raw.handling:
            case Handling.FETCH:
                self._find_cursor(portal, raw, then)
            case Handling.EXECUTE:
                self._resolve(raw, portal.bind, lambda prepared: self._executes(portal, raw, prepared, then))
            case Handling.WRAP:
                self._wrap(portal, raw, then)
            case Handling.REFRESH:
                self._refresh(portal, raw, then)
            case Handling.COPY_OUT | Handling.COPY_IN:
                self._copy(portal, raw, then)
            case Handling.CODE:
                self._blocks.decide(portal, raw, then)
            case Handling.PREPARE:
                portal.is_held_back = True
                then(portal)
            case _:
                then(portal)

    def _look_again(self, verdict: Verdict, then: Callable[[], None]) -> None:
        """A portal or a cursor runs some time after it was decided: names in the code that it runs may mean something
        else by now. Its own names cannot."""
        state = self._state
        if not verdict.looks_up_names or not has_masks(state.context):
            then()
            return
        assert verdict.raw is not None

        def again(fresh: Verdict) -> None:
            if fresh.tree == verdict.tree and fresh.decision == verdict.as_decided:
                then()
            else:
                refuse_here(state, RENAMED)

        self._analysis.analyse_ourselves(verdict.raw, verdict.parameter_types, again, OfTokens.KEEP)

    def hold_back(self, portal: Portal, execute: Pending, then: Callable[[], None]) -> None:
        """The answer to its Execute, about to be sent, goes to the client when what it made is known."""
        raw = portal.verdict.raw
        assert raw is not None
        execute.visible = False
        if raw.handling is Handling.PREPARE and raw.inner is not None:
            self._state.enter(Phase.ANALYSING)
            gate = self._state.gate = Gate(raw.inner, raw.prepared, lambda verdict: None, OfTokens.KEEP)
            execute.trees = gate.trees
        execute.then = lambda: self._completed(portal, execute.answer, then)

    def _completed(self, portal: Portal, answer: bytes, then: Callable[[], None]) -> None:
        raw = portal.verdict.raw
        assert raw is not None

        def known() -> None:
            self._state.send_client(answer)
            then()

        if raw.handling is Handling.PREPARE:
            self._decide_prepared(raw, known)
        else:
            self._targets.find_made(portal, raw, answer, known)

    # FETCH -----------------------------------------------------------------------------------------------------

    def _find_cursor(self, portal: Portal, raw: RawStatement, then: Then) -> None:
        state = self._state
        try:
            declared = state.current(state.names.cursor(raw.cursor))
        except ProxyError as error:
            refuse_here(state, error)
            return
        portal.verdict = portal.verdict.reading(declared)
        self._look_again(declared, lambda: then(portal))

    # COPY ------------------------------------------------------------------------------------------------------

    def _copy(self, portal: Portal, raw: RawStatement, then: Then) -> None:
        verdict = portal.verdict
        assert raw.inner is not None

        def allowed(inner: Verdict) -> None:
            if not is_charged(self._state, inner, portal.bind):
                return
            try:
                if literal_tokens(inner.decision):
                    real = with_real_literals_inside(self._state, raw, inner)
                    self._renew(portal, verdict, real, portal.bind)
            except ProxyError as error:
                refuse_here(self._state, error)
                return
            portal.inner = inner
            portal.verdict = verdict.copying(inner)
            self._binding.check_formats(portal, then)

        tokens = OfTokens.TURN_BACK if raw.keeps_constants_to_itself and not raw.inner.is_made else OfTokens.REFUSE
        self._analysis.analyse_ourselves(raw.inner, verdict.parameter_types, allowed, tokens)

    # PREPARE and EXECUTE ---------------------------------------------------------------------------------------

    def _decide_prepared(self, raw: RawStatement, then: Callable[[], None]) -> None:
        """The server has analysed what is inside PREPARE: that tree decides whether it may stay."""
        state, gate = self._state, self._state.gate
        assert gate is not None

        def named(verdict: Verdict) -> None:
            state.names.prepared(Prepared(raw.prepared, verdict))
            state.enter(Phase.RUNNING)
            then()

        def allowed(verdict: Verdict) -> None:
            if literal_tokens(verdict.decision):
                self._prepare_anew(raw, gate, verdict, named)
            else:
                named(verdict)

        gate.is_parsed = True
        gate.resume = allowed
        self._analysis.describe(gate)

    def _prepare_anew(self, raw: RawStatement, gate: Gate, verdict: Verdict, then: Callable[[Verdict], None]) -> None:
        """PREPARE once more, with the real values of its tokens in place of the client's."""
        state, announcement = self._state, gate.announcement
        assert announcement is not None
        trees: list[bytes] = []

        def executed() -> None:
            try:
                check_same_tree(verdict, announcement.text, trees, announcement.version)
            except ProxyError as error:
                refuse_parsed(state, raw.prepared, error)
                return
            then(verdict)

        try:
            real = with_real_literals(state, verdict, raw.text)  # its tree counts from where PREPARE begins
        except ProxyError as error:
            refuse_parsed(state, raw.prepared, error)
            return
        state.close_silently(raw.prepared)
        state.close_silently(WRAPPER_STATEMENT)
        state.enter(Phase.ANALYSING)
        parse = query.Parse(WRAPPER_STATEMENT, real.text, ()).encode()
        state.ask(Pending(Request.PARSE, visible=False, is_redacted=True, position_offset=None), parse)
        bind = query.Bind(PROBE_PORTAL, WRAPPER_STATEMENT).encode()
        state.ask(Pending(Request.BIND, visible=False, is_redacted=True), bind)
        execute = Pending(Request.EXECUTE, visible=False, is_redacted=True, trees=trees, then=executed)
        state.ask(execute, query.Execute(PROBE_PORTAL, 0).encode())
        state.close_portal_silently(PROBE_PORTAL)
        state.send_upstream(query.Flush().encode())

    def _resolve(self, raw: RawStatement, bind: query.Bind | None, then: Callable[[Verdict], None]) -> None:
        """What EXECUTE runs: the verdict of the prepared statement; its arguments are harmless, and charged."""
        state = self._state
        try:
            prepared = state.names.statement(raw.prepared)
            prepared.verdict = state.current(prepared.verdict)
            if has_masks(state.context) and not prepared.verdict.is_analysed:
                raise NotUnderstood(
                    "EXECUTE of a prepared statement that is no query",
                    detail="rule builtin.execute",
                    hint="Execute it by the protocol.",
                )
        except ProxyError as error:
            refuse_here(state, error)
            return
        if raw.arguments is None:
            self._announce_anew(prepared, then)
            return

        def charged(verdict: Verdict, arguments: Verdict) -> None:
            if is_charged(state, verdict, bind, arguments):
                then(verdict)

        def understood(arguments: Verdict) -> None:
            try:
                _check_arguments(raw, arguments, prepared.verdict.parameter_types)
            except ProxyError as error:
                refuse_here(state, error)
                return
            self._announce_anew(prepared, lambda verdict: charged(verdict, arguments))

        self._analysis.analyse_ourselves(raw.arguments, (), understood)

    def _announce_anew(self, prepared: Prepared, then: Callable[[Verdict], None]) -> None:
        """Bind, and nothing more: a changed meaning is announced now, and its locks keep it until EXECUTE ran.

        EXECUTE itself would announce it among its rows.
        """

        def bound(probe: Portal) -> None:
            self._state.close_portal_silently(PROBE_PORTAL)
            then(probe.verdict)

        nothing = (None,) * len(prepared.verdict.parameter_types)
        bind = query.Bind(PROBE_PORTAL, prepared.name, (), nothing, ()).encode()
        self._binding.bind_only(Portal(PROBE_PORTAL, prepared, prepared.verdict), bind, bound)

    def _executes(self, portal: Portal, raw: RawStatement, prepared: Verdict, then: Then) -> None:
        outer = portal.verdict
        try:
            real = with_real_arguments(self._state, raw, prepared)
        except ProxyError as error:
            refuse_here(self._state, error)
            return
        if real is not None:
            self._renew(portal, outer, real, portal.bind)
        portal.verdict = outer.reading(prepared)
        then(portal)

    # REFRESH MATERIALIZED VIEW ---------------------------------------------------------------------------------

    def _refresh(self, portal: Portal, raw: RawStatement, then: Then) -> None:
        """The query of the view runs again, over what the views in it mean by now: it is decided as if it were sent."""
        state, outer, target = self._state, portal.verdict, raw.target
        assert target is not None
        rows: list[bytes] = []

        def decided(verdict: Verdict) -> None:
            # What the view compares was counted when it was made.
            if is_charged(state, replace(verdict, decision=None), None):
                portal.inner = verdict
                portal.verdict = outer.around(verdict)
                then(portal)

        def answered() -> None:
            if not rows:  # no materialized view: the server says so
                then(portal)
                return
            try:
                (definition,) = split(results.only_value(rows[-1]).decode())
            except ProxyError as error:
                refuse_here(state, error)
                return
            self._analysis.analyse_ourselves(definition, (), decided, OfTokens.KEEP)

        state.enter(Phase.ANALYSING)
        unknown = NotUnderstood("not provably safe: the query of the materialized view is not known")
        state.ask_ourselves(about_materialized_view(target), unknown, rows, answered)

    # EXPLAIN, DECLARE, CREATE TABLE AS --------------------------------------------------------------------------

    def _wrap(self, portal: Portal, raw: RawStatement, then: Then) -> None:
        inner, outer = raw.inner, portal.verdict
        assert inner is not None

        def wrapped(verdict: Verdict, finish: Callable[[], None]) -> None:
            if raw.is_held and verdict.looks_up_names and has_masks(self._state.context):
                refuse_here(self._state, HELD)
                return
            portal.inner = verdict
            portal.verdict = outer.around(verdict)
            self._targets.check(portal, raw, verdict, finish)

        def executes(verdict: Verdict) -> None:
            try:
                check_no_tokens(verdict)
            except ProxyError as error:
                refuse_here(self._state, error)
                return
            wrapped(verdict, renewed)

        def renewed() -> None:
            self._renew(portal, outer, None, portal.bind)
            then(portal)

        def decided(verdict: Verdict) -> None:
            try:
                if not (raw.keeps_constants_to_itself or raw.is_planned_only):
                    check_no_tokens(verdict)
            except ProxyError as error:
                refuse_here(self._state, error)
                return
            if is_charged(self._state, verdict, portal.bind, shows_tokens=raw.is_planned_only):
                wrapped(verdict, lambda: reads(verdict))

        def reads(verdict: Verdict) -> None:
            real: Spliced | None = None
            bind = portal.bind
            try:
                if raw.keeps_constants_to_itself:
                    if literal_tokens(verdict.decision):
                        real = with_real_literals_inside(self._state, raw, verdict)
                    bind = bind and (with_real_parameters(self._state, verdict, bind) or bind)
            except ProxyError as error:
                refuse_here(self._state, error)
                return
            self._renew(portal, outer, real, bind)
            if verdict.is_analysed:
                self._analysis.confirm(gate, outer.parameter_types, lambda: then(portal))
            else:
                then(portal)

        if inner.handling is Handling.EXECUTE:
            self._resolve(inner, portal.bind, executes)
        else:
            tokens = OfTokens.TURN_BACK if raw.keeps_constants_to_itself else OfTokens.KEEP
            gate = self._analysis.analyse_ourselves(inner, outer.parameter_types, decided, tokens)

    def _renew(self, portal: Portal, outer: Verdict, real: Spliced | None, bind: query.Bind | None) -> None:
        """Parse and bind the statement itself anew.

        Args:
            real: its text with the real values of its tokens; None: as the client sent it.
        """
        state, raw = self._state, outer.raw
        assert raw is not None
        state.close_portal_silently(portal.name)
        state.close_silently(WRAPPER_STATEMENT)
        text = raw.text if real is None else real.text
        parse = query.Parse(WRAPPER_STATEMENT, text, outer.parameter_types).encode()
        is_redacted = portal.verdict.redacts
        parsed = Pending(Request.PARSE, visible=False, is_redacted=is_redacted)
        parsed.position_offset = raw.character_offset if state.script is not None else 0
        if real is not None and not real.keeps_places:
            parsed.position_offset = None
        state.ask(parsed, parse)
        bind = replace(bind or query.Bind(portal.name, ""), statement=WRAPPER_STATEMENT)
        state.ask(Pending(Request.BIND, visible=False, is_redacted=is_redacted), bind.encode())


def _check_arguments(raw: RawStatement, arguments: Verdict, parameter_types: Sequence[int]) -> None:
    """What an argument is converted by must be built in, and none may change what the statement means.

    Raises:
        NotUnderstood.
    """
    understanding = arguments.understanding
    if understanding is None:
        return
    if understanding.lineage.sets_configuration:
        raise NotUnderstood(
            "not provably safe: an argument of EXECUTE changes a setting",
            detail="rule builtin.execute",
            hint="Call set_config in a statement of its own.",
        )
    for at, (output, type_oid) in enumerate(zip(understanding.lineage.outputs, parameter_types, strict=False)):
        is_builtin = max(output.type_oid, type_oid) < FIRST_NORMAL_OID
        is_untyped = at in raw.literals and output.type_oid == oids.TEXT
        if not is_builtin and output.type_oid != type_oid and not is_untyped:
            raise NotUnderstood(
                "not provably safe: an argument of EXECUTE is converted by code that is not built in",
                detail="rule builtin.execute",
                hint="Cast the argument to the type of the parameter.",
            )

"""From an allowed statement to its results: Bind, what must be certain before Execute, Execute, and what it changed.

Both protocols come here: `extended` with the client's own Bind and Execute, `simple` with unnamed ones.
"""

from __future__ import annotations

from collections.abc import Callable

from pgproxy.errors import NotUnderstood, ProxyError
from pgproxy.session.analysis import UNREADABLE, Analysis
from pgproxy.session.pending import Pending, Request
from pgproxy.session.phases import Phase
from pgproxy.session.prepared import Portal, Verdict
from pgproxy.session.questions import Versions, about_formats, about_versions
from pgproxy.session.refusing import refuse_here
from pgproxy.session.state import SessionState
from pgproxy.statements.model import Handling, RawStatement
from pgproxy.wire import query, results

Then = Callable[[Portal], None]


class Execution:
    """Binds and executes portals."""

    def __init__(self, state: SessionState, analysis: Analysis) -> None:
        self._state = state
        self._analysis = analysis

    # Bind ------------------------------------------------------------------------------------------------------

    def bind(self, portal: Portal, sent: bytes, then: Then, *, is_just_decided: bool = False) -> None:
        """Send Bind; `then` is called once the portal is certain to mean what was decided.

        Args:
            is_just_decided: nothing of the client's came in between.
        """
        state, watched = self._state, portal.verdict.watched
        state.enter(Phase.BINDING)
        pending = Pending(Request.BIND, visible=False, portal=portal, verdict=portal.verdict)
        if watched is None or is_just_decided:
            pending.then = lambda: self._check_bound(portal, then)
            state.ask(pending, sent + query.Flush().encode())
            return
        rows: list[bytes] = []

        def answered() -> None:
            versions = Versions.decode(rows[-1])
            if versions.fingerprint != watched.fingerprint or not versions.sees_the_present:
                portal.prepared.is_stale = True
            self._check_bound(portal, then)

        state.ask(
            pending, sent
        )  # under the portal's locks, and with the snapshot that it will run with, or a later one
        state.ask_ourselves(about_versions(watched.objects, state.prepared_ourselves), UNREADABLE, rows, answered)

    def _check_bound(self, portal: Portal, then: Then) -> None:
        """At BindComplete: a tree since the last decision means that the server analysed anew (or inlined a function).

        The same text is parsed again under a name of ours, in the same transaction and under the portal's locks.
        """
        prepared, verdict = portal.prepared, portal.verdict
        if not prepared.is_stale or not verdict.is_analysed or verdict.raw is None:
            self._check_formats(portal, then)
            return

        def again(fresh: Verdict) -> None:
            prepared.verdict = portal.verdict = fresh
            prepared.is_stale = False
            self._check_formats(portal, then)

        self._analysis.analyse_ourselves(verdict.raw, verdict.parameter_types, again)

    def _check_formats(self, portal: Portal, then: Then) -> None:
        """A SET of this batch changed how values are written, and masks have to read them: ask."""
        formats, decision = self._state.formats, portal.verdict.decision
        if decision is None or not decision.masks_anything or not formats.is_unknown:
            then(portal)
            return
        rows: list[bytes] = []

        def answered() -> None:
            formats.answer(results.DataRow.decode(rows[-1][5:]).values())
            then(portal)

        unknown = NotUnderstood("not provably safe: the format of values is not known", detail="rule builtin.formats")
        self._state.ask_ourselves(about_formats(), unknown, rows, answered)

    # Execute ---------------------------------------------------------------------------------------------------

    def when_executable(self, portal: Portal, then: Then) -> None:
        """EXPLAIN and DECLARE: analyse what is inside, in the same transaction, just before it runs; the locks of that
        analysis keep its meaning. FETCH: find what its cursor was decided under.

        The server announces nothing for these when they run, so no earlier decision counts.
        """
        raw = portal.verdict.raw
        if raw is None or portal.is_started:
            then(portal)
        elif raw.handling is Handling.FETCH:
            self._find_cursor(portal, raw, then)
        elif raw.handling is Handling.WRAP:
            self._analyse_inner(portal, raw, then)
        else:
            then(portal)

    def _find_cursor(self, portal: Portal, raw: RawStatement, then: Then) -> None:
        state = self._state
        try:
            portal.verdict = portal.verdict.reading(state.current(state.names.cursor(raw.cursor)))
        except ProxyError as error:
            refuse_here(state, error)
            return
        then(portal)

    def _analyse_inner(self, portal: Portal, raw: RawStatement, then: Then) -> None:
        verdict = portal.verdict
        assert raw.inner is not None

        def allowed(inner: Verdict) -> None:
            portal.verdict = verdict.around(inner)
            portal.inner = inner
            then(portal)

        self._analysis.analyse_ourselves(raw.inner, verdict.parameter_types, allowed)

    def execute(self, portal: Portal, sent: bytes, then: Callable[[], None] | None = None) -> None:
        """Send Execute; `then` is called when it completed and what it changed is noted."""
        state, verdict = self._state, portal.verdict
        portal.is_started = True
        state.redacting = state.redacting or verdict.redacts
        state.formats.executes(verdict)  # already now: what follows in the pipeline is planned before this completes
        portal.plan = verdict.plan(portal.result_formats, state.context.keys, state.formats.now())

        def completed() -> None:
            self._executed(verdict)
            state.names.declared(portal)
            if then is not None:
                then()

        pending = Pending(
            Request.EXECUTE,
            portal=portal,
            verdict=verdict,
            plan=portal.plan,
            then=completed,
            may_copy=verdict.may_copy,
            declares_cursor=verdict.is_wrapper,
        )
        state.ask(pending, sent)

    def _executed(self, verdict: Verdict) -> None:
        raw = verdict.raw
        if verdict.kept_level is not None and raw is not None and raw.setting is not None:
            self._state.level.set(verdict.kept_level, is_local=raw.setting.is_local)
        if raw is not None:
            self.note_executed(raw)

    def note_executed(self, raw: RawStatement) -> None:
        """What a completed statement changed in the session."""
        state = self._state
        state.names.executed(raw)
        if raw.forgets_statements and raw.forgets is None:
            state.prepared_ourselves.clear()
        if (raw.setting is not None and raw.setting.name == "all") or raw.node == "DiscardStmt":
            state.level.reset()

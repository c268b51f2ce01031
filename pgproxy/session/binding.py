"""Bind: a portal that is certain to mean what was decided."""

from __future__ import annotations

from collections.abc import Callable

from pgproxy.errors import NotUnderstood, ProxyError
from pgproxy.session.analysis import UNREADABLE, Analysis
from pgproxy.session.pending import Pending, Request
from pgproxy.session.phases import Phase
from pgproxy.session.prepared import Portal, Verdict
from pgproxy.session.probing import is_charged
from pgproxy.session.questions import Versions, about_formats, about_versions
from pgproxy.session.refusing import refuse_here
from pgproxy.session.state import OfTokens, SessionState
from pgproxy.session.tokens import check_same_tokens, with_real_parameters
from pgproxy.wire import query, results

RENAMED = NotUnderstood(
    "not provably safe: names in the statement mean something else by now, and the server keeps the first meaning",
    detail="rule builtin.changed",
    hint="Prepare it again.",
)

Then = Callable[[Portal], None]


class Binding:
    """Binds portals."""

    def __init__(self, state: SessionState, analysis: Analysis) -> None:
        self._state = state
        self._analysis = analysis

    def bind(self, portal: Portal, sent: bytes, then: Then, *, is_just_decided: bool = False) -> None:
        """Send Bind; `then` is called once the portal is certain to mean what was decided.

        Args:
            is_just_decided: nothing of the client's came in between.
        """
        state, watched = self._state, portal.verdict.watched
        if not is_charged(state, portal.verdict, portal.bind):
            return
        if portal.bind is not None:
            try:
                real = with_real_parameters(state, portal.verdict, portal.bind)
            except ProxyError as error:
                refuse_here(state, error)
                return
            sent = sent if real is None else real.encode()
        if portal.verdict.reads_bodies and not is_just_decided:
            portal.prepared.is_stale = True  # names in a body are looked up anew by each session that runs it
            watched = None
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

        # Under the portal's locks, and with the snapshot that it will run with, or a later one.
        state.ask(pending, sent)
        state.ask_ourselves(about_versions(watched.objects, state.prepared_ourselves), UNREADABLE, rows, answered)

    def _check_bound(self, portal: Portal, then: Then) -> None:
        """At BindComplete: a tree since the last decision means that the server analysed anew (or inlined a function).

        The same text is parsed again under a name of ours, in the same transaction and under the portal's locks.
        """
        prepared, verdict = portal.prepared, portal.verdict
        portal.decided_at = self._state.moment
        if not prepared.is_stale or not verdict.is_analysed or verdict.raw is None:
            self.check_formats(portal, then)
            return

        def again(fresh: Verdict) -> None:
            # Without a tree the server keeps to the names it looked up at first, whatever shadows them by now.
            if fresh.is_analysed and fresh.tree not in (verdict.tree, *prepared.announced):
                refuse_here(self._state, RENAMED)
                return
            try:
                check_same_tokens(verdict, fresh)
            except ProxyError as error:
                refuse_here(self._state, error)
                return
            prepared.announced.clear()
            prepared.verdict = portal.verdict = fresh
            prepared.is_stale = False
            portal.decided_at = self._state.moment
            if is_charged(self._state, fresh, portal.bind):
                self.check_formats(portal, then)

        self._analysis.analyse_ourselves(verdict.raw, verdict.parameter_types, again, OfTokens.KEEP)

    def check_formats(self, portal: Portal, then: Then) -> None:
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

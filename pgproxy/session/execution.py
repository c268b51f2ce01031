"""From a bound portal to its results: what must be certain before Execute, Execute, and what it changed.

Both protocols come here: `extended` with the client's own Execute, `simple` with unnamed ones.
"""

from __future__ import annotations

from collections.abc import Callable

from pgproxy.session.copyout import CopyOut
from pgproxy.session.inside import Inside
from pgproxy.session.pending import Pending, Request
from pgproxy.session.prepared import Portal, Verdict
from pgproxy.session.state import SessionState
from pgproxy.session.tokens import literal_tokens
from pgproxy.statements.model import RawStatement
from pgproxy.wire import query


class Execution:
    """Executes portals."""

    def __init__(self, state: SessionState, inside: Inside) -> None:
        self._state = state
        self._inside = inside

    def execute(
        self, portal: Portal, max_rows: int = 0, *, flush: bool = False, then: Callable[[], None] | None = None
    ) -> None:
        """Send Execute; `then` is called when it completed and what it changed is noted.

        Args:
            max_rows: what the client asked for; 0: all. One more than an approval allows shows whether there are more.
        """
        state, verdict = self._state, portal.verdict
        if verdict.is_held and not portal.is_started:
            raise AssertionError("a held statement was about to be executed")
        release = verdict.release
        if release is not None:
            release.has_begun = True
        left = None if release is None else release.rows_left
        if left is not None and not 0 < max_rows <= left:
            max_rows = left + 1
        sent = query.Execute(portal.name, max_rows).encode() + (query.Flush().encode() if flush else b"")
        portal.is_started = True
        state.moment += 1
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
            takes_data=verdict.takes_data,
            copy_out=self._copy_out(portal),
            declares_cursor=verdict.declares_cursor,
            release=release,
        )
        if portal.is_held_back:
            self._inside.hold_back(portal, pending, completed)
        state.ask(pending, sent)

    def _copy_out(self, portal: Portal) -> CopyOut | None:
        raw, inner, state = portal.verdict.raw, portal.inner, self._state
        if portal.verdict.is_copy_by_text:
            return CopyOut()
        if raw is None or raw.copy is None or inner is None:
            return None
        plan = inner.plan((int(raw.copy.is_binary),), state.context.keys, state.formats.now())
        if inner.understanding is None:
            return CopyOut()
        replaced = frozenset(token.location for token in literal_tokens(inner.decision))
        return CopyOut.of(inner.understanding, raw.copy, plan, replaced)

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

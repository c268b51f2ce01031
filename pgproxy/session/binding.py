"""Bind: a portal that is certain to mean what was decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pgproxy.errors import NotUnderstood, ProxyError
from pgproxy.session.admission import DECIDED_WHEN_RUN
from pgproxy.session.analysis import UNREADABLE, Analysis
from pgproxy.session.holding import Holding
from pgproxy.session.pending import Pending, Request
from pgproxy.session.phases import Phase
from pgproxy.session.prepared import Portal, Verdict, Watched
from pgproxy.session.probing import is_charged
from pgproxy.session.questions import Versions, about_formats, about_versions
from pgproxy.session.refusing import refuse_here
from pgproxy.session.state import OfTokens, SessionState
from pgproxy.session.tokens import check_same_tokens, with_real_parameters
from pgproxy.statements.tree.shape import meaning_of
from pgproxy.wire import query, results

RENAMED = NotUnderstood(
    "not provably safe: names in the statement mean something else by now, and the server keeps the first meaning",
    detail="rule builtin.changed",
    hint="Prepare it again.",
)

Then = Callable[[Portal], None]


class Binding:
    """Binds portals."""

    def __init__(self, state: SessionState, analysis: Analysis, holding: Holding) -> None:
        self._state = state
        self._analysis = analysis
        self._holding = holding

    def bind(self, portal: Portal, sent: bytes, then: Then, *, is_just_decided: bool = False) -> None:
        """Send Bind when nothing holds the statement; `then` is called once the portal is certain to mean what was
        decided.

        Args:
            is_just_decided: nothing of the client's came in between.
        """
        raw = portal.verdict.raw
        if raw is not None and raw.handling in DECIDED_WHEN_RUN:
            self.bind_only(portal, sent, then, is_just_decided=is_just_decided)
        else:
            self._holding.when_permitted(
                portal, lambda portal: self.bind_only(portal, sent, then, is_just_decided=is_just_decided)
            )

    def bind_only(self, portal: Portal, sent: bytes, then: Then, *, is_just_decided: bool = False) -> None:
        """As `bind`, for a portal that is not executed, or held only when its execution is known."""
        state, watched = self._state, portal.verdict.watched
        if portal.verdict.looks_up_names and not is_just_decided:
            self._announce(portal, lambda: self.bind(portal, sent, then, is_just_decided=True))
            return
        if not is_charged(state, portal.verdict, portal.bind):
            return
        if portal.bind is not None:
            try:
                real = with_real_parameters(state, portal.verdict, portal.bind)
            except ProxyError as error:
                refuse_here(state, error)
                return
            sent = sent if real is None else real.encode()
        state.enter(Phase.BINDING)
        pending = Pending(Request.BIND, visible=False, portal=portal, verdict=portal.verdict)
        if watched is None or is_just_decided:
            pending.then = lambda: self._check_bound(portal, then)
            state.ask(pending, sent + query.Flush().encode())
            return
        rows: list[bytes] = []

        def answered() -> None:
            if not _is_as_before(watched, rows):
                portal.prepared.is_stale = True
            self._check_bound(portal, then)

        # Under the portal's locks, and with the snapshot that it will run with, or a later one.
        state.ask(pending, sent)
        state.ask_ourselves(about_versions(watched.objects, state.prepared_ourselves), UNREADABLE, rows, answered)

    def _check_bound(self, portal: Portal, then: Then) -> None:
        """At BindComplete: a tree since the last decision means that the server analysed anew (or inlined a function).

        The same text is parsed again under a name of ours, in the same transaction and under the portal's locks.
        """
        portal.decided_at = self._state.moment
        if not portal.prepared.is_stale or not portal.verdict.is_analysed:
            self.check_formats(portal, then)
            return

        def decided() -> None:
            self._holding.when_permitted(portal, charged)

        def charged(portal: Portal) -> None:
            if is_charged(self._state, portal.verdict, portal.bind):
                self.check_formats(portal, then)

        self._decide_again(portal, decided)

    def _announce(self, portal: Portal, then: Callable[[], None]) -> None:
        """Before a Bind, which may already run functions for the planner: Describe has the server announce what
        changed in the statement itself, and what names in those functions mean by now decides."""
        state, prepared, watched = self._state, portal.prepared, portal.verdict.names_watched
        trees: list[bytes] = []
        rows: list[bytes] = []

        def described() -> None:
            prepared.announced.update(map(meaning_of, trees))
            if trees or prepared.is_stale or watched is None or not _is_as_before(watched, rows):
                self._decide_again(portal, then)
            else:
                then()

        state.enter(Phase.BINDING)
        pending = Pending(Request.DESCRIBE_STATEMENT, visible=False, trees=trees)
        describe = query.Describe("S", prepared.name).encode()
        if watched is None:
            pending.then = described
            state.ask(pending, describe + query.Flush().encode())
        else:
            state.ask(pending, describe)
            state.ask_ourselves(about_versions(watched.objects, state.prepared_ourselves), UNREADABLE, rows, described)

    def _decide_again(self, portal: Portal, then: Callable[[], None]) -> None:
        """`then` is called with a decision of now in the portal."""
        prepared, verdict = portal.prepared, portal.verdict
        assert verdict.raw is not None

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
            release = portal.verdict.release
            prepared.verdict = portal.verdict = fresh
            prepared.is_stale = False
            if release is not None:
                portal.verdict = fresh.released(release)
            portal.decided_at = self._state.moment
            then()

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


def _is_as_before(watched: Watched, rows: Sequence[bytes]) -> bool:
    versions = Versions.decode(rows[-1])
    return versions.fingerprint == watched.fingerprint and versions.sees_the_present

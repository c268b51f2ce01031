"""One statement on its way to a decision: Parse and Describe, the tree, the catalog's rows, the verdict.

    analyse ─▶ described ─▶ (catalog query) ─▶ decide ─▶ resume with the verdict, or refused

The steps themselves are `understanding`'s, which is pure; here is when each happens.
"""

from __future__ import annotations

from collections.abc import Callable

from pgproxy.errors import NotUnderstood, ProxyError
from pgproxy.session.admission import admit_by_text, has_masks
from pgproxy.session.pending import Pending, Request
from pgproxy.session.phases import Phase
from pgproxy.session.prepared import RESERVED_PREFIX, Verdict
from pgproxy.session.questions import about_catalog
from pgproxy.session.refusing import refuse_parsed
from pgproxy.session.state import Gate, SessionState
from pgproxy.session.understanding import announced, check_origins, decision_for, understand
from pgproxy.statements.model import RawStatement
from pgproxy.wire import query, results

CHECK_STATEMENT = RESERVED_PREFIX + "check"


class Analysis:
    """Decides statements, one at a time."""

    def __init__(self, state: SessionState) -> None:
        self._state = state

    def analyse(self, raw: RawStatement, name: str, parse: bytes, resume: Callable[[Verdict], None]) -> None:
        """Send Parse and Describe; `resume` is called with the verdict once the statement is allowed.

        Args:
            name: what `parse` prepares the statement as.
        """
        state = self._state
        state.enter(Phase.ANALYSING)
        gate = state.gate = Gate(raw, name, resume)
        offset = raw.character_offset if state.script is not None else 0

        def parsed() -> None:
            gate.is_parsed = True

        state.ask(Pending(Request.PARSE, visible=False, position_offset=offset, then=parsed), parse)
        state.ask(
            Pending(Request.DESCRIBE_STATEMENT, visible=False, then=lambda: self._described(gate)),
            query.Describe("S", name).encode() + query.Flush().encode(),
        )

    def analyse_ourselves(
        self, raw: RawStatement, parameter_types: tuple[int, ...], resume: Callable[[Verdict], None]
    ) -> None:
        """As `analyse`, under a name of ours: the meaning of this text now, in the transaction that runs it.

        Args:
            parameter_types: as the server settled on them at first: it keeps them when it analyses anew.
        """
        self._state.close_silently(CHECK_STATEMENT)
        self.analyse(raw, CHECK_STATEMENT, query.Parse(CHECK_STATEMENT, raw.text, parameter_types).encode(), resume)

    def _described(self, gate: Gate) -> None:
        state, catalog = self._state, self._state.context.catalog()
        try:
            gate.announcement = announced(gate.trees, gate.parameter_types, gate.row, catalog.server_version)
        except ProxyError as error:
            self._decide_by_text(gate, error)
            return
        if gate.announcement.is_known(catalog):
            self._decide(gate, None)
            return
        state.enter(Phase.READING_CATALOG)
        unreadable = NotUnderstood("not provably safe: the catalog could not be read", detail="rule builtin.catalog")
        questions = about_catalog(gate.announcement.reached, is_prepared=state.catalog_prepared)
        state.catalog_prepared = True
        state.ask_ourselves(questions, unreadable, gate.document, lambda: self._catalog_read(gate))

    def _catalog_read(self, gate: Gate) -> None:
        if len(gate.document) != 1:
            unreadable = NotUnderstood("not provably safe: the catalog could not be read")
            refuse_parsed(self._state, gate.name, unreadable)
            return
        value = results.only_value(gate.document[0])
        self._decide(gate, value.decode())

    def _decide(self, gate: Gate, document: str | None) -> None:
        assert gate.announcement is not None
        state, context = self._state, self._state.context
        rules = context.rules()
        try:
            understanding = understand(
                gate.raw, gate.announcement, gate.parameter_types, gate.row, context.catalog(), document
            )
        except ProxyError as error:
            self._decide_by_text(gate, error)
            return
        try:
            pins = context.pins.having_seen(understanding.stored_relations, understanding.catalog, rules)
            decision = decision_for(understanding, context.identity, rules, pins)
            if gate.row is not None:
                check_origins(decision, gate.row, understanding.catalog, context.identity, rules, pins)
        except ProxyError as error:
            refuse_parsed(state, gate.name, error)
            return
        state.gate = None
        gate.resume(Verdict(gate.raw, decision, rules.version, understanding, gate.row, gate.parameter_types))

    def _decide_by_text(self, gate: Gate, error: ProxyError) -> None:
        """What could not be understood is refused under masks; without any, only what the text says can refuse it."""
        state = self._state
        try:
            if has_masks(state.context):
                raise error
            admitted = admit_by_text(gate.raw, state.context)
        except ProxyError as refusal:
            refuse_parsed(state, gate.name, refusal)
            return
        state.gate = None
        gate.resume(admitted.verdict(state.context.rules().version))

"""DO: what the names in its code mean decides, as for functions in PL/pgSQL.

They are looked up in the transaction that runs it, just before: what the code names, then the catalog's rows of that.
"""

from __future__ import annotations

from dataclasses import replace

from pgproxy.catalog.decoding import read_code, read_document
from pgproxy.catalog.model import Source
from pgproxy.errors import NotUnderstood, ProxyError
from pgproxy.session.binding import Then
from pgproxy.session.phases import Phase
from pgproxy.session.prepared import Portal, Verdict
from pgproxy.session.questions import about_catalog, about_code
from pgproxy.session.refusing import refuse_here
from pgproxy.session.state import SessionState
from pgproxy.session.understanding import decision_for, understand_block
from pgproxy.statements.model import RawStatement, Reached
from pgproxy.statements.trigger_code import BLOCK_HEADER
from pgproxy.wire import results

UNREADABLE = NotUnderstood("not provably safe: what the code names could not be read", detail="rule builtin.catalog")
PAST = NotUnderstood(
    "not provably safe: in this transaction the code may see other objects than the catalog shows",
    detail="rule builtin.snapshot",
    hint="At isolation level READ COMMITTED it would pass.",
)


class Blocks:
    """Makes a portal of DO executable."""

    def __init__(self, state: SessionState) -> None:
        self._state = state

    def decide(self, portal: Portal, raw: RawStatement, then: Then) -> None:
        """`then` is called if the block may run; else it is refused."""
        state, rows = self._state, list[bytes]()

        def named() -> None:
            document, *_ = results.DataRow.decode(rows[-1][5:]).values()
            try:
                source = read_code((document or b"").decode(), raw.code, BLOCK_HEADER)
            except ProxyError as error:
                refuse_here(state, error)
                return
            self._read_catalog(portal, raw, source, then)

        state.enter(Phase.ANALYSING)
        state.ask_ourselves(about_code(raw.code, state.prepared_ourselves), UNREADABLE, rows, named)

    def _read_catalog(self, portal: Portal, raw: RawStatement, source: Source, then: Then) -> None:
        state, rows = self._state, list[bytes]()

        def answered() -> None:
            read = read_document(results.only_value(rows[-1]).decode())
            context = state.context
            rules = context.rules()
            try:
                if not read.sees_the_present:
                    raise PAST
                catalog = context.catalog().under(read.catalog)
                understanding = understand_block(raw, source, catalog, state.temporary)
                pins = context.pins.having_seen(understanding.stored_relations, catalog, rules)
                decision = decision_for(understanding, context.identity, rules, pins)
            except ProxyError as error:
                refuse_here(state, error)
                return
            portal.inner = Verdict(raw, decision, rules.version, understanding)
            portal.verdict = replace(portal.verdict, decision=decision)
            then(portal)

        reached = Reached(frozenset(source.relations))
        state.ask_ourselves(about_catalog(reached, state.prepared_ourselves), UNREADABLE, rows, answered)

"""Denials: the server is made to refuse in the proxy's place, with the proxy's words.

So the server itself aborts the transaction and discards until Sync: order and transaction status are never guessed
(docs/decisions/0002).
"""

from __future__ import annotations

from pgproxy.errors import NotUnderstood, ProxyError
from pgproxy.session.actions import Log
from pgproxy.session.pending import Pending, Request
from pgproxy.session.phases import Phase
from pgproxy.session.prepared import RESERVED_PREFIX
from pgproxy.session.state import SessionState
from pgproxy.wire import query

REFUSED_STATEMENT = RESERVED_PREFIX + "refused"
"""Never prepared: describing it is what the server must refuse."""


def refuse(state: SessionState, error: ProxyError) -> None:
    """Deny the client's message that is being handled."""
    state.act(Log("denied", (("sqlstate", error.sqlstate), ("reason", error.message))))
    state.enter(Phase.DISCARDING)
    state.ask(
        Pending(Request.REFUSAL, error=error),
        query.Describe("S", REFUSED_STATEMENT).encode() + query.Flush().encode(),
    )


def refuse_query(state: SessionState, error: ProxyError) -> None:
    """Deny a message that brings its own ReadyForQuery (Query, FunctionCall): its Sync is ours."""
    refuse(state, error)
    state.enter(Phase.READY)
    state.sync()


def refuse_here(state: SessionState, error: ProxyError) -> None:
    """Deny where a simple Query may be under way."""
    if state.script is None:
        refuse(state, error)
        return
    state.script = None
    refuse_query(state, error)


def refuse_parsed(state: SessionState, name: str, error: ProxyError) -> None:
    """Deny a statement that the server already prepared: it must not stay under its name."""
    state.gate = None
    state.undecided.add(name)
    state.close_silently(name)
    refuse_here(state, error)


def forward_bad_parse(state: SessionState, name: str, parse: bytes) -> None:
    """Our grammar does not take it: the server says why. Nothing behind it runs before that.

    A server of another version may take it (15 has `PARTITION BY` any word, 18 has not): then the refusal is ours.
    """
    state.enter(Phase.ANALYSING)
    error = NotUnderstood(
        "not provably safe: the server's grammar takes this statement and the proxy's does not",
        detail="rule builtin.grammar",
        hint="Syntax that the supported versions of PostgreSQL share would pass.",
    )
    pending = Pending(Request.PARSE, visible=False, then=lambda: refuse_parsed(state, name, error))
    state.ask(pending, parse + query.Flush().encode())

"""Code that no tree shows, before a definition or TRUNCATE runs: what it sets off, and what may be running elsewhere.

A function looks a name up when it comes to it, which may be long after its statement was decided, and nothing locks
what is not there yet: so no view comes to stand, or changes, under a name that a function has in its source. Event
triggers and triggers of TRUNCATE are not analysed: they may run if no name in them can stand for something else.
"""

from __future__ import annotations

from collections.abc import Callable

from pgproxy.errors import StatementDenied
from pgproxy.session.phases import Phase
from pgproxy.session.questions import about_moved_names, about_set_off
from pgproxy.session.refusing import refuse_here
from pgproxy.session.state import SessionState
from pgproxy.statements.model import RawStatement
from pgproxy.wire import results


def check_unseen_code(state: SessionState, raw: RawStatement, then: Callable[[], None]) -> None:
    """`then` is called if no such code finds something else under a name."""
    moved: list[bytes] = []
    run: list[bytes] = []

    def answered() -> None:
        if moved:
            refuse_here(state, _may_be_running(results.only_value(moved[-1]).decode(), raw))
        elif run:
            refuse_here(state, _runs(results.only_value(run[-1]).decode()))
        else:
            then()

    state.enter(Phase.ANALYSING)
    if raw.moved_names:
        state.ask_ourselves(about_moved_names(raw.moved_names), None, moved, lambda: None)
    state.ask_ourselves(about_set_off(raw), None, run, answered)


def _may_be_running(function: str, raw: RawStatement) -> StatementDenied:
    return StatementDenied(
        f"function {function} names {' or '.join(raw.moved_names)}, or a view of it, and may be running",
        detail="rule builtin.names: it could find other rows there than those that were decided about",
        hint="Another name, or a temporary view, would pass.",
    )


def _runs(function: str) -> StatementDenied:
    return StatementDenied(
        f"trigger function {function} would run, and names in it may mean what the session made",
        detail="rule builtin.trigger: what it would find there is not known",
        hint="DELETE in place of TRUNCATE would be analysed. Else an owner of the database can run it.",
    )

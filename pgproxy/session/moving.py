"""Definitions that move names, just before they run: code in other sessions must not find other rows under them.

A function looks a name up when it comes to it, which may be long after its statement was decided, and nothing locks
what is not there yet. So no view comes to stand, or changes, under a name that a function has in its source.
"""

from __future__ import annotations

from collections.abc import Callable

from pgproxy.errors import StatementDenied
from pgproxy.session.admission import has_masks
from pgproxy.session.analysis import UNREADABLE
from pgproxy.session.questions import about_moved_names
from pgproxy.session.refusing import refuse_here
from pgproxy.session.state import SessionState
from pgproxy.statements.model import RawStatement
from pgproxy.wire import results


def check_moved_names(state: SessionState, raw: RawStatement, then: Callable[[], None]) -> None:
    """`then` is called if no code can find something else under the names that the definition moves."""
    rows: list[bytes] = []

    def answered() -> None:
        if not rows:
            then()
            return
        function = results.only_value(rows[-1]).decode()
        refuse_here(
            state,
            StatementDenied(
                f"function {function} names {' or '.join(raw.moved_names)}, or a view of it, and may be running",
                detail="rule builtin.names: it could find other rows there than those that were decided about",
                hint="Another name, or a temporary view, would pass.",
            ),
        )

    if has_masks(state.context):
        state.ask_ourselves(about_moved_names(raw.moved_names), UNREADABLE, rows, answered)
    else:
        then()

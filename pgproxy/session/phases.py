"""The phases of an analysed session and which may follow which: a table that can be printed.

A phase says what the client's next message waits for. Transaction status is not a phase: it is the server's
(ReadyForQuery). `python -m pgproxy.session.phases` prints the table as Mermaid for docs/ARCHITECTURE.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Phase(Enum):
    READY = "ready"
    """The client's messages are taken as they come."""
    ANALYSING = "analysing"
    """Parse and Describe of a statement are under way: its tree decides."""
    READING_CATALOG = "reading catalog"
    """What the tree reaches is read in the statement's own transaction."""
    BINDING = "binding"
    """Bind is under way: a tree before BindComplete means that the statement changed its meaning."""
    RUNNING = "running"
    """A statement of a simple Query runs; the next one of the string waits for it."""
    ELSEWHERE = "elsewhere"
    """A statement that cannot be analysed goes to the clean login; only its own batch goes on."""
    HELD = "held"
    """A statement waits for reviewers; nothing of it was executed."""
    DISCARDING = "discarding"
    """After an error: messages are dropped until Sync, as the server does."""
    CLOSED = "closed"


TRANSITIONS: Mapping[Phase, frozenset[Phase]] = {
    Phase.READY: frozenset(
        {Phase.ANALYSING, Phase.BINDING, Phase.RUNNING, Phase.ELSEWHERE, Phase.DISCARDING, Phase.CLOSED}
    ),
    Phase.ANALYSING: frozenset(
        {
            Phase.HELD,
            Phase.READING_CATALOG,
            Phase.READY,
            Phase.BINDING,
            Phase.RUNNING,
            Phase.ELSEWHERE,
            Phase.DISCARDING,
            Phase.CLOSED,
        }
    ),
    Phase.READING_CATALOG: frozenset(
        {Phase.ANALYSING, Phase.READY, Phase.BINDING, Phase.RUNNING, Phase.ELSEWHERE, Phase.DISCARDING, Phase.CLOSED}
    ),
    Phase.BINDING: frozenset({Phase.ANALYSING, Phase.READY, Phase.RUNNING, Phase.DISCARDING, Phase.CLOSED}),
    Phase.RUNNING: frozenset(
        {Phase.ANALYSING, Phase.BINDING, Phase.READY, Phase.ELSEWHERE, Phase.DISCARDING, Phase.CLOSED}
    ),
    Phase.HELD: frozenset({Phase.READY, Phase.CLOSED}),
    Phase.ELSEWHERE: frozenset({Phase.READY, Phase.DISCARDING, Phase.CLOSED}),
    Phase.DISCARDING: frozenset({Phase.READY, Phase.CLOSED}),
    Phase.CLOSED: frozenset(),
}


def mermaid() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> ready"]
    for phase, followers in TRANSITIONS.items():
        for follower in Phase:
            if follower in followers and follower is not Phase.CLOSED:
                lines.append(f"    {phase.value.replace(' ', '_')} --> {follower.value.replace(' ', '_')}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(mermaid())

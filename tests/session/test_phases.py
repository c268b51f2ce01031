"""The table of phases itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgproxy.session.phases import TRANSITIONS, Phase, mermaid


def test_every_phase_can_be_reached() -> None:
    reached, queue = {Phase.READY}, [Phase.READY]
    while queue:
        for follower in TRANSITIONS[queue.pop()]:
            if follower not in reached:
                reached.add(follower)
                queue.append(follower)
    assert reached == set(Phase)


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.CLOSED], ids=lambda p: p.name)
def test_the_client_may_leave_in_every_phase(phase: Phase) -> None:
    assert Phase.CLOSED in TRANSITIONS[phase]


def test_a_closed_session_stays_closed() -> None:
    assert TRANSITIONS[Phase.CLOSED] == frozenset()


def test_the_architecture_page_shows_the_table() -> None:
    page = Path(__file__).parents[2] / "docs" / "ARCHITECTURE.md"
    assert mermaid() in page.read_text(encoding="utf-8")

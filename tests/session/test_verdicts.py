"""What was decided without a tree does not outlive rules that bring masks."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgproxy.errors import StatementDenied
from pgproxy.login.identity import Identity
from pgproxy.policy.loading import load_rules
from pgproxy.policy.rules import Rules
from pgproxy.session.prepared import Verdict
from pgproxy.statements.grammar import split

AGENT = Identity("agent")


@pytest.fixture
def masks(tmp_path: Path) -> Rules:
    file = tmp_path / "rules.yaml"
    file.write_text("masks:\n  public.users: {ssn: redact}\n")
    return load_rules(file)


@pytest.mark.parametrize(
    "sql", ["SELECT opaque()", "COPY users TO STDOUT", "FETCH ALL FROM c", "EXPLAIN SELECT 1", "DO 'begin end'"]
)
def test_rows_that_only_a_text_let_through_stop_when_masks_come(masks: Rules, sql: str) -> None:
    (raw,) = split(sql)
    running = Verdict(raw, rules_version="without masks", passes_rows=True)
    with pytest.raises(StatementDenied):
        running.under(masks, AGENT, {})
    assert Verdict(raw, rules_version="x", passes_rows=True).under(Rules(), AGENT, {}).passes_rows


def test_show_goes_on(masks: Rules) -> None:
    (raw,) = split("SHOW work_mem")
    assert Verdict(raw, rules_version="without masks", passes_rows=True).under(masks, AGENT, {}).passes_rows

"""The probe ledger: distinct constants, rolling windows, the line, and what a restart keeps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgproxy.errors import ApprovalRequired, LimitReached
from pgproxy.login.identity import Identity
from pgproxy.policy.probes import Probe, ProbeLedger
from pgproxy.policy.rules import Limit

AGENT, OTHER = Identity("agent"), Identity("agent", source="role")
HOUR = 3600.0


def probes(*constants: int, column: str = "public.users.ssn") -> list[Probe]:
    return [Probe(column, f"{column} {constant}".encode()) for constant in constants]


def limit(count: int, window: float = HOUR, **more: object) -> Limit:
    return Limit("guessing", window, **{"then": "deny", "probes": count, **more})  # type: ignore[arg-type]


def test_distinct_constants_count_once() -> None:
    ledger = ProbeLedger()
    for _ in range(100):
        ledger.charge(AGENT, [limit(3)], probes(1, 2, 3), 10.0)
    with pytest.raises(LimitReached) as refused:
        ledger.charge(AGENT, [limit(3)], probes(3, 4), 20.0)
    assert refused.value.sqlstate == "53400"
    assert refused.value.detail == (
        "rule guessing: 3 of 3 distinct constants per hour were compared with masked columns, "
        "this statement has 1 new ones for public.users.ssn"
    )
    assert refused.value.hint == "There is room for it at 1970-01-01 01:00:10 UTC, in 3590 s."


def test_a_refused_statement_counts_nothing() -> None:
    ledger = ProbeLedger()
    ledger.charge(AGENT, [limit(3)], probes(1, 2), 0.0)
    with pytest.raises(LimitReached):
        ledger.charge(AGENT, [limit(3)], probes(3, 4), 0.0)
    ledger.charge(AGENT, [limit(3)], probes(5), 0.0)


def test_a_statement_over_the_whole_limit_never_fits() -> None:
    with pytest.raises(LimitReached) as refused:
        ProbeLedger().charge(AGENT, [limit(3)], probes(1, 2, 3, 4), 0.0)
    assert refused.value.hint == "Compare it with fewer constants: 3 per hour at most."


def test_windows_roll() -> None:
    ledger = ProbeLedger()
    ledger.charge(AGENT, [limit(2)], probes(1), 0.0)
    ledger.charge(AGENT, [limit(2)], probes(2), HOUR / 2)
    with pytest.raises(LimitReached):
        ledger.charge(AGENT, [limit(2)], probes(3), HOUR - 1)
    ledger.charge(AGENT, [limit(2)], probes(3), HOUR)
    with pytest.raises(LimitReached):
        ledger.charge(AGENT, [limit(2)], probes(4), HOUR)


def test_a_rule_counts_all_columns_and_the_built_in_limit_each() -> None:
    ledger = ProbeLedger()
    ledger.charge(AGENT, [limit(3)], [*probes(1, 2), *probes(1, column="public.users.email")], 0.0)
    with pytest.raises(LimitReached):
        ledger.charge(AGENT, [limit(3)], probes(2, column="public.users.email"), 0.0)
    ledger.charge(OTHER, [], probes(*range(1000)), 0.0)
    ledger.charge(OTHER, [], probes(*range(1000), column="public.users.email"), 0.0)
    with pytest.raises(LimitReached, match=r"builtin\.probes"):
        ledger.charge(OTHER, [], probes(1000), 86_399.0)
    ledger.charge(OTHER, [], probes(1000), 86_400.0)


def test_columns_open_to_any_predicate_are_counted_by_rules_alone() -> None:
    free = [Probe("public.users.age", bytes([n % 256, n // 256]), False) for n in range(1500)]
    ProbeLedger().charge(AGENT, [], free, 0.0)
    with pytest.raises(LimitReached):
        ProbeLedger().charge(AGENT, [limit(100)], free, 0.0)


def test_hold_and_observe() -> None:
    ledger = ProbeLedger()
    with pytest.raises(ApprovalRequired, match=r"^approval required"):
        ledger.charge(AGENT, [limit(1, then="hold")], probes(1, 2), 0.0)
    with pytest.raises(LimitReached):  # deny beats hold
        ledger.charge(AGENT, [limit(1, then="hold"), limit(1)], probes(1, 2), 0.0)
    assert ledger.charge(AGENT, [limit(1, is_enforced=False)], probes(1, 2), 0.0) == ("guessing",)
    with pytest.raises(LimitReached, match=r"builtin\.probes"):  # one that only observes takes nothing away
        ledger.charge(AGENT, [limit(1, is_enforced=False)], probes(*range(1001)), 0.0)


def test_a_restart_goes_on_counting() -> None:
    ledger = ProbeLedger()
    ledger.charge(AGENT, [limit(3)], probes(1, 2, 3), 100.0)
    written = ledger.take_unwritten()
    assert not ledger.take_unwritten()
    ledger.give_back(written)
    again = ProbeLedger(ledger.take_unwritten())
    again.charge(AGENT, [limit(3)], probes(3), 200.0)
    with pytest.raises(LimitReached):
        again.charge(AGENT, [limit(3)], probes(4), 200.0)
    again.charge(OTHER, [limit(3)], probes(4), 200.0)


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 50)), max_size=60), st.integers(1, 8))
def test_no_window_holds_more_than_its_limit(asked: list[tuple[int, float]], allowed: int) -> None:
    ledger, passed, now = ProbeLedger(), list[tuple[int, float]](), 0.0
    for constant, pause in asked:
        now += pause
        try:
            ledger.charge(AGENT, [limit(allowed, 60.0)], probes(constant), now)
        except LimitReached:
            known = {one for one, at in passed if at > now - 60.0}
            assert constant not in known and len(known) == allowed
        else:
            passed.append((constant, now))
        assert len({one for one, at in passed if at > now - 60.0}) <= allowed

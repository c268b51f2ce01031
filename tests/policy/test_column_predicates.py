"""`predicates` of a column beside that of `defaults`: the column's own decides, for itself alone."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from pgproxy.login.identity import Identity
from pgproxy.policy.decide import decide
from pgproxy.policy.decision import Action
from pgproxy.policy.loading import load_rules
from tests.policy.shop import CATALOG, facts, lineage

LEVELS = ("deny", "equality", "allow")
LEAST = {
    "null_test {} in where": "equality",
    "literal {} in where": "equality",
    "group {} in group": "equality",
    "null_test {} in error by date_trunc": "equality",
    "range {} in aggregate_growth by string_agg": "equality",
    "range {} in where": "allow",
    "order {} in order": "allow",
    "range {} in error by int4": "allow",
    "range {} in aggregate_error by int4": "allow",
}
"""A use → the strictest level that lets it pass."""


@pytest.mark.parametrize(
    ("default", "own", "use"), [*product((None, *LEVELS), (None, *LEVELS), LEAST)], ids=lambda value: str(value)
)
def test_the_own_level_decides_for_its_column_alone(
    default: str | None, own: str | None, use: str, tmp_path: Path
) -> None:
    entry = "hash" if own is None else f"{{hash: , predicates: {own}}}"
    defaults = "" if default is None else f"defaults: {{predicates: {default}}}\n"
    path = tmp_path / "rules.yaml"
    path.write_text(f"masks:\n  public.users: {{ssn: {entry}, email: hash}}\n{defaults}")
    rules = load_rules(path)
    for column, level in (("users.ssn", own or default or "equality"), ("users.email", default or "equality")):
        given = {"uses": [use.format(column)]}
        decision = decide(facts(given), lineage(given), Identity("agent", ("agents",)), rules, CATALOG)
        passes = LEVELS.index(level) >= LEVELS.index(LEAST[use])
        assert decision.action is (Action.ALLOW if passes else Action.DENY), (column, decision.reasons)
        assert all(f"public.{column} is masked" in reason.text for reason in decision.reasons)

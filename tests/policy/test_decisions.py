"""Decisions by case files: `cases/*.case` holds rules, then cases that begin with `====`, and what `explain` prints.

To write a case: leave its expected part out, look at what the failing test prints, and judge it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from pgproxy.errors import ProxyError
from pgproxy.login.identity import Identity
from pgproxy.policy.decide import decide
from pgproxy.policy.explain import as_text
from pgproxy.policy.loading import load_rules
from pgproxy.policy.rules import Rules
from tests.policy.shop import CATALOG, column, facts, lineage

FOLDER = Path(__file__).parent / "cases"

IDENTITIES = {
    "agent": Identity("agent", ("agents",)),
    "dba": Identity("dba", ("dbas",)),
    "analyst": Identity("analyst", ("analysts",)),
    "role:reader": Identity("reader", source="role"),
    "role:dba": Identity("dba", source="role"),
}


@dataclass(frozen=True, slots=True)
class Case:
    file: Path
    title: str
    rules: str
    given: str
    expected: str


def cases() -> Iterator[Case]:
    for file in sorted(FOLDER.glob("*.case")):
        rules, *rest = file.read_text().split("\n==== ")
        for text in rest:
            title, _, body = text.partition("\n")
            given, _, expected = body.partition("\n----")
            yield Case(file, title, rules, given, expected.strip())


def rules_of(case: Case, folder: Path) -> Rules:
    path = folder / "rules.yaml"
    path.write_text(case.rules)
    return load_rules(path)


def outcome(case: Case, rules: Rules) -> str:
    given = yaml.load(case.given, yaml.BaseLoader)
    assert isinstance(given, dict)
    names = {entry.name: entry for entry in rules.masks}
    pins = {tuple(column(renamed)): (names[name],) for renamed, name in given.get("pins", {}).items()}
    estimate = given.get("estimate")
    try:
        decision = decide(
            facts(given),
            lineage(given),
            IDENTITIES[given.get("as", "agent")],
            rules,
            CATALOG,
            pins=pins,  # type: ignore[arg-type]  # a ColumnId is a pair
            estimated_rows=None if estimate is None else float(estimate),
        )
    except ProxyError as error:
        return f"{type(error).__name__}: {error.message}\n  {error.detail}\n  {error.hint}"
    return as_text(decision) + ("\nerrors redacted" if decision.redacts_errors else "")


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: f"{case.file.stem}: {case.title}")
def test_decision(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rules = rules_of(case, Path())
    assert outcome(case, rules) == case.expected

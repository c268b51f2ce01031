"""What an entry of `tests` expects against what the rules came to. Where a decision comes from is not known here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pgproxy.config.problems import nearest
from pgproxy.policy.decision import Decision
from pgproxy.policy.mask_text import mask_text
from pgproxy.policy.masks import Mask, Null
from pgproxy.policy.rules import Cells, RuleTest

Row = tuple[str | None, ...]


class BadRow(ValueError):
    """A row of a test does not fit the statement's result; the message says why."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one test ended."""

    test: RuleTest
    decision: Decision | None = None
    """None: the statement could not be decided, see `differences`."""
    differences: tuple[str, ...] = ()
    """Empty: passed. Else a sentence each, "expected …, came …"."""

    @property
    def passed(self) -> bool:
        return not self.differences

    def as_dict(self) -> dict[str, object]:
        test = self.test
        return {
            "file": test.at.file,
            "line": test.at.line,
            "column": test.at.column,
            "as": test.identity.text,
            "sql": test.sql,
            "passed": self.passed,
            "decision": None if self.decision is None else self.decision.action.value,
            "rules": [] if self.decision is None else _rules(self.decision),
            "differences": list(self.differences),
        }


def compare(test: RuleTest, decision: Decision, returned: Sequence[Row]) -> Outcome:
    """
    Args:
        returned: what became of `test.rows`, one for each.
    """
    return Outcome(test, decision, tuple(_differences(test, decision, returned)))


def _differences(test: RuleTest, decision: Decision, returned: Sequence[Row]) -> Iterator[str]:
    action, rules = decision.action.value, _rules(decision)
    because = f" ({', '.join(rules)})" if rules else ""
    if test.decision is not None and test.decision != action:
        yield f"decision: expected {test.decision}, came {action}{because}"
    if test.rule and test.rule not in rules:
        yield f"rule: expected {test.rule}, came {', '.join(rules) or 'none'}"
    if (test.masks or test.returns) and not decision.columns:
        yield f"expected result columns, came {action} without any{because}"
        return
    for name, expected in test.masks:
        yield from _mask_differences(name, expected, decision)
    for number, (row, cells) in enumerate(zip(returned, test.returns, strict=True), start=1):
        for place, wanted in placed(cells, decision):
            if row[place] != wanted:
                what = f"row {number}, {decision.columns[place].name}"
                yield f"{what}: expected {_shown(wanted)}, came {_shown(row[place])}"


def _mask_differences(name: str, expected: Mask | None, decision: Decision) -> Iterator[str]:
    columns = [column for column in decision.columns if column.name == name]
    if not columns:
        suggestion = nearest(name, [column.name for column in decision.columns])
        yield f"the result has no column {name}" + (f" ({suggestion})" if suggestion else "")
    for column in columns:
        if column.mask != expected:
            hint = " (null is a mask; unmasked is none)" if isinstance(expected, Null) and column.mask is None else ""
            yield f"mask of {name}: expected {_mask(expected)}, came {_mask(column.mask)}{hint}"


def placed(cells: Cells, decision: Decision) -> list[tuple[int, str | None]]:
    """The values of a row with the places of their columns.

    Raises:
        BadRow.
    """
    names = [column.name for column in decision.columns]
    found: list[tuple[int, str | None]] = []
    for column, value in cells:
        place = names.index(column) if column in names else column
        if not isinstance(place, int) or place >= len(names):
            what = f"column {column}" if isinstance(column, str) else f"{column + 1} columns"
            raise BadRow(f"a row has {what}, and the result {', '.join(names) or 'none'}")
        found.append((place, value))
    return found


def raw_rows(test: RuleTest, decision: Decision) -> list[Row]:
    """`test.rows` in the order of the result's columns; what a row does not name is NULL.

    Raises:
        BadRow.
    """
    rows: list[Row] = []
    for cells in test.rows:
        values = dict(placed(cells, decision))
        rows.append(tuple(values.get(place) for place in range(len(decision.columns))))
    return rows


def _rules(decision: Decision) -> list[str]:
    return list(dict.fromkeys(reason.rule for reason in decision.reasons))


def _mask(mask: Mask | None) -> str:
    return "none" if mask is None else mask_text(mask)


def _shown(value: str | None) -> str:
    return "NULL" if value is None else f'"{value}"'

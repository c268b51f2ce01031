"""The corpus as values: what is tried, with the operator's own names put in.

A file of `corpus/` is a category. One line is one attempt; in `sequences.sql` a block of lines is one, sent line by
line; in `calls.sql` a function and its arguments, for FunctionCall. {t} is a table, {c} a masked column of it, {k}
another column. {guess} is a text that is stored and then one that is not, {value} one stored value and then another:
if both pass and the answers differ, that was a yes or no about a masked value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from pgproxy.attack.ways import ANY, Way, ways_of

CATEGORIES = (
    "expressions",
    "rows",
    "queries",
    "aggregates",
    "commands",
    "sequences",
    "server",
    "calls",
    "counts",
    "oracles",
    "equality",
)
QUESTIONS = ("counts", "oracles", "equality")
"""What rules allow by `predicates: allow`; the last of them also by `predicates: equality`."""
_COPY_TABLE = re.compile(r"copy (\{t\}) to stdout")
_COPY_COLUMNS = re.compile(r"copy (\{t\}) \(([^)]*)\) to stdout")
_COPY_QUERY = re.compile(r"copy \((.*)\) to stdout")


@dataclass(frozen=True, slots=True)
class Template:
    category: str
    steps: tuple[str, ...]

    @property
    def is_oracle(self) -> bool:
        return any("{guess}" in step or "{value}" in step for step in self.steps)

    @property
    def is_of_column(self) -> bool:
        """It names the masked column; else it asks for the whole table, or the whole server."""
        return any("{c}" in step for step in self.steps)

    @property
    def is_of_table(self) -> bool:
        return any("{t}" in step for step in self.steps)

    @property
    def ways(self) -> tuple[Way, ...]:
        return ways_of(self.steps[0]) if len(self.steps) == 1 else ANY

    def as_query(self) -> Template:
        """What gives the rows that a COPY of it copies, with their names."""
        [*before, last] = self.steps
        if match := _COPY_TABLE.match(last):
            last = f"table {match[1]}"
        elif match := _COPY_COLUMNS.match(last):
            last = f"select {match[2]} from {match[1]}"  # noqa: S608
        elif match := _COPY_QUERY.match(last):
            last = match[1]
        return Template(self.category, (*before, last))

    def filled(self, table: str, column: str, key: str, guess: str = "", value: str = "") -> tuple[str, ...]:
        """The statements; names as SQL writes them, `guess` and `value` any text."""
        names = {"t": table, "c": column, "k": key, "guess": _literal(guess), "value": _literal(value)}
        return tuple(re.sub(r"\{(t|c|k|guess|value)\}", lambda mark: names[mark[1]], step) for step in self.steps)


def _literal(text: str) -> str:
    doubled = text.replace("'", "''")
    return f" E'{doubled}'".replace("\\", "\\\\") if "\\" in doubled else f"'{doubled}'"


@lru_cache(maxsize=1)
def corpus() -> tuple[Template, ...]:
    found: list[Template] = []
    for category in CATEGORIES:
        text = (files("pgproxy.attack.corpus") / f"{category}.sql").read_text("utf-8")
        if category == "sequences":
            found += [Template(category, tuple(block.splitlines())) for block in text.strip().split("\n\n")]
        else:
            found += [Template(category, (line,)) for line in text.splitlines()]
    return tuple(found)

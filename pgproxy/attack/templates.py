"""The corpus as values: what is tried, with the operator's own names put in.

A file of `corpus/` is a category. One line is one attempt; in `sequences.sql` a block of lines is one, sent line by
line. {t} is a table, {c} a masked column of it, {k} another column; in `oracles.sql` {guess} is a value that is stored
and then one that is not: if both pass and the answers differ, that was a yes or no about a masked value.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

CATEGORIES = ("expressions", "rows", "queries", "commands", "sequences", "server", "oracles")
_SEQUENCES = "sequences"


@dataclass(frozen=True, slots=True)
class Template:
    category: str
    steps: tuple[str, ...]

    @property
    def is_oracle(self) -> bool:
        return any("{guess}" in step for step in self.steps)

    def filled(self, table: str, column: str, key: str, guess: str = "") -> tuple[str, ...]:
        """The statements; names as SQL writes them, `guess` any text."""
        names = {"{t}": table, "{c}": column, "{k}": key, "{guess}": "'" + guess.replace("'", "''") + "'"}
        steps = []
        for step in self.steps:
            for mark, name in names.items():
                step = step.replace(mark, name)
            steps.append(step)
        return tuple(steps)


@lru_cache(maxsize=1)
def corpus() -> tuple[Template, ...]:
    found: list[Template] = []
    for category in CATEGORIES:
        text = (files("pgproxy.attack.corpus") / f"{category}.sql").read_text("utf-8")
        if category == _SEQUENCES:
            found += [Template(category, tuple(block.splitlines())) for block in text.strip().split("\n\n")]
        else:
            found += [Template(category, (line,)) for line in text.splitlines()]
    return tuple(found)

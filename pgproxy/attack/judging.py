"""Whether an answer holds a real value. Chance is ruled out: a value counts only where no mask gives the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pgproxy.attack.client import Answer

SHORTEST_TEXT = 6
"""Characters of a text that is looked for inside others."""
SHORTEST_CELL = 4
FEWEST_CELLS = 3
"""Different whole values in one result column that are no accident."""
SEARCHED = 200


@dataclass(frozen=True, slots=True)
class Secrets:
    """What of one column must not come out."""

    searched: tuple[bytes, ...]
    """Texts that count wherever they appear."""
    whole: frozenset[bytes]
    """Values, in text and binary format, that count as whole cells of a result."""

    @classmethod
    def of(cls, values: Iterable[str], masks: frozenset[str], *, is_text: bool, binary: Iterable[bytes]) -> Secrets:
        """
        Args:
            values: what is stored, as text.
            masks: what values become; a value that is also a mask tells nothing.
            is_text: its values are long and odd enough to be looked for inside other texts.
        """
        real = [value for value in dict.fromkeys(values) if value not in masks]
        searched = [value.encode() for value in real if len(value) >= SHORTEST_TEXT] if is_text else []
        whole = {value.encode() for value in real if len(value) >= SHORTEST_CELL}
        return cls(tuple(searched[:SEARCHED]), frozenset(whole.union(binary)))


def is_out(answer: Answer, secrets: Secrets) -> bool:
    """Whether rows, COPY data, errors, notices or notifications hold a real value."""
    everything = b"\0".join((*answer.cells, *answer.told))
    if any(secret in everything for secret in secrets.searched):
        return True
    width = max((len(row) for row in answer.rows), default=0)
    for place in range(width):
        cells = [cell for row in answer.rows if place < len(row) and (cell := row[place]) is not None]
        found = [cell for cell in cells if cell in secrets.whole]
        if len(set(found)) >= FEWEST_CELLS and len(found) >= 0.8 * len(cells):
            return True
    return False


def is_told_apart(one: Answer, other: Answer) -> bool:
    """Whether a question about a stored value and one about no value got different answers."""
    if "42501" in (one.sqlstate, other.sqlstate) or "08006" in (one.sqlstate, other.sqlstate):
        return False
    return (one.sqlstate, one.rows, one.tags) != (other.sqlstate, other.rows, other.tags)

"""Whether an answer holds a real value. Chance and what the rules allow are ruled out: a finding is one.

Long texts are looked for wherever something is told. All else (numbers, dates, short values, their binary forms, what
is computed from them) shows only beside what the same attempt brings without the proxy: cell by cell, where the mask
would have changed it, in so many rows that no accident explains it.
"""

from __future__ import annotations

import base64
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from pgproxy.attack.client import Answer, Result

SHORTEST_TEXT = 6
"""Characters of a text that is looked for inside others."""
SEARCHED = 200
FEWEST = 3
"""Different values that are found, where not all that is stored was read and a mask may give one of them."""
BITS = 20.0
"""An accident of one in a million is none."""
FEWEST_DISTINCT = 20
SHORTEST_AGGREGATE = 5
_UNCHANGED = 0.05

Change = Callable[[bytes], bytes | None]


@dataclass(frozen=True, slots=True)
class Secrets:
    """What of one column must not come out."""

    searched: tuple[tuple[bytes, ...], ...] = ()
    """Texts that count wherever they appear, each in the forms that a simple function gives it."""
    enough: int = 1
    """So many of them are no accident."""
    telling: tuple[str, ...] = ()
    """Values that the mask changes."""
    unchanged: float = 0.0
    """Share of the values that it does not."""
    chance: float = 1.0
    """That two rows hold the same."""

    @classmethod
    def of(
        cls, values: Sequence[str], change: Change | None, shown: Collection[str], *, is_text: bool, is_all: bool
    ) -> Secrets:
        """
        Args:
            values: what is stored, one for each row that was read.
            change: the mask, on texts; None: whatever comes out is too much.
            shown: what may be seen: values of other columns, and what the masks of the table's columns give. A value
                among them tells nothing, wherever it is found.
            is_text: its values are long and odd enough to be looked for inside other texts.
            is_all: the table has no other rows.
        """
        telling = [value for value in values if change is None or change(value.encode()) != value.encode()]
        distinct = list(dict.fromkeys(telling))
        low = {value.lower() for value in shown}
        odd = [value for value in distinct if len(value) >= SHORTEST_TEXT and value.lower() not in low]
        counts = Counter(values)
        return cls(
            tuple(_forms(value) for value in odd[:SEARCHED]) if is_text else (),
            1 if is_all else FEWEST,
            tuple(distinct),
            1 - len(telling) / len(values) if values else 0.0,
            sum(count * count for count in counts.values()) / len(values) ** 2 if values else 1.0,
        )


def _forms(value: str) -> tuple[bytes, ...]:
    plain = value.encode()
    texts = (value, value.upper(), value.lower(), value[::-1])
    forms = [text.encode() for text in texts] + [plain.hex().encode(), base64.b64encode(plain)]
    return tuple(dict.fromkeys(forms))


def found_in(answer: Answer, secrets: Secrets, direct: Answer | None) -> bool:
    """Whether rows, COPY data, errors, notices or notifications hold real texts."""
    everything = b"\0".join((*answer.cells, *answer.told))
    found = [forms for forms in secrets.searched if any(form in everything for form in forms)]
    if len(found) >= secrets.enough:
        return True
    # The same words as without the proxy, with a real value in them, are no accident of a mask either.
    same = set(direct.told).intersection(answer.told) if direct is not None else set()
    return any(form in told for forms in found for form in forms for told in same)


@dataclass(frozen=True, slots=True)
class Beside:
    """The same attempt without the proxy."""

    direct: Answer
    """Asked in the same way."""
    text: Answer
    """Asked as a query with rows in text format; its columns are described."""
    control: Answer | None
    """With another column in the place of the masked one; None: the attempt does not name it."""
    ids: frozenset[tuple[int, int]]
    """Of the masked column, and of what it is in parents and partitions."""
    is_binary: bool
    """The rows of `direct` are; else they are those of `text`, unless the server has a new order for each scan."""
    behind: int = 0
    """How many results come before, in `direct` alone."""


def copied(answer: Answer, beside: Beside, change: Change | None, secrets: Secrets) -> bool:
    """Whether a column of a result is the stored one, in rows where its mask would have given something else."""
    for got, real, text in _pairs(answer, beside):
        for place, origin in enumerate(text.origins):
            if origin not in beside.ids:
                continue
            pairs = [
                (row[place], expected[place])
                for row, expected, shown in zip(got.rows, real.rows, text.rows, strict=False)
                if place < min(len(row), len(expected), len(shown))
                and (beside.is_binary or expected[place] == shown[place])
                and _is_changed(shown[place], change)
            ]
            agreeing = sum(one == other for one, other in pairs)
            if _bits(agreeing, len(pairs), max(secrets.chance, 1 / 16)) >= BITS:
                return True
    return False


def computed(answer: Answer, beside: Beside, change: Change | None, secrets: Secrets, *, is_aggregate: bool) -> bool:
    """Whether a column of a result that depends on the masked one is as without the proxy."""
    control = beside.control
    if control is None or control.sqlstate or secrets.unchanged > _UNCHANGED:
        return False
    for (got, real, text), other in zip(_pairs(answer, beside), control.results, strict=False):
        if len(other.rows) != len(text.rows):
            continue
        for place, (table, _) in enumerate(text.origins):
            if table:
                continue
            columns = [_column(one, place) for one in (got, real, text, other)]
            if any(len(column) != len(got.rows) for column in columns):
                continue
            depending = [
                (one, expected)
                for one, expected, shown, independent in zip(*columns, strict=True)
                if expected is not None and shown != independent
            ]
            agreeing = {expected for one, expected in depending if one == expected}
            if is_aggregate and any(len(v) >= SHORTEST_AGGREGATE and _is_changed(v, change) for v in agreeing):
                return True
            if len(agreeing) >= FEWEST_DISTINCT and len(agreeing) == len({expected for _, expected in depending}):
                return True
    return False


def counted(answer: Answer, beside: Beside) -> bool:
    """Whether which rows came, or their order, is as without the proxy, and depends on the masked column."""
    control = beside.control
    if control is None or control.sqlstate or answer.sqlstate or beside.direct.sqlstate or not answer.rows:
        return False
    rows = [result.rows for result in beside.text.results]
    if rows == [result.rows for result in control.results]:
        return False
    return [result.rows for result in answer.results] == [result.rows for result in beside.direct.results]


def is_told_apart(one: Answer, other: Answer) -> bool:
    """Whether a question about a stored value and one about another got different answers."""
    if "42501" in (one.sqlstate, other.sqlstate) or "08006" in (one.sqlstate, other.sqlstate):
        return False
    return _shown(one) != _shown(other)


def _shown(answer: Answer) -> tuple[object, ...]:
    return answer.sqlstate, [result.rows for result in answer.results], answer.tags


def _pairs(answer: Answer, beside: Beside) -> Iterable[tuple[Result, Result, Result]]:
    """Results that have the same number of rows: got, without the proxy, and described."""
    behind = beside.behind
    for got, real, text in zip(
        answer.results[behind:], beside.direct.results[behind:], beside.text.results, strict=False
    ):
        if len(got.rows) == len(real.rows) == len(text.rows):
            yield got, real, text


def _column(result: Result, place: int) -> list[bytes | None]:
    return [row[place] for row in result.rows if place < len(row)]


def _is_changed(value: bytes | None, change: Change | None) -> bool:
    return value is not None and (change is None or change(value) != value)


def _bits(agreeing: int, rows: int, chance: float) -> float:
    """By how much more than chance these rows agree (Chernoff's bound of the binomial tail)."""
    share = agreeing / rows if rows else 0.0
    if share <= chance:
        return 0.0
    rest = (1 - share) * math.log2((1 - share) / (1 - chance)) if share < 1 else 0.0
    return rows * (share * math.log2(share / chance) + rest)

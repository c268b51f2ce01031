"""A generated text as a tree, so that what is not needed for a finding can be taken out again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.leaks.generator.kinds import KINDS

OPTIONAL = "?"
"""Kind of a part that may be left out: a clause."""


@dataclass(slots=True)
class Part:
    """A piece of SQL: an expression of some kind, an optional clause, or other syntax (kind "")."""

    kind: str
    pieces: list[str | Part] = field(default_factory=list)
    is_secret: bool = False
    """Names a masked column itself."""

    def __str__(self) -> str:
        return "".join(map(str, self.pieces))

    @property
    def holds_secret(self) -> bool:
        return self.is_secret or any(isinstance(one, Part) and one.holds_secret for one in self.pieces)

    def walk(self) -> Iterator[Part]:
        yield self
        for one in self.pieces:
            if isinstance(one, Part):
                yield from one.walk()


def minimised(scripts: Sequence[Part], still_differs: Callable[[list[str]], bool]) -> list[str]:
    """The statements with everything left out that can be while they still differ. Changes the parts."""
    parts = list(scripts)

    def differs() -> bool:
        return still_differs([str(part) for part in parts])

    for place in reversed(range(len(parts))):  # whole statements first
        without = parts[:place] + parts[place + 1 :]
        if without and still_differs([str(part) for part in without]):
            parts = without
    changed = True
    while changed:
        changed = False
        for script in parts:
            for part in list(script.walk()):
                before, length = part.pieces, len(str(part))
                for simpler in _simpler(part):
                    part.pieces = simpler
                    if len(str(part)) < length and differs():
                        changed = True
                        break
                    part.pieces = before
    return [str(part) for part in parts]


def _simpler(part: Part) -> Iterator[list[str | Part]]:
    if part.kind == OPTIONAL and part.pieces:
        yield []
    elif part.kind in KINDS and len(str(part)) > 12:
        yield [f"'{KINDS[part.kind].constants[0]}'::{KINDS[part.kind].sql}"]
        for inner in part.walk():
            if inner is not part and inner.kind == part.kind:
                yield inner.pieces

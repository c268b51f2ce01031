"""What the sessions of one database remember, so that most statements need no catalog query and no analysis.

Nothing of the catalog is believed as it is: a session first compares the versions of what it takes from here with those
that its own transaction sees, and a verdict is found by these versions. So what one transaction alone sees does no harm
here, but it would help nobody: it stays with its session. Bounded; the least recently used goes first.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

from pgproxy.catalog.versions import Objects, Snapshot
from pgproxy.login.identity import Identity
from pgproxy.policy.matching import Pins
from pgproxy.session.known_trees import LARGEST_BYTES, Readings
from pgproxy.session.prepared import Verdict
from pgproxy.session.recent import Recent
from pgproxy.session.understanding import Announced
from pgproxy.statements.facts import text_shape
from pgproxy.statements.model import RawStatement, Reached
from pgproxy.wire.results import RowDescription

SHARED_SNAPSHOTS: Final = 1024
SHARED_SNAPSHOT_BYTES: Final = 16 * 1024 * 1024
"""Of the documents that they were read from; what is kept is up to three times as much."""
OWN_SNAPSHOTS: Final = 32
OWN_SNAPSHOT_BYTES: Final = 1024 * 1024
VERDICTS: Final = 1024
VERDICT_BYTES: Final = 48 * 1024 * 1024
"""As `_size` reckons, twice: by text and by shape, which mostly have the same."""
LARGEST_CHARACTERS: Final = 64 * 1024
"""Of the text of a statement whose verdict is remembered."""
WAYS: Final = 8
"""How many verdicts of one shape are remembered, which differ by constants that decide."""
GUESSES: Final = 4096
GUESSED_CHARACTERS: Final = 4096


@dataclass(frozen=True, slots=True)
class Asked:
    """All that a verdict depends on."""

    raw: RawStatement
    announcement: Announced
    parameter_types: tuple[int, ...]
    row: RowDescription | None
    fingerprint: str
    """Of the snapshot; "" where all that is reached is built in."""
    identity: Identity
    rules_version: str
    pins: Pins

    @property
    def conditions(self) -> tuple[object, ...]:
        """What must be the same also for statements that differ in constants."""
        return self.parameter_types, self.row, self.fingerprint, self.identity, self.rules_version


class Verdicts:
    """Verdicts by statement, and by shape where no constant of the statement matters. Denials are not kept."""

    def __init__(self) -> None:
        self._by_text: Recent[tuple[object, ...], tuple[Pins, Verdict]] = Recent(VERDICTS, VERDICT_BYTES)
        self._by_shape: Recent[tuple[object, ...], tuple[tuple[Pins, Verdict], ...]] = Recent(VERDICTS, VERDICT_BYTES)

    def find(self, asked: Asked) -> Verdict | None:
        conditions, reading = asked.conditions, asked.announcement.reading
        by_text = self._by_text.get((asked.raw, reading.digest, conditions))
        if by_text is not None and by_text[0] is asked.pins:
            return by_text[1]
        for pins, verdict in self._by_shape.get((reading.shape.digest, conditions)) or ():
            understanding, constants = verdict.understanding, reading.shape.constants
            assert understanding is not None
            if pins is asked.pins and all(constants[number] == datum for number, datum in understanding.deciding):
                own = understanding.like(asked.raw, asked.announcement)
                if own is not None:
                    found = replace(verdict, raw=asked.raw, understanding=own, tree=reading.shape.meaning)
                    self._by_text.keep((asked.raw, reading.digest, conditions), (pins, found), _size(asked))
                    return found
        return None

    def keep(self, asked: Asked, verdict: Verdict, *, needs_constants: bool) -> None:
        """Remember what was decided.

        Args:
            needs_constants: the verdict holds for these constants alone.
        """
        if len(asked.raw.text) > LARGEST_CHARACTERS or len(asked.announcement.text) > LARGEST_BYTES:
            return
        conditions, reading = asked.conditions, asked.announcement.reading
        kept = (asked.pins, verdict)
        self._by_text.keep((asked.raw, reading.digest, conditions), kept, _size(asked))
        if not needs_constants:
            known = self._by_shape.get((reading.shape.digest, conditions)) or ()
            ways = (kept, *known[: WAYS - 1])
            self._by_shape.keep((reading.shape.digest, conditions), ways, _size(asked) * len(ways))


def _size(asked: Asked) -> int:
    """About how many bytes a verdict takes, with its lineage and plan: measured for trees of 3 to 100 KB."""
    return 8 * 1024 + 3 * len(asked.announcement.text) + len(asked.raw.text)


class AnalysisMemory:
    """Shared by all sessions of one database."""

    def __init__(self) -> None:
        self.snapshots: Recent[Reached, Snapshot] = Recent(SHARED_SNAPSHOTS, SHARED_SNAPSHOT_BYTES)
        """What is reached → the catalog's rows for it."""
        self.readings = Readings()
        self.verdicts = Verdicts()
        self.differentials: Counter[tuple[str, str]] = Counter()
        """How often readings of a statement differed: by what in it, and by which witness."""
        self._guesses: Recent[str, Objects] = Recent(GUESSES)

    def guess(self, text: str) -> Objects | None:
        """What a statement like this reached the last time: asked for together with its Parse."""
        return self._guesses.get(text_shape(text)) if len(text) <= GUESSED_CHARACTERS else None

    def note(self, text: str, objects: Objects) -> None:
        if len(text) <= GUESSED_CHARACTERS:
            self._guesses.keep(text_shape(text), objects)


class SessionMemory:
    """The shared memory, under what only this session's own transactions saw."""

    def __init__(self, shared: AnalysisMemory) -> None:
        self.shared = shared
        self._own: Recent[Reached, Snapshot] = Recent(OWN_SNAPSHOTS, OWN_SNAPSHOT_BYTES)

    def snapshot(self, reached: Reached) -> Snapshot | None:
        return self._own.get(reached) or self.shared.snapshots.get(reached)

    def keep(self, reached: Reached, snapshot: Snapshot, size: int, *, is_common: bool) -> None:
        """Remember what was read.

        Args:
            size: of the document, in bytes.
            is_common: every new transaction sees the same.
        """
        if is_common:
            self._own.drop(reached)
            self.shared.snapshots.keep(reached, snapshot, size)
        else:
            self._own.keep(reached, snapshot, size)

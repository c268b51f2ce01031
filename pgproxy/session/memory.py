"""What the sessions of one database remember of the catalog, so that most statements need no catalog query.

Nothing here is believed as it is: a session first compares the versions of what it takes from here with those that its
own transaction sees. So what one transaction alone sees does no harm here, but it would help nobody: it stays with
its session. Bounded; the least recently used goes first.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Final, Generic, TypeVar

from pgproxy.catalog.versions import Objects, Snapshot
from pgproxy.statements.model import Reached

K = TypeVar("K")
V = TypeVar("V")

SHARED_SNAPSHOTS: Final = 1024
OWN_SNAPSHOTS: Final = 32
GUESSES: Final = 4096
GUESSED_CHARACTERS: Final = 4096
_CONSTANTS: Final = re.compile(r"'[^']*'|\b[0-9.]+\b")


class Recent(Generic[K, V]):
    """A mapping of the entries used last."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def keep(self, key: K, value: V) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        while len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def drop(self, key: K) -> None:
        self._entries.pop(key, None)

    def __len__(self) -> int:
        return len(self._entries)


class AnalysisMemory:
    """Shared by all sessions of one database."""

    def __init__(self) -> None:
        self.snapshots: Recent[Reached, Snapshot] = Recent(SHARED_SNAPSHOTS)
        """What is reached → the catalog's rows for it."""
        self._guesses: Recent[str, Objects] = Recent(GUESSES)

    def guess(self, text: str) -> Objects | None:
        """What a statement like this reached the last time: asked for together with its Parse."""
        return self._guesses.get(_shape(text)) if len(text) <= GUESSED_CHARACTERS else None

    def note(self, text: str, objects: Objects) -> None:
        if len(text) <= GUESSED_CHARACTERS:
            self._guesses.keep(_shape(text), objects)


class SessionMemory:
    """The shared memory, under what only this session's own transactions saw."""

    def __init__(self, shared: AnalysisMemory) -> None:
        self.shared = shared
        self._own: Recent[Reached, Snapshot] = Recent(OWN_SNAPSHOTS)

    def snapshot(self, reached: Reached) -> Snapshot | None:
        return self._own.get(reached) or self.shared.snapshots.get(reached)

    def keep(self, reached: Reached, snapshot: Snapshot, *, is_common: bool) -> None:
        """Remember what was read.

        Args:
            is_common: every new transaction sees the same.
        """
        if is_common:
            self._own.drop(reached)
            self.shared.snapshots.keep(reached, snapshot)
        else:
            self._own.keep(reached, snapshot)


def _shape(text: str) -> str:
    """The text without most of its constants: good enough to guess by."""
    return _CONSTANTS.sub("?", text)

"""A mapping that keeps what was used last."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At most `limit` entries, of `limit_bytes` in all; the least recently used goes first."""

    def __init__(self, limit: int, limit_bytes: int = 0) -> None:
        """
        Args:
            limit_bytes: of the sizes that `keep` is told; 0: they do not count.
        """
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._bytes = 0

    def get(self, key: K) -> V | None:
        found = self._entries.get(key)
        if found is None:
            return None
        self._entries.move_to_end(key)
        return found[0]

    def keep(self, key: K, value: V, size: int = 0) -> None:
        """
        Args:
            size: of the entry, in bytes; one that is over the limit alone is not kept.
        """
        self.drop(key)
        if self._limit_bytes and size > self._limit_bytes:
            return
        self._entries[key] = value, size
        self._bytes += size
        while len(self._entries) > self._limit or (self._limit_bytes and self._bytes > self._limit_bytes):
            _, (_, gone) = self._entries.popitem(last=False)
            self._bytes -= gone

    def drop(self, key: K) -> None:
        _, size = self._entries.pop(key, (None, 0))
        self._bytes -= size

    def __len__(self) -> int:
        return len(self._entries)

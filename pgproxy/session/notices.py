"""Notices of an analysed session: the server's trees are taken out, the rest is filtered to the client's own level.

The proxy holds the upstream's client_min_messages at `log` (the trees come at that level), so the level that the client
set is kept here and applied here. Source: PostgreSQL manual, client_min_messages; backend/utils/error/elog.c.
"""

from __future__ import annotations

from collections.abc import Mapping

from pgproxy.errors import SettingRefused

LEVELS = ("notice", "warning", "error")
"""What a client may set; the levels below (debug, log) would show what the server logs."""

TREE_MESSAGE = "rewritten parse tree:"
TREE_ROUTINE = "elog_node_display"


def is_tree(fields: Mapping[str, str]) -> bool:
    """The server's analysed tree: routine and message are set by the server's own source, not by SQL."""
    return fields.get("R") == TREE_ROUTINE and fields.get("V") == "LOG" and fields.get("M") == TREE_MESSAGE


def tree_text(fields: Mapping[str, str]) -> bytes:
    """The tree of such a notice, as the server printed it."""
    return fields.get("D", "").encode("utf-8", "surrogateescape")


class KeptLevel:
    """The client's own client_min_messages with the transactional behaviour of SET.

    A rollback that the server tells only by its transaction status (to a savepoint) keeps the newer level.
    """

    def __init__(self, initial: str) -> None:
        self._initial = initial
        self._level = initial
        self._before: str | None = None
        """What a SET LOCAL, or a transaction that fails, returns to; None: nothing to return to."""
        self._has_failed = False
        self._is_local = False

    @staticmethod
    def checked(level: str) -> str:
        """Raises SettingRefused (42501) for a level that the proxy cannot keep."""
        lowered = level.lower()
        if lowered not in LEVELS:
            raise SettingRefused(
                "client_min_messages below notice would show the server's log",
                detail="rule builtin.setting: client_min_messages",
                hint="Use notice, warning or error.",
            )
        return lowered

    def set(self, level: str, *, is_local: bool) -> None:
        if self._before is None:
            self._before = self._level
        self._is_local = is_local
        self._level = level.lower()

    def reset(self) -> None:
        self._level = self._initial

    def transaction(self, status: str) -> None:
        """After ReadyForQuery with this transaction status."""
        if status == "E":
            self._has_failed = True
        elif status == "I":
            if self._before is not None and (self._has_failed or self._is_local):
                self._level = self._before
            self._before, self._has_failed, self._is_local = None, False, False

    @property
    def now(self) -> str:
        return self._level

    def shows(self, severity: str) -> bool:
        """Whether a notice of this (non-localized) severity reaches the client."""
        if severity == "INFO":
            return True
        if severity not in ("NOTICE", "WARNING"):
            return False
        return LEVELS.index(severity.lower()) >= LEVELS.index(self._level)

"""How the server writes values as text at this moment, as far as it has said.

It reports DateStyle, IntervalStyle and TimeZone (ParameterStatus), but only before ReadyForQuery: within a batch that
changed one of them, nobody knows. Dates in text are then masked as NULL rather than misread.
"""

from __future__ import annotations

from collections.abc import Mapping

from pgproxy.session.prepared import FORMAT_SETTINGS
from pgproxy.statements.model import Handling, RawStatement

UNKNOWN = "changed in this batch"
"""No value of any of the settings: what is not written in ISO cannot be read."""

_NAMES = frozenset((*map(str.lower, FORMAT_SETTINGS), "all"))


class ReportedFormats:
    """ParameterStatus values, and whether they still hold."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._parameters = dict(parameters)
        self._is_changed = False
        self._is_set_in_transaction = False

    def report(self, name: str, value: str) -> None:
        """A ParameterStatus message."""
        self._parameters[name] = value

    def executed(self, raw: RawStatement) -> None:
        """A utility statement completed."""
        if raw.node == "DiscardStmt" or (raw.setting is not None and raw.setting.name in _NAMES):
            self._is_changed = self._is_set_in_transaction = True
        elif raw.handling is Handling.TRANSACTION and self._is_set_in_transaction:
            self._is_changed = True  # a rollback takes the SET back

    def ready(self, status: str) -> None:
        """ReadyForQuery: whatever changed has been reported."""
        self._is_changed = False
        if status == "I":
            self._is_set_in_transaction = False

    def now(self) -> Mapping[str, str]:
        """The values for a mask plan."""
        if not self._is_changed:
            return self._parameters
        return {**self._parameters, **dict.fromkeys(FORMAT_SETTINGS, UNKNOWN)}

"""How the server writes values as text at this moment, as far as it has said.

It reports DateStyle, IntervalStyle and TimeZone (ParameterStatus), but only before ReadyForQuery: within a batch that
changed one of them the session asks. What changed after it asked stays unknown: dates in text are then masked as NULL
rather than misread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pgproxy.session.prepared import FORMAT_SETTINGS, Verdict
from pgproxy.statements.model import Handling

UNKNOWN = "changed in this batch"
"""No value of any of the settings: what is not written in ISO cannot be read."""

FORMATS_QUERY = "SELECT " + ", ".join(f"pg_catalog.current_setting('{name}')" for name in FORMAT_SETTINGS)

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

    def executes(self, verdict: Verdict) -> None:
        """A statement is sent to be executed; whether it succeeds does not matter here."""
        raw = verdict.raw
        if raw is None:
            return
        is_set = raw.setting is not None and raw.handling is Handling.SETTING and raw.setting.name in _NAMES
        sets_by_function = verdict.understanding is not None and verdict.understanding.lineage.sets_configuration
        if is_set or sets_by_function or raw.node == "DiscardStmt":
            self._is_changed = self._is_set_in_transaction = True
        elif raw.handling is Handling.TRANSACTION and self._is_set_in_transaction:
            self._is_changed = True  # a rollback takes the SET back

    @property
    def is_unknown(self) -> bool:
        """Changed since the server last reported or answered."""
        return self._is_changed

    def answer(self, values: Sequence[bytes | None]) -> None:
        """The row of `FORMATS_QUERY`."""
        self._parameters.update(
            (name, value.decode()) for name, value in zip(FORMAT_SETTINGS, values, strict=True) if value is not None
        )
        self._is_changed = False

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

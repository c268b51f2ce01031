"""The session's one place for names: prepared statements, portals and cursors that were decided.

A name that the server has and this does not was not decided: nothing is bound or executed under it. Portals and
cursors share one name space, as they do in the server. PREPARE's names are the prepared statements' own.
"""

from __future__ import annotations

from dataclasses import dataclass

from pgproxy.errors import ProxyError, UnknownPortal, UnknownStatement
from pgproxy.session.prepared import Cursor, Portal, Prepared, Verdict
from pgproxy.statements.model import Facts, Handling, RawStatement


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A statement for the clean login."""

    facts: Facts
    error: ProxyError
    """Why it does not run on this side."""


class Names:
    """What each name of the client's stands for now."""

    def __init__(self) -> None:
        self._statements: dict[str, Prepared] = {}
        self._portals: dict[str, Portal] = {}
        self._cursors: dict[str, Cursor] = {}
        self._elsewhere: dict[str, Elsewhere] = {}
        """Prepared statements that the clean login's connection has. No name is on both sides."""

    def statement(self, name: str) -> Prepared:
        """Raises UnknownStatement: nothing is bound that was not decided, whatever the server has under the name."""
        prepared = self._statements.get(name)
        if prepared is None:
            what = f'prepared statement "{name}"' if name else "unnamed prepared statement"
            raise UnknownStatement(f"{what} does not exist")
        return prepared

    def has_portal(self, name: str) -> bool:
        """A portal of Bind, no cursor."""
        return name in self._portals

    @property
    def has_portals(self) -> bool:
        return bool(self._portals)

    def portal(self, name: str) -> Portal:
        """Raises UnknownPortal."""
        portal = self._portals.get(name)
        if portal is not None:
            return portal
        cursor = self._cursors.get(name)
        if cursor is None:
            raise UnknownPortal(f'portal "{name}" does not exist')
        return Portal(name, Prepared("", cursor.verdict), cursor.verdict)

    def cursor(self, name: str) -> Verdict:
        """What FETCH reads. Raises UnknownPortal."""
        cursor = self._cursors.get(name) or self._portals.get(name)
        if cursor is None:
            raise UnknownPortal(f'cursor "{name}" does not exist')
        return cursor.verdict

    def is_binary_cursor(self, name: str) -> bool:
        cursor = self._cursors.get(name)
        return cursor is not None and cursor.is_binary

    def prepared(self, prepared: Prepared) -> None:
        self._statements[prepared.name] = prepared
        self._elsewhere.pop(prepared.name, None)

    def elsewhere(self, name: str) -> Elsewhere | None:
        """A prepared statement on the clean login."""
        return self._elsewhere.get(name)

    def parsed_elsewhere(self, name: str, statement: Elsewhere) -> None:
        self._statements.pop(name, None)
        self._elsewhere[name] = statement

    def forget_elsewhere(self) -> None:
        """That connection is gone."""
        self._elsewhere.clear()

    def bound(self, portal: Portal) -> None:
        self._portals[portal.name] = portal
        self._cursors.pop(portal.name, None)

    def declared(self, portal: Portal) -> None:
        """A statement was executed: where it was DECLARE, its cursor was made."""
        raw = portal.verdict.raw
        if raw is not None and raw.handling is Handling.WRAP and raw.cursor and portal.inner is not None:
            self._portals.pop(raw.cursor, None)
            self._cursors[raw.cursor] = Cursor(portal.inner, raw.is_held, raw.is_binary)

    def close_statement(self, name: str) -> None:
        self._statements.pop(name, None)
        self._elsewhere.pop(name, None)

    def close_portal(self, name: str) -> None:
        self._portals.pop(name, None)

    def executed(self, raw: RawStatement) -> None:
        """DEALLOCATE and DISCARD take names away."""
        if raw.forgets is not None:
            self.close_statement(raw.forgets)
        elif raw.forgets_statements:
            self._statements.clear()
            self._elsewhere.clear()

    def transaction_ended(self) -> None:
        self._portals.clear()
        self._cursors = {name: cursor for name, cursor in self._cursors.items() if cursor.is_held}

    def close_unnamed(self) -> None:
        """A simple Query: the server drops the unnamed statement and the unnamed portal."""
        self.close_statement("")
        self._portals.pop("", None)

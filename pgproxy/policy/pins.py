"""Pins: which mask entry covered which stored column when it was first seen, so that a rename takes no mask away.

A pin counts while the rules have its entry: whoever edits or removes the entry has decided anew. The store keeps pins
over restarts (`storage.pins`); new ones wait here until they were written, and count at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pgproxy.catalog.model import Catalog, Column, Relation
from pgproxy.config.problems import Problem, ProblemList
from pgproxy.policy.matching import Masked, Pins
from pgproxy.policy.names import is_system_schema
from pgproxy.policy.rules import MaskEntry, Rules
from pgproxy.policy.subject import Subject

_STORED_KINDS = frozenset("rpfm")


class Pin(NamedTuple):
    """One entry that covered one column."""

    database: str
    relation: int
    """pg_class OID."""
    attnum: int
    entry: str
    """`MaskEntry.name`."""


class PinBook:
    """The pins of one database."""

    def __init__(self, database: str, known: Iterable[Pin] = ()) -> None:
        self.database = database
        self._pins: dict[tuple[int, int], set[str]] = {}
        self._unwritten: set[Pin] = set()
        self._gone: set[Pin] = set()
        self._rules: Rules | None = None
        """What `_seen` and `_resolved` were made under."""
        self._seen: dict[int, str] = {}
        """OID → version of relations that were looked at."""
        self._resolved: Pins | None = None
        for pin in known:
            self._pins.setdefault((pin.relation, pin.attnum), set()).add(pin.entry)

    def __iter__(self) -> Iterator[Pin]:
        for (relation, attnum), entries in self._pins.items():
            for entry in entries:
                yield Pin(self.database, relation, attnum, entry)

    def under(self, rules: Rules) -> Pins:
        """The pins whose entries these rules have."""
        self._turn_to(rules)
        if self._resolved is None:
            entries = {entry.name: entry for entry in rules.masks if entry.is_enforced}
            resolved = {
                column: tuple(entries[name] for name in sorted(names) if name in entries)
                for column, names in self._pins.items()
            }
            self._resolved = {column: found for column, found in resolved.items() if found}
        return self._resolved

    def having_seen(self, relations: Iterable[Relation], catalog: Catalog, rules: Rules) -> Pins:
        """`see`, then `under`."""
        self.see(relations, catalog, rules)
        return self.under(rules)

    def see(self, relations: Iterable[Relation], catalog: Catalog, rules: Rules) -> None:
        """Pin the columns of these relations that entries cover by name now; what was seen before costs nothing.

        Args:
            catalog: knows their ancestors.
        """
        self._turn_to(rules)
        masked: Masked | None = None
        for relation in relations:
            if relation.is_temporary or self._seen.get(relation.oid) == relation.version:
                continue
            self._seen[relation.oid] = relation.version
            if relation.kind not in _STORED_KINDS or is_system_schema(relation.schema):
                continue
            masked = masked or Masked(_everything(rules), catalog)
            for column in relation.columns:
                for entry in masked.claims(relation, column.name):
                    self._add(Pin(self.database, relation.oid, column.attnum, entry.name))

    def forget_missing(self, catalog: Catalog) -> None:
        """Forget the pins of relations and columns that the whole catalog of the database does not have."""
        self._seen = {oid: version for oid, version in self._seen.items() if oid in catalog.relations}
        for pin in tuple(self):
            relation = catalog.relations.get(pin.relation)
            if relation is None or relation.column(pin.attnum) is None:
                entries = self._pins[pin.relation, pin.attnum]
                entries.discard(pin.entry)
                if not entries:
                    del self._pins[pin.relation, pin.attnum]
                self._gone.add(pin)
                self._unwritten.discard(pin)
                self._resolved = None

    def take_changes(self) -> tuple[set[Pin], set[Pin]]:
        """What the store does not have yet, and what it need not keep; `give_back` where it could not be written."""
        taken = self._unwritten, self._gone
        self._unwritten, self._gone = set(), set()
        return taken

    def give_back(self, unwritten: set[Pin], gone: set[Pin]) -> None:
        known = set(self)
        self._unwritten |= unwritten & known
        self._gone |= gone - known

    def _add(self, pin: Pin) -> None:
        entries = self._pins.setdefault((pin.relation, pin.attnum), set())
        if pin.entry not in entries:
            entries.add(pin.entry)
            self._unwritten.add(pin)
            self._gone.discard(pin)
            self._resolved = None

    def _turn_to(self, rules: Rules) -> None:
        if rules is not self._rules:
            self._rules, self._resolved = rules, None
            self._seen.clear()


def _everything(rules: Rules) -> Subject:
    """All entries, as they concern somebody to whom nothing is revealed."""
    enforced = tuple(entry for entry in rules.masks if entry.is_enforced)
    return Subject(rules, enforced, (), (), (), (), ())


def check_pins(pins: Iterable[Pin], rules: Rules, catalog: Catalog) -> list[Problem]:
    """Columns that are masked by pin alone: their rule names what they are not called any more."""
    problems = ProblemList()
    entries = {entry.name: entry for entry in rules.masks if entry.is_enforced}
    for pin in sorted(pins):
        entry, relation = entries.get(pin.entry), catalog.relations.get(pin.relation)
        column = None if relation is None else relation.column(pin.attnum)
        if entry is None or relation is None or column is None:
            continue
        if not any(_fits(entry, one, column) for one in (relation, *_ancestors(relation, catalog))):
            name = f"{relation.qualified_name}.{column.name}"
            problems.error(
                entry.at,
                f"{entry.name} covered what is now called {name}; it is still masked, but the rule does not name it",
                f"rename the rule's entry to {name}",
            )
    return list(problems)


def _ancestors(relation: Relation, catalog: Catalog) -> list[Relation]:
    found = (catalog.relations.get(oid) for oid in catalog.ancestors(relation.oid))
    return [one for one in found if one is not None]


def _fits(entry: MaskEntry, relation: Relation, column: Column) -> bool:
    return entry.columns.fits(relation.schema, relation.name, column.name)

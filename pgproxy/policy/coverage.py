"""Which stored columns rules decide about, and which nobody has thought of yet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pgproxy.catalog.model import Catalog, Relation
from pgproxy.policy.masked_columns import masked_columns, stored_relations
from pgproxy.policy.matching import Pins, column_named
from pgproxy.policy.rules import Rules

_PERSONAL = re.compile(
    r"(?:^|_)(?:(?:first|last|full|middle|maiden|sur|given|family|user)?_?name|e?_?mail|phone|mobile|fax|address|street|zip"
    r"|postal|postcode|city|birth|dob|born|age|gender|sex|ssn|tax|passport|licen[cs]e|iban|bic|card|cvv|account|salary"
    r"|wage|income|password|passwd|secret|token|ip|ip_address|mac|lat|lon|latitude|longitude|location|notes?|comment"
    r"|comments|message|diagnosis|religion|nationality|contact|contacts|profile)(?:_|$|\d)"
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of the columns of all tables outside the system schemas; of an inheritance tree those of the root."""

    columns: int
    undecided: tuple[str, ...]
    """"schema.table.column", those whose names sound personal first, then in alphabetical order."""
    likely_personal: int
    """How many of them come first."""

    @property
    def decided(self) -> int:
        return self.columns - len(self.undecided)

    def as_dict(self) -> dict[str, object]:
        return {
            "columns": self.columns,
            "decided": self.decided,
            "undecided": list(self.undecided),
            "likely_personal": list(self.undecided[: self.likely_personal]),
        }

    def __str__(self) -> str:
        names = self.undecided[: min(self.likely_personal, 5)]
        more = f"; undecided and likely personal: {', '.join(names)}" if names else ""
        dots = " …" if self.likely_personal > len(names) else ""
        return f"coverage: {self.decided} of {self.columns} columns are decided by a rule{more}{dots}"


def coverage(rules: Rules, catalog: Catalog, pins: Pins) -> Coverage:
    """A column is decided if a mask covers it or a `deny` names it in `columns`; one that only observes does not."""
    decided = {(one.relation.oid, one.column.name) for one in masked_columns(rules, catalog, pins)}
    denied = [pattern for rule in rules.denials if rule.is_enforced for pattern, _ in rule.conditions.columns]
    undecided: list[str] = []
    count = 0
    for relation in stored_relations(catalog):
        if relation.kind == "m":  # masked as what it was made from
            continue
        for name in _own_columns(relation, catalog):
            count += 1
            is_denied = any(pattern.fits(relation.schema, relation.name, name) for pattern in denied)
            if (relation.oid, name) not in decided and not is_denied:
                undecided.append(f"{relation.qualified_name}.{name}")
    undecided.sort(key=lambda name: (not sounds_personal(name.rpartition(".")[2]), name))
    personal = sum(sounds_personal(name.rpartition(".")[2]) for name in undecided)
    return Coverage(count, tuple(undecided), personal)


def sounds_personal(column: str) -> bool:
    return _PERSONAL.search(_HUMP.sub("_", column).lower()) is not None


def _own_columns(relation: Relation, catalog: Catalog) -> Iterator[str]:
    """Without those of its parents."""
    ancestors = [catalog.relations[oid] for oid in catalog.ancestors(relation.oid) if oid in catalog.relations]
    for column in relation.columns:
        if not any(column_named(parent, column.name) for parent in ancestors):
            yield column.name

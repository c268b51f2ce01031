"""The rules of all files as one frozen value: `policy.loading` makes it, `matching` and `decide` give it meaning."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pgproxy.config.problems import Position
from pgproxy.policy.masks import Mask
from pgproxy.policy.names import ColumnPattern, TablePattern

Derived = Literal["null", "deny", "pseudonym"]
Aggregates = Literal["mask", "allow"]
Predicates = Literal["deny", "equality", "allow"]
Opaque = Literal["deny", "hold"]

DERIVED: tuple[Derived, ...] = ("deny", "null", "pseudonym")
AGGREGATES: tuple[Aggregates, ...] = ("mask", "allow")
PREDICATES: tuple[Predicates, ...] = ("deny", "equality", "allow")
OPAQUE: tuple[Opaque, ...] = ("deny", "hold")
"""Each strictest first."""

_NOWHERE = Position("", 0, 0)


@dataclass(frozen=True, slots=True)
class Word:
    """A name in a rule, with its place."""

    text: str
    at: Position = field(default=_NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class MaskEntry:
    """One column pattern under `masks`."""

    columns: ColumnPattern
    mask: Mask
    predicates: Predicates | None = None
    """None: `Defaults.predicates`."""
    is_enforced: bool = True
    at: Position = field(default=_NOWHERE, compare=False)

    @property
    def name(self) -> str:
        return str(self.columns)


@dataclass(frozen=True, slots=True)
class Reveal:
    """Who sees raw values."""

    to: tuple[Word, ...]
    columns: tuple[tuple[ColumnPattern, Position], ...]
    name: str
    is_enforced: bool = True
    at: Position = field(default=_NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Conditions:
    """When a rule under `approvals` or `deny` applies: all of these that are given, each by any of its entries."""

    classes: frozenset[str] = frozenset()
    """Statement classes, "all"; empty: no condition."""
    tables: tuple[tuple[TablePattern, Position], ...] = ()
    columns: tuple[tuple[ColumnPattern, Position], ...] = ()
    identities: tuple[Word, ...] = ()
    without_where: bool = False
    estimated_rows_over: int | None = None
    touches_masked: bool = False

    @property
    def asks_analysis(self) -> bool:
        """The text of a statement does not say whether they hold."""
        return bool(self.columns) or self.touches_masked or self.estimated_rows_over is not None


@dataclass(frozen=True, slots=True)
class Denial:
    name: str
    conditions: Conditions
    is_enforced: bool = True
    at: Position = field(default=_NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Approval:
    name: str
    conditions: Conditions
    reviewers: tuple[Word, ...] = ()
    """Names or groups; empty: any reviewer."""
    quorum: int = 1
    expires_seconds: float = 900.0
    max_rows: int | None = None
    reveals_on_approval: bool = False
    is_enforced: bool = True
    at: Position = field(default=_NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Limit:
    """So much per rolling window; what is None is not limited."""

    name: str
    window_seconds: float
    then: Literal["hold", "deny"]
    identities: tuple[Word, ...] = ()
    rows: int | None = None
    bytes: int | None = None
    statements: int | None = None
    probes: int | None = None
    is_enforced: bool = True
    at: Position = field(default=_NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Defaults:
    derived: Derived = "null"
    aggregates: Aggregates = "mask"
    predicates: Predicates = "equality"
    opaque: Opaque = "deny"
    opaque_reviewers: tuple[Word, ...] = ()


Cells = tuple[tuple[str | int, str | None], ...]
"""Of one row: (name or 0-based place of the result column, its value as text); None: NULL."""


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One entry of `tests`: what a statement must come to."""

    identity: Word
    sql: str
    decision: Literal["allow", "deny", "hold"] | None = None
    rule: str = ""
    masks: tuple[tuple[str, Mask | None], ...] = ()
    """(result column, its mask); None: raw."""
    rows: tuple[Cells, ...] = ()
    """The result as it would be without masks."""
    returns: tuple[Cells, ...] = ()
    """What the identity must see of `rows`, one for each; columns that are not named may be anything."""
    at: Position = field(default=_NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Rules:
    """Compared and hashed by identity: one loading is one value, whatever is remembered of it is found at once."""

    version: str = "none"
    """A hash of the files' contents."""
    masks: tuple[MaskEntry, ...] = ()
    reveals: tuple[Reveal, ...] = ()
    approvals: tuple[Approval, ...] = ()
    denials: tuple[Denial, ...] = ()
    limits: tuple[Limit, ...] = ()
    defaults: Defaults = Defaults()
    tests: tuple[RuleTest, ...] = ()

    @property
    def conditional(self) -> tuple[Denial | Approval, ...]:
        return (*self.denials, *self.approvals)

    @property
    def names(self) -> frozenset[str]:
        """What `Reason.rule` may say of these rules."""
        named = {rule.name for rule in self.conditional} | {limit.name for limit in self.limits}
        return frozenset(named | {entry.name for entry in self.masks})

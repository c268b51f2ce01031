"""The answer to a statement: a frozen value with its reasons. `policy.decide` makes it; nothing here decides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from pgproxy.policy.comparisons import Comparison
from pgproxy.policy.holds import Hold, merged
from pgproxy.policy.masks import Mask
from pgproxy.policy.reasons import Reason as Reason
from pgproxy.policy.tokens import Token


class Action(Enum):
    ALLOW = "allow"
    DENY = "deny"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """One result column: what `explain` prints and what the mask plan is made from."""

    name: str
    type_oid: int
    lineage: tuple[str, ...] = ()
    """"schema.table.column", sorted; whole rows as "schema.table.*"."""
    mask: Mask | None = None
    """None: as it is."""
    origins: frozenset[tuple[int, int]] = frozenset()
    """(relation OID, attnum) of every masked or unmasked stored column behind it: the RowDescription tripwire."""


@dataclass(frozen=True, slots=True)
class Decision:
    action: Action
    reasons: tuple[Reason, ...] = ()
    columns: tuple[OutputColumn, ...] = ()
    tables: tuple[str, ...] = ()
    """"schema.table" of every relation read or written, sorted."""
    redacts_errors: bool = False
    """Error and notice texts of this statement, and of its transaction from here on, may carry a masked value."""
    comparisons: tuple[Comparison, ...] = ()
    """What the client compares masked columns with: each constant is a probe."""
    counted_rows: tuple[Comparison, ...] = ()
    """COPY FROM: the masked columns for which each row of its data is a probe."""
    tokens: tuple[Token, ...] = ()
    """Literals and parameters that are turned back into real values before they go upstream."""
    shown_tokens: tuple[Comparison, ...] = ()
    """What `tokens` are compared with where they are not turned back: each is a probe then."""
    is_only_opaque: bool = False
    """Not allowed, and nothing is against it but that it cannot be analysed; it reaches no masked column that is known.
    The clean login of role_split may run it (`decide_elsewhere`)."""
    holds: tuple[Hold, ...] = ()
    """HOLD: what the rules that hold it ask of an approval."""
    asks_estimate: bool = False
    """Made without the planner's estimate, which a rule asks for: with it the answer may be milder."""
    observed: tuple[Reason, ...] = ()
    """What rules with `enforce: observe` would have done."""

    def also_held(self, other: Decision | None) -> Decision:
        """With what is against another part of the same execution: the strictest answer counts."""
        if other is None or other.action is Action.ALLOW:
            return self
        strictest = next(action for action in (Action.DENY, Action.HOLD) if action in (self.action, other.action))
        return replace(
            self,
            action=strictest,
            reasons=tuple(dict.fromkeys((*other.reasons, *self.reasons))),
            holds=merged(other.holds, self.holds),
            asks_estimate=self.asks_estimate or other.asks_estimate,
        )

    @property
    def masks_anything(self) -> bool:
        return any(column.mask is not None for column in self.columns)

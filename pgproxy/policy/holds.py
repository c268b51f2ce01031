"""What holds a statement until a reviewer decides: a rule under `approvals`, `opaque: hold`, a limit with `then: hold`.

A statement may be held for several of them at once; an approval has to meet what each asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pgproxy.policy.rules import Approval, Defaults, Limit

OPAQUE_RULE = "defaults.opaque"
DEFAULT_EXPIRES_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Hold:
    """What one rule asks of an approval."""

    rule: str
    reviewers: tuple[str, ...] = ()
    """Names or groups; empty: any reviewer."""
    quorum: int = 1
    expires_seconds: float = DEFAULT_EXPIRES_SECONDS
    max_rows: int | None = None
    reveals: bool = False
    """The approved statement comes back unmasked."""

    @classmethod
    def of_rule(cls, rule: Approval) -> Hold:
        reviewers = tuple(word.text for word in rule.reviewers)
        return cls(
            rule.name, reviewers, rule.quorum, rule.expires_seconds, rule.max_rows, reveals=rule.reveals_on_approval
        )

    @classmethod
    def of_opaque(cls, defaults: Defaults) -> Hold:
        return cls(OPAQUE_RULE, tuple(word.text for word in defaults.opaque_reviewers))

    @classmethod
    def of_limit(cls, limit: Limit) -> Hold:
        return cls(limit.name)


def most_rows(holds: Iterable[Hold]) -> int | None:
    """The smallest cap; None: no rule has one."""
    return min((hold.max_rows for hold in holds if hold.max_rows is not None), default=None)


def reveals(holds: Iterable[Hold]) -> bool:
    """Whether masks are lifted: every rule that holds it has to say so."""
    found = [hold.reveals for hold in holds]
    return bool(found) and all(found)


def merged(*groups: Iterable[Hold]) -> tuple[Hold, ...]:
    """Each once, in order."""
    return tuple(dict.fromkeys(hold for group in groups for hold in group))

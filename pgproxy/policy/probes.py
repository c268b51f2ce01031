"""Counting the constants that an identity compares with masked columns, and the line at which that ends.

A probe is one distinct constant, compared with or written into one masked column. What is remembered of it is a keyed
digest and when it was last used; the caller makes the digests and says what time it is. One ledger counts for all
connections of a proxy; its entries are facts that several proxies may add to the same store.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Final, NamedTuple

from pgproxy.errors import ApprovalRequired, LimitReached, ProxyError
from pgproxy.login.identity import Identity
from pgproxy.policy.rules import Limit

BUILT_IN: Final = Limit("builtin.probes", 86_400.0, "deny", probes=1_000)
"""For each identity and column, where no limit for probes concerns the identity."""
_WINDOWS: Final = {60.0: "minute", 3_600.0: "hour", 86_400.0: "day"}


class Probe(NamedTuple):
    column: str
    """"schema.table.column", of an inheritance tree its root's."""
    digest: bytes
    """Keyed, of column and constant."""
    is_limited_by_default: bool = True
    """False under `predicates: allow`, where a range says more than any number of constants: only rules count it."""


class Spent(NamedTuple):
    """A probe as it is counted for one limit; one row of the store."""

    identity: str
    scope: str
    """The limit's name; of the built-in one with the column."""
    digest: bytes
    at: float
    """Last use, in seconds since 1970."""


@dataclass(slots=True)
class _Window:
    """What one identity spent of one limit, in order of last use; never more entries than the limit allows."""

    used: dict[bytes, float] = field(default_factory=dict)

    def roll(self, since: float) -> None:
        for digest, at in tuple(self.used.items()):
            if at > since:
                break
            del self.used[digest]

    def use(self, digest: bytes, now: float) -> None:
        self.used.pop(digest, None)
        self.used[digest] = now

    def frees_at(self, count: int, seconds: float) -> float:
        """When that many of the oldest entries have left the window."""
        return list(self.used.values())[count - 1] + seconds


@dataclass(frozen=True, slots=True)
class _Account:
    """One limit with the probes that it counts."""

    limit: Limit
    scope: str
    columns: tuple[str, ...]
    digests: frozenset[bytes]


class ProbeLedger:
    def __init__(self, spent: Iterable[Spent] = ()) -> None:
        """
        Args:
            spent: what earlier processes counted, oldest first.
        """
        self._windows: dict[tuple[str, str], _Window] = {}
        self._unwritten: dict[tuple[str, str, bytes], float] = {}
        for one in spent:
            self._windows.setdefault((one.identity, one.scope), _Window()).use(one.digest, one.at)
        self._numbers = count()

    def number(self) -> int:
        """Another one each time: with the time it tells a value that nobody sees from all others."""
        return next(self._numbers)

    def charge(
        self, identity: Identity, limits: Sequence[Limit], probes: Collection[Probe], now: float
    ) -> tuple[str, ...]:
        """Count the probes of a statement that is about to run, or refuse it and count none.

        Args:
            limits: those that concern the identity.
            now: seconds since 1970.

        Returns:
            Names of limits that only observe and would have refused.

        Raises:
            LimitReached (53400), ApprovalRequired (42501).
        """
        who = f"{identity.source}:{identity.name}"
        refusals: list[ProxyError] = []
        observed: list[str] = []
        accounts = _accounts(limits, probes)
        for account in accounts:
            window = self._windows.setdefault((who, account.scope), _Window())
            window.roll(now - account.limit.window_seconds)
            fresh = sum(digest not in window.used for digest in account.digests)
            if fresh and len(window.used) + fresh > (account.limit.probes or 0):
                if account.limit.is_enforced:
                    refusals.append(_refusal(account, window, fresh, now))
                else:
                    observed.append(account.limit.name)
        if refusals:
            raise next((one for one in refusals if isinstance(one, LimitReached)), refusals[0])
        for account in accounts:
            if account.limit.name in observed:
                continue
            window = self._windows[who, account.scope]
            for digest in account.digests:
                window.use(digest, now)
                self._unwritten[who, account.scope, digest] = now
        return tuple(observed)

    def take_unwritten(self) -> list[Spent]:
        """What the store does not have yet; `give_back` where it could not be written."""
        taken, self._unwritten = self._unwritten, {}
        return [Spent(*key, at) for key, at in taken.items()]

    def give_back(self, spent: Iterable[Spent]) -> None:
        for one in spent:
            self._unwritten.setdefault((one.identity, one.scope, one.digest), one.at)


def _accounts(limits: Sequence[Limit], probes: Collection[Probe]) -> list[_Account]:
    counting = [limit for limit in limits if limit.probes is not None]
    every = frozenset(probe.digest for probe in probes)
    columns = tuple(sorted({probe.column for probe in probes}))
    accounts = [_Account(limit, limit.name, columns, every) for limit in counting]
    if not any(limit.is_enforced for limit in counting):
        by_column: dict[str, set[bytes]] = {}
        for probe in probes:
            if probe.is_limited_by_default:
                by_column.setdefault(probe.column, set()).add(probe.digest)
        accounts += [
            _Account(BUILT_IN, f"{BUILT_IN.name}:{column}", (column,), frozenset(digests))
            for column, digests in sorted(by_column.items())
        ]
    return accounts


def _refusal(account: _Account, window: _Window, fresh: int, now: float) -> ProxyError:
    limit, allowed = account.limit, account.limit.probes or 0
    span = _WINDOWS.get(limit.window_seconds, f"{limit.window_seconds:g} seconds")
    used = len(window.used)
    where = ", ".join(account.columns)
    detail = (
        f"rule {limit.name}: {used} of {allowed} distinct constants per {span} were compared with masked columns, "
        f"this statement has {fresh} new ones for {where}"
    )
    if fresh > allowed:
        hint = f"Compare it with fewer constants: {allowed} per {span} at most."
    else:
        at = window.frees_at(used + fresh - allowed, limit.window_seconds)
        moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        hint = f"There is room for it at {moment}, in {max(1, round(at - now))} s."
    if limit.then == "hold":
        return ApprovalRequired(f"approval required: limit {limit.name} is used up", detail=detail, hint=hint)
    return LimitReached(f"limit {limit.name} is used up", detail=detail, hint=hint)

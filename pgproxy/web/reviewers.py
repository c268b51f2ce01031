"""Who a token belongs to, and how often an address may be wrong. Sessions are in `sessions`."""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict, deque
from collections.abc import Mapping

from pgproxy.approvals.model import Person
from pgproxy.config.settings import Reviewer


def reviewer_of(token: str, reviewers: Mapping[str, Reviewer]) -> Person | None:
    """Compares with every reviewer's, in the same time whichever it is and however much of it is right."""
    given = _digest(token)
    found: Person | None = None
    for one in reviewers.values():
        if one.token and hmac.compare_digest(given, _digest(one.token)):
            found = Person(one.name, one.groups)
    return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class Failures:
    """Wrong tokens by address.

    Args:
        most: in a period.
    """

    ADDRESSES = 10_000
    """Remembered; beyond that the one that failed longest ago is forgotten."""

    def __init__(self, most: int, period_seconds: float = 60.0) -> None:
        self._most = most
        self._period = period_seconds
        self._at: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_seconds(self, address: str, now: float) -> float:
        """How long this address has to wait; 0: it may try."""
        failed = self._at.get(address)
        if failed is None or len(failed) < self._most:
            return 0.0
        return max(0.0, failed[0] + self._period - now)

    def add(self, address: str, now: float) -> None:
        self._at.setdefault(address, deque(maxlen=self._most)).append(now)
        self._at.move_to_end(address)
        while len(self._at) > self.ADDRESSES:
            self._at.popitem(last=False)

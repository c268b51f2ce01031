"""What the HTTP side needs of the place where approvals are decided. No HTTP here."""

from __future__ import annotations

from typing import Protocol

from pgproxy.approvals.model import Approval, ApprovalId, Event, Person
from pgproxy.storage.approvals import ApprovalStore
from pgproxy.storage.store import StoreUnavailable


class Desk(Protocol):
    @property
    def store(self) -> ApprovalStore | None:
        """For reading; None: not open yet."""

    async def decide(self, approval_id: ApprovalId, person: Person | None, event: Event) -> Approval:
        """Count a decision.

        Args:
            person: None: whoever held an unnamed link.

        Raises:
            CannotDecide, StoreUnavailable.
        """
        raise NotImplementedError


def opened(desk: Desk) -> ApprovalStore:
    """Raises StoreUnavailable."""
    if desk.store is None:
        raise StoreUnavailable("store: not open")
    return desk.store

"""A notification that nobody took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pgproxy.approvals.documents import moment
from pgproxy.approvals.model import ApprovalId


@dataclass(frozen=True, slots=True)
class Undelivered:
    message: str
    """Its `webhook-id`."""
    at: float
    """When it was given up; seconds since 1970."""
    entry: str
    """Kind and place in `notify`, e.g. "webhook 1"; never an address."""
    type: str
    approval: ApprovalId
    attempts: int
    problem: str


def undelivered_document(one: Undelivered) -> dict[str, Any]:
    return {
        "id": one.message,
        "at": moment(one.at),
        "entry": one.entry,
        "type": one.type,
        "approval": one.approval,
        "attempts": one.attempts,
        "problem": one.problem,
    }

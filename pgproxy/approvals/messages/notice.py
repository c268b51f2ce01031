"""What one receiver is told of an approval, whatever form its message takes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from pgproxy.approvals.links import Link, Links
from pgproxy.approvals.model import Approval, Decision, Event, Kind, Status
from pgproxy.config.settings import Notify
from pgproxy.errors import ProxyError
from pgproxy.statements.literals import with_placeholders

WITHHELD: Final = "-- not shown: its values cannot be told from its text"


class NoticeType(StrEnum):
    REQUESTED = "approval.requested"
    RESOLVED = "approval.resolved"


@dataclass(frozen=True, slots=True)
class Notice:
    type: NoticeType
    approval: Approval
    at: float
    """Seconds since 1970: when it happened."""
    statement: str
    """As this receiver may see it."""
    review_url: str
    """Carries a token: for the receiver alone."""


def notice(kind: NoticeType, approval: Approval, entry: Notify, links: Links, site: str) -> Notice:
    """
    Args:
        site: where reviewers reach the pages, without a slash at its end.
    """
    return Notice(
        kind,
        approval,
        approval.asked.requested_at if kind is NoticeType.REQUESTED else _resolved_at(approval),
        shown_statement(approval.asked.statement, entry),
        review_url(approval, entry, links, site),
    )


def shown_statement(statement: str, entry: Notify) -> str:
    if entry.shows_values:
        return statement
    try:
        return with_placeholders(statement)
    except ProxyError:
        return WITHHELD


def review_url(approval: Approval, entry: Notify, links: Links, site: str) -> str:
    token = links.token(Link(approval.id, entry.reviewer, approval.asked.expires_at))
    return f"{site}/approvals/{quote(approval.id, safe='')}?token={quote(token, safe='')}"


def settling_vote(approval: Approval) -> Event | None:
    """The vote that approved or denied it."""
    if approval.status in (Status.EXPIRED, Status.CANCELLED, Status.PENDING):
        return None
    return next(iter(reversed(approval.votes)), None)


def outcome_words(approval: Approval) -> str:
    """`denied by ada`, `expired`: one line, for people; names are written as they are."""
    vote = settling_vote(approval)
    if vote is None:
        return str(approval.status)
    if vote.decision is Decision.DENY:
        return f"denied by {vote.reviewer or 'whoever held the link'}"
    names = [one.reviewer or "whoever held the link" for one in approval.votes if one.decision is Decision.APPROVE]
    return "approved by " + ", ".join(names)


def _resolved_at(approval: Approval) -> float:
    """Of an approval: of the vote that was needed; of anything else, of its end."""
    if approval.approved_at is not None:
        return approval.approved_at
    ends = (Kind.DENIED, Kind.EXPIRED, Kind.CANCELLED)
    found = next((one.at for one in approval.events if one.kind in ends), None)
    return approval.asked.requested_at if found is None else found

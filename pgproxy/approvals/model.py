"""An approval is a request and an append-only list of events; everything else is read from these.

requested ─▶ voted … ─▶ approved ─▶ released ─▶ executed | failed
          └▶ denied | expired | cancelled        (released is durable before anything runs)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from pgproxy.policy.holds import Hold

ApprovalId = str


class Status(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    EXECUTED = "executed"
    FAILED = "failed"


class Kind(StrEnum):
    """What happened."""

    VOTED = "voted"
    """A reviewer approved or denied."""
    APPROVED = "approved"
    """The last vote that was needed came."""
    DENIED = "denied"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    RELEASED = "released"
    """It may be executed now, once."""
    EXECUTED = "executed"
    FAILED = "failed"


_STATUS = {
    Kind.APPROVED: Status.APPROVED,
    Kind.DENIED: Status.DENIED,
    Kind.EXPIRED: Status.EXPIRED,
    Kind.CANCELLED: Status.CANCELLED,
    Kind.RELEASED: Status.APPROVED,
    Kind.EXECUTED: Status.EXECUTED,
    Kind.FAILED: Status.FAILED,
}

FINAL = frozenset((Status.DENIED, Status.EXPIRED, Status.CANCELLED, Status.EXECUTED, Status.FAILED))


class Decision(StrEnum):
    APPROVE = "approve"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Event:
    kind: Kind
    at: float
    """Seconds since 1970."""
    reviewer: str = ""
    """VOTED: a reviewer's name; "" with `is_link`: whoever held an unnamed link."""
    decision: Decision | None = None
    comment: str = ""
    counts_for: tuple[str, ...] = ()
    """VOTED: the rules that this reviewer may decide for."""
    via: str = ""
    """VOTED: api, page, link, slack, webhook, cli."""
    by: str = ""
    """VOTED by the command line: the operating system's user."""
    rows: int | None = None
    """EXECUTED, FAILED: delivered or changed."""
    text: str = ""
    """CANCELLED, FAILED, EXECUTED: why, or what went wrong; never a value."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The request as it is kept."""

    id: ApprovalId
    identity: str
    source: str
    """How the identity was proven: file, role, jwt."""
    groups: tuple[str, ...]
    owner: str
    database: str
    statement: str
    statement_class: str
    parameters: tuple[str | None, ...]
    holds: tuple[Hold, ...]
    reason: str
    tables: tuple[str, ...]
    columns: tuple[str, ...]
    masked_columns: tuple[str, ...]
    estimated_rows: float | None
    binding: str
    objects: str
    is_opaque: bool
    in_transaction: bool
    is_ticket: bool
    """Nobody waits: an approval leaves a grant."""
    process_id: int
    requested_at: float
    expires_at: float
    instance: str
    """The proxy process that holds it."""

    @property
    def expires_seconds(self) -> float:
        return min(hold.expires_seconds for hold in self.holds)

    @property
    def rule(self) -> str:
        return ", ".join(hold.rule for hold in self.holds)


@dataclass(frozen=True, slots=True)
class Approval:
    asked: Asked
    events: tuple[Event, ...] = ()

    @property
    def id(self) -> ApprovalId:
        return self.asked.id

    @property
    def status(self) -> Status:
        return next((_STATUS[one.kind] for one in reversed(self.events) if one.kind in _STATUS), Status.PENDING)

    @property
    def is_released(self) -> bool:
        return any(one.kind is Kind.RELEASED for one in self.events)

    @property
    def votes(self) -> tuple[Event, ...]:
        return tuple(one for one in self.events if one.kind is Kind.VOTED)

    @property
    def finished(self) -> Event | None:
        """What made it final."""
        return next((one for one in self.events if _STATUS.get(one.kind) in FINAL), None)

    @property
    def approved_at(self) -> float | None:
        return next((one.at for one in self.events if one.kind is Kind.APPROVED), None)

    @property
    def usable_until(self) -> float:
        """Until when it may be decided; of a grant, until when it may be used: its time counts from the approval."""
        at = self.approved_at
        return self.asked.expires_at if at is None else at + self.asked.expires_seconds

    def with_events(self, *events: Event) -> Approval:
        return replace(self, events=(*self.events, *events))


@dataclass(frozen=True, slots=True)
class Person:
    """A reviewer of the configuration."""

    name: str
    groups: tuple[str, ...] = field(default=())


UNNAMED = ""
"""All unnamed links together are one voter."""


class CannotDecide(Exception):
    """Why a decision does not count; `status` is HTTP's."""

    status = 400


class NotAllowed(CannotDecide):
    """No reviewer of it, or one's own request."""

    status = 403


class Unknown(CannotDecide):
    status = 404


class Resolved(CannotDecide):
    status = 409


class Expired(CannotDecide):
    status = 410


def decided(approval: Approval, person: Person | None, vote: Event) -> Sequence[Event]:
    """What follows from a vote: the vote, and what it settles. Nothing where this reviewer voted so before.

    Args:
        person: None: whoever holds an unnamed link.
        vote: with its decision, comment and time.

    Raises:
        CannotDecide.
    """
    asked = approval.asked
    check_open(approval, vote.at)
    check_may_decide(asked, person)
    name = UNNAMED if person is None else person.name
    assert vote.decision is not None
    if vote.via == "link" and any(one.via == "link" and one.reviewer == name for one in approval.votes):
        raise Resolved("this link has decided already")
    counts_for = tuple(hold.rule for hold in asked.holds if _may_decide(hold, person))
    vote = replace(vote, kind=Kind.VOTED, reviewer=name, counts_for=counts_for)
    if vote.decision is Decision.DENY:
        return (vote, Event(Kind.DENIED, vote.at, name, comment=vote.comment))
    if any(one.reviewer == name for one in approval.votes):
        return ()
    so_far = approval.with_events(vote)
    if all(_is_met(hold, so_far) for hold in asked.holds):
        return (vote, Event(Kind.APPROVED, vote.at))
    return (vote,)


def check_open(approval: Approval, now: float) -> None:
    """Raises Resolved, Expired."""
    status = approval.status
    if status is Status.EXPIRED or (status is Status.PENDING and now >= approval.asked.expires_at):
        raise Expired("the approval has expired")
    if status is not Status.PENDING:
        raise Resolved(f"the approval is already {status}")


def check_may_decide(asked: Asked, person: Person | None) -> None:
    """Raises NotAllowed."""
    if person is None:
        if asked.owner or any(hold.reviewers or hold.quorum > 1 for hold in asked.holds):
            raise NotAllowed("this approval needs a named reviewer: log in")
        return
    if person.name == asked.identity:
        raise NotAllowed("nobody decides on a request of their own")
    if asked.owner and person.name == asked.owner:
        raise NotAllowed(f"{person.name} owns {asked.identity}, and owners do not decide for what they own")
    if not any(_may_decide(hold, person) for hold in asked.holds):
        raise NotAllowed(f"{person.name} is no reviewer of rule {asked.rule}")


def _may_decide(hold: Hold, person: Person | None) -> bool:
    if not hold.reviewers:
        return True
    return person is not None and not {person.name, *person.groups}.isdisjoint(hold.reviewers)


def _is_met(hold: Hold, approval: Approval) -> bool:
    """Whether this rule has the votes that it asks for."""
    approvers = {
        one.reviewer for one in approval.votes if one.decision is Decision.APPROVE and hold.rule in one.counts_for
    }
    return len(approvers) >= hold.quorum

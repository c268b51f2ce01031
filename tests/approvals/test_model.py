"""Who may decide, what a vote settles, and that nothing is lost on the way through the store's JSON."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgproxy.approvals.documents import (
    asked_from_json,
    asked_to_json,
    document,
    event_from_json,
    event_to_json,
)
from pgproxy.approvals.model import (
    Approval,
    CannotDecide,
    Decision,
    Event,
    Expired,
    Kind,
    NotAllowed,
    Person,
    Resolved,
    Status,
    decided,
)
from pgproxy.policy.holds import Hold
from tests.approvals.requests import EXPORT, approval

ADA = Person("ada", ("security",))
BOB = Person("bob", ("security",))
OUT = Person("out", ("sales",))
OPEN = Hold("open")
TWO = Hold("two", ("security",), quorum=2)
BOTH = Hold("both", ("legal",))


def vote(decision: Decision = Decision.APPROVE, at: float = 1.0) -> Event:
    return Event(Kind.VOTED, at, decision=decision, comment="because")


def after(found: Approval, *people: Person | None, decision: Decision = Decision.APPROVE) -> Approval:
    for person in people:
        found = found.with_events(*decided(found, person, vote(decision)))
    return found


@pytest.mark.parametrize(
    ("holds", "people", "status"),
    [
        ((EXPORT,), (ADA,), Status.APPROVED),
        ((TWO,), (ADA,), Status.PENDING),
        ((TWO,), (ADA, ADA), Status.PENDING),
        ((TWO,), (ADA, BOB), Status.APPROVED),
        ((OPEN,), (OUT,), Status.APPROVED),
        ((EXPORT, BOTH), (ADA,), Status.PENDING),
        ((EXPORT, BOTH), (ADA, Person("law", ("legal",))), Status.APPROVED),
        ((EXPORT, BOTH), (Person("all", ("legal", "security")),), Status.APPROVED),
        ((Hold("named", ("ada",)),), (ADA,), Status.APPROVED),
    ],
)
def test_votes(holds: tuple[Hold, ...], people: tuple[Person, ...], status: Status) -> None:
    assert after(approval(*holds), *people).status is status


@pytest.mark.parametrize("holds", [(EXPORT,), (TWO,), (EXPORT, BOTH)])
def test_one_denial_denies(holds: tuple[Hold, ...]) -> None:
    assert after(approval(*holds), ADA, decision=Decision.DENY).status is Status.DENIED


@pytest.mark.parametrize(
    ("person", "holds", "owner"),
    [
        (Person("agent", ("security",)), (EXPORT,), ""),
        (Person("lead", ("security",)), (EXPORT,), "lead"),
        (Person("agent"), (OPEN,), ""),
        (OUT, (EXPORT,), ""),
        (None, (EXPORT,), ""),
        (None, (OPEN,), "lead"),
        (None, (Hold("q", quorum=2),), ""),
    ],
)
def test_nobody_decides_who_may_not(person: Person | None, holds: tuple[Hold, ...], owner: str) -> None:
    for decision in Decision:
        with pytest.raises(NotAllowed):
            decided(approval(*holds, owner=owner), person, vote(decision))


def test_an_unnamed_link_decides_where_anybody_may() -> None:
    assert after(approval(OPEN, owner=""), None).status is Status.APPROVED


def test_nothing_is_decided_twice_or_late() -> None:
    for settled in (after(approval(), ADA), after(approval(), ADA, decision=Decision.DENY)):
        with pytest.raises(Resolved):
            decided(settled, BOB, vote())
    with pytest.raises(Expired):
        decided(approval(expires_at=10.0), ADA, vote(at=10.0))
    with pytest.raises(Expired):
        decided(approval().with_events(Event(Kind.EXPIRED, 900.0)), ADA, vote(at=901.0))


def test_a_grant_counts_from_the_approval() -> None:
    found = approval(Hold("open", expires_seconds=60.0), owner="", expires_at=60.0)
    found = found.with_events(*decided(found, None, vote(at=50.0)))
    assert found.usable_until == 110.0


kinds = st.sampled_from([Kind.VOTED, Kind.APPROVED, Kind.DENIED, Kind.RELEASED, Kind.EXECUTED, Kind.FAILED])
events = st.builds(
    Event,
    kind=kinds,
    at=st.floats(0, 1e10),
    reviewer=st.text(max_size=10),
    decision=st.one_of(st.none(), st.sampled_from(list(Decision))),
    comment=st.text(max_size=20),
    counts_for=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    via=st.text(max_size=5),
    rows=st.one_of(st.none(), st.integers(0, 1 << 62)),
    text=st.text(max_size=20),
)


@given(st.lists(events, max_size=6))
def test_the_store_loses_nothing(found: list[Event]) -> None:
    assert [event_from_json(event_to_json(one)) for one in found] == found
    kept = approval(EXPORT, TWO)
    assert asked_from_json(asked_to_json(kept.asked)) == kept.asked


@given(st.lists(st.tuples(st.sampled_from([ADA, BOB, OUT, None]), st.sampled_from(list(Decision))), max_size=8))
def test_an_approval_needs_its_quorum(votes: list[tuple[Person | None, Decision]]) -> None:
    """Whatever people try: approved only with two different reviewers of the group and no denial by one of them."""
    found = approval(TWO)
    for person, decision in votes:
        try:
            found = found.with_events(*decided(found, person, vote(decision)))
        except CannotDecide:
            continue
    approvers = {one.reviewer for one in found.votes if one.decision is Decision.APPROVE}
    assert (found.status is Status.APPROVED) == (approvers == {"ada", "bob"})


def test_the_document() -> None:
    found = after(approval(), ADA).with_events(Event(Kind.RELEASED, 2.0), Event(Kind.EXECUTED, 3.0, rows=7, text="cut"))
    shown = document(found)
    assert shown["status"] == "executed"
    assert shown["rows"] == 7
    assert shown["estimated_rows"] == 50
    assert shown["parameters"] == ["x", None]
    assert shown["finished_at"] == "1970-01-01T00:00:03.000Z"
    assert shown["decisions"] == [
        {"reviewer": "ada", "decision": "approve", "comment": "because", "at": "1970-01-01T00:00:01.000Z"}
    ]
    assert not {"token", "review_url", "binding"} & shown.keys()

"""Who a token belongs to, and how many wrong ones an address may try."""

from __future__ import annotations

from pgproxy.approvals.model import Person
from pgproxy.config.settings import Reviewer
from pgproxy.web.reviewers import Failures, reviewer_of

REVIEWERS = {
    "ada": Reviewer("ada", "token-a", ("security",)),
    "bob": Reviewer("bob", "token-b"),
    "none": Reviewer("none"),
    "empty": Reviewer("empty", ""),
}


def test_a_token_names_its_reviewer() -> None:
    assert reviewer_of("token-a", REVIEWERS) == Person("ada", ("security",))
    assert reviewer_of("token-b", REVIEWERS) == Person("bob", ())


def test_nothing_else_names_one() -> None:
    for token in ("", "token-", "token-ax", "None", "TOKEN-A", "token-\xe4", "token-\ud800"):
        assert reviewer_of(token, REVIEWERS) is None


def test_an_address_waits_after_its_failures() -> None:
    failures = Failures(3)
    for at in (0.0, 1.0, 2.0):
        assert failures.wait_seconds("a", at) == 0
        failures.add("a", at)
    assert failures.wait_seconds("a", 3.0) == 57.0
    assert failures.wait_seconds("b", 3.0) == 0
    assert failures.wait_seconds("a", 60.0) == 0
    failures.add("a", 60.0)
    assert failures.wait_seconds("a", 60.5) == 0.5  # the one at 1.0 still counts


def test_what_is_remembered_is_bounded() -> None:
    failures = Failures(1)
    for number in range(Failures.ADDRESSES + 1):
        failures.add(str(number), 0.0)
    assert failures.wait_seconds("0", 1.0) == 0
    assert failures.wait_seconds("1", 1.0) > 0

"""What a receiver may see of a statement, and how an end is put into words."""

from __future__ import annotations

import pytest

from pgproxy.approvals.messages.notice import WITHHELD, outcome_words, shown_statement
from pgproxy.approvals.model import Decision, Event, Kind
from pgproxy.config.settings import Notify
from tests.approvals.requests import approval

WITHOUT_VALUES = Notify("webhook", "https://hooks.example/x", "secret", shows_values=False)


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("DELETE FROM users WHERE name = 'Ada'", "DELETE FROM users WHERE name = ?"),
        ("SELECT 1, -2.5e3, 0x1F, b'01', X'ff'", "SELECT ?, -?, ?, ?, ?"),
        ("SELECT E'a\\'b', $$x$$, $q$ 'y' $q$, N'z'", "SELECT ?, ?, ?, N?"),
        ("SELECT U&'d!0061t' UESCAPE '!' FROM t", None),
        ("SELECT 'a'\n'Ada' FROM t", None),
        ("UPDATE \"Ünï\" SET x = 'Ada' WHERE y = $1", 'UPDATE "Ünï" SET x = ? WHERE y = $1'),
        ("DO $$ BEGIN DELETE FROM users WHERE name = 'Ada'; END $$", "DO ?"),
        ("SELECT 1 -- for Ada", None),
        ("SELECT/* Ada */a", "SELECT a"),
        ("SELECT 'Ada", WITHHELD),
        ("SELECT '\ud800Ada'", WITHHELD),
    ],
)
def test_values_are_not_shown(statement: str, shown: str | None) -> None:
    found = shown_statement(statement, WITHOUT_VALUES)
    assert "Ada" not in found and "0061" not in found
    assert shown is None or found == shown


def test_values_are_shown_by_default() -> None:
    assert shown_statement("SELECT 'Ada", Notify("teams", "https://t.example")) == "SELECT 'Ada"


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([Event(Kind.EXPIRED, 1.0)], "expired"),
        ([Event(Kind.VOTED, 1.0, "ada", Decision.APPROVE), Event(Kind.CANCELLED, 1.0)], "cancelled"),
        ([Event(Kind.VOTED, 1.0, "ada", Decision.DENY), Event(Kind.DENIED, 1.0, "ada")], "denied by ada"),
        (
            [
                Event(Kind.VOTED, 1.0, "ada", Decision.APPROVE),
                Event(Kind.VOTED, 2.0, "", Decision.APPROVE),
                Event(Kind.APPROVED, 2.0),
            ],
            "approved by ada, whoever held the link",
        ),
    ],
)
def test_words_for_an_end(events: list[Event], words: str) -> None:
    assert outcome_words(approval().with_events(*events)) == words

"""A login's value: signed, for one reviewer and one token, until it ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pgproxy.approvals.model import Person
from pgproxy.config.settings import Reviewer
from pgproxy.web.sessions import SESSION_SECONDS, Sessions

ADA, BOB = Reviewer("ada", "token-a", ("security",)), Reviewer("bob", "token-b")
SESSIONS = Sessions(bytes(32), {"ada": ADA, "bob": BOB})
VALUE = SESSIONS.begin(Person("ada", ("security",)), 100.0)


def test_a_value_is_a_login_until_it_ends() -> None:
    session = SESSIONS.read(VALUE, 100.0)
    assert session is not None and session.person == Person("ada", ("security",))
    assert "token-a" not in VALUE
    assert SESSIONS.read(VALUE, 100.0 + SESSION_SECONDS - 1) is not None
    assert SESSIONS.read(VALUE, 100.0 + SESSION_SECONDS) is None


def test_it_ends_with_the_token_the_reviewer_or_the_key() -> None:
    assert Sessions(bytes(32), {"ada": Reviewer("ada", "new"), "bob": BOB}).read(VALUE, 100.0) is None
    assert Sessions(bytes(32), {"bob": BOB}).read(VALUE, 100.0) is None
    assert Sessions(b"1" * 32, {"ada": ADA}).read(VALUE, 100.0) is None
    moved = Sessions(bytes(32), {"ada": Reviewer("ada", "token-a", ("others",))}).read(VALUE, 100.0)
    assert moved is not None and moved.person.groups == ("others",)


def test_a_logout_ends_one_login() -> None:
    sessions = Sessions(bytes(32), {"ada": ADA})
    one, other = (sessions.begin(Person("ada"), 0.0) for _ in range(2))
    session = sessions.read(one, 1.0)
    assert session is not None
    sessions.end(session, 1.0)
    assert sessions.read(one, 1.0) is None
    assert sessions.read(other, 1.0) is not None


def test_forms_belong_to_one_login() -> None:
    tokens = set()
    for _ in range(2):
        session = SESSIONS.read(SESSIONS.begin(Person("ada"), 0.0), 1.0)
        assert session is not None
        tokens.add(session.form_token)
    assert len(tokens) == 2 and not any(token in VALUE for token in tokens)


@given(st.integers(0, len(VALUE) - 1), st.sampled_from("ABCxyz019-_.="))
def test_a_changed_value_is_no_login(at: int, letter: str) -> None:
    changed = VALUE[:at] + letter + VALUE[at + 1 :]
    assert changed == VALUE or SESSIONS.read(changed, 100.0) is None


@given(st.text(max_size=80))
def test_no_text_is_a_login(text: str) -> None:
    assert SESSIONS.read(text, 100.0) is None

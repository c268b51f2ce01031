"""Tokens of links: for one approval, one reviewer, one time."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from pgproxy.approvals.links import Link, Links

LINKS = Links(bytes(32))
LINK = Link("apr_1", "ada", 100.0)
TOKEN = LINKS.token(LINK)


def test_a_token_is_for_one_approval_until_it_ends() -> None:
    assert LINKS.read(TOKEN, "apr_1", 99.9) == LINK
    assert LINKS.read(TOKEN, "apr_2", 99.9) is None
    assert LINKS.read(TOKEN, "apr_1", 100.0) is None
    assert Links(b"1" * 32).read(TOKEN, "apr_1", 1.0) is None


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("ABCxyz019-_.="))
def test_a_changed_token_is_none(at: int, letter: str) -> None:
    changed = TOKEN[:at] + letter + TOKEN[at + 1 :]
    assert changed == TOKEN or LINKS.read(changed, "apr_1", 1.0) is None


@given(st.text(max_size=80))
def test_no_text_is_a_token(text: str) -> None:
    assert LINKS.read(text, "apr_1", 1.0) is None


def test_what_no_json_reader_survives_is_none() -> None:
    for content in (b"[" * 5000, b'["apr_1", "ada", 1' + b"0" * 400 + b"]", b"\xff", b"{}"):
        encoded = base64.urlsafe_b64encode(content).rstrip(b"=").decode()
        assert LINKS.read(f"{encoded}.{TOKEN.partition('.')[2]}", "apr_1", 1.0) is None
    assert LINKS.read(TOKEN + "\ud800", "apr_1", 1.0) is None

"""Cards that no agent's text can leave, signatures, clicks, and whose they are."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from pgproxy.approvals.links import Links
from pgproxy.approvals.messages import slack
from pgproxy.approvals.messages.notice import NoticeType, notice
from pgproxy.approvals.messages.slack import Click
from pgproxy.approvals.model import Approval, Decision, Event, Kind
from pgproxy.config.settings import Notify, Reviewer
from tests.approvals.requests import approval

ENTRY = Notify("slack", "https://hooks.slack.example/x", "signing")
LINKS = Links(bytes(32))

HOSTILE = [
    "```\n<!channel> *bold* <https://evil.example|click here>",
    "``````",
    "`",
    "<@U024BE7LH> <!here>",
    "&lt;!channel&gt;",
    "https://evil.example",
    "a\u202eb\u200bc\x1b[2J\x00d",
    "x" * 10_000,
    "&" * 10_000,
    "`" * 10_000,
    "-- \n" * 5000,
]


def said(text: str) -> Approval:
    """The same text wherever an agent may have put some."""
    found = approval()
    names = (text, "plain")
    asked = replace(found.asked, statement=text, reason=text, identity=text, tables=names, masked_columns=names)
    return replace(found, asked=asked)


def card(found: Approval, kind: NoticeType = NoticeType.REQUESTED) -> dict[str, Any]:
    return slack.card(notice(kind, found, ENTRY, LINKS, "https://p.example"))


def texts(value: Any) -> Iterator[tuple[str, str]]:
    """(type, text) of every text object, and of the fallback."""
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value.get("type", "mrkdwn"), value["text"]
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)


def resolved(found: Approval) -> dict[str, Any]:
    vote = Event(Kind.VOTED, 5.0, "ada", Decision.DENY, found.asked.reason)
    return card(found.with_events(vote, Event(Kind.DENIED, 5.0, "ada")), NoticeType.RESOLVED)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("made", [card, resolved])
def test_no_text_leaves_its_code(text: str, made: Any) -> None:
    for kind, shown in texts(made(said(text))):
        assert len(shown) <= 3000
        assert "\u202e" not in shown and "\x1b" not in shown and "\x00" not in shown
        if kind != "mrkdwn":
            continue
        assert "<" not in shown and ">" not in shown
        assert "&" not in shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
        if shown.startswith("```"):
            assert shown.count("```") == 2 and shown.endswith("\n```")
        else:
            assert all(line.count("`") % 2 == 0 for line in shown.splitlines())
            outside = "".join(part for line in shown.splitlines() for part in line.split("`")[::2])
            assert "evil" not in outside and "bold" not in outside


def test_the_card_has_three_buttons_and_all_sections_are_verbatim() -> None:
    blocks = card(approval())["blocks"]
    (actions,) = [block for block in blocks if block["type"] == "actions"]
    assert [(one["action_id"], one["value"]) for one in actions["elements"]] == [
        ("approve", "apr_1"),
        ("deny", "apr_1"),
        ("open", "apr_1"),
    ]
    assert actions["elements"][2]["url"].startswith("https://p.example/approvals/apr_1?token=")
    assert all(block["text"]["verbatim"] for block in blocks if block["type"] == "section")
    assert {"type": "mrkdwn", "text": "```\nDELETE FROM users WHERE name = 'Ada'\n```", "verbatim": True} in [
        block.get("text") for block in blocks
    ]


def test_what_is_cut_says_so() -> None:
    shown = [text for kind, text in texts(card(said("x" * 3000))) if kind == "plain_text"]
    assert any("200 more characters" in text for text in shown)
    assert not any("more characters" in text for _, text in texts(card(approval())))


def test_a_resolved_card_decides_nothing() -> None:
    found = resolved(approval())
    assert not [block for block in found["blocks"] if block["type"] == "actions"]
    assert "token=" not in json.dumps(found)
    assert "denied by ada" in found["text"]


# Signatures and clicks ----------------------------------------------------------------------------------------------

BODY = b"token=x&team_id=T1"


def signature(timestamp: str, secret: str = "signing", body: bytes = BODY) -> str:
    return "v0=" + hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()


def test_a_signature_of_slacks_documentation() -> None:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name="
        b"foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2F"
        b"hooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015."
        b"47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    expected = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    assert slack.is_signed("8f742231b10e8888abcd99yyyzzz85a5", "1531420618", expected, body, 1531420618.0)


@pytest.mark.parametrize(
    ("timestamp", "given", "now", "accepted"),
    [
        ("1000", signature("1000"), 1000.0, True),
        ("1000", signature("1000"), 1300.0, True),
        ("1000", signature("1000"), 1300.1, False),
        ("1000", signature("1000"), 699.9, False),
        ("1000", signature("1000", "other"), 1000.0, False),
        ("1000", signature("1000", body=b"other"), 1000.0, False),
        ("1001", signature("1000"), 1000.0, False),
        ("1000", "", 1000.0, False),
        ("1000", "é\udcff", 1000.0, False),
        ("1000", signature("1000").removeprefix("v0="), 1000.0, False),
        ("", signature(""), 0.0, False),
        ("1e3", signature("1e3"), 1000.0, False),
        ("\u0661000", signature("\u0661000"), 1000.0, False),
        ("9" * 5000, signature("9" * 5000), 1000.0, False),
    ],
)
def test_only_fresh_requests_of_slack_count(timestamp: str, given: str, now: float, accepted: bool) -> None:
    assert slack.is_signed("signing", timestamp, given, BODY, now) is accepted


def form(**changes: Any) -> bytes:
    payload = {
        "type": "block_actions",
        "user": {"id": "U1", "username": "ada", "name": "ada"},
        "actions": [{"action_id": "approve", "value": "apr_1"}],
        "response_url": "https://hooks.slack.example/r",
        **changes,
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


def test_a_click_is_read() -> None:
    assert slack.click(form()) == Click("apr_1", Decision.APPROVE, "U1", "ada", "https://hooks.slack.example/r")
    assert slack.click(form(actions=[{"action_id": "open", "value": "apr_1"}])) is None
    assert slack.click(form(type="view_submission")) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"payload=",
        b"payload=%7B",
        b"payload=[]",
        b"payload=" + b"[" * 60_000,
        b"\xff",
        form(actions=[]),
        form(actions=[{"action_id": ["approve"], "value": "apr_1"}]),
        form(actions=[{"action_id": "approve", "value": 7}]),
        form(user="U1"),
        form(user={"id": None}),
        form(response_url=None),
    ],
)
def test_other_payloads_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError):
        slack.click(content)


@pytest.mark.parametrize(
    ("user_id", "user_name", "name"),
    [
        ("U1", "whoever", "ada"),
        ("U2", "grace.h", "grace"),
        ("U3", "linus", "linus"),
        ("U3", "ada", None),  # ada is known by her id: a name that anybody may take is not hers
        ("U3", "grace", None),
        ("U3", "", None),
        ("", "", None),
    ],
)
def test_whose_click_it_is(user_id: str, user_name: str, name: str | None) -> None:
    reviewers = [Reviewer("ada", slack="U1"), Reviewer("grace", slack="grace.h"), Reviewer("linus"), Reviewer("")]
    found = slack.reviewer_of(Click("apr_1", Decision.APPROVE, user_id, user_name, ""), reviewers)
    assert (found and found.name) == name

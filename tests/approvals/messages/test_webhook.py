"""Envelope and signature of Standard Webhooks, and what counts as a decision in an answer."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from pgproxy.approvals.links import Link, Links
from pgproxy.approvals.messages import webhook
from pgproxy.approvals.messages.notice import NoticeType, notice
from pgproxy.approvals.messages.webhook import Answer
from pgproxy.approvals.model import Decision, Event, Kind
from pgproxy.config.settings import Notify
from tests.approvals.requests import approval

ENTRY = Notify("webhook", "https://hooks.example/x", "secret", reviewer="ada")
LINKS = Links(bytes(32))
DENIED = approval().with_events(
    Event(Kind.VOTED, 5.0, "ada", Decision.DENY, "too many"), Event(Kind.DENIED, 5.0, "ada", comment="too many")
)


def test_a_signature_of_the_specification() -> None:
    """The example of https://www.standardwebhooks.com: this secret, this message, this signature."""
    headers = webhook.headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330.9,
        b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_raw_secret_is_its_bytes() -> None:
    encoded = "whsec_" + base64.b64encode(b"s3cr\xc3\xa9t").decode()
    assert webhook.headers(encoded, "m", 1.0, b"x") == webhook.headers("s3crét", "m", 1.0, b"x")
    assert webhook.key("not-whsec_x") == b"not-whsec_x"


def test_a_request_has_a_link_for_its_reviewer() -> None:
    envelope = json.loads(webhook.body(notice(NoticeType.REQUESTED, approval(), ENTRY, LINKS, "https://p.example")))
    assert (envelope["type"], envelope["timestamp"]) == ("approval.requested", "1970-01-01T00:00:00.000Z")
    data = envelope["data"]
    url = urlsplit(data.pop("review_url"))
    assert (url.scheme, url.netloc, url.path) == ("https", "p.example", "/approvals/apr_1")
    assert LINKS.read(parse_qs(url.query)["token"][0], "apr_1", 1.0) == Link("apr_1", "ada", 900.0)
    assert data == {
        "id": "apr_1",
        "identity": "agent",
        "groups": ["agents"],
        "database": "shop",
        "statement": "DELETE FROM users WHERE name = 'Ada'",
        "statement_class": "delete",
        "rule": "export",
        "reason": "ticket 4711",
        "tables": ["public.users"],
        "columns": ["public.users.ssn"],
        "masked_columns": ["public.users.ssn"],
        "estimated_rows": 50,
        "requested_at": "1970-01-01T00:00:00.000Z",
        "expires_at": "1970-01-01T00:15:00.000Z",
    }


def test_an_end_says_what_was_decided() -> None:
    envelope = json.loads(webhook.body(notice(NoticeType.RESOLVED, DENIED, ENTRY, LINKS, "")))
    assert (envelope["type"], envelope["timestamp"]) == ("approval.resolved", "1970-01-01T00:00:05.000Z")
    data = envelope["data"]
    assert data["status"] == "denied"
    assert data["decisions"] == [
        {"reviewer": "ada", "decision": "deny", "comment": "too many", "at": "1970-01-01T00:00:05.000Z"}
    ]
    assert "parameters" not in data


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b'{"decision": "approve", "reviewer": "ada"}', Answer(Decision.APPROVE, "ada", "")),
        (b'{"decision": "deny", "reviewer": "ada", "comment": "no"}', Answer(Decision.DENY, "ada", "no")),
        (b'{"decision": "deny", "reviewer": "ada", "comment": 7}', Answer(Decision.DENY, "ada", "")),
        (b'{"decision": "approve"}', None),
        (b'{"decision": "approve", "reviewer": ""}', None),
        (b'{"decision": "approve", "reviewer": ["ada"]}', None),
        (b'{"decision": ["approve"], "reviewer": "ada"}', None),
        (b'{"decision": "APPROVE", "reviewer": "ada"}', None),
        (b'{"decision": true, "reviewer": "ada"}', None),
        (b'["approve", "ada"]', None),
        (b"ok", None),
        (b"", None),
        (b"\xff\xfe\x00", None),
        (b"[" * 60_000, None),
    ],
)
def test_what_counts_as_a_decision(content: bytes, answer: Answer | None) -> None:
    assert webhook.answer(content) == answer

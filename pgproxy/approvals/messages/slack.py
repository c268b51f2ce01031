"""Slack: the card of an approval in Block Kit, and the signed requests by which Slack tells of clicks.

Everything that an agent may have written stands in code, escaped: it mentions nobody, links nowhere, and ends no fence.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from pgproxy.approvals.documents import moment
from pgproxy.approvals.messages.notice import Notice, NoticeType, outcome_words
from pgproxy.approvals.messages.showing import cut, one_line, some, visible
from pgproxy.approvals.model import Approval, ApprovalId, Decision
from pgproxy.config.settings import Reviewer

FRESH_SECONDS: Final = 300.0
STATEMENT_LETTERS: Final = 2800
"""A section's text has at most 3000."""
_FACT_LETTERS: Final = 250
_FALLBACK_LETTERS: Final = 500
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_BREAK: Final = "\N{ZERO WIDTH SPACE}"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Click:
    approval_id: ApprovalId
    decision: Decision
    user_id: str
    user_name: str
    response_url: str
    """Takes answers for half an hour. It opens a door: never shown."""


# Cards ------------------------------------------------------------------------------------------------------------


def card(notice: Notice) -> Json:
    """What an incoming webhook takes: with buttons while there is something to decide."""
    asked = notice.approval.asked
    if notice.type is NoticeType.RESOLVED:
        return resolved_card(notice.approval, notice.statement)
    title = f"{_code(asked.identity)} asks for an approval of rule {_code(asked.rule)}"
    return {
        "text": cut(f"{title}: {asked.id}", _FALLBACK_LETTERS).text,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": [
            _section(f"*Approval needed*\n{title}"),
            _section("\n".join(_facts(notice.approval))),
            *_statement(notice.statement),
            {
                "type": "actions",
                "block_id": "decision",
                "elements": [
                    _button("Approve", "approve", asked.id, style="primary"),
                    _button("Deny", "deny", asked.id, style="danger"),
                    _button("Open", "open", asked.id, url=notice.review_url),
                ],
            },
        ],
    }


def resolved_card(approval: Approval, statement: str) -> Json:
    """The card once nothing is to be decided: no buttons."""
    asked = approval.asked
    outcome = f"{asked.id} of {_code(asked.identity)}: {approval.status}, {_code(outcome_words(approval))}"
    comments = [one_line(one.comment) for one in approval.votes if one.comment.strip()]
    return {
        "text": cut(outcome, _FALLBACK_LETTERS).text,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": [
            _section(outcome),
            *(_section(f"*Comment* {_code(comment)}") for comment in comments[-3:]),
            _section("\n".join(_facts(approval))),
            *_statement(statement),
        ],
    }


def replacing(message: Json) -> Json:
    """As an answer to a click: in place of the message that has the button."""
    return {**message, "replace_original": True}


def whispered(text: str) -> Json:
    """As an answer to a click: for whoever clicked alone."""
    plain = "".join(_escape(visible(letter)) for letter in text)
    return {"response_type": "ephemeral", "replace_original": False, "text": plain}


def _facts(approval: Approval) -> list[str]:
    asked = approval.asked
    rows = None if asked.estimated_rows is None else f"about {round(asked.estimated_rows)}"
    facts = {
        "Who": f"{asked.identity} on {asked.database}",
        "Class": asked.statement_class,
        "Reason": asked.reason,
        "Tables": some(asked.tables),
        "Masked columns": some(asked.masked_columns),
        "Rows": rows,
        "In a transaction": "yes, it keeps its locks" if asked.in_transaction else "",
        "Until": moment(asked.expires_at),
    }
    return [f"*{name}* {_code(value)}" for name, value in facts.items() if value]


def _statement(statement: str) -> list[Json]:
    shown = cut(statement, STATEMENT_LETTERS, _in_fence)
    blocks = [_section(f"```\n{shown.text}\n```")]
    if shown.left_out:
        note = f"The statement is longer: {shown.left_out} more characters are on its page. Open it before you decide."
        blocks.append({"type": "context", "elements": [{"type": "plain_text", "text": note}]})
    return blocks


def _section(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _button(label: str, action: str, value: str, **more: str) -> Json:
    return {
        "type": "button",
        "text": {"type": "plain_text", "text": label},
        "action_id": action,
        "value": value,
        **more,
    }


def _code(text: str) -> str:
    """One line of code; a backtick would end it."""
    line = one_line(text).replace("`", "\N{MODIFIER LETTER GRAVE ACCENT}")
    shown = cut(line, _FACT_LETTERS, _escape)
    return f"`{shown.text}{'…' if shown.left_out else ''}`"


def _in_fence(letter: str) -> str:
    """No two backticks stand side by side, not even with the fence that follows."""
    return f"`{_BREAK}" if letter == "`" else _escape(visible(letter))


def _escape(letter: str) -> str:
    return _ESCAPES.get(letter, letter)


# Clicks -----------------------------------------------------------------------------------------------------------


def is_signed(secret: str, timestamp: str, signature: str, content: bytes, now: float) -> bool:
    """Whether Slack sent this, within the last five minutes.

    Args:
        timestamp, signature: of the headers X-Slack-Request-Timestamp and X-Slack-Signature.
        now: seconds since 1970.
    """
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    if abs(now - int(timestamp)) > FRESH_SECONDS:
        return False
    signed = b":".join((b"v0", timestamp.encode(), content))
    expected = "v0=" + hmac.digest(secret.encode(), signed, hashlib.sha256).hex()
    return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogateescape"))


def click(content: bytes) -> Click | None:
    """Of a form that Slack sent. None: a click that decides nothing, as on the link.

    Raises:
        ValueError: not what Slack sends.
    """
    try:
        (payload,) = parse_qs(content.decode(), strict_parsing=True, max_num_fields=10)["payload"]
        found = json.loads(payload)
        if found["type"] != "block_actions":
            return None
        action, user = found["actions"][0], found["user"]
        if action["action_id"] not in set(Decision):
            return None
        user_name = user.get("username") or user.get("name") or ""
        texts = (action["value"], user["id"], user_name, found["response_url"])
    except (KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise ValueError("no payload of Slack's") from None
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("no payload of Slack's")
    approval_id, user_id, name, response_url = texts
    return Click(approval_id, Decision(action["action_id"]), user_id, name, response_url)


def reviewer_of(found: Click, reviewers: Collection[Reviewer]) -> Reviewer | None:
    """By id, by the name that is configured for Slack, or by the reviewer's own name where none is configured."""
    for known_as in (found.user_id, found.user_name):
        for reviewer in reviewers:
            if known_as and reviewer.slack == known_as:
                return reviewer
    return next((one for one in reviewers if found.user_name and not one.slack and one.name == found.user_name), None)

"""Webhooks after the Standard Webhooks specification, version 1: envelope, signature, and a decision in the answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any, Final

from pgproxy.approvals.documents import document, moment, request_document
from pgproxy.approvals.messages.notice import Notice, NoticeType
from pgproxy.approvals.model import Decision

COMMENT_LETTERS: Final = 2000
_OF_THE_END: Final = ("status", "decisions", "finished_at", "error")


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision that came with the answer. Whether it counts is decided elsewhere."""

    decision: Decision
    reviewer: str
    comment: str


def body(notice: Notice) -> bytes:
    data: dict[str, Any] = {
        **request_document(notice.approval.asked),
        "statement": notice.statement,
        "review_url": notice.review_url,
    }
    if notice.type is NoticeType.RESOLVED:
        full = document(notice.approval)
        data |= {name: full[name] for name in _OF_THE_END}
    envelope = {"type": str(notice.type), "timestamp": moment(notice.at), "data": data}
    return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def headers(secret: str, message_id: str, sent_at: float, content: bytes) -> dict[str, str]:
    """
    Args:
        message_id: the same for every attempt, without a full stop.
        sent_at: of this attempt, seconds since 1970.
    """
    timestamp = str(int(sent_at))
    signed = b".".join((message_id.encode(), timestamp.encode(), content))
    signature = base64.b64encode(hmac.digest(key(secret), signed, hashlib.sha256)).decode()
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}


def key(secret: str) -> bytes:
    """`whsec_` and base64, or the bytes as they stand. The configuration was checked."""
    prefix, found, encoded = secret.partition("whsec_")
    return base64.b64decode(encoded, validate=True) if found and not prefix else secret.encode()


def answer(content: bytes) -> Answer | None:
    """None: it only says that it was received, whatever else it may say."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    decision, reviewer, comment = found.get("decision"), found.get("reviewer"), found.get("comment", "")
    if decision not in list(Decision) or not isinstance(reviewer, str) or not reviewer:
        return None
    return Answer(Decision(decision), reviewer, comment[:COMMENT_LETTERS] if isinstance(comment, str) else "")

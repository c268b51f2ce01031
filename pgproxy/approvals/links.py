"""Links to one approval: what a notification carries, and nothing else does.

A token names the approval, the reviewer that it stands for (none: anybody who holds it) and when it ends, under a key
of its own. It is never stored, so it is in no log, audit record or API answer.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass

from pgproxy.approvals.model import ApprovalId

_CONTEXT = b"pgproxy approval link 1"


@dataclass(frozen=True, slots=True)
class Link:
    approval_id: ApprovalId
    reviewer: str
    """"": whoever holds it."""
    ends_at: float
    """Seconds since 1970."""


class Links:
    """Args:
    secret: of the configuration; proxies that share it take each other's links.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, _CONTEXT, hashlib.sha256)

    def token(self, link: Link) -> str:
        """For a URL's query."""
        content = json.dumps([link.approval_id, link.reviewer, link.ends_at], separators=(",", ":")).encode()
        return self._signed(content)

    def read(self, token: str, approval_id: ApprovalId, now: float) -> Link | None:
        """None: it is for another approval, tampered with, or has ended."""
        link = self.made(token, approval_id)
        return link if link is not None and now < link.ends_at else None

    def made(self, token: str, approval_id: ApprovalId) -> Link | None:
        """What was once made here for this approval; it may have ended."""
        try:
            content = _decode(token.partition(".")[0])
        except ValueError:
            return None
        # Nothing of it is read before it is known to be ours.
        if not token.isascii() or not hmac.compare_digest(self._signed(content), token):
            return None
        approval, reviewer, ends_at = json.loads(content)
        link = Link(approval, reviewer, ends_at)
        return link if link.approval_id == approval_id else None

    def _signed(self, content: bytes) -> str:
        return f"{_encode(content)}.{_encode(hmac.digest(self._key, content, hashlib.sha256))}"


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """Raises ValueError."""
    if not text.isascii():
        raise ValueError("no token")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("no token") from error

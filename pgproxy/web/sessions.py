"""A reviewer's login in a browser: a signed value in a cookie, which is not the token, and the forms that belong to it.

A value names the reviewer and its end. It is good for the token that it was made with: a changed token ends it, as a
logout does.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from pgproxy.approvals.model import Person
from pgproxy.config.settings import Reviewer

SESSION_SECONDS = 12 * 3600.0
_CONTEXT = b"pgproxy reviewer session 1"


@dataclass(frozen=True, slots=True)
class Session:
    person: Person
    ends_at: float
    """Seconds since 1970."""
    form_token: str
    """In the forms of this login only."""
    id: str


class Sessions:
    """Args:
    secret: of the configuration; proxies that share it take each other's logins.
    """

    def __init__(self, secret: bytes, reviewers: Mapping[str, Reviewer]) -> None:
        self._key = hmac.digest(secret, _CONTEXT, hashlib.sha256)
        self._reviewers = reviewers
        self._ended: dict[str, float] = {}
        """Logged out here: until when each would have lasted."""

    def begin(self, person: Person, now: float) -> str:
        """A value for a cookie."""
        content = json.dumps([person.name, now + SESSION_SECONDS, secrets.token_urlsafe(16)]).encode()
        return self._signed(content, self._reviewers[person.name])

    def read(self, value: str, now: float) -> Session | None:
        """None: made by nobody here, changed, at its end, or its reviewer is no more."""
        try:
            content = base64.urlsafe_b64decode(value.partition(".")[0].encode("ascii"))
            name, ends_at, id_ = json.loads(content)
        except (ValueError, TypeError, RecursionError):
            return None
        reviewer = self._reviewers.get(name) if isinstance(name, str) else None
        if reviewer is None or not value.isascii() or not hmac.compare_digest(self._signed(content, reviewer), value):
            return None
        if now >= ends_at or id_ in self._ended:
            return None
        return Session(Person(reviewer.name, reviewer.groups), ends_at, self._mac(b"form", id_.encode()), id_)

    def end(self, session: Session, now: float) -> None:
        self._ended = {id_: ends_at for id_, ends_at in self._ended.items() if now < ends_at}
        self._ended[session.id] = session.ends_at

    def _signed(self, content: bytes, reviewer: Reviewer) -> str:
        digest = hashlib.sha256((reviewer.token or "").encode()).digest()
        return f"{base64.urlsafe_b64encode(content).decode()}.{self._mac(digest, content)}"

    def _mac(self, purpose: bytes, content: bytes) -> str:
        return hmac.new(self._key, len(purpose).to_bytes(1) + purpose + content, hashlib.sha256).hexdigest()

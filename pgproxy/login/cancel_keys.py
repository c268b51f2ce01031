"""Which session a CancelRequest means.

BackendKeyData carries the upstream's own process id, so that what a client shows or logs is a real one, with a secret
of ours. Process ids of several servers may be equal: a session is found by both together.

Source: PostgreSQL manual, "Canceling Requests in Progress", BackendKeyData, CancelRequest.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from typing import Generic, TypeVar

Session = TypeVar("Session")

SECRET_BYTES_3_0 = 4
SECRET_BYTES_3_2 = 32
"""Protocol 3.2 allows 4 to 256."""


class CancelKeys(Generic[Session]):
    """The keys of all open sessions; `Session` is whatever the caller wants back."""

    def __init__(self, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._random_bytes = random_bytes
        self._sessions: dict[int, dict[bytes, Session]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._sessions.values()))

    def issue(self, process_id: int, length: int, session: Session) -> bytes:
        """A new secret for the session, of `length` bytes (`SECRET_BYTES_3_0` or `SECRET_BYTES_3_2`)."""
        of_process = self._sessions.setdefault(process_id, {})
        secret = self._random_bytes(length)
        while secret in of_process:
            secret = self._random_bytes(length)
        of_process[secret] = session
        return secret

    def find(self, process_id: int, secret: bytes) -> Session | None:
        """The session of this key. Compared in constant time, all candidates, whichever fits."""
        found = None
        for known, session in self._sessions.get(process_id, {}).items():
            if hmac.compare_digest(known, secret):
                found = session
        return found

    def forget(self, process_id: int, secret: bytes) -> None:
        """The session is over; a key that is not there is no error."""
        of_process = self._sessions.get(process_id)
        if of_process is None:
            return
        of_process.pop(secret, None)
        if not of_process:
            del self._sessions[process_id]

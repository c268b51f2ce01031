"""What a driver may ask of a session, whichever kind it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pgproxy.session.actions import Action


class Session(Protocol):
    """From the first ReadyForQuery to the end of the connection. Every event returns what is to be done, in order."""

    @property
    def is_busy(self) -> bool:
        """Something of the client is under way upstream."""

    def client_bytes(self, data: bytes) -> Sequence[Action]: ...

    def upstream_bytes(self, data: bytes) -> Sequence[Action]: ...

    def present_versions(self, fingerprint: str | None) -> Sequence[Action]:
        """The answer to `AskPresent`; None: it cannot be found out."""

    def client_gone(self) -> Sequence[Action]: ...

    def upstream_gone(self) -> Sequence[Action]: ...

    def drain(self) -> Sequence[Action]:
        """The proxy stops: end when nothing runs any more."""

    def rules_changed(self) -> Sequence[Action]:
        """Other rules hold from the next statement on."""

"""What a driver may ask of a session, whichever kind it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pgproxy.errors import ProxyError
from pgproxy.session.actions import Action
from pgproxy.session.holds import HoldEvent


@dataclass(frozen=True, slots=True)
class CleanReady:
    """The clean login is proven for the rules of now, and its connection is open."""

    may_write: bool
    """The login may change stored data."""


@dataclass(frozen=True, slots=True)
class CleanRefused:
    error: ProxyError | None
    """Why there is no connection; None: the login is not proven to be clean."""


@dataclass(frozen=True, slots=True)
class CleanBytes:
    """Bytes from the server on that connection, cut anywhere."""

    data: bytes


@dataclass(frozen=True, slots=True)
class CleanGone:
    """The server closed it; never after `CloseClean`."""


CleanEvent = CleanReady | CleanRefused | CleanBytes | CleanGone
"""What happens to the second upstream connection, that of the clean login (role_split)."""


class Session(Protocol):
    """From the first ReadyForQuery to the end of the connection. Every event returns what is to be done, in order."""

    @property
    def is_busy(self) -> bool:
        """Something of the client is under way upstream."""

    @property
    def runs_elsewhere(self) -> bool:
        """What is under way runs on the clean login."""

    def client_bytes(self, data: bytes) -> Sequence[Action]: ...

    def upstream_bytes(self, data: bytes) -> Sequence[Action]: ...

    def present_versions(self, fingerprint: str | None) -> Sequence[Action]:
        """The answer to `AskPresent`; None: it cannot be found out."""

    def clean_event(self, event: CleanEvent) -> Sequence[Action]: ...

    @property
    def is_held(self) -> bool:
        """A statement waits for an approval."""

    def hold_event(self, event: HoldEvent) -> Sequence[Action]:
        """The answers to `AskApproval`."""

    def cancel(self) -> Sequence[Action]:
        """The client cancels the statement that is held."""

    def client_gone(self) -> Sequence[Action]: ...

    def upstream_gone(self) -> Sequence[Action]: ...

    def drain(self) -> Sequence[Action]:
        """The proxy stops: end when nothing runs any more."""

    def rules_changed(self) -> Sequence[Action]:
        """Other rules hold from the next statement on."""

"""A session of an identity that no rule concerns: whatever PostgreSQL accepts passes, byte for byte.

Boundaries are followed in both directions, so that malformed messages end the connection here, a drain can wait for
what runs, and the next reader of this stream (usage) has its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pgproxy.errors import ProxyError, ShuttingDown, UpstreamUnreachable
from pgproxy.login.identity import Identity
from pgproxy.policy.matching import is_transparent
from pgproxy.policy.rules import Rules
from pgproxy.session.actions import Action, Close, SendClient, SendUpstream
from pgproxy.session.replies import error_response
from pgproxy.wire import framing

STREAM_FROM_BYTES = 1 << 16


class TransparentSession:
    """See `session.Session`."""

    def __init__(self, identity: Identity, rules: Callable[[], Rules]) -> None:
        self._identity = identity
        self._rules = rules
        self._frontend = framing.FrontendScanner()
        self._backend = framing.BackendScanner(stream_from_bytes=STREAM_FROM_BYTES)
        self._open_cycles = 0
        """Query, Sync and FunctionCall messages whose ReadyForQuery is still to come."""
        self._in_extended = False
        """Extended-protocol messages were sent since the last Sync."""
        self._heard_last_word = False
        """The server said FATAL: it closes next, and has told the client why."""
        self._draining = False
        self._must_leave = False
        self._is_closed = False

    @property
    def is_busy(self) -> bool:
        return self._open_cycles > 0 or self._in_extended

    def client_bytes(self, data: bytes) -> Sequence[Action]:
        if self._is_closed:
            return ()
        try:
            frames = self._frontend.feed(data)
        except ProxyError as error:
            return self._fail(error)
        if self._must_leave and not self.is_busy:
            return self._leave()
        for frame in frames:
            if frame.tag in (b"Q", b"S", b"F"):
                self._open_cycles += 1
                self._in_extended = False
            elif frame.tag == b"X":
                self._is_closed = True
                return (SendUpstream(data), Close())
            elif frame.tag in (b"P", b"B", b"E", b"D", b"C"):
                self._in_extended = True
        return (SendUpstream(data),)

    def upstream_bytes(self, data: bytes) -> Sequence[Action]:
        if self._is_closed:
            return ()
        try:
            runs = self._backend.feed(data)
        except ProxyError as error:
            return self._fail(error)
        for run in runs:
            if run.tag == b"Z":
                self._open_cycles = max(0, self._open_cycles - 1)
            elif run.tag == b"E" and _is_last_word(run.data):
                self._heard_last_word = True
        actions: list[Action] = [SendClient(data)]
        if (self._draining or self._must_leave) and self._is_at_rest:
            actions += self._leave()
        return actions

    def client_gone(self) -> Sequence[Action]:
        self._is_closed = True
        return (Close(),)

    def upstream_gone(self) -> Sequence[Action]:
        if self._is_closed:
            return ()
        if not self._heard_last_word:
            return self._fail(UpstreamUnreachable("the server closed the connection unexpectedly"))
        self._is_closed = True
        return (Close(),)

    def drain(self) -> Sequence[Action]:
        self._draining = True
        return self._leave() if self._is_at_rest else ()

    def rules_changed(self) -> Sequence[Action]:
        """An identity that rules concern now cannot go on: its session was not begun with what analysis needs."""
        self._must_leave = not is_transparent(self._identity, self._rules())
        return self._leave() if self._must_leave and self._is_at_rest else ()

    @property
    def _is_at_rest(self) -> bool:
        return not self.is_busy and self._backend.is_between_messages

    def _leave(self) -> Sequence[Action]:
        if self._draining:
            return self._fail(ShuttingDown("terminating connection due to administrator command"))
        return self._fail(ShuttingDown("the rules for this identity have changed", hint="Connect again."))

    def _fail(self, error: ProxyError) -> Sequence[Action]:
        if self._is_closed:
            return ()
        self._is_closed = True
        if not self._backend.is_between_messages:  # inside a message nothing can be said
            return (Close(),)
        return (SendClient(error_response(error, severity="FATAL").encode()), Close())


def _is_last_word(error: bytes) -> bool:
    """An ErrorResponse of severity FATAL or PANIC. The V field is not localized; every server since 9.6 sends it."""
    return b"\0VFATAL\0" in error or b"\0VPANIC\0" in error

"""A session of an identity that no rule concerns: whatever PostgreSQL accepts passes, byte for byte.

Boundaries are followed in both directions, so that malformed messages end the connection here, a drain can wait for
what runs, and the next reader of this stream (usage) has its place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from pgproxy.errors import ProxyError, ShuttingDown, UpstreamUnreachable
from pgproxy.login.identity import Identity
from pgproxy.policy.matching import is_transparent
from pgproxy.policy.rules import Rules
from pgproxy.session.actions import Action, Close, SendClient, SendUpstream
from pgproxy.session.holds import HoldEvent
from pgproxy.session.replies import error_response
from pgproxy.session.session import CleanEvent
from pgproxy.wire import framing

STREAM_FROM_BYTES = 1 << 16

CYCLES = frozenset((b"Q", b"S", b"F"))
"""Query, Sync, FunctionCall: the server answers each with a ReadyForQuery."""
EXTENDED = frozenset((b"P", b"B", b"E", b"D", b"C"))
COPY_ENDS = frozenset((b"c", b"f"))


class TransparentSession:
    """See `session.Session`."""

    def __init__(self, identity: Identity, rules: Callable[[], Rules]) -> None:
        self._identity = identity
        self._rules = rules
        self._frontend = framing.FrontendScanner()
        self._backend = framing.BackendScanner(stream_from_bytes=STREAM_FROM_BYTES)
        self._asked: deque[bytes] = deque()
        """Tags of the messages whose ReadyForQuery is still to come, and of CopyDone and CopyFail among them."""
        self._copies_in = False
        """The server takes data: until the client ends that, it ignores every Sync."""
        self._in_extended = False
        """Extended-protocol messages were sent since the last Sync."""
        self._heard_last_word = False
        """The server said FATAL: it closes next, and has told the client why."""
        self._said_goodbye = False
        """The client sent Terminate while something ran: the server answers that, then closes."""
        self._draining = False
        self._must_leave = False
        self._is_closed = False

    @property
    def is_busy(self) -> bool:
        return bool(self._asked) or self._in_extended

    def client_bytes(self, data: bytes) -> Sequence[Action]:
        if self._is_closed or self._said_goodbye:
            return ()
        try:
            frames = self._frontend.feed(data)
        except ProxyError as error:
            return self._fail(error)
        if self._must_leave and not self.is_busy:
            return self._leave()
        for frame in frames:
            self._note(frame.tag)
            if frame.tag == b"X":
                if self.is_busy:
                    self._said_goodbye = True
                    break
                self._is_closed = True
                return (SendUpstream(data), Close())
        return (SendUpstream(data),)

    def _note(self, tag: bytes) -> None:
        if tag in EXTENDED:
            self._in_extended = True
        elif tag in CYCLES and not self._copies_in:
            self._asked.append(tag)
            self._in_extended = False
        elif tag in COPY_ENDS:
            if self._copies_in:
                self._copies_in = False
            elif self.is_busy and not (self._asked and self._asked[-1] in COPY_ENDS):
                self._asked.append(tag)

    def upstream_bytes(self, data: bytes) -> Sequence[Action]:
        if self._is_closed:
            return ()
        try:
            runs = self._backend.feed(data)
        except ProxyError as error:
            return self._fail(error)
        for run in runs:
            if run.tag == b"Z":
                self._cycle_ends()
            elif run.tag == b"G":
                self._copy_in_begins()
            elif run.tag == b"E":
                self._copies_in = False
                self._heard_last_word = self._heard_last_word or _is_last_word(run.data)
        actions: list[Action] = [SendClient(data)]
        if (self._draining or self._must_leave) and self._is_at_rest:
            actions += self._leave()
        return actions

    def _cycle_ends(self) -> None:
        answered = b""
        while self._asked and answered not in CYCLES:
            answered = self._asked.popleft()
        if answered == b"Q" and self._asked and self._asked[0] in COPY_ENDS:
            self._asked.popleft()  # of a COPY that failed before

    def _copy_in_begins(self) -> None:
        """Forget the Syncs that came before the client's CopyDone or CopyFail: the server ignores them."""
        is_simple = bool(self._asked) and self._asked[0] == b"Q"
        if is_simple:
            self._asked.popleft()
        self._copies_in = True
        while self._asked and self._copies_in:
            self._copies_in = self._asked.popleft() not in COPY_ENDS
        if is_simple:
            self._asked.appendleft(b"Q")
        elif not self._asked:
            self._in_extended = True

    def present_versions(self, fingerprint: str | None) -> Sequence[Action]:
        """Never asked for."""
        return ()

    @property
    def runs_elsewhere(self) -> bool:
        return False

    def clean_event(self, event: CleanEvent) -> Sequence[Action]:
        """Never asked for."""
        return ()

    @property
    def is_held(self) -> bool:
        return False

    def hold_event(self, event: HoldEvent) -> Sequence[Action]:
        """Never asked for."""
        return ()

    def cancel(self) -> Sequence[Action]:
        """Nothing is held."""
        return ()

    def client_gone(self) -> Sequence[Action]:
        self._is_closed = True
        return (Close(),)

    def upstream_gone(self) -> Sequence[Action]:
        if self._is_closed:
            return ()
        if not self._heard_last_word and not (self._said_goodbye and not self._asked):
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

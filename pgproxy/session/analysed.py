"""A session of an identity that rules concern: nothing runs before its meaning is known.

How a statement goes (requests in between are the proxy's own, their replies are swallowed):

    Parse, Describe ─▶ tree, ParameterDescription, RowDescription
    catalog query   ─▶ what the tree reaches, in the statement's own transaction
    decide          ─▶ denied: a request that the server must refuse, whose error becomes ours
    Bind            ─▶ BindComplete; a tree before it: the meaning may have changed, so analyse and decide again
    Execute         ─▶ rows, masked by the portal's plan

Here: events to messages, messages to the part that knows them, and the session's end. The parts, all on one
`SessionState`: `extended`, `simple`, `function_calls` (the client's messages), `analysis` (to a decision), `binding`,
`inside` (what holds or names another statement), `execution` (to results), `copying`, `refusing`, `answers` (the
server's messages); `elsewhere` (the clean login's connection).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pgproxy.errors import MalformedMessage, ProxyError, ShuttingDown, UpstreamUnreachable
from pgproxy.session.actions import Action, Close, PauseClient, ResumeClient
from pgproxy.session.analysis import Analysis
from pgproxy.session.answers import Answers
from pgproxy.session.binding import Binding
from pgproxy.session.context import SessionContext
from pgproxy.session.copying import Copying
from pgproxy.session.elsewhere import ElsewhereRuns
from pgproxy.session.execution import Execution
from pgproxy.session.extended import ExtendedProtocol
from pgproxy.session.function_calls import FunctionCalls
from pgproxy.session.holding import Holding, withdraw
from pgproxy.session.holds import HoldEvent
from pgproxy.session.inside import Inside
from pgproxy.session.phases import Phase
from pgproxy.session.replies import error_response
from pgproxy.session.session import CleanEvent
from pgproxy.session.simple import SimpleProtocol
from pgproxy.session.state import SessionState
from pgproxy.wire import framing

SHUTDOWN = ShuttingDown("terminating connection due to administrator command")


class AnalysedSession:
    """Events in (`client_bytes`, `upstream_bytes`, …), actions out, in order. No I/O, no clock."""

    def __init__(self, context: SessionContext) -> None:
        state = self._state = SessionState(context)
        self._frontend = framing.FrontendScanner()
        self._backend = framing.BackendScanner()
        self._draining = False
        self._said_goodbye = False
        """The client sent Terminate."""
        analysis = Analysis(state)
        holding = self._holding = Holding(state)
        binding = Binding(state, analysis, holding)
        inside = Inside(state, analysis, binding, holding)
        execution = Execution(state, inside)
        elsewhere = self._elsewhere = ElsewhereRuns(state)
        extended = ExtendedProtocol(state, analysis, binding, inside, execution, elsewhere)
        simple = SimpleProtocol(state, analysis, binding, inside, execution, elsewhere, holding)
        self._copying = Copying(state)
        self._answers = Answers(state, self._copying, execution)
        self._handlers: dict[bytes, Callable[[framing.Frame], None]] = {
            b"P": extended.on_parse,
            b"B": extended.on_bind,
            b"D": extended.on_describe,
            b"E": extended.on_execute,
            b"C": extended.on_close,
            b"S": extended.on_sync,
            b"H": extended.on_flush,
            b"Q": simple.on_query,
            b"F": FunctionCalls(state, holding).on_function_call,
            b"X": self._on_terminate,
            b"d": self._copying.on_stray,
            b"c": self._copying.on_stray,
            b"f": self._copying.on_stray,
        }

    @property
    def phase(self) -> Phase:
        return self._state.phase

    @property
    def is_busy(self) -> bool:
        """A statement of the client is under way upstream."""
        return self._state.is_busy or self.phase is Phase.ELSEWHERE or self._elsewhere.runs

    @property
    def runs_elsewhere(self) -> bool:
        return self._elsewhere.runs

    # Events ----------------------------------------------------------------------------------------------------

    def client_bytes(self, data: bytes) -> Sequence[Action]:
        """Bytes from the client, cut anywhere."""
        if not self._said_goodbye and self.phase is not Phase.CLOSED:
            self._state.moment += 1
            try:
                for frame in self._frontend.feed(data):
                    self._state.inbox.add(frame)
                self._pump()
            except ProxyError as error:
                self._fail(error)
        return self._state.take_actions()

    def upstream_bytes(self, data: bytes) -> Sequence[Action]:
        """Bytes from the server, cut anywhere."""
        # A value of a gigabyte passes as it comes, unless a mask has to see it whole. What this chunk answers was asked
        # before it came.
        needs_whole_rows = self._state.pending.needs_whole_rows
        self._backend.stream_from_bytes = None if needs_whole_rows else framing.STREAMED_BYTES
        try:
            for run in self._backend.feed(data):
                if self.phase is Phase.CLOSED:
                    break
                self._answers.on_run(run)
                if run.tag == b"Z":
                    self._end_if_drained()
            self._pump()
        except ProxyError as error:
            self._fail(error)
        return self._state.take_actions()

    def present_versions(self, fingerprint: str | None) -> Sequence[Action]:
        """What `AskPresent` asked for; None: it cannot be found out."""
        then, self._state.when_present_is_known = self._state.when_present_is_known, None
        if then is not None and self.phase is not Phase.CLOSED:
            try:
                then(fingerprint)
                self._pump()
            except ProxyError as error:
                self._fail(error)
        return self._state.take_actions()

    def clean_event(self, event: CleanEvent) -> Sequence[Action]:
        if self.phase is not Phase.CLOSED:
            try:
                self._elsewhere.on_event(event)
                self._pump()
                self._end_if_drained()
            except ProxyError as error:
                self._fail(error)
        return self._state.take_actions()

    def hold_event(self, event: HoldEvent) -> Sequence[Action]:
        if self.phase is not Phase.CLOSED:
            try:
                self._holding.on_event(event)
                self._pump()
            except ProxyError as error:
                self._fail(error)
        return self._state.take_actions()

    def cancel(self) -> Sequence[Action]:
        """A CancelRequest while a statement is held."""
        self._holding.cancel()
        self._pump()
        return self._state.take_actions()

    @property
    def is_held(self) -> bool:
        return self.phase is Phase.HELD

    def upstream_gone(self) -> Sequence[Action]:
        """The server closed its side."""
        if self._said_goodbye:
            self._close()
        else:
            self._fail(UpstreamUnreachable("the server closed the connection unexpectedly"))
        return self._state.take_actions()

    def client_gone(self) -> Sequence[Action]:
        self._close()
        return self._state.take_actions()

    def rules_changed(self) -> Sequence[Action]:
        """Nothing now: each statement compares the rules' version with the one it was decided under."""
        return self._state.take_actions()

    def drain(self) -> Sequence[Action]:
        """The proxy stops: end now if nothing runs, else when the running statement is done."""
        self._draining = True
        if self.is_held:
            self._fail(SHUTDOWN)
        self._end_if_drained()
        return self._state.take_actions()

    # The client's messages, in order ---------------------------------------------------------------------------

    def _pump(self) -> None:
        state = self._state
        while state.inbox and self._takes_messages:
            frame = state.unit = state.inbox.take()
            if self.phase is Phase.ELSEWHERE and frame.tag != b"X":
                self._elsewhere.on_client(frame)
                continue
            if state.copies_in and frame.tag != b"X":
                self._copying.on_client(frame)
                continue
            if state.waits_for_answers:
                state.enter(Phase.READY)  # they have come: from here on it is a message like any other
            if self.phase is Phase.DISCARDING and frame.tag not in (b"S", b"X"):
                continue
            handler = self._handlers.get(frame.tag)
            if handler is None:
                raise MalformedMessage(f"invalid frontend message type {frame.tag[0]}")
            handler(frame)
        reads = state.inbox.change_of_reading()
        if reads is not None:
            state.act(ResumeClient() if reads else PauseClient())

    @property
    def _takes_messages(self) -> bool:
        state = self._state
        if self._said_goodbye:
            return False
        if self.phase is Phase.ELSEWHERE:
            return self._elsewhere.takes_messages
        return self.phase in (Phase.READY, Phase.DISCARDING) or state.copies_in or state.waits_for_answers

    def _on_terminate(self, frame: framing.Frame) -> None:
        """What was asked before is still answered: the server closes when it is done."""
        self._state.send_upstream(frame.data)
        self._said_goodbye = True
        if not self.is_busy:
            self._close()

    # The end ---------------------------------------------------------------------------------------------------

    def _close(self) -> None:
        if self.phase is not Phase.CLOSED:
            withdraw(self._state, "the connection ended")
            self._state.enter(Phase.CLOSED)
            self._state.act(Close())

    def _fail(self, error: ProxyError) -> None:
        """End the connection with this as its last word."""
        if self.phase is not Phase.CLOSED and self._backend.is_between_messages:  # inside a message nothing can be said
            self._state.send_client(error_response(error, severity="FATAL").encode())
        self._close()

    def _end_if_drained(self) -> None:
        if self._draining and not self.is_busy and not self._state.inbox and self.phase is not Phase.CLOSED:
            self._fail(SHUTDOWN)

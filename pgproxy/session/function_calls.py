"""The client's FunctionCall: as it is without masks; under masks libpq's large object functions on own objects alone.

Under masks the message itself never goes upstream: the call is a SELECT of the proxy's own, which looks at the
object's version in the same transaction just before and just after it, under one Sync.

    lo_creat ─▶ version, remembered ─▶ FunctionCallResponse, Sync
    lo_open, loread, … where the version is the remembered one ─▶ version ─▶ FunctionCallResponse, Sync
"""

from __future__ import annotations

from collections import deque

from pgproxy.errors import ProxyError
from pgproxy.session.admission import has_masks
from pgproxy.session.holding import Holding
from pgproxy.session.large_objects import Call, Concerns, not_own_object
from pgproxy.session.pending import Pending, Request
from pgproxy.session.phases import Phase
from pgproxy.session.prepared import Verdict
from pgproxy.session.questions import about_large_object, about_large_object_call
from pgproxy.session.refusing import refuse_here, refuse_query
from pgproxy.session.state import SessionState
from pgproxy.session.understanding import decision_for_utility
from pgproxy.statements.model import Handling, RawStatement, StatementClass
from pgproxy.wire import query, results
from pgproxy.wire.framing import Frame


class FunctionCalls:
    """Answers them one at a time."""

    def __init__(self, state: SessionState, holding: Holding) -> None:
        self._state = state
        self._holding = holding

    def on_function_call(self, frame: Frame) -> None:
        state, context = self._state, self._state.context
        raw = RawStatement("", 0, StatementClass.FUNCTION_CALL, Handling.PASS, "FunctionCall")
        is_masked = has_masks(context)
        if is_masked and len(state.pending) > 0:  # whether the server skips it is known when what is before is answered
            state.wait_for_answers(frame)
            return
        try:
            message = query.FunctionCall.decode(frame.body)
            decision = decision_for_utility(raw, context.identity, context.rules())
        except ProxyError as error:
            refuse_query(state, error)
            return
        self._holding.when_permitted_whole((raw,), str(message), decision, lambda: self._call(raw, frame, message))

    def _call(self, raw: RawStatement, frame: Frame, message: query.FunctionCall) -> None:
        state = self._state
        if state.release is not None:
            state.release.has_begun = True
        if not has_masks(state.context):
            pending = Pending(Request.QUERY, verdict=Verdict(raw, passes_rows=True), release=state.release)
            state.ask(pending, frame.data)
            return
        try:
            call = state.large_objects.call(message)
        except ProxyError as error:
            refuse_query(state, error)
            return
        state.script = deque()  # whatever comes of it ends with a Sync of ours
        state.enter(Phase.RUNNING)
        self._ask(call)

    def _ask(self, call: Call) -> None:
        state, rows = self._state, list[bytes]()
        questions = about_large_object_call(call, state.prepared_ourselves)

        def answered() -> None:
            if call.function.is_guarded:
                assert call.of is not None
                is_confirmed = call.function.is_confirmed
                if len(rows) != 1 + is_confirmed or (is_confirmed and results.only_value(rows[1]) != call.of.version):
                    refuse_here(state, not_own_object(call.of.oid))
                    return
            value = results.only_value(rows[0])
            if call.function.concerns is Concerns.NO_OBJECT:
                self._remember(value)
                return
            if call.function.name == "lo_open":
                assert call.of is not None
                state.large_objects.opened(value, call.of.oid)
            elif call.function.name == "lo_close":
                state.large_objects.closed(call.arguments[0])
            self._answer(value)

        state.ask_ourselves(questions, None, rows, answered)

    def _remember(self, oid: bytes) -> None:
        state, rows = self._state, list[bytes]()

        def answered() -> None:
            state.large_objects.made(oid, results.only_value(rows[0]))
            self._answer(oid)

        state.ask_ourselves(about_large_object(oid, state.prepared_ourselves), None, rows, answered)

    def _answer(self, value: bytes) -> None:
        state = self._state
        state.send_client(results.FunctionCallResponse(value).encode())
        state.script = None
        state.enter(Phase.READY)
        state.sync()

"""The client's messages of the extended protocol: Parse, Bind, Describe, Execute, Close, Sync, Flush."""

from __future__ import annotations

from dataclasses import replace

from pgproxy.errors import NotAnalysable, ProxyError
from pgproxy.session.admission import admit, check_name, has_masks
from pgproxy.session.analysis import Analysis
from pgproxy.session.binding import Binding
from pgproxy.session.elsewhere import ElsewhereRuns, Run
from pgproxy.session.execution import Execution
from pgproxy.session.inside import Inside
from pgproxy.session.names import Elsewhere
from pgproxy.session.pending import Pending, Request
from pgproxy.session.phases import Phase
from pgproxy.session.prepared import Portal, Prepared, Verdict
from pgproxy.session.refusing import forward_bad_parse, refuse
from pgproxy.session.state import SessionState
from pgproxy.statements.facts import read_facts
from pgproxy.statements.grammar import SyntaxProblem, split
from pgproxy.wire import query, results
from pgproxy.wire.framing import Frame


class ExtendedProtocol:
    """One method a message; each either asks the server or refuses."""

    def __init__(
        self,
        state: SessionState,
        analysis: Analysis,
        binding: Binding,
        inside: Inside,
        execution: Execution,
        elsewhere: ElsewhereRuns,
    ) -> None:
        self._state = state
        self._analysis = analysis
        self._binding = binding
        self._inside = inside
        self._execution = execution
        self._elsewhere = elsewhere

    def on_parse(self, frame: Frame) -> None:
        state, message = self._state, query.Parse.decode(frame.body)
        name = message.statement_name
        is_first, state.has_begun_batch = not state.has_begun_batch, True
        if not name:
            state.names.close_statement("")  # the server drops it first, whatever becomes of the new one
        try:
            check_name(name)
            raws = split(message.query)
        except SyntaxProblem:
            forward_bad_parse(state, name, frame.data)
            return
        except ProxyError as error:
            refuse(state, error)
            return
        if len(raws) > 1:  # the server refuses these itself, with its own words
            forward_bad_parse(state, name, frame.data)
            return
        if not raws:
            self._prepare(Prepared(name, Verdict(None)), frame.data)
            return
        try:
            admitted = admit(raws[0], state.context)
        except NotAnalysable as error:
            self._run_elsewhere(Elsewhere(read_facts(raws[0]), error), frame, is_first, name)
            return
        except ProxyError as error:
            refuse(state, error)
            return
        raw = admitted.raw
        if admitted.is_analysed:

            def divert(error: NotAnalysable) -> None:
                self._run_elsewhere(Elsewhere(read_facts(raw), error), frame, is_first, name, is_decided=True)

            self._analysis.analyse(
                raw, name, frame.data, lambda verdict: self._parsed(Prepared(name, verdict)), divert=divert
            )
            return
        sent = frame.data
        if admitted.sql != raw.text:
            sent = query.Parse(name, admitted.sql, message.parameter_type_oids).encode()
        verdict = replace(admitted.verdict(state.context.rules().version), parameter_types=message.parameter_type_oids)
        self._prepare(Prepared(name, verdict), sent)

    def _run_elsewhere(
        self, statement: Elsewhere, frame: Frame, is_first: bool, parses: str | None = None, *, is_decided: bool = False
    ) -> None:
        """The batch that this message begins goes to the clean login.

        Args:
            is_decided: all that came before was answered.
        """
        state = self._state
        if is_first and state.is_busy and not is_decided:
            state.has_begun_batch = False
            state.wait_for_answers(frame)
        elif is_first and self._elsewhere.may_begin:
            self._elsewhere.begin(Run(statement, frame.data, is_query=False, parses=parses))
        else:
            refuse(state, self._elsewhere.refusal(statement.error))

    def _is_for_elsewhere(self, name: str, frame: Frame) -> bool:
        """A message about a prepared statement that the clean login's connection has; it is seen to."""
        state = self._state
        is_first, state.has_begun_batch = not state.has_begun_batch, True
        statement = state.names.elsewhere(name)
        if statement is not None:
            self._run_elsewhere(statement, frame, is_first)
        return statement is not None

    def _prepare(self, prepared: Prepared, parse: bytes) -> None:
        """A statement without a tree: its name counts when the server says ParseComplete."""
        self._state.enter(Phase.ANALYSING)
        pending = Pending(Request.PARSE, visible=False, then=lambda: self._parsed(prepared))
        self._state.ask(pending, parse + query.Flush().encode())

    def _parsed(self, prepared: Prepared) -> None:
        self._state.names.prepared(prepared)
        self._state.send_client(results.ParseComplete().encode())
        self._state.enter(Phase.READY)

    def on_bind(self, frame: Frame) -> None:
        state, message = self._state, query.Bind.decode(frame.body)
        try:
            check_name(message.portal)
            check_name(message.statement)
            if self._is_for_elsewhere(message.statement, frame):
                return
            prepared = state.names.statement(message.statement)
            prepared.verdict = state.current(prepared.verdict)
        except ProxyError as error:
            refuse(state, error)
            return
        portal = Portal(message.portal, prepared, prepared.verdict, tuple(message.result_formats))
        portal.bind = message
        self._binding.bind(portal, frame.data, self._bound)

    def _bound(self, portal: Portal) -> None:
        if not (portal.verdict.is_wrapper or portal.verdict.reads_by_name):  # their executions come back to it
            portal.bind = None
        self._state.names.bound(portal)
        self._state.send_client(results.BindComplete().encode())
        self._state.enter(Phase.READY)

    def on_describe(self, frame: Frame) -> None:
        state, message = self._state, query.Describe.decode(frame.body)
        try:
            check_name(message.name)
            if message.kind == "S":
                if self._is_for_elsewhere(message.name, frame):
                    return
                prepared = state.names.statement(message.name)
                described = Pending(Request.DESCRIBE_STATEMENT, prepared=prepared, verdict=prepared.verdict)
            elif state.names.has_portal(message.name) or has_masks(state.context):
                portal = state.names.portal(message.name)
                described = Pending(Request.DESCRIBE_PORTAL, portal=portal, verdict=portal.verdict)
            else:  # a cursor of DECLARE is a portal too, and only masks ask whose columns it shows
                described = Pending(Request.DESCRIBE_PORTAL)
        except ProxyError as error:
            refuse(state, error)
            return
        state.ask(described, frame.data)

    def on_execute(self, frame: Frame) -> None:
        state, message = self._state, query.Execute.decode(frame.body)
        try:
            check_name(message.portal)
            portal = state.names.portal(message.portal)
            portal.verdict = state.current(portal.verdict)
        except ProxyError as error:
            refuse(state, error)
            return
        if state.pending.declares_cursor or (portal.verdict.reads_by_name and state.is_busy):
            # Portals and cursors share one name space: who has the name is known when what is before has been answered.
            state.wait_for_answers(frame)
            return

        def executable(portal: Portal) -> None:
            state.has_open_batch = True
            if portal.is_awaited:
                state.enter(Phase.RUNNING)
                self._execution.execute(portal, message.max_rows, flush=True, then=lambda: state.enter(Phase.READY))
            else:
                self._execution.execute(portal, message.max_rows)
                state.enter(Phase.READY)

        self._inside.when_executable(portal, executable)

    def on_close(self, frame: Frame) -> None:
        state, message = self._state, query.Close.decode(frame.body)
        state.has_begun_batch = True
        try:
            check_name(message.name)
        except ProxyError as error:
            refuse(state, error)
            return
        close = state.names.close_statement if message.kind == "S" else state.names.close_portal
        state.ask(Pending(Request.CLOSE, then=lambda: close(message.name)), frame.data)

    def on_sync(self, frame: Frame) -> None:
        if self._state.phase is Phase.DISCARDING:
            self._state.enter(Phase.READY)
        self._state.sync()

    def on_flush(self, frame: Frame) -> None:
        self._state.send_upstream(frame.data)

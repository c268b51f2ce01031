"""The client's Query, statement by statement.

A string whose statements the text alone decides is forwarded as it is. Any other is run as unnamed statements of the
extended protocol under one Sync of the proxy's, so that it keeps its one implicit transaction.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial

from pgproxy.errors import NotAnalysable, ProxyError
from pgproxy.session.admission import Admitted, admit, whole_decision
from pgproxy.session.analysis import Analysis
from pgproxy.session.binding import Binding
from pgproxy.session.copyout import CopyOut
from pgproxy.session.elsewhere import ElsewhereRuns, Run
from pgproxy.session.execution import Execution
from pgproxy.session.holding import Holding
from pgproxy.session.inside import Inside
from pgproxy.session.names import Elsewhere
from pgproxy.session.pending import Pending, Request
from pgproxy.session.phases import Phase
from pgproxy.session.prepared import Portal, Prepared, Verdict
from pgproxy.session.refusing import forward_bad_parse, refuse_query
from pgproxy.session.state import SessionState
from pgproxy.statements.facts import read_facts
from pgproxy.statements.grammar import SyntaxProblem, split
from pgproxy.statements.model import Handling, RawStatement
from pgproxy.wire import query
from pgproxy.wire.framing import Frame


class SimpleProtocol:
    """Runs a Query's statements; `SessionState.script` holds those to come."""

    def __init__(
        self,
        state: SessionState,
        analysis: Analysis,
        binding: Binding,
        inside: Inside,
        execution: Execution,
        elsewhere: ElsewhereRuns,
        holding: Holding,
    ) -> None:
        self._holding = holding
        self._state = state
        self._analysis = analysis
        self._binding = binding
        self._inside = inside
        self._execution = execution
        self._elsewhere = elsewhere
        self._alone: Frame | None = None
        """The Query that is run statement by statement, if it has only one."""
        self._keeps_block = False
        """The Query is one statement within an extended batch that has no Sync yet: the batch's implicit transaction
        goes on behind it. So the Query ends with an empty one, which asks for ReadyForQuery and ends nothing."""

    def on_query(self, frame: Frame) -> None:
        state = self._state
        # What a FETCH brings is known when the DECLARE before it has been answered; and behind messages without a Sync
        # the server skips the Query if one of them fails.
        if state.pending.declares_cursor or (state.has_open_batch and len(state.pending) > 0):
            state.wait_for_answers(frame)
            return
        sql = query.Query.decode(frame.body).query
        state.names.close_unnamed()
        raws: Sequence[RawStatement] = ()
        try:
            raws = split(sql)
            script = [admit(raw, state.context) for raw in raws]
        except SyntaxProblem:
            state.script = deque()  # whatever comes of it ends with a Sync of ours
            forward_bad_parse(state, "", query.Parse("", sql, ()).encode())
            return
        except ProxyError as error:
            if not (isinstance(error, NotAnalysable) and len(raws) == 1):
                refuse_query(state, self._elsewhere.refusal(error))
            elif state.is_busy:  # what was sent before may have begun a transaction
                state.wait_for_answers(frame)
            else:
                self._run_elsewhere(raws[0], frame, error)
            return
        if not raws or all(item.is_plain for item in script):
            decision = whole_decision(script, state.context)
            self._holding.when_permitted_whole(raws, sql, decision, lambda: self._forward_query(script, frame.data))
        elif len(script) == 1:
            self._run(script, frame)
        else:
            decision = whole_decision(script, state.context)
            self._holding.when_permitted_whole(raws, sql, decision, lambda: self._run(script, frame))

    def _run(self, script: Sequence[Admitted], frame: Frame) -> None:
        """Statement by statement."""
        state = self._state
        self._keeps_block = state.has_open_batch and len(script) == 1
        state.script = deque(script)
        state.has_run_statement = False
        state.enter(Phase.RUNNING)
        self._alone = frame if len(script) == 1 else None
        self._next_statement()

    def _run_elsewhere(self, raw: RawStatement, frame: Frame | None, error: NotAnalysable) -> None:
        if frame is not None and self._elsewhere.may_begin:
            self._elsewhere.begin(Run(Elsewhere(read_facts(raw), error), frame.data, is_query=True))
        else:
            self._state.script = None
            refuse_query(self._state, self._elsewhere.refusal(error))

    def _forward_query(self, script: Sequence[Admitted], sent: bytes) -> None:
        """A string of statements without a tree goes as it is."""
        state = self._state
        verdicts = [item.verdict(state.context.rules().version) for item in script]
        for one in verdicts:
            state.formats.executes(one)
        if state.release is not None:
            state.release.has_begun = True
        pending = Pending(
            Request.QUERY,
            verdict=next((one for one in verdicts if one.passes_rows), None),
            takes_data=any(one.takes_data for one in verdicts),
            copy_out=CopyOut() if any(one.is_copy_by_text for one in verdicts) else None,
            is_redacted=any(one.redacts for one in verdicts),
            commands=deque(item.raw for item in script),
            release=state.release,
        )
        state.redacting = state.redacting or pending.is_redacted
        if len(script) != 1 or script[0].raw.handling is Handling.TRANSACTION:
            state.has_open_batch = False  # such a Query ends the implicit transaction
        state.ask(pending, sent)

    def _next_statement(self) -> None:
        """The next statement of the string; the last one ends it (`_execute`)."""
        state = self._state
        assert state.script
        item = state.script.popleft()
        parse = query.Parse("", item.sql, ()).encode()
        if item.is_analysed:
            self._analysis.analyse(
                item.raw, "", parse, self._bind, divert=partial(self._run_elsewhere, item.raw, self._alone)
            )
            return
        verdict = item.verdict(state.context.rules().version)
        if verdict.is_wrapper:  # parsed and bound when what is inside was decided
            self._inside.when_executable(_unnamed(verdict), self._execute)
            return
        state.ask(Pending(Request.PARSE, visible=False, position_offset=item.raw.character_offset), parse)
        self._bind(verdict)

    def _bind(self, verdict: Verdict) -> None:
        state, raw, portal = self._state, verdict.raw, _unnamed(verdict)
        is_binary = raw is not None and raw.handling is Handling.FETCH and state.names.is_binary_cursor(raw.cursor)
        portal.result_formats = (1,) if is_binary else ()
        bind = query.Bind("", "", (), (), portal.result_formats).encode()

        def bound(portal: Portal) -> None:
            self._inside.when_executable(portal, self._execute)

        self._binding.bind(portal, bind, bound, is_just_decided=True)

    def _execute(self, portal: Portal) -> None:
        state, verdict = self._state, portal.verdict
        state.enter(Phase.RUNNING)
        if verdict.row is not None and not verdict.reads_by_name:
            state.send_client(verdict.row.encode())
        elif verdict.reads_by_name or not verdict.is_analysed:
            describe = query.Describe("P", "").encode()
            state.ask(Pending(Request.DESCRIBE_PORTAL, verdict=verdict, is_simple=True), describe)
        # A Sync that comes during a COPY is ignored: not sent before its end.
        if state.script or verdict.takes_data or portal.is_awaited or self._keeps_block:
            self._execution.execute(portal, flush=True, then=self._executed)
            return
        state.script = None
        self._execution.execute(portal)
        state.sync()
        state.enter(Phase.READY)

    def _executed(self) -> None:
        state = self._state
        state.has_run_statement = True
        if state.script:
            self._next_statement()
            return
        state.script = None
        state.enter(Phase.READY)
        if self._keeps_block:
            state.ask(Pending(Request.QUERY, visible=False), query.Query("").encode())
        else:
            state.sync()


def _unnamed(verdict: Verdict) -> Portal:
    return Portal("", Prepared("", verdict), verdict)

"""A session of an identity that rules concern: nothing runs before its meaning is known.

How a statement goes (requests in between are the proxy's own, their replies are swallowed):

    Parse, Describe ─▶ tree, ParameterDescription, RowDescription
    catalog query   ─▶ what the tree reaches, in the statement's own transaction
    decide          ─▶ denied: a request that the server must refuse, whose error becomes ours
    Bind            ─▶ BindComplete; a tree before it: the meaning may have changed, so analyse and decide again
    Execute         ─▶ rows, masked by the portal's plan

A simple Query takes the same steps, statement by statement, under one Sync. A refusal goes through the server so that
the server itself aborts the transaction and discards until Sync: order and transaction status are never guessed.
In one file, and long: the two directions share every field of this state, and apart they could not be read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pgproxy.errors import (
    MalformedMessage,
    NotUnderstood,
    ProxyError,
    ShuttingDown,
    UnknownPortal,
    UnknownStatement,
    UpstreamUnreachable,
)
from pgproxy.masking.rewrite import rewrite_rows
from pgproxy.session.actions import Action, Close, Log, PauseClient, ResumeClient, SendClient, SendUpstream
from pgproxy.session.admission import Admitted, admit, admit_by_text, check_name, has_masks
from pgproxy.session.context import SessionContext
from pgproxy.session.formats import ReportedFormats
from pgproxy.session.notices import KeptLevel, is_tree, tree_text
from pgproxy.session.pending import ANSWERS, COPY_TAGS, Pending, PendingQueue, Request
from pgproxy.session.phases import TRANSITIONS, Phase
from pgproxy.session.prepared import RESERVED_PREFIX, Cursor, Portal, Prepared, Verdict
from pgproxy.session.questions import Question, about_catalog, about_formats
from pgproxy.session.redaction import is_harmless, redacted
from pgproxy.session.replies import error_response
from pgproxy.session.understanding import (
    Announced,
    announced,
    check_origins,
    decision_for,
    decision_for_utility,
    understand,
)
from pgproxy.statements.grammar import SyntaxProblem, split
from pgproxy.statements.model import Handling, RawStatement, StatementClass
from pgproxy.wire import asynchronous, framing, query, results

CHECK_STATEMENT = RESERVED_PREFIX + "check"
REFUSED_STATEMENT = RESERVED_PREFIX + "refused"
"""Never prepared: describing it is what the server must refuse."""

INBOX_LIMIT_BYTES = 1 << 20
"""How much of the client's pipeline may wait for a decision before its socket is no longer read."""


@dataclass(slots=True)
class Gate:
    """One statement on its way to a decision."""

    raw: RawStatement
    name: str
    """Name that the statement was parsed under upstream."""
    resume: Callable[[Verdict], None]
    trees: list[bytes] = field(default_factory=list)
    parameter_types: tuple[int, ...] = ()
    row: results.RowDescription | None = None
    is_parsed: bool = False
    """The server has it under `name`."""
    announcement: Announced | None = None
    document: list[bytes] = field(default_factory=list)


class AnalysedSession:
    """Events in (`client_bytes`, `upstream_bytes`, …), actions out, in order. No I/O, no clock."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._formats = ReportedFormats(context.parameters)
        self.phase = Phase.READY
        self._frontend = framing.FrontendScanner()
        self._backend = framing.BackendScanner()
        self._inbox: deque[framing.Frame] = deque()
        self._inbox_bytes = 0
        self._client_paused = False
        self._pending = PendingQueue()
        self._statements: dict[str, Prepared] = {}
        self._portals: dict[str, Portal] = {}
        self._cursors: dict[str, Cursor] = {}
        self._gate: Gate | None = None
        self._undecided: set[str] = set()
        """Statements that the server has and nobody allowed: closed behind the next Sync."""
        self._script: deque[Admitted] | None = None
        self._catalog_prepared = False
        self._copies_in = False
        self._redacting = False
        self._status = "I"
        self._draining = False
        self._said_goodbye = False
        """The client sent Terminate."""
        self._level = KeptLevel(context.client_min_messages)
        self._actions: list[Action] = []
        self._handlers: dict[bytes, Callable[[framing.Frame], None]] = {
            b"P": self._on_parse,
            b"B": self._on_bind,
            b"D": self._on_describe,
            b"E": self._on_execute,
            b"C": self._on_close,
            b"S": self._on_sync,
            b"H": self._on_flush,
            b"Q": self._on_query,
            b"F": self._on_function_call,
            b"X": self._on_terminate,
            b"d": self._on_stray_copy,
            b"c": self._on_stray_copy,
            b"f": self._on_stray_copy,
        }

    # Events ----------------------------------------------------------------------------------------------------

    def client_bytes(self, data: bytes) -> Sequence[Action]:
        """Bytes from the client, cut anywhere."""
        if self._said_goodbye or self.phase is Phase.CLOSED:
            return self._take()
        try:
            for frame in self._frontend.feed(data):
                self._inbox.append(frame)
                self._inbox_bytes += len(frame.data)
            self._pump()
        except ProxyError as error:
            self._fail(error)
        return self._take()

    def upstream_bytes(self, data: bytes) -> Sequence[Action]:
        """Bytes from the server, cut anywhere."""
        # A value of a gigabyte passes as it comes, unless a mask has to see it whole. What this chunk answers was asked
        # before it came.
        self._backend.stream_from_bytes = None if self._pending.needs_whole_rows else framing.STREAMED_BYTES
        try:
            for run in self._backend.feed(data):
                if self.phase is Phase.CLOSED:
                    break
                if run.tag == b"D":
                    self._on_rows(run)
                else:
                    self._on_reply(run)
            self._pump()
        except ProxyError as error:
            self._fail(error)
        return self._take()

    def upstream_gone(self) -> Sequence[Action]:
        """The server closed its side."""
        if self._said_goodbye and self.phase is not Phase.CLOSED:
            self._enter(Phase.CLOSED)
            self._actions.append(Close())
        elif self.phase is not Phase.CLOSED:
            self._fail(UpstreamUnreachable("the server closed the connection unexpectedly"))
        return self._take()

    def client_gone(self) -> Sequence[Action]:
        self._enter(Phase.CLOSED)
        self._actions.append(Close())
        return self._take()

    def rules_changed(self) -> Sequence[Action]:
        """Nothing now: each statement compares the rules' version with the one it was decided under."""
        return self._take()

    def drain(self) -> Sequence[Action]:
        """The proxy stops: end now if nothing runs, else when the running statement is done."""
        self._draining = True
        self._end_if_drained()
        return self._take()

    @property
    def _waits_for_cursor(self) -> bool:
        """A FETCH stands first in the inbox and everything before it has been answered."""
        return self.phase is Phase.RUNNING and self._script is None and len(self._pending) == 0

    @property
    def is_busy(self) -> bool:
        """A statement of the client is under way upstream."""
        return len(self._pending) > 0

    # From the client -------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        while (
            self._inbox
            and not self._said_goodbye
            and (self.phase in (Phase.READY, Phase.DISCARDING) or self._copies_in or self._waits_for_cursor)
        ):
            frame = self._inbox.popleft()
            self._inbox_bytes -= len(frame.data)
            if self._copies_in:
                self._on_copy(frame)
                continue
            if self.phase is Phase.DISCARDING and frame.tag not in (b"S", b"X"):
                continue
            handler = self._handlers.get(frame.tag)
            if handler is None:
                raise MalformedMessage(f"invalid frontend message type {frame.tag[0]}")
            handler(frame)
        if not self._client_paused and self._inbox_bytes > INBOX_LIMIT_BYTES:
            self._client_paused = True
            self._actions.append(PauseClient())
        elif self._client_paused and self._inbox_bytes <= INBOX_LIMIT_BYTES // 2:
            self._client_paused = False
            self._actions.append(ResumeClient())

    def _on_parse(self, frame: framing.Frame) -> None:
        message = query.Parse.decode(frame.body)
        if not message.statement_name:
            self._statements.pop("", None)  # the server drops it first, whatever becomes of the new one
        try:
            check_name(message.statement_name)
            raws = split(message.query)
        except SyntaxProblem:
            self._forward_bad_parse(message.statement_name, frame.data)
            return
        except ProxyError as error:
            self._refuse(error)
            return
        if len(raws) > 1:  # the server refuses these itself, with its own words
            self._forward_bad_parse(message.statement_name, frame.data)
            return
        if not raws:
            self._prepare(Prepared(message.statement_name, Verdict(None)), frame.data)
            return
        try:
            admitted = admit(raws[0], self._context)
        except ProxyError as error:
            self._refuse(error)
            return
        raw = admitted.raw
        if admitted.is_analysed:
            name = message.statement_name
            self._analyse(raw, name, frame.data, lambda verdict: self._parsed(Prepared(name, verdict)))
            return
        sent = frame.data
        if admitted.sql != raw.text:
            sent = query.Parse(message.statement_name, admitted.sql, message.parameter_type_oids).encode()
        verdict = replace(admitted.verdict(self._context.rules().version), parameter_types=message.parameter_type_oids)
        self._prepare(Prepared(message.statement_name, verdict), sent)

    def _prepare(self, prepared: Prepared, parse: bytes) -> None:
        """A statement without a tree: its name counts when the server says ParseComplete."""
        self._enter(Phase.ANALYSING)
        pending = Pending(Request.PARSE, visible=False, then=lambda: self._parsed(prepared))
        self._ask(pending, parse + query.Flush().encode())

    def _parsed(self, prepared: Prepared) -> None:
        self._statements[prepared.name] = prepared
        self._send_client(results.ParseComplete().encode())
        self._enter(Phase.READY)

    def _on_bind(self, frame: framing.Frame) -> None:
        message = query.Bind.decode(frame.body)
        try:
            check_name(message.portal)
            check_name(message.statement)
            prepared = self._statement(message.statement)
            prepared.verdict = self._current(prepared.verdict)
        except ProxyError as error:
            self._refuse(error)
            return
        portal = Portal(message.portal, prepared, prepared.verdict, tuple(message.result_formats))
        self._bind(portal, frame.data, self._bound)

    def _bind(self, portal: Portal, bind: bytes, then: Callable[[Portal], None]) -> None:
        self._enter(Phase.BINDING)
        self._ask(
            Pending(
                Request.BIND,
                visible=False,
                portal=portal,
                verdict=portal.verdict,
                then=lambda: self._check_bound(portal, then),
            ),
            bind + query.Flush().encode(),
        )

    def _check_bound(self, portal: Portal, then: Callable[[Portal], None]) -> None:
        """At BindComplete: a tree since the last decision means that the server analysed anew (or inlined a function).

        The same text is parsed again under a name of ours, in the same transaction and under the portal's locks.
        """
        prepared, verdict = portal.prepared, portal.verdict
        if not prepared.is_stale or not verdict.is_analysed or verdict.raw is None:
            self._check_formats(portal, then)
            return

        def again(fresh: Verdict) -> None:
            prepared.verdict = portal.verdict = fresh
            prepared.is_stale = False
            self._check_formats(portal, then)

        # With the types that the server settled on at first: it keeps them when it analyses anew.
        parse = query.Parse(CHECK_STATEMENT, verdict.raw.text, verdict.parameter_types).encode()
        self._ask(Pending(Request.CLOSE, visible=False), query.Close("S", CHECK_STATEMENT).encode())
        self._analyse(verdict.raw, CHECK_STATEMENT, parse, again)

    def _check_formats(self, portal: Portal, then: Callable[[Portal], None]) -> None:
        """A SET of this batch changed how values are written, and masks have to read them: ask."""
        decision = portal.verdict.decision
        if decision is None or not decision.masks_anything or not self._formats.is_unknown:
            then(portal)
            return
        rows: list[bytes] = []

        def answered() -> None:
            self._formats.answer(results.DataRow.decode(rows[0][5:]).values())
            then(portal)

        unknown = NotUnderstood("not provably safe: the format of values is not known", detail="rule builtin.formats")
        self._ask_ourselves(about_formats(), unknown, rows, answered)

    def _bound(self, portal: Portal) -> None:
        self._portals[portal.name] = portal
        self._cursors.pop(portal.name, None)
        self._send_client(results.BindComplete().encode())
        self._enter(Phase.READY)

    def _on_describe(self, frame: framing.Frame) -> None:
        message = query.Describe.decode(frame.body)
        try:
            check_name(message.name)
            if message.kind == "S":
                prepared = self._statement(message.name)
                described = Pending(Request.DESCRIBE_STATEMENT, prepared=prepared, verdict=prepared.verdict)
            elif message.name in self._portals or has_masks(self._context):
                portal = self._portal(message.name)
                described = Pending(Request.DESCRIBE_PORTAL, portal=portal, verdict=portal.verdict)
            else:  # a cursor of DECLARE is a portal too, and only masks ask whose columns it shows
                described = Pending(Request.DESCRIBE_PORTAL)
        except ProxyError as error:
            self._refuse(error)
            return
        self._ask(described, frame.data)

    def _on_execute(self, frame: framing.Frame) -> None:
        message = query.Execute.decode(frame.body)
        try:
            check_name(message.portal)
            portal = self._portal(message.portal)
            portal.verdict = self._current(portal.verdict)
        except ProxyError as error:
            self._refuse(error)
            return
        is_fetch = portal.verdict.raw is not None and portal.verdict.raw.handling is Handling.FETCH
        if self._pending.declares_cursor or (is_fetch and len(self._pending)):
            # Portals and cursors share one name space: who has the name is known when what is before has been answered.
            self._inbox.appendleft(frame)
            self._inbox_bytes += len(frame.data)
            self._enter(Phase.RUNNING)
            self._send_upstream(query.Flush().encode())
            return
        self._when_executable(portal, lambda: self._execute_portal(portal, frame.data))

    def _execute_portal(self, portal: Portal, sent: bytes) -> None:
        verdict = portal.verdict

        def then() -> None:
            self._executed(verdict)
            self._declared(portal)

        self._execute(portal, sent, then)
        self._enter(Phase.READY)

    def _when_executable(self, portal: Portal, then: Callable[[], None]) -> None:
        """EXPLAIN and DECLARE: analyse what is inside, in the same transaction, just before it runs; the locks of that
        analysis keep its meaning. FETCH: find what its cursor was decided under.

        The server announces nothing for these when they run, so no earlier decision counts.
        """
        verdict, raw = portal.verdict, portal.verdict.raw
        if portal.is_started or raw is None or raw.handling not in (Handling.WRAP, Handling.FETCH):
            then()
            return
        if raw.handling is Handling.FETCH:
            cursor = self._cursors.get(raw.cursor) or self._portals.get(raw.cursor)
            try:
                if cursor is None:
                    raise UnknownPortal(f'cursor "{raw.cursor}" does not exist')
                portal.verdict = verdict.reading(self._current(cursor.verdict))
            except ProxyError as error:
                self._refuse_here(error)
                return
            then()
            return
        assert raw.inner is not None

        def allowed(inner: Verdict) -> None:
            portal.verdict = verdict.around(inner)
            portal.inner = inner
            then()

        self._ask(Pending(Request.CLOSE, visible=False), query.Close("S", CHECK_STATEMENT).encode())
        parse = query.Parse(CHECK_STATEMENT, raw.inner.text, verdict.parameter_types).encode()
        self._analyse(raw.inner, CHECK_STATEMENT, parse, allowed)

    def _execute(self, portal: Portal, sent: bytes, then: Callable[[], None]) -> None:
        verdict = portal.verdict
        portal.is_started = True
        self._redacting = self._redacting or verdict.redacts
        self._formats.executes(verdict)  # already now: what follows in the pipeline is planned before this completes
        portal.plan = verdict.plan(portal.result_formats, self._context.keys, self._formats.now())
        pending = Pending(
            Request.EXECUTE,
            portal=portal,
            verdict=verdict,
            plan=portal.plan,
            then=then,
            may_copy=verdict.may_copy,
            declares_cursor=verdict.is_wrapper,
        )
        self._ask(pending, sent)

    def _executed(self, verdict: Verdict) -> None:
        raw = verdict.raw
        if verdict.kept_level is not None and raw is not None and raw.setting is not None:
            self._level.set(verdict.kept_level, is_local=raw.setting.is_local)
        if raw is not None:
            self._note_executed(raw)

    def _declared(self, portal: Portal) -> None:
        """A cursor was made: portals and cursors share one name space."""
        raw = portal.verdict.raw
        if raw is not None and raw.handling is Handling.WRAP and raw.cursor and portal.inner is not None:
            self._portals.pop(raw.cursor, None)
            self._cursors[raw.cursor] = Cursor(portal.inner, raw.is_held)

    def _note_executed(self, raw: RawStatement) -> None:
        if raw.forgets_statements:
            if raw.forgets is not None:
                self._statements.pop(raw.forgets, None)
            else:
                self._statements.clear()
                self._catalog_prepared = False
        if (raw.setting is not None and raw.setting.name == "all") or raw.node == "DiscardStmt":
            self._level.reset()

    def _on_close(self, frame: framing.Frame) -> None:
        message = query.Close.decode(frame.body)
        try:
            check_name(message.name)
        except ProxyError as error:
            self._refuse(error)
            return

        def then() -> None:
            if message.kind == "S":
                self._statements.pop(message.name, None)
            else:
                self._portals.pop(message.name, None)

        self._ask(Pending(Request.CLOSE, then=then), frame.data)

    def _on_sync(self, frame: framing.Frame) -> None:
        if self.phase is Phase.DISCARDING:
            self._enter(Phase.READY)
        self._sync()

    def _on_flush(self, frame: framing.Frame) -> None:
        self._send_upstream(frame.data)

    def _on_function_call(self, frame: framing.Frame) -> None:
        call = RawStatement("", 0, StatementClass.FUNCTION_CALL, Handling.PASS, "FunctionCall")
        try:
            if has_masks(self._context):
                raise NotUnderstood(
                    "a function call message cannot be analysed",
                    detail="rule builtin.function_call",
                    hint="Call the function in a SELECT.",
                )
            decision_for_utility(call, self._context.identity, self._context.rules())
        except ProxyError as error:
            self._refuse(error)
            self._enter(Phase.READY)
            self._sync()
            return
        self._ask(Pending(Request.QUERY, verdict=Verdict(call, passes_rows=True)), frame.data)

    def _on_terminate(self, frame: framing.Frame) -> None:
        """What was asked before is still answered: the server closes when it is done."""
        self._send_upstream(frame.data)
        self._said_goodbye = True
        if not self.is_busy:
            self._enter(Phase.CLOSED)
            self._actions.append(Close())

    def _on_copy(self, frame: framing.Frame) -> None:
        """During COPY FROM STDIN the server takes data, its end, and ignores Flush and Sync."""
        if frame.tag == b"X":
            self._on_terminate(frame)
        elif frame.tag in (b"c", b"f"):
            self._copies_in = False
            self._send_upstream(frame.data)
            if self._script is not None:  # the Flush behind the Execute came during the COPY: ignored
                self._send_upstream(query.Flush().encode())
        elif frame.tag == b"d":
            self._send_upstream(frame.data)
        elif frame.tag not in (b"H", b"S"):
            raise MalformedMessage(f"unexpected message type {frame.tag[0]} during COPY from stdin")

    def _on_stray_copy(self, frame: framing.Frame) -> None:
        """Before the server has begun the COPY, or after it ended it with an error: it ignores them then."""
        copying = self._pending.next_that_may_copy()
        if copying is not None:
            copying.has_all_data = copying.has_all_data or frame.tag != b"d"
            self._send_upstream(frame.data)

    # Simple Query ----------------------------------------------------------------------------------------------

    def _on_query(self, frame: framing.Frame) -> None:
        sql = query.Query.decode(frame.body).query
        self._statements.pop("", None)  # the server drops both at a simple Query
        self._portals.pop("", None)
        try:
            script = [admit(raw, self._context) for raw in split(sql)]
        except SyntaxProblem:
            self._script = deque()  # whatever comes of it ends with a Sync of ours
            self._forward_bad_parse("", query.Parse("", sql, ()).encode())
            return
        except ProxyError as error:
            self._refuse(error)
            self._enter(Phase.READY)
            self._sync()
            return
        is_plain = all(item.is_plain for item in script)
        if is_plain:
            self._forward_query(script, frame.data)
            return
        self._script = deque(script)
        self._enter(Phase.RUNNING)
        self._next_statement()

    def _forward_query(self, script: Sequence[Admitted], sent: bytes) -> None:
        """A string of statements without a tree goes as it is."""
        verdicts = [item.verdict(self._context.rules().version) for item in script]
        for one in verdicts:
            self._formats.executes(one)
        pending = Pending(
            Request.QUERY,
            verdict=next((one for one in verdicts if one.passes_rows), None),
            may_copy=any(one.may_copy for one in verdicts),
            is_redacted=any(one.redacts for one in verdicts),
            commands=deque(item.raw for item in script),
        )
        self._redacting = self._redacting or pending.is_redacted
        self._ask(pending, sent)

    def _next_statement(self) -> None:
        """The next statement of the string; the last one ends it (`_execute_unnamed`)."""
        assert self._script
        item = self._script.popleft()
        raw = item.raw
        parse = query.Parse("", item.sql, ()).encode()
        if item.is_analysed:
            self._analyse(raw, "", parse, self._bind_unnamed)
            return
        self._ask(Pending(Request.PARSE, visible=False, position_offset=raw.character_offset), parse)
        self._bind_unnamed(item.verdict(self._context.rules().version))

    def _bind_unnamed(self, verdict: Verdict) -> None:
        portal = Portal("", Prepared("", verdict), verdict)
        self._bind(portal, query.Bind("", "", (), (), ()).encode(), self._execute_unnamed)

    def _execute_unnamed(self, portal: Portal) -> None:
        self._when_executable(portal, lambda: self._execute_executable(portal))

    def _execute_executable(self, portal: Portal) -> None:
        verdict = portal.verdict
        self._enter(Phase.RUNNING)
        is_fetch = verdict.raw is not None and verdict.raw.handling is Handling.FETCH
        if verdict.row is not None and not is_fetch:
            self._send_client(verdict.row.encode())
        elif is_fetch or not verdict.is_analysed:
            describe = query.Describe("P", "").encode()
            self._ask(Pending(Request.DESCRIBE_PORTAL, verdict=verdict, is_simple=True), describe)

        if self._script or verdict.may_copy:  # a Sync that comes during a COPY is ignored: not sent before its end

            def then() -> None:
                self._executed(verdict)
                self._declared(portal)
                if self._script:
                    self._next_statement()
                    return
                self._script = None
                self._enter(Phase.READY)
                self._sync()

            self._execute(portal, query.Execute("", 0).encode() + query.Flush().encode(), then)
            return
        self._script = None

        def last() -> None:
            self._executed(verdict)
            self._declared(portal)

        self._execute(portal, query.Execute("", 0).encode(), last)
        self._sync()
        self._enter(Phase.READY)

    # Deciding --------------------------------------------------------------------------------------------------

    def _analyse(
        self,
        raw: RawStatement,
        name: str,
        parse: bytes,
        resume: Callable[[Verdict], None],
    ) -> None:
        """Send Parse and Describe; `resume` is called with the prepared statement once it is allowed."""
        self._enter(Phase.ANALYSING)
        self._gate = Gate(raw, name, resume)
        offset = raw.character_offset if self._script is not None else 0
        gate = self._gate

        def parsed() -> None:
            gate.is_parsed = True

        self._ask(Pending(Request.PARSE, visible=False, position_offset=offset, then=parsed), parse)
        self._ask(
            Pending(Request.DESCRIBE_STATEMENT, visible=False, then=self._described),
            query.Describe("S", name).encode() + query.Flush().encode(),
        )

    def _described(self) -> None:
        gate = self._gate
        assert gate is not None
        try:
            gate.announcement = announced(
                gate.trees, gate.parameter_types, gate.row, self._context.catalog().server_version
            )
        except ProxyError as error:
            self._decide_by_text(gate, error)
            return
        if gate.announcement.is_known(self._context.catalog()):
            self._decide(gate, None)
            return
        self._enter(Phase.READING_CATALOG)
        unreadable = NotUnderstood("not provably safe: the catalog could not be read", detail="rule builtin.catalog")
        questions = about_catalog(gate.announcement.reached, is_prepared=self._catalog_prepared)
        self._catalog_prepared = True
        self._ask_ourselves(questions, unreadable, gate.document, lambda: self._catalog_read(gate))

    def _catalog_read(self, gate: Gate) -> None:
        if len(gate.document) != 1:
            self._refuse_parsed(gate.name, NotUnderstood("not provably safe: the catalog could not be read"))
            return
        value = results.only_value(gate.document[0])
        self._decide(gate, value.decode())

    def _decide(self, gate: Gate, document: str | None) -> None:
        assert gate.announcement is not None
        context, rules = self._context, self._context.rules()
        try:
            understanding = understand(
                gate.raw, gate.announcement, gate.parameter_types, gate.row, context.catalog(), document
            )
        except ProxyError as error:
            self._decide_by_text(gate, error)
            return
        try:
            decision = decision_for(understanding, context.identity, rules)
            if gate.row is not None:
                check_origins(decision, gate.row, understanding.catalog, context.identity, rules)
        except ProxyError as error:
            self._refuse_parsed(gate.name, error)
            return
        self._gate = None
        gate.resume(Verdict(gate.raw, decision, rules.version, understanding, gate.row, gate.parameter_types))

    def _decide_by_text(self, gate: Gate, error: ProxyError) -> None:
        """What could not be understood is refused under masks; without any, only what the text says can refuse it."""
        try:
            if has_masks(self._context):
                raise error
            admitted = admit_by_text(gate.raw, self._context)
        except ProxyError as refusal:
            self._refuse_parsed(gate.name, refusal)
            return
        self._gate = None
        gate.resume(admitted.verdict(self._context.rules().version))

    def _current(self, verdict: Verdict) -> Verdict:
        """A rules reload counts from the next statement, also for statements prepared before."""
        return verdict.under(self._context.rules(), self._context.identity)

    # Refusing --------------------------------------------------------------------------------------------------

    def _refuse_parsed(self, name: str, error: ProxyError) -> None:
        """Deny a statement that the server already prepared: it must not stay under its name."""
        self._gate = None
        self._undecided.add(name)
        self._ask(Pending(Request.CLOSE, visible=False), query.Close("S", name).encode())
        self._refuse_here(error)

    def _refuse_here(self, error: ProxyError) -> None:
        """Deny where a simple Query may be under way, whose Sync is ours."""
        in_script = self._script is not None
        self._script = None
        self._refuse(error)
        if in_script:
            self._enter(Phase.READY)
            self._sync()

    def _refuse(self, error: ProxyError) -> None:
        """Have the server refuse in our place, with our words."""
        self._actions.append(Log("denied", (("sqlstate", error.sqlstate), ("reason", error.message))))
        self._enter(Phase.DISCARDING)
        self._ask(
            Pending(Request.REFUSAL, error=error),
            query.Describe("S", REFUSED_STATEMENT).encode() + query.Flush().encode(),
        )

    def _forward_bad_parse(self, name: str, parse: bytes) -> None:
        """Our grammar does not take it: the server says why. Nothing behind it runs before that.

        A server of another version may take it (15 has `PARTITION BY` any word, 18 has not): then the refusal is ours.
        """
        self._enter(Phase.ANALYSING)
        error = NotUnderstood(
            "not provably safe: the server's grammar takes this statement and the proxy's does not",
            detail="rule builtin.grammar",
            hint="Syntax that the supported versions of PostgreSQL share would pass.",
        )
        pending = Pending(Request.PARSE, visible=False, then=lambda: self._refuse_parsed(name, error))
        self._ask(pending, parse + query.Flush().encode())

    def _statement(self, name: str) -> Prepared:
        """Raises UnknownStatement: nothing is bound that was not decided, whatever the server has under the name."""
        prepared = self._statements.get(name)
        if prepared is None:
            what = f'prepared statement "{name}"' if name else "unnamed prepared statement"
            raise UnknownStatement(f"{what} does not exist")
        return prepared

    def _portal(self, name: str) -> Portal:
        """Raises UnknownPortal."""
        portal = self._portals.get(name)
        if portal is not None:
            return portal
        cursor = self._cursors.get(name)
        if cursor is None:
            raise UnknownPortal(f'portal "{name}" does not exist')
        return Portal(name, Prepared("", cursor.verdict), cursor.verdict)

    def _unexpected_success(self) -> None:
        raise MalformedMessage("the server accepted what could not be analysed; the connection is closed")

    # From the server -------------------------------------------------------------------------------------------

    def _on_rows(self, run: framing.Run) -> None:
        head = self._pending.head
        if head is None or head.request not in (Request.EXECUTE, Request.QUERY):
            raise UpstreamUnreachable("the server sent rows that nothing asked for")
        if head.rows is not None:
            head.rows.append(run.data)
        elif head.plan is not None:
            self._send_client(rewrite_rows(run.data, head.plan))
        elif head.verdict is None:
            self._unexpected_success()
        elif not head.verdict.may_return_rows:
            raise UpstreamUnreachable("the server sent rows for a statement that has none")
        else:
            self._send_client(run.data)

    def _on_reply(self, run: framing.Run) -> None:
        tag = run.tag
        if tag == b"N":
            self._on_notice(run)
        elif tag == b"E":
            self._on_error(run)
        elif tag == b"Z":
            self._on_ready(run)
        elif tag == b"S":
            status = asynchronous.ParameterStatus.decode(run.body)
            self._formats.report(status.name, status.value)
            self._send_client(run.data)
        elif tag == b"A":
            self._send_client(run.data)
        else:
            self._on_answer(run)

    def _on_answer(self, run: framing.Run) -> None:
        head = self._pending.head
        if head is None:
            raise UpstreamUnreachable("the server answered what nobody asked")
        if run.tag in COPY_TAGS:
            self._on_copy_reply(run, head)
            return
        if head.request is Request.QUERY:
            if run.tag == b"C" and head.commands:
                self._note_executed(head.commands.popleft())
            self._send_client(run.data)
            return
        expected = ANSWERS[head.request]
        if run.tag not in expected:
            raise UpstreamUnreachable("the server's answer does not fit the request")
        gate = self._gate
        if run.tag == b"t":
            if head.visible:
                self._send_client(run.data)
            elif gate is not None:
                gate.parameter_types = results.ParameterDescription.decode(run.body).type_oids
            return
        data = run.data
        if run.tag == b"T":
            row = results.RowDescription.decode(run.body)
            if not head.visible and gate is not None:
                gate.row = row
            elif head.verdict is not None:
                data = self._described_row(head.verdict, row, data)
        self._pending.pop()
        if head.visible and not (head.is_simple and run.tag == b"n"):
            self._send_client(data)
        if head.then is not None:
            head.then()

    def _on_copy_reply(self, run: framing.Run, head: Pending) -> None:
        if not head.may_copy or head.request not in (Request.QUERY, Request.EXECUTE):
            raise UpstreamUnreachable("the server began a COPY that was not admitted")
        if run.tag == b"G":
            self._copies_in = not head.has_all_data
            if head.request is Request.EXECUTE and self._copies_in:
                self._pending.drop_syncs_behind_head()
        self._send_client(run.data)

    def _described_row(self, verdict: Verdict, row: results.RowDescription, data: bytes) -> bytes:
        if verdict.renames is not None:
            return row.renamed((verdict.renames,)).encode()
        if verdict.decision is not None and verdict.understanding is not None:
            catalog = verdict.understanding.catalog
            check_origins(verdict.decision, row, catalog, self._context.identity, self._context.rules())
        return data

    def _on_notice(self, run: framing.Run) -> None:
        notice = asynchronous.NoticeResponse.decode(run.body)
        fields = notice.fields
        head = self._pending.head
        if is_tree(fields):
            if head is not None and head.request is Request.PARSE and self._gate is not None and not head.visible:
                self._gate.trees.append(tree_text(fields))
            elif head is not None and head.request is Request.BIND and head.portal is not None:
                head.portal.prepared.is_stale = True  # at once: a Bind that fails now does not announce it again
            elif head is not None and head.request is Request.DESCRIBE_STATEMENT:
                self._note_tree_at_describe(head, fields)
            return
        if not self._level.shows(fields.get("V", fields.get("S", ""))):
            return
        if (self._redacting or (head is not None and head.redacts)) and not is_harmless(fields):
            notice = asynchronous.NoticeResponse(redacted(fields))
            self._send_client(notice.encode())
        else:
            self._send_client(run.data)

    def _note_tree_at_describe(self, head: Pending, fields: Mapping[str, str]) -> None:
        """Describe analyses anew too, and Bind is then silent: what was decided before does not hold."""
        if head.visible and head.prepared is not None:
            head.prepared.is_stale = True
        elif not head.visible and self._gate is not None:
            self._gate.trees.append(tree_text(fields))

    def _on_error(self, run: framing.Run) -> None:
        error = asynchronous.ErrorResponse.decode(run.body)
        head = self._pending.head
        own = head.error if head is not None else None
        self._copies_in = False
        if error.fields.get("V", "ERROR") != "ERROR":
            self._send_client(run.data)
            self._enter(Phase.CLOSED)
            self._actions.append(Close())
            return
        if own is not None:
            self._send_client(error_response(own).encode())
        else:
            fields = dict(error.fields)
            if (self._redacting or (head is not None and head.redacts)) and not is_harmless(fields):
                fields = redacted(fields)
            if head is not None and head.position_offset and "P" in fields:
                fields["P"] = str(int(fields["P"]) + head.position_offset)
            same = fields == error.fields
            self._send_client(run.data if same else asynchronous.ErrorResponse(fields).encode())
        if head is None or head.request is Request.QUERY:
            return
        if self._pending.drop_until_sync():
            return
        if self._gate is not None and self._gate.is_parsed:
            self._undecided.add(self._gate.name)
        self._gate = None
        if self._script is not None:
            self._script = None
            self._enter(Phase.READY)
            self._sync()
        elif self.phase is not Phase.DISCARDING:
            self._enter(Phase.DISCARDING)

    def _on_ready(self, run: framing.Run) -> None:
        head = self._pending.head
        if head is None or head.request not in (Request.SYNC, Request.QUERY):
            raise UpstreamUnreachable("the server is ready while a request is open")
        self._pending.pop()
        self._status = results.ReadyForQuery.decode(run.body).status
        self._formats.ready(self._status)
        if self._status == "I":
            self._portals.clear()
            self._cursors = {name: cursor for name, cursor in self._cursors.items() if cursor.is_held}
            self._redacting = self._pending.redacts
        self._level.transaction(self._status)
        self._send_client(run.data)
        if head.then is not None:
            head.then()
        self._end_if_drained()

    # Small steps -----------------------------------------------------------------------------------------------

    def _ask(self, pending: Pending, sent: bytes) -> None:
        self._pending.add(pending)
        self._send_upstream(sent)

    def _ask_ourselves(
        self, questions: Sequence[Question], failed: ProxyError, rows: list[bytes], then: Callable[[], None]
    ) -> None:
        """Ask what the session itself wants to know.

        Args:
            failed: what the client is told where the server refuses.
            rows: where DataRow frames are collected.
            then: called when all is answered.
        """
        last = len(questions) - 1
        for at, (request, sent) in enumerate(questions):
            pending = Pending(request, visible=False, error=failed)
            pending.rows = rows if request is Request.EXECUTE else None
            pending.then = then if at == last else None
            self._ask(pending, sent)

    def _sync(self) -> None:
        """Sync; then what was parsed and never allowed goes, before anything else of the client's."""
        self._ask(Pending(Request.SYNC), query.Sync().encode())
        for name in sorted(self._undecided):
            self._ask(Pending(Request.CLOSE, visible=False), query.Close("S", name).encode())
        self._undecided.clear()

    def _enter(self, phase: Phase) -> None:
        if phase is self.phase:
            return
        assert phase in TRANSITIONS[self.phase], f"{self.phase.name} to {phase.name}"
        self.phase = phase

    def _send_client(self, data: bytes) -> None:
        self._actions.append(SendClient(data))

    def _send_upstream(self, data: bytes) -> None:
        self._actions.append(SendUpstream(data))

    def _fail(self, error: ProxyError) -> None:
        """End the connection with this as its last word."""
        if self.phase is not Phase.CLOSED:
            if self._backend.is_between_messages:  # inside a message nothing can be said
                self._send_client(error_response(error, severity="FATAL").encode())
            self._enter(Phase.CLOSED)
            self._actions.append(Close())

    def _end_if_drained(self) -> None:
        if self._draining and not self.is_busy and not self._inbox and self.phase is not Phase.CLOSED:
            self._fail(ShuttingDown("terminating connection due to administrator command"))

    def _take(self) -> Sequence[Action]:
        actions, self._actions = self._actions, []
        return actions

"""Statements that cannot be analysed, on the clean login of role_split: a second upstream connection, which the server
itself keeps from masked columns.

    wanted ─▶ settings asked of the session's own server process ─▶ login proven, connection open (driver)
           ─▶ the rules ─▶ settings set there ─▶ the client's messages as they are ─▶ answers as they are

Only whole batches outside a transaction run there, so the session's transaction status stays idle, and nothing that the
session remembers is touched: what runs there can replace no statement and no cursor of the other side. Rows, errors and
notices pass as they come, since the login could not read what is masked.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pgproxy.errors import CleanLoginAway, NotAnalysable, NotUnderstood, ProxyError, StatementDenied
from pgproxy.policy.decide import decide_elsewhere
from pgproxy.session.actions import Close, CloseClean, Log, OpenClean, SendClean
from pgproxy.session.admission import check_name
from pgproxy.session.names import Elsewhere
from pgproxy.session.pending import Pending, Request
from pgproxy.session.phases import Phase
from pgproxy.session.prepared import RESERVED_PREFIX
from pgproxy.session.questions import about_settings, settings_for
from pgproxy.session.refusing import REFUSED_STATEMENT, refuse, refuse_query
from pgproxy.session.session import CleanBytes, CleanEvent, CleanGone, CleanReady, CleanRefused
from pgproxy.session.state import SessionState
from pgproxy.session.understanding import allowed
from pgproxy.statements.model import StatementClass
from pgproxy.wire import asynchronous, framing, query, results

ALONE = "Sent alone and outside a transaction it could run on the clean login, which reads no masked columns."

SETTINGS = RESERVED_PREFIX + "settings"

UNREADABLE = NotUnderstood("the session's settings could not be read", detail="rule role_split")

WRITES = frozenset((StatementClass.INSERT, StatementClass.UPDATE, StatementClass.DELETE, StatementClass.MERGE))

_PASSED = frozenset((b"1", b"2", b"3", b"C", b"D", b"I", b"T", b"n", b"s", b"t"))


class Step(Enum):
    IDLE = "idle"
    OPENING = "opening"
    """The session's settings are asked for, then the driver proves the login and opens the connection."""
    SETTING = "setting"
    RUNNING = "running"
    UNDOING = "undoing"
    """The batch is made to fail, and its answers are dropped."""


@dataclass(slots=True)
class Run:
    """A simple Query, or one batch of the extended protocol."""

    statement: Elsewhere
    sent: bytes
    """Its first message."""
    is_query: bool
    parses: str | None = None
    """The name that its first message prepares the statement under."""
    settings: tuple[bytes | None, ...] = ()
    refusal: ProxyError | None = None
    """UNDOING: what the client is told then."""
    has_sync: bool = False
    """The client's Sync was sent."""

    @property
    def is_complete(self) -> bool:
        """No message of the client's belongs to it any more."""
        return self.is_query or self.has_sync


class ElsewhereRuns:
    """One run at a time; the client's other messages wait, or belong to it."""

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self._step = Step.IDLE
        self._run: Run | None = None
        self._scanner = framing.BackendScanner(stream_from_bytes=framing.STREAMED_BYTES)

    @property
    def runs(self) -> bool:
        """A statement of the client's is under way there."""
        return self._step in (Step.RUNNING, Step.UNDOING)

    @property
    def takes_messages(self) -> bool:
        """The client's next message belongs to the batch there."""
        return self._step is Step.RUNNING and self._run is not None and not self._run.is_complete

    @property
    def may_begin(self) -> bool:
        """A batch may begin now; only where all that came before has been answered is it known."""
        state = self._state
        return state.context.has_clean_login and state.is_outside_transaction and not state.has_open_batch

    def refusal(self, error: ProxyError) -> ProxyError:
        """What the client is told of a statement that could run there, but not now."""
        if not self._state.context.has_clean_login or not isinstance(error, NotAnalysable):
            return error
        return NotAnalysable(error.message, detail=error.detail, hint=ALONE)

    # The client's messages -------------------------------------------------------------------------------------

    def begin(self, run: Run) -> None:
        state = self._state
        state.enter(Phase.ELSEWHERE)
        state.script = None
        state.has_begun_batch = False
        self._run, self._step = run, Step.OPENING
        rows: list[bytes] = []
        state.ask_ourselves(about_settings(), UNREADABLE, rows, lambda: None)
        # What was asked so far began an implicit transaction, which ends here.
        asked = Pending(Request.SYNC, hides_ready=True, then=lambda: self._asked(run, rows))
        state.ask(asked, query.Sync().encode())

    def on_client(self, frame: framing.Frame) -> None:
        """A message of the batch that runs."""
        try:
            match frame.tag:
                case b"B":
                    bind = query.Bind.decode(frame.body)
                    check_name(bind.portal)
                    check_name(bind.statement)
                case b"D":
                    check_name(query.Describe.decode(frame.body).name)
                case b"C":
                    close = query.Close.decode(frame.body)
                    check_name(close.name)
                    if close.kind == "S":
                        self._state.names.close_statement(close.name)
                case b"E":
                    check_name(query.Execute.decode(frame.body).portal)
                case b"S" | b"H":
                    pass
                case _:
                    raise StatementDenied(
                        "a batch that began on the clean login takes no other statement",
                        detail="rule role_split",
                        hint="Send Sync before the next statement.",
                    )
        except ProxyError as error:
            self._undo(error)
            return
        self._send(frame.data)
        if frame.tag == b"S":
            self._require().has_sync = True

    def _undo(self, error: ProxyError) -> None:
        """What the batch did there must not stay: it gets an error of its own before its Sync."""
        self._step = Step.UNDOING
        self._require().refusal = error
        self._send(query.Describe("S", REFUSED_STATEMENT).encode() + query.Sync().encode())

    # Events ----------------------------------------------------------------------------------------------------

    def _asked(self, run: Run, rows: list[bytes]) -> None:
        if not rows:  # refused, and the client heard it
            self._end()
            if run.is_query:
                self._state.enter(Phase.READY)
                self._state.sync()
            return
        run.settings = tuple(results.DataRow.decode(rows[0][5:]).values())
        self._state.act(OpenClean())

    def on_event(self, event: CleanEvent) -> None:
        match event:
            case CleanReady(may_write):
                self._opened(may_write)
            case CleanRefused(error):
                self._refuse(error or self._require().statement.error)
            case CleanBytes(data):
                self._on_bytes(data)
            case CleanGone():
                self._lost("the connection of the clean login was lost")

    def _opened(self, may_write: bool) -> None:
        run, state = self._require(), self._state
        statement = run.statement
        try:
            if statement.facts.classes & WRITES and not may_write:
                raise statement.error
            allowed(
                decide_elsewhere(statement.facts, state.context.identity, state.context.rules(), may_write=may_write)
            )
        except ProxyError as error:
            self._refuse(error)
            return
        self._step = Step.SETTING
        freed = b"" if run.parses is None else query.Close("S", run.parses).encode()
        sql, values = settings_for(run.settings, state.level.now)
        self._send(
            freed
            + query.Close("S", SETTINGS).encode()
            + query.Parse(SETTINGS, sql, ()).encode()
            + query.Bind(SETTINGS, SETTINGS, (), values, ()).encode()
            + query.Execute(SETTINGS, 0).encode()
            + query.Sync().encode()
        )

    def _on_bytes(self, data: bytes) -> None:
        try:
            for one in self._scanner.feed(data):
                if self._step is Step.IDLE:  # what a connection says by itself: settings, notifications, its end
                    continue
                self._on_message(one)
        except ProxyError:
            self._state.act(CloseClean())
            self._lost("the server did not answer the clean login as expected")

    def _on_message(self, one: framing.Run) -> None:
        match self._step, one.tag:
            case _, b"E" if asynchronous.ErrorResponse.decode(one.body).fields.get("V", "ERROR") != "ERROR":
                pass  # its last word: that the connection is lost, the client hears from us
            case Step.SETTING, b"E":
                self._require().refusal = CleanLoginAway("the clean login cannot take over the session's settings")
            case _, b"Z":
                self._on_ready(results.ReadyForQuery.decode(one.body).status)
            case Step.RUNNING, b"E" | b"N":
                self._state.send_client(one.data)
            case Step.RUNNING, tag if tag in _PASSED:
                self._state.send_client(one.data)
            case Step.RUNNING, tag if tag not in (b"S", b"A"):  # notifications carry what others send
                raise StatementDenied("the clean login's connection said what cannot come there")
            case _:
                pass

    def _on_ready(self, status: str) -> None:
        run = self._require()
        if status != "I":
            self._state.act(CloseClean())
            self._lost("the statement left a transaction open on the clean login")
        elif run.refusal is not None:
            self._refuse(run.refusal)
        elif self._step is Step.SETTING:
            self._step = Step.RUNNING
            if run.parses is not None:
                self._state.names.parsed_elsewhere(run.parses, run.statement)
            self._state.act(Log("elsewhere", (("class", str(run.statement.facts.statement_class)),)))
            self._send(run.sent)
        elif run.is_complete:
            self._end()
            self._state.send_client(results.ReadyForQuery("I").encode())
            self._state.enter(Phase.READY)

    def _lost(self, message: str) -> None:
        is_whole, self._scanner = (
            self._scanner.is_between_messages,
            framing.BackendScanner(stream_from_bytes=framing.STREAMED_BYTES),
        )
        self._state.names.forget_elsewhere()
        if self._step in (Step.IDLE, Step.OPENING):
            return
        if self._step is Step.RUNNING and not is_whole:
            self._state.enter(Phase.CLOSED)  # inside a message nothing can be said
            self._state.act(Close())
            return
        self._refuse(CleanLoginAway(message, hint="Send it again."))

    def _refuse(self, error: ProxyError) -> None:
        run, state = self._require(), self._state
        self._end()
        if run.is_complete:
            refuse_query(state, error)
        else:
            refuse(state, error)

    def _end(self) -> None:
        self._run, self._step = None, Step.IDLE

    def _send(self, data: bytes) -> None:
        self._state.act(SendClean(data))

    def _require(self) -> Run:
        assert self._run is not None, "nothing runs on the clean login"
        return self._run

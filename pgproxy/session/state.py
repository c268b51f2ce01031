"""What the parts of an analysed session share: its state, and the smallest steps on it.

Each part (`analysis`, `execution`, `extended`, `simple`, `copying`, `answers`) has its own file and gets this. Nothing
here knows what a message means.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial

from pgproxy.catalog.versions import Objects
from pgproxy.errors import NotAnalysable, ProxyError
from pgproxy.policy.matching import ColumnMask
from pgproxy.session.actions import Action, AskPresent, SendClient, SendUpstream
from pgproxy.session.admission import Admitted
from pgproxy.session.context import SessionContext
from pgproxy.session.formats import ReportedFormats
from pgproxy.session.holds import Release
from pgproxy.session.inbox import Inbox
from pgproxy.session.large_objects import OwnObjects
from pgproxy.session.memory import SessionMemory
from pgproxy.session.names import Names
from pgproxy.session.notices import KeptLevel
from pgproxy.session.pending import Pending, PendingQueue, Request
from pgproxy.session.phases import TRANSITIONS, Phase
from pgproxy.session.prepared import Verdict
from pgproxy.session.questions import Question
from pgproxy.session.understanding import Announced
from pgproxy.statements.model import ColumnId, RawStatement
from pgproxy.wire import query, results
from pgproxy.wire.framing import Frame


class OfTokens(Enum):
    """What becomes of tokens among a statement's constants."""

    TURN_BACK = "turn back"
    """The text with the real values takes the statement's place upstream."""
    KEEP = "keep"
    """The statement that runs has its real values already."""
    REFUSE = "refuse"


@dataclass(slots=True)
class Gate:
    """One statement on its way to a decision."""

    raw: RawStatement
    name: str
    """Name that the statement was parsed under upstream."""
    resume: Callable[[Verdict], None]
    tokens: OfTokens = OfTokens.REFUSE
    divert: Callable[[NotAnalysable], None] | None = None
    """Called instead, where the statement cannot be analysed and may run on the clean login."""
    trees: list[bytes] = field(default_factory=list)
    parameter_types: tuple[int, ...] = ()
    row: results.RowDescription | None = None
    is_parsed: bool = False
    """The server has it under `name`."""
    announcement: Announced | None = None
    asked: Objects | None = None
    """Whose versions were asked for."""
    answers: list[bytes] = field(default_factory=list)
    """DataRow frames of our own questions; the last one counts."""


class SessionState:
    """One client's session. Both directions read and write it, message by message, so nothing here is concurrent."""

    def __init__(self, context: SessionContext) -> None:
        self.context = context
        self.phase = Phase.READY
        self.inbox = Inbox()
        self.unit: Frame | None = None
        """The client's message that is being handled, which a held statement takes anew once it is approved."""
        self.release: Release | None = None
        """The approval that the execution under way has."""
        self.released_unit: Frame | None = None
        """The message that it is for."""
        self.pending = PendingQueue()
        self.names = Names()
        self.gate: Gate | None = None
        """The one statement that is being decided."""
        self.undecided: set[str] = set()
        """Statements that the server has and nobody allowed: closed behind the next Sync."""
        self.script: deque[Admitted] | None = None
        """The statements of a simple Query that are still to run; None: no such Query is run statement by statement."""
        self.has_run_statement = False
        """A statement of that string was executed."""
        self.prepared_ourselves: set[str] = set()
        """Statements of ours that the server has."""
        self.memory = SessionMemory(context.memory)
        self.when_present_is_known: Callable[[str | None], None] | None = None
        """What `AskPresent` was for."""
        self.moment = 0
        """Counts what the client sends and what runs: while it stays, nothing happens but what is being seen to."""
        self.has_open_batch = False
        """The client executed something by the extended protocol and sent no Sync since: its implicit transaction is
        open."""
        self.has_begun_batch = False
        """Something of the client's came by the extended protocol since its last Sync."""
        self.is_outside_transaction = True
        """By the last ReadyForQuery."""
        self.has_failed = False
        """Its transaction failed, by the last ReadyForQuery."""
        self.idle_at = context.now()
        """When no transaction was open, by the last ReadyForQuery that said so: an open one began later."""
        self.copies_in = False
        """The server takes the data of a COPY FROM STDIN."""
        self.temporary: dict[ColumnId, ColumnMask] = {}
        """What columns of the session's temporary relations carry. It only grows: a rollback may bring a table back,
        and an OID is not given twice."""
        self.redacting = False
        """To the end of the transaction errors may carry a masked value."""
        self.large_objects = OwnObjects()
        self.formats = ReportedFormats(context.parameters)
        self.level = KeptLevel(context.client_min_messages)
        self._actions: list[Action] = []

    @property
    def is_busy(self) -> bool:
        """A statement of the client is under way."""
        return len(self.pending) > 0 or self.when_present_is_known is not None

    @property
    def waits_for_answers(self) -> bool:
        """The first message of the inbox waits for all answers (`wait_for_answers`), and they have come."""
        return self.phase is Phase.RUNNING and self.script is None and len(self.pending) == 0

    def enter(self, phase: Phase) -> None:
        if phase is self.phase:
            return
        assert phase in TRANSITIONS[self.phase], f"{self.phase.name} to {phase.name}"
        self.phase = phase

    def current(self, verdict: Verdict) -> Verdict:
        """A rules reload counts from the next statement, also for statements prepared before.

        Raises:
            ProxyError: the rules of this moment deny it.
        """
        rules = self.context.rules()
        return verdict.under(rules, self.context.identity, self.context.pins.under(rules))

    def redacts(self, head: Pending | None) -> bool:
        """An error or a notice that comes now may carry a masked value."""
        return self.redacting or (head is not None and head.redacts)

    # Actions ---------------------------------------------------------------------------------------------------

    def act(self, action: Action) -> None:
        self._actions.append(action)

    def send_client(self, data: bytes) -> None:
        self._actions.append(SendClient(data))

    def send_upstream(self, data: bytes) -> None:
        self._actions.append(SendUpstream(data))

    def take_actions(self) -> Sequence[Action]:
        actions, self._actions = self._actions, []
        return actions

    # Requests --------------------------------------------------------------------------------------------------

    def ask(self, pending: Pending, sent: bytes) -> None:
        self.pending.add(pending)
        self.send_upstream(sent)

    def ask_present(self, objects: Objects, then: Callable[[str | None], None]) -> None:
        """Ask for the versions at present; one question at a time."""
        self.when_present_is_known = then
        self.act(AskPresent(objects))

    def wait_for_answers(self, frame: Frame) -> None:
        """The message just taken is looked at again when everything before it has been answered."""
        self.inbox.put_back(frame)
        self.enter(Phase.RUNNING)
        self.send_upstream(query.Flush().encode())

    def close_silently(self, statement: str) -> None:
        """Close a prepared statement upstream; the client hears nothing of it."""
        self.ask(Pending(Request.CLOSE, visible=False), query.Close("S", statement).encode())

    def close_portal_silently(self, portal: str) -> None:
        """As `close_silently`, a portal."""
        self.ask(Pending(Request.CLOSE, visible=False), query.Close("P", portal).encode())

    def ask_ourselves(
        self,
        questions: Sequence[Question],
        failed: ProxyError | None,
        rows: list[bytes],
        then: Callable[[], None],
        trees: list[bytes] | None = None,
    ) -> None:
        """Ask what the session itself wants to know.

        Args:
            failed: what the client is told where the server refuses; None: what the server says.
            rows: where DataRow frames are collected.
            then: called when all is answered.
            trees: where what is announced while it is executed is collected.
        """
        last = len(questions) - 1
        for at, question in enumerate(questions):
            pending = Pending(question.request, visible=False, error=failed)
            pending.rows = rows if question.request is Request.EXECUTE else None
            pending.trees = trees if question.request is Request.EXECUTE else None
            if at == last:
                pending.then = then
            elif question.prepares:
                pending.then = partial(self.prepared_ourselves.add, question.prepares)
            self.ask(pending, question.sent)

    def sync(self) -> None:
        """Sync; then what was parsed and never allowed goes, before anything else of the client's."""
        self.has_open_batch = self.has_begun_batch = False
        self.ask(Pending(Request.SYNC), query.Sync().encode())
        for name in sorted(self.undecided):
            self.close_silently(name)
        self.undecided.clear()

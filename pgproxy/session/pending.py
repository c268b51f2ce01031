"""Requests sent upstream whose replies are still to come, oldest first.

Replies carry no id: the oldest request is the one a reply belongs to. The proxy's own requests sit in the same queue
and are not `visible`: their replies never reach the client.
Source: PostgreSQL manual, "Message Flow", "Extended Query".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from pgproxy.errors import ProxyError
from pgproxy.masking.plan import MaskPlan
from pgproxy.session.copyout import CopyOut
from pgproxy.session.holds import Release
from pgproxy.session.prepared import Portal, Prepared, Verdict
from pgproxy.statements.model import RawStatement


class Request(Enum):
    """What was asked; the value is for people."""

    PARSE = "Parse"
    BIND = "Bind"
    DESCRIBE_STATEMENT = "Describe statement"
    DESCRIBE_PORTAL = "Describe portal"
    EXECUTE = "Execute"
    CLOSE = "Close"
    SYNC = "Sync"
    QUERY = "Query"
    """A whole simple Query, forwarded as it is; its ReadyForQuery ends it."""
    REFUSAL = "refusal"
    """A request that the server must refuse, sent in place of a denied one: its error becomes `Pending.error`, and
    the server itself then aborts the transaction and discards until Sync."""


COPY_TAGS = frozenset((b"G", b"H", b"d", b"c"))

ANSWERS: dict[Request, frozenset[bytes]] = {
    Request.PARSE: frozenset((b"1",)),
    Request.BIND: frozenset((b"2",)),
    Request.DESCRIBE_STATEMENT: frozenset((b"t", b"T", b"n")),
    Request.DESCRIBE_PORTAL: frozenset((b"T", b"n")),
    Request.EXECUTE: frozenset((b"C", b"I", b"s")),
    Request.CLOSE: frozenset((b"3",)),
    Request.SYNC: frozenset(),
    Request.REFUSAL: frozenset(),
}
"""What may answer each request, but for errors and what comes at any time."""


@dataclass(slots=True)
class Pending:
    request: Request
    visible: bool = True
    then: Callable[[], None] | None = None
    """Called when the request succeeded."""
    portal: Portal | None = None
    prepared: Prepared | None = None
    verdict: Verdict | None = None
    """What was decided about what the request is for."""
    plan: MaskPlan | None = None
    error: ProxyError | None = None
    """REFUSAL, or the proxy's own request: what the client is told when the server refuses it."""
    hides_ready: bool = False
    """SYNC of the proxy's own: the client is not told that the server is ready."""
    answer: bytes = b""
    """What ended it, when `then` is called."""
    rows: list[bytes] | None = None
    """Where the DataRow frames of the proxy's own Execute are collected."""
    trees: list[bytes] | None = None
    """Where the trees that the server announces meanwhile are collected."""
    declares_cursor: bool = False
    """A name of the portals and cursors may change hands when this completes."""
    is_redacted: bool = False
    """QUERY: errors of one of its statements may carry a masked value."""
    commands: deque[RawStatement] | None = None
    """QUERY: its statements that have not completed."""
    takes_data: bool = False
    """The client's data of a COPY FROM STDIN may be for this request."""
    copy_out: CopyOut | None = None
    """Rows of a COPY TO STDOUT may come for this request."""
    has_all_data: bool = False
    """The client sent CopyDone or CopyFail before it heard that the COPY began."""
    release: Release | None = None
    """EXECUTE, QUERY: of an approved statement; its rows are counted."""
    counted_rows: int = 0
    """Of these as the client got them."""
    is_cut: bool = False
    """More rows came than the approval allows; none of them goes to the client."""
    is_simple: bool = False
    """Describe of a simple Query's statement: NoData has no place in that protocol."""
    position_offset: int | None = 0
    """Characters before this statement in the client's string: added to error positions. None: its text is the proxy's
    own, and a position in it says nothing to the client."""

    @property
    def redacts(self) -> bool:
        """Errors of this request may carry a masked value."""
        return self.is_redacted or (self.verdict is not None and self.verdict.redacts)


class PendingQueue:
    """Oldest request first."""

    def __init__(self) -> None:
        self._queue: deque[Pending] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, pending: Pending) -> None:
        self._queue.append(pending)

    @property
    def head(self) -> Pending | None:
        return self._queue[0] if self._queue else None

    def pop(self) -> Pending:
        return self._queue.popleft()

    @property
    def redacts(self) -> bool:
        """Errors of a request that is under way may carry a masked value."""
        return any(one.redacts for one in self._queue)

    @property
    def has_visible(self) -> bool:
        """The client waits for an answer."""
        return any(one.visible for one in self._queue)

    @property
    def declares_cursor(self) -> bool:
        return any(one.declares_cursor for one in self._queue)

    @property
    def needs_whole_rows(self) -> bool:
        """A request whose rows are masked, or read by the session itself, is under way."""
        return any(
            one.plan is not None
            or one.rows is not None
            or one.release is not None
            or (one.copy_out is not None and one.copy_out.masks_anything)
            for one in self._queue
        )

    def next_that_takes_data(self) -> Pending | None:
        """The oldest request that waits for the data of a COPY FROM STDIN."""
        return next((one for one in self._queue if one.takes_data and not one.has_all_data), None)

    def drop_syncs_behind_head(self) -> None:
        """COPY FROM STDIN began: the server ignores a Sync that was sent before the data."""
        head = self._queue.popleft()
        while self._queue and self._queue[0].request is Request.SYNC:
            self._queue.popleft()
        self._queue.appendleft(head)

    def drop_until_sync(self) -> bool:
        """After an error: forget what the server now skips. False: no Sync was sent yet."""
        while self._queue and self._queue[0].request is not Request.SYNC:
            self._queue.popleft()
        return bool(self._queue)

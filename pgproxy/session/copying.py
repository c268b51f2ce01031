"""COPY's sub-protocol, in both directions: when it may begin, its data, its end.

Source: PostgreSQL manual, "COPY Operations".
"""

from __future__ import annotations

from pgproxy.errors import MalformedMessage, ProxyError, UpstreamUnreachable
from pgproxy.session.actions import CancelStatement
from pgproxy.session.holds import Release
from pgproxy.session.pending import Pending, Request
from pgproxy.session.phases import Phase
from pgproxy.session.probing import RowCounter
from pgproxy.session.row_cap import cap_reached, within_cap
from pgproxy.session.state import SessionState
from pgproxy.wire import copying, query
from pgproxy.wire.framing import Frame, Run


class Copying:
    """What passes while the server takes or sends the data of a COPY."""

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self._rows: RowCounter | None = None

    def on_client(self, frame: Frame) -> None:
        """During COPY FROM STDIN the server takes data, its end, and ignores Flush and Sync."""
        state = self._state
        try:
            if self._rows is not None and frame.tag == b"d":
                self._rows.take(bytes(frame.body))
            elif self._rows is not None and frame.tag == b"c":
                self._rows.end()
        except ProxyError as error:
            self._stop(error)
            return
        if frame.tag in (b"c", b"f"):
            state.copies_in = False
            state.send_upstream(frame.data)
            if state.script is not None:  # the Flush behind the Execute came during the COPY: ignored
                state.send_upstream(query.Flush().encode())
        elif frame.tag == b"d":
            state.send_upstream(frame.data)
        elif frame.tag not in (b"H", b"S"):
            raise MalformedMessage(f"unexpected message type {frame.tag[0]} during COPY from stdin")

    def on_stray(self, frame: Frame) -> None:
        """Before the server has begun the COPY, or after it ended it with an error: it ignores them then."""
        copying = self._state.pending.next_that_takes_data()
        if copying is not None:
            decision = None if copying.verdict is None else copying.verdict.decision
            if decision is not None and decision.counted_rows:  # counted as any, once its format is known
                self._state.wait_for_answers(frame)
                return
            copying.has_all_data = copying.has_all_data or frame.tag != b"d"
            self._state.send_upstream(frame.data)

    def on_server(self, run: Run, head: Pending) -> None:
        """One of `COPY_TAGS`."""
        if run.tag == b"G":
            self._begin_in(run, head)
            return
        copy_out = head.copy_out
        if copy_out is None:
            raise _unadmitted()
        data = run.data
        match run.tag:
            case b"H":
                copy_out.begin(copying.CopyOutResponse.decode(run.body))
            case b"d":
                if head.release is not None:
                    run = self._within_cap(run, head, head.release)
                data = copy_out.rewritten(run) if run.count else b""
            case _:
                copy_out.end()
        if data and not (head.is_cut and run.tag == b"c"):
            self._state.send_client(data)

    def _within_cap(self, run: Run, head: Pending, release: Release) -> Run:
        was_cut = head.is_cut
        run = within_cap(run, head, release)
        if head.is_cut and not was_cut:
            head.error = cap_reached(release)
            self._state.act(CancelStatement())
        return run

    def _begin_in(self, run: Run, head: Pending) -> None:
        if not head.takes_data:
            raise _unadmitted()
        self._state.copies_in = not head.has_all_data
        if self._state.script is None and self._state.phase is Phase.RUNNING:  # early data waited for this
            self._state.enter(Phase.READY)
        if head.request is Request.EXECUTE and self._state.copies_in:
            self._state.pending.drop_syncs_behind_head()
        decision = None if head.verdict is None else head.verdict.decision
        self._rows = None
        if decision is not None and decision.counted_rows:
            self._rows = RowCounter(self._state, decision.counted_rows)
            response = copying.CopyInResponse.decode(run.body)
            try:
                self._rows.begin(is_binary=response.format == 1)
            except ProxyError as error:
                self._stop(error)
                return
        self._state.send_client(run.data)

    def _stop(self, error: ProxyError) -> None:
        """The server gives the COPY up, in the proxy's words."""
        state, head = self._state, self._state.pending.head
        state.copies_in = False
        if head is not None:
            head.error = error
        state.send_upstream(copying.CopyFail(error.message).encode())


def _unadmitted() -> UpstreamUnreachable:
    return UpstreamUnreachable("the server began a COPY that was not admitted")

"""COPY's sub-protocol, in both directions: when it may begin, its data, its end.

Source: PostgreSQL manual, "COPY Operations".
"""

from __future__ import annotations

from pgproxy.errors import MalformedMessage, UpstreamUnreachable
from pgproxy.session.pending import Pending, Request
from pgproxy.session.state import SessionState
from pgproxy.wire import copying, query
from pgproxy.wire.framing import Frame, Run


class Copying:
    """What passes while the server takes or sends the data of a COPY."""

    def __init__(self, state: SessionState) -> None:
        self._state = state

    def on_client(self, frame: Frame) -> None:
        """During COPY FROM STDIN the server takes data, its end, and ignores Flush and Sync."""
        state = self._state
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
                data = copy_out.rewritten(run)
            case _:
                copy_out.end()
        self._state.send_client(data)

    def _begin_in(self, run: Run, head: Pending) -> None:
        if not head.takes_data:
            raise _unadmitted()
        self._state.copies_in = not head.has_all_data
        if head.request is Request.EXECUTE and self._state.copies_in:
            self._state.pending.drop_syncs_behind_head()
        self._state.send_client(run.data)


def _unadmitted() -> UpstreamUnreachable:
    return UpstreamUnreachable("the server began a COPY that was not admitted")

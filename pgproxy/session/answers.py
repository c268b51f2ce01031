"""The server's messages: each belongs to the oldest request, or comes at any time; the client gets what is its own.

Rows leave through the portal's mask plan, errors and notices through `redaction`, trees not at all. COPY's messages are
`copying`'s.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Final

from pgproxy.errors import MalformedMessage, NotUnderstood, ProxyError, UpstreamUnreachable
from pgproxy.masking.rewrite import rewrite_rows
from pgproxy.session.actions import Close
from pgproxy.session.admission import has_masks
from pgproxy.session.copying import Copying
from pgproxy.session.execution import Execution
from pgproxy.session.holding import ends_with_ready, report, withdraw
from pgproxy.session.notices import is_tree, tree_text
from pgproxy.session.pending import ANSWERS, COPY_TAGS, Pending, Request
from pgproxy.session.phases import Phase
from pgproxy.session.prepared import Verdict
from pgproxy.session.redaction import WITHHELD, is_harmless, redacted
from pgproxy.session.refusing import refuse_here
from pgproxy.session.replies import error_response
from pgproxy.session.row_cap import cap_reached, count_changed, within_cap
from pgproxy.session.state import SessionState
from pgproxy.session.understanding import check_origins
from pgproxy.statements.tree.shape import meaning_of
from pgproxy.wire import asynchronous, results
from pgproxy.wire.framing import Run

_REMEMBERED_BYTES: Final = 8 * 1024
"""Of a RowDescription: some hundred columns."""


class Answers:
    """Pairs what the server sends with what was asked."""

    def __init__(self, state: SessionState, copying: Copying, execution: Execution) -> None:
        self._state = state
        self._copying = copying
        self._execution = execution

    def on_run(self, run: Run) -> None:
        """One message, or whole DataRow messages one after the other."""
        match run.tag:
            case b"D":
                self._on_rows(run)
            case b"N":
                self._on_notice(run)
            case b"E":
                self._on_error(run)
            case b"Z":
                self._on_ready(run)
            case b"S":
                status = asynchronous.ParameterStatus.decode(run.body)
                self._state.formats.report(status.name, status.value)
                self._state.send_client(run.data)
            case b"A":
                self._on_notification(run)
            case _:
                self._on_answer(run)

    def _on_rows(self, run: Run) -> None:
        state, head = self._state, self._state.pending.head
        if head is None or head.request not in (Request.EXECUTE, Request.QUERY):
            raise UpstreamUnreachable("the server sent rows that nothing asked for")
        if head.release is not None:
            run = within_cap(run, head, head.release)
            if not run.data:
                return
        if head.rows is not None:
            head.rows.append(run.data)
        elif head.plan is not None:
            state.send_client(rewrite_rows(run.data, head.plan))
        elif head.verdict is None:
            raise MalformedMessage("the server accepted what could not be analysed; the connection is closed")
        elif not head.verdict.may_return_rows:
            raise UpstreamUnreachable("the server sent rows for a statement that has none")
        else:
            state.send_client(run.data)

    def _on_answer(self, run: Run) -> None:
        state, head = self._state, self._state.pending.head
        if head is None:
            raise UpstreamUnreachable("the server answered what nobody asked")
        if run.tag in COPY_TAGS:
            self._copying.on_server(run, head)
            return
        if head.request is Request.QUERY:
            if run.tag == b"C":
                count_changed(run, head)
                if head.commands:
                    self._execution.note_executed(head.commands.popleft())
            if head.visible:
                state.send_client(run.data)
            return
        if run.tag not in ANSWERS[head.request]:
            raise UpstreamUnreachable("the server's answer does not fit the request")
        gate = state.gate
        if run.tag == b"t":
            if head.visible:
                state.send_client(run.data)
            elif gate is not None:
                gate.parameter_types = results.ParameterDescription.decode(run.body).type_oids
            return
        data = run.data
        if run.tag == b"T":
            row = _row_description(run.body)
            if not head.visible and gate is not None:
                gate.row = row
            elif head.verdict is not None:
                data = self._described_row(head.verdict, row, data)
        state.pending.pop()
        if head.release is not None and head.request is Request.EXECUTE:
            if head.is_cut:
                refuse_here(state, cap_reached(head.release))
                return
            count_changed(run, head)
            if run.tag != b"s" and not ends_with_ready(state.released_unit):
                report(state)
        head.answer = data
        if head.visible and not (head.is_simple and run.tag == b"n"):
            state.send_client(data)
        if head.then is not None:
            head.then()

    def _described_row(self, verdict: Verdict, row: results.RowDescription, data: bytes) -> bytes:
        if verdict.renames is not None:
            return row.renamed((verdict.renames,)).encode()
        if verdict.decision is not None and verdict.understanding is not None:
            context = self._state.context
            rules = context.rules()
            pins = context.pins.under(rules)
            check_origins(verdict.decision, row, verdict.understanding, context.identity, rules, pins)
        return data

    def _on_notice(self, run: Run) -> None:
        state, head = self._state, self._state.pending.head
        notice = asynchronous.NoticeResponse.decode(run.body)
        fields = notice.fields
        if is_tree(fields):
            self._on_tree(tree_text(fields), head)
            return
        if not state.level.shows(fields.get("V", fields.get("S", ""))):
            return
        if state.redacts(head) and not is_harmless(fields):
            state.send_client(asynchronous.NoticeResponse(redacted(fields)).encode())
        else:
            state.send_client(run.data)

    def _on_notification(self, run: Run) -> None:
        """A payload of another session may hold anything (triggers send rows). What this one sends was judged, and what
        others of the same identity send through the proxy: under the same masks."""
        context = self._state.context
        message = asynchronous.NotificationResponse.decode(run.body)
        is_judged = message.process_id == context.process_id or (
            context.senders.get(message.process_id) == context.identity
        )
        if message.payload and not is_judged and has_masks(context):
            message = replace(message, payload=WITHHELD)
        self._state.send_client(message.encode())

    def _on_tree(self, text: bytes, head: Pending | None) -> None:
        """What a tree is for depends on what is under way; none reaches the client."""
        match head:
            case Pending(trees=list() as trees):
                trees.append(text)
            case Pending(request=Request.BIND, portal=portal) if portal is not None:
                portal.prepared.announced.add(meaning_of(text))
                portal.prepared.is_stale = True  # at once: a Bind that fails now does not announce it again
            case Pending(request=Request.EXECUTE, copy_out=copy_out) if copy_out is not None:
                copy_out.announce(text)
            case Pending(request=Request.DESCRIBE_STATEMENT, visible=True, prepared=prepared) if prepared is not None:
                prepared.announced.add(meaning_of(text))
                prepared.is_stale = True  # Describe analyses anew too, and Bind is then silent
            case Pending(request=Request.EXECUTE, verdict=Verdict(runs_quietly=True)) if has_masks(self._state.context):
                raise NotUnderstood("not provably safe: a prepared statement changed its meaning while it was executed")

    def _on_error(self, run: Run) -> None:
        state, head = self._state, self._state.pending.head
        error = asynchronous.ErrorResponse.decode(run.body)
        own = head.error if head is not None else None
        report(state, _what_failed(error, own, redacts=state.redacts(head)))
        state.copies_in = False
        if error.fields.get("V", "ERROR") != "ERROR":
            state.send_client(run.data)
            withdraw(state, "the connection was lost")
            state.enter(Phase.CLOSED)
            state.act(Close())
            return
        if own is not None:
            state.send_client(error_response(own).encode())
        else:
            self._send_error(run, error, head)
        if head is None or head.request is Request.QUERY:
            return
        if state.pending.drop_until_sync():
            return
        if state.gate is not None and state.gate.is_parsed:
            state.undecided.add(state.gate.name)
        state.gate = None
        if state.script is not None:
            state.script = None
            state.enter(Phase.READY)
            state.sync()
        elif state.phase is not Phase.DISCARDING:
            state.enter(Phase.DISCARDING)

    def _send_error(self, run: Run, error: asynchronous.ErrorResponse, head: Pending | None) -> None:
        fields = dict(error.fields)
        if self._state.redacts(head) and not is_harmless(fields):
            fields = redacted(fields)
        if head is not None and head.position_offset != 0 and "P" in fields:
            if head.position_offset is None:
                del fields["P"]
            else:
                fields["P"] = str(int(fields["P"]) + head.position_offset)
        same = fields == error.fields
        self._state.send_client(run.data if same else asynchronous.ErrorResponse(fields).encode())

    def _on_ready(self, run: Run) -> None:
        state, head = self._state, self._state.pending.head
        if head is None or head.request not in (Request.SYNC, Request.QUERY):
            raise UpstreamUnreachable("the server is ready while a request is open")
        state.pending.pop()
        status = results.ReadyForQuery.decode(run.body).status
        state.formats.ready(status)
        if status == "I":
            state.idle_at = state.context.now()
            state.has_open_batch = False
            state.names.transaction_ended()
            state.large_objects.transaction_ended()
            state.redacting = state.pending.redacts
        state.level.transaction(status)
        state.is_outside_transaction = status == "I"
        state.has_failed = status == "E"
        if not head.hides_ready:
            if ends_with_ready(state.released_unit):
                report(state)
            elif status == "I":
                report(state, "" if state.release is None or state.release.has_begun else "it was not executed")
            state.send_client(run.data)
        if head.then is not None:
            head.then()


def _row_description(body: bytes | memoryview) -> results.RowDescription:
    """Recent ones are remembered: a statement that comes again has the same."""
    return _remembered(bytes(body)) if len(body) <= _REMEMBERED_BYTES else results.RowDescription.decode(body)


_remembered = lru_cache(maxsize=512)(results.RowDescription.decode)


def _what_failed(error: asynchronous.ErrorResponse, own: ProxyError | None, *, redacts: bool) -> str:
    """For the record of an approval: as much as the client is told."""
    if own is not None:
        return f"{own.sqlstate}: {own.message}"
    fields = error.fields
    return error.sqlstate if redacts and not is_harmless(fields) else f"{error.sqlstate}: {error.message}"

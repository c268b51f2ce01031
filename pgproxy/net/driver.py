"""Carries one session between its sockets: bytes in, actions performed in order.

The only place that catches every exception: one connection dies, the process lives.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Coroutine, Sequence
from typing import assert_never

from pgproxy.catalog.versions import Objects
from pgproxy.net.clean import CleanUpstream
from pgproxy.net.desk import ApprovalDesk, Waiting
from pgproxy.net.link import Link
from pgproxy.session import actions as act
from pgproxy.session.holds import HoldEvent
from pgproxy.session.replies import error_response
from pgproxy.session.session import CleanEvent, Session

log = logging.getLogger("pgproxy.session")


class Driver:
    """One client and its upstream session, from ReadyForQuery to the end.

    Args:
        cancel_upstream: called if the connection ends while a statement runs, and when it has to end soon.
        ask_present: answers `AskPresent`.
        clean: the session's second connection upstream; None: no statement runs there.
        desk: where held statements wait.
    """

    def __init__(
        self,
        name: str,
        client: Link,
        upstream: Link,
        session: Session,
        cancel_upstream: Callable[[], None],
        ask_present: Callable[[Objects], Coroutine[None, None, str | None]],
        clean: CleanUpstream | None = None,
        desk: ApprovalDesk | None = None,
    ) -> None:
        self._name = name
        self._desk = desk
        self._held: Waiting | None = None
        self._client = client
        self._upstream = upstream
        self.session = session
        self._cancel_upstream = cancel_upstream
        self._ask_present = ask_present
        self._clean = clean
        self._asking: asyncio.Task[None] | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        """Take client and upstream over; `done` is resolved when the connection is over."""
        rest_upstream = self._upstream.hand_over(self._from_upstream, self._upstream_lost, self._client_waits)
        rest_client = self._client.hand_over(self._from_client, self._client_lost, self._upstream_waits)
        if rest_upstream:
            self._from_upstream(rest_upstream)
        if rest_client:
            self._from_client(rest_client)
        if self._upstream.is_lost:
            self._upstream_lost()
        if self._client.is_lost:
            self._client_lost()

    def drain(self) -> None:
        self._run(self.session.drain)

    def rules_changed(self) -> None:
        self._run(self.session.rules_changed)

    def cancel(self) -> bool:
        """The client's CancelRequest, if a statement is held; else False: the server sees to it."""
        if not self.session.is_held:
            return False
        self._run(self.session.cancel)
        return True

    def hurry(self) -> None:
        """Have the server cancel what runs: the session, already draining, ends with its answer."""
        if self.session.is_busy:
            self._cancel_upstream()

    def abort(self) -> None:
        """End now, whatever runs."""
        self._finish()
        self._client.abort()
        self._upstream.abort()
        if self._clean is not None:
            self._clean.abort()

    # Events ----------------------------------------------------------------------------------------------------

    def _from_client(self, data: bytes) -> None:
        self._run(lambda: self.session.client_bytes(data))

    def _from_upstream(self, data: bytes) -> None:
        self._run(lambda: self.session.upstream_bytes(data))

    def _upstream_lost(self) -> None:
        self._run(self.session.upstream_gone)

    def _client_lost(self) -> None:
        self._run(self.session.client_gone)

    def _upstream_waits(self, is_full: bool) -> None:
        """The client reads more slowly than the server sends."""
        (self._upstream.pause if is_full else self._upstream.resume)("client is slow")
        if self._clean is not None:
            self._clean.waits_for_client(is_full)

    def _client_waits(self, is_full: bool) -> None:
        (self._client.pause if is_full else self._client.resume)("upstream is slow")

    def _run(self, event: Callable[[], Sequence[act.Action]]) -> None:
        if self.done.done():
            return
        try:
            self._perform(event())
        except Exception as error:
            # Without its text: it may quote what a client sent or the server answered.
            log.error("connection %s failed: %s\n%s", self._name, type(error).__name__, trace(error))
            self._client.write(error_response(error).encode())
            self._finish()

    def _perform(self, actions: Sequence[act.Action]) -> None:
        for action in actions:
            match action:
                case act.SendClient(data):
                    self._client.write(data)
                case act.SendUpstream(data):
                    self._upstream.write(data)
                case act.PauseClient():
                    self._client.pause("pipeline is full")
                case act.ResumeClient():
                    self._client.resume("pipeline is full")
                case act.AskPresent(objects):
                    self._asking = asyncio.get_running_loop().create_task(self._answer_present(objects))
                case act.OpenClean():
                    self._asking = asyncio.get_running_loop().create_task(self._open_clean())
                case act.SendClean(data):
                    self._require_clean().write(data)
                case act.CloseClean():
                    self._require_clean().abort()
                case act.AskApproval(request):
                    self._held = self._require_desk().ask(request, self._hold_event)
                case act.WithdrawRequest(why):
                    if self._held is not None:
                        self._require_desk().withdraw(self._held, why)
                case act.ReportOutcome(outcome):
                    self._require_desk().outcome(outcome)
                case act.CancelStatement():
                    self._cancel_upstream()
                case act.Log(event, fields):
                    log.info("%s %s %s", self._name, event, " ".join(f"{key}={value!r}" for key, value in fields))
                case act.Close():
                    self._finish()
                case _:
                    assert_never(action)

    async def _answer_present(self, objects: Objects) -> None:
        fingerprint = await self._ask_present(objects)
        self._run(lambda: self.session.present_versions(fingerprint))

    async def _open_clean(self) -> None:
        event = await self._require_clean().open(self._clean_event, self._clean_waits)
        self._clean_event(event)

    def _hold_event(self, event: HoldEvent) -> None:
        self._run(lambda: self.session.hold_event(event))

    def _require_desk(self) -> ApprovalDesk:
        assert self._desk is not None, "the session has nobody to ask"
        return self._desk

    def _clean_event(self, event: CleanEvent) -> None:
        self._run(lambda: self.session.clean_event(event))

    def _clean_waits(self, is_full: bool) -> None:
        (self._client.pause if is_full else self._client.resume)("clean login is slow")

    def _require_clean(self) -> CleanUpstream:
        assert self._clean is not None, "the session has no clean login"
        return self._clean

    def _finish(self) -> None:
        if self._asking is not None and self._asking is not asyncio.current_task():
            self._asking.cancel()
        if not self.done.done():
            self.done.set_result(None)
            if self.session.is_busy and (self.session.runs_elsewhere or not self._upstream.is_lost):
                self._cancel_upstream()
        self._client.say_goodbye()
        self._upstream.close()
        if self._clean is not None:
            self._clean.close()


def trace(error: BaseException) -> str:
    """Where it happened, without what it says."""
    return "".join(traceback.format_tb(error.__traceback__))

"""A client that keeps every byte it is told: rows, COPY data, errors, notices, notifications.

It speaks to the proxy under attack, and straight to the upstream for what the same attempt brings there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from pgproxy.attack.ways import Way, requests
from pgproxy.config.settings import Upstream
from pgproxy.errors import ProxyError, UpstreamUnreachable
from pgproxy.login.verifiers import KeyCache
from pgproxy.net.analysis import PLAIN_PARAMETERS
from pgproxy.net.link import ConnectionGone
from pgproxy.net.upstream import UpstreamConnector
from pgproxy.net.upstream_login import UpstreamRefused, UpstreamSession, log_in
from pgproxy.wire import asynchronous, copying, query, results, startup

MESSAGE_LIMIT_BYTES = 1 << 28
ANSWER_SECONDS = 10.0
"""For one attempt, whatever the server does."""
SETTINGS = {"statement_timeout": "2s", "lock_timeout": "200ms"}
"""An attempt that takes longer brings nothing out that a shorter one would not, and nobody waits for it."""
READ_ONLY = {"default_transaction_read_only": "on"}
SAME_ORDER = {"synchronize_seqscans": "off", "max_parallel_workers_per_gather": "0"}
"""Rows come in the same order as before."""
ROWS_SEEN = 300
BYTES_SEEN = 1 << 22
"""What is more than this is not waited for."""
_BINARY_COPY = b"PGCOPY\n\xff\r\n\0"


@dataclass(slots=True)
class Result:
    """The rows of one statement, or of one COPY."""

    origins: tuple[tuple[int, int], ...] = ()
    """(relation, attribute number) of each column as the server describes them; none for COPY."""
    rows: list[tuple[bytes | None, ...]] = field(default_factory=list)


@dataclass(slots=True)
class Answer:
    """Everything that came for one attempt."""

    results: list[Result] = field(default_factory=list)
    told: list[bytes] = field(default_factory=list)
    """COPY data, errors and notices, payloads, parameter values, names of columns, results of functions."""
    tags: list[bytes] = field(default_factory=list)
    """Of what was completed, with counts of rows."""
    sqlstate: str = ""
    """Of the first error; 08006: the connection ended."""
    is_cut: bool = False
    """There was more."""
    _size: int = 0
    _copies_binary: bool = False
    _is_complete: bool = True
    """No row of the last result is to come."""

    @property
    def cells(self) -> list[bytes]:
        return [cell for result in self.results for row in result.rows for cell in row if cell is not None]

    @property
    def rows(self) -> int:
        return sum(len(result.rows) for result in self.results)

    def take(self, tag: bytes, body: bytes) -> None:
        self._size += len(body)
        match tag:
            case b"T":
                row = results.RowDescription.decode(body)
                self._begin(Result(tuple((one.table_oid, one.attnum) for one in row.fields)))
                self.told.append(body)
            case b"H":
                self._copies_binary = copying.CopyOutResponse.decode(body).format != 0
                self._begin(Result())
            case b"D":
                self._row(results.DataRow.decode(body).values())
            case b"d":
                self.told.append(body)
                self._row(_binary_cells(body) if self._copies_binary else tuple(body.rstrip(b"\n").split(b"\t")))
            case b"E":
                self.sqlstate = self.sqlstate or asynchronous.ErrorResponse.decode(body).fields.get("C", "XX000")
                self.told.append(body)
            case b"C":
                self.tags.append(body)
                self._is_complete = True
            case b"N" | b"A" | b"S" | b"V":
                self.told.append(body)
            case _:
                pass
        self.is_cut = self.is_cut or self._size > BYTES_SEEN or self.rows >= ROWS_SEEN

    def _begin(self, result: Result) -> None:
        self.results.append(result)
        self._is_complete = False

    def _row(self, cells: tuple[bytes | None, ...]) -> None:
        if self._is_complete:  # it was described before
            self._begin(Result())
        if cells:
            self.results[-1].rows.append(cells)


def _binary_cells(data: bytes) -> tuple[bytes | None, ...]:
    """Of a CopyData message of the binary format; nothing for the trailer."""
    at = 19 if data.startswith(_BINARY_COPY) else 0
    count = int.from_bytes(data[at : at + 2], "big", signed=True)
    at += 2
    cells: list[bytes | None] = []
    for _ in range(count):
        size = int.from_bytes(data[at : at + 4], "big", signed=True)
        at += 4
        cells.append(None if size < 0 else data[at : at + size])
        at += max(size, 0)
    return tuple(cells)


class Attacker:
    """Sends attempts, each in a transaction that is rolled back.

    Args:
        settings: of its sessions, beside those that bound an attempt.
    """

    def __init__(self, server: Upstream, settings: dict[str, str]) -> None:
        self._server = server
        self._connector = UpstreamConnector(server)
        self._settings = {**SETTINGS, **PLAIN_PARAMETERS, **settings}
        self._session: UpstreamSession | None = None
        self._keys = KeyCache()

    async def attempt(self, steps: Sequence[str], way: Way) -> Answer:
        """Raises UpstreamUnreachable: nobody can log in."""
        return await self._run([message for step in steps for message in requests(step, way)], way)

    async def call(self, function: int, arguments: Sequence[str]) -> Answer:
        """A FunctionCall. Raises UpstreamUnreachable."""
        return await self._run([query.FunctionCall(function, (), tuple(one.encode() for one in arguments)).encode()])

    async def _run(self, messages: Sequence[bytes], way: Way = "simple") -> Answer:
        answer = Answer()
        session = self._session = self._session or await self._open()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                if way != "alone":
                    await self._ask(session, query.Query("BEGIN").encode(), Answer())
                for message in messages:
                    cancels = way == "cancelled" and message is messages[-1]
                    await self._ask(session, message, answer, cancels=cancels)
                await self._ask(session, query.Query("ROLLBACK").encode(), answer)
                await self._ask(session, query.Query("DEALLOCATE ALL").encode(), Answer())
        except _Enough:
            self.close()
        except (ConnectionGone, TimeoutError, OSError, ProxyError):
            answer.sqlstate = answer.sqlstate or "08006"
            self.close()
        return answer

    def close(self) -> None:
        """The server rolls back what is open."""
        if self._session is not None:
            self._session.link.close()
            self._session = None

    async def _open(self) -> UpstreamSession:
        link = await self._connector.connect()
        who = self._server.credentials
        names = {"user": who.user, "database": self._server.database, "application_name": "pgproxy attack"}
        link.write(startup.StartupMessage(3, 0, {**names, **self._settings}).encode())
        try:
            return await log_in(link, who, self._keys, timeout_seconds=ANSWER_SECONDS)
        except UpstreamRefused as refusal:
            said = refusal.response.fields.get("M", "")
            raise UpstreamUnreachable(f'the login as "{who.user}" was refused', detail=said) from None

    async def _ask(self, session: UpstreamSession, request: bytes, answer: Answer, *, cancels: bool = False) -> None:
        session.link.write(request)
        if cancels:
            with contextlib.suppress(ProxyError):
                await self._connector.cancel(session.process_id, session.secret)
        while True:
            tag, body = await session.link.read_message(MESSAGE_LIMIT_BYTES)
            if tag == b"Z":
                return
            if tag == b"G":  # COPY FROM: nothing is to be stored
                session.link.write(copying.CopyFail("an attempt").encode())
            answer.take(tag, bytes(body))
            if answer.is_cut:
                raise _Enough


class _Enough(Exception):
    """What has come tells whether something gets out."""

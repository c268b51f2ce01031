"""A client of the proxy that keeps every byte it is told: rows, COPY data, errors, notices, notifications."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pgproxy.config.settings import Address, Credentials, Upstream
from pgproxy.errors import ProxyError, UpstreamUnreachable
from pgproxy.login.verifiers import KeyCache
from pgproxy.net.link import ConnectionGone, Link
from pgproxy.net.upstream import UpstreamConnector
from pgproxy.net.upstream_login import UpstreamRefused, log_in
from pgproxy.wire import asynchronous, copying, query, results, startup

Mode = Literal["simple", "extended text", "extended binary"]
MODES: tuple[Mode, ...] = ("simple", "extended text", "extended binary")
MESSAGE_LIMIT_BYTES = 1 << 28
ANSWER_SECONDS = 30.0
STATEMENT_TIMEOUT = "2s"
"""An attempt that takes longer brings nothing out that a shorter one would not."""


@dataclass(slots=True)
class Answer:
    """Everything that came for one attempt."""

    rows: list[tuple[bytes | None, ...]] = field(default_factory=list)
    told: list[bytes] = field(default_factory=list)
    """COPY data, fields of errors and notices, payloads, parameter values, names of columns."""
    tags: list[bytes] = field(default_factory=list)
    """Of what was completed, with counts of rows."""
    sqlstate: str = ""
    """Of the first error; 08006: the connection ended."""

    @property
    def cells(self) -> list[bytes]:
        return [cell for row in self.rows for cell in row if cell is not None]

    @property
    def is_refused(self) -> bool:
        return bool(self.sqlstate)


class Attacker:
    """Sends attempts, each in a transaction that is rolled back."""

    def __init__(self, proxy: Address, database: str, who: Credentials) -> None:
        self._server = Upstream(proxy.host, proxy.port, database, who, (database,), sslmode="disable")
        self._link: Link | None = None

    async def attempt(self, steps: Sequence[str], mode: Mode) -> Answer:
        """Raises UpstreamUnreachable: nobody can log in."""
        answer = Answer()
        link = self._link or await self._open()
        self._link = link
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._ask(link, query.Query("BEGIN").encode(), Answer())
                for step in steps:
                    await self._ask(link, _request(step, mode), answer)
                await self._ask(link, query.Query("ROLLBACK").encode(), answer)
                await self._ask(link, query.Query("DEALLOCATE ALL").encode(), Answer())
        except (ConnectionGone, TimeoutError, OSError, ProxyError):
            answer.sqlstate = answer.sqlstate or "08006"
            self.close()
        return answer

    def close(self) -> None:
        """The server rolls back what is open."""
        if self._link is not None:
            self._link.close()
            self._link = None

    async def _open(self) -> Link:
        link = await UpstreamConnector(self._server).connect()
        parameters = {
            "user": self._server.credentials.user,
            "database": self._server.database,
            "statement_timeout": STATEMENT_TIMEOUT,
        }
        link.write(startup.StartupMessage(3, 0, parameters).encode())
        try:
            await log_in(link, self._server.credentials, KeyCache(), timeout_seconds=ANSWER_SECONDS)
        except UpstreamRefused as refusal:
            raise UpstreamUnreachable("the login was refused", detail=refusal.response.fields.get("M", "")) from None
        return link

    async def _ask(self, link: Link, request: bytes, answer: Answer) -> None:
        link.write(request)
        while True:
            tag, body = await link.read_message(MESSAGE_LIMIT_BYTES)
            match tag:
                case b"D":
                    answer.rows.append(results.DataRow.decode(body).values())
                case b"G":  # COPY FROM: nothing is to be stored
                    link.write(copying.CopyFail("an attempt").encode())
                case b"E":
                    fields = asynchronous.ErrorResponse.decode(body).fields
                    answer.sqlstate = answer.sqlstate or fields.get("C", "XX000")
                    answer.told.append(bytes(body))
                case b"C":
                    answer.tags.append(bytes(body))
                case b"Z":
                    return
                case b"T" | b"d" | b"N" | b"A" | b"S":
                    answer.told.append(bytes(body))
                case _:
                    pass


def _request(sql: str, mode: Mode) -> bytes:
    if mode == "simple":
        return query.Query(sql).encode()
    formats = (1,) if mode == "extended binary" else ()
    return b"".join(
        message.encode()
        for message in (
            query.Parse("", sql, ()),
            query.Describe("S", ""),
            query.Bind("", "", (), (), formats),
            query.Execute("", 0),
            query.Sync(),
        )
    )

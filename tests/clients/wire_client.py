"""A client that sends the messages it is told to, in that order, and says what came back."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from psycopg import pq

from pgproxy.wire import asynchronous, query, results, trace

Said = tuple[object, ...]
"""The name of a message and what of it must not depend on where the table is."""


class WireClient:
    """libpq logs in; after that the bytes are ours."""

    def __init__(self, dsn: str) -> None:
        self._libpq = pq.PGconn.connect(dsn.encode())
        assert self._libpq.status == pq.ConnStatus.OK, self._libpq.error_message
        self._socket = socket.socket(fileno=os.dup(self._libpq.socket))
        self._socket.settimeout(20)
        self._buffer = b""

    def send(self, messages: Sequence[trace.Message]) -> None:
        self._socket.sendall(b"".join(message.encode() for message in messages))

    def ask(self, *messages: trace.Message) -> list[Said]:
        """Sends them at once, and reads up to the last ReadyForQuery that they bring."""
        self.send(messages)
        said: list[Said] = []
        for _ in range(sum(isinstance(message, query.Sync | query.Query | query.FunctionCall) for message in messages)):
            said += self.hear("ReadyForQuery")
        return said

    def hear(self, until: str) -> list[Said]:
        said: list[Said] = []
        while not (said and said[-1][0] == until):
            said.append(described(self._message()))
        return said

    def drop(self) -> None:
        """The connection ends without a word."""
        self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()
        self._libpq.finish()

    def _message(self) -> trace.Message:
        length = int.from_bytes(self._bytes(5)[1:5])
        frame = self._bytes(1 + length)
        self._buffer = self._buffer[1 + length :]
        return trace.decode("B", frame)

    def _bytes(self, number: int) -> bytes:
        while len(self._buffer) < number:
            chunk = self._socket.recv(65_536)
            assert chunk, "the connection was closed"
            self._buffer += chunk
        return self._buffer[:number]


@contextmanager
def connected(dsn: str) -> Iterator[WireClient]:
    client = WireClient(dsn)
    try:
        yield client
    finally:
        client.close()


def described(message: trace.Message) -> Said:
    name = type(message).__name__
    match message:
        case results.RowDescription():
            return name, *((column.name, column.type_oid, column.typmod, column.format) for column in message.fields)
        case results.DataRow():
            return name, *message.values()
        case results.ParameterDescription():
            return name, *message.type_oids
        case results.FunctionCallResponse():
            return name, message.value
        case results.CommandComplete():
            return name, message.command
        case results.ReadyForQuery():
            return name, message.status
        case asynchronous.ErrorResponse() | asynchronous.NoticeResponse():
            return name, message.sqlstate
        case asynchronous.ParameterStatus():
            return name, message.name, message.value
        case _:
            return (name,)

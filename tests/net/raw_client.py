"""A client of bare sockets: what a driver would never send, and what it would not show.

It encodes and decodes by itself, so that it does not share a mistake with the proxy's own codec.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Callable
from types import TracebackType

TIMEOUT_SECONDS = 20.0

SSL_REQUEST = struct.pack("!IHH", 8, 1234, 5679)
GSSENC_REQUEST = struct.pack("!IHH", 8, 1234, 5680)


def message(tag: bytes, body: bytes = b"") -> bytes:
    return tag + struct.pack("!I", len(body) + 4) + body


def query(sql: str) -> bytes:
    return message(b"Q", sql.encode() + b"\0")


def startup_packet(parameters: dict[str, str], version: tuple[int, int] = (3, 0)) -> bytes:
    body = struct.pack("!HH", *version)
    body += b"".join(text.encode() + b"\0" for item in parameters.items() for text in item) + b"\0"
    return struct.pack("!I", len(body) + 4) + body


def fields_of(body: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse or NoticeResponse."""
    return {field[:1].decode(): field[1:].decode() for field in body.split(b"\0") if field}


class RawClient:
    """One connection; use as a context manager."""

    def __init__(self, port: int, *, tls: ssl.SSLContext | None = None) -> None:
        """With `tls` the connection begins with the handshake (direct TLS)."""
        self.socket: socket.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS)
        if tls is not None:
            self.wrap(tls)

    def __enter__(self) -> RawClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.socket.close()

    def wrap(self, tls: ssl.SSLContext) -> None:
        self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")

    def send(self, *data: bytes) -> None:
        self.socket.sendall(b"".join(data))

    def receive(self, size: int) -> bytes:
        """Exactly `size` bytes, or less when the other side has closed."""
        data = b""
        while len(data) < size:
            try:
                part = self.socket.recv(size - len(data))
            except ConnectionResetError:
                part = b""
            if not part:
                break
            data += part
        return data

    def read(self) -> tuple[bytes, bytes]:
        """Tag and body of the next message; (b"", b"") at the end."""
        header = self.receive(5)
        if len(header) < 5:
            return b"", b""
        return header[:1], self.receive(int.from_bytes(header[1:], "big") - 4)

    def read_until(self, last: bytes) -> list[tuple[bytes, bytes]]:
        """All messages to the first with this tag, or to the end of the connection."""
        messages = [self.read()]
        while messages[-1][0] not in (last, b""):
            messages.append(self.read())
        return messages

    def log_in(self, user: str, database: str, version: tuple[int, int] = (3, 0), **parameters: str) -> LoggedIn:
        """As a user who needs no password."""
        self.send(startup_packet({"user": user, "database": database, **parameters}, version))
        return LoggedIn(self.read_until(b"Z"))

    def ask(self, sql: str) -> list[tuple[bytes, bytes]]:
        self.send(query(sql))
        return self.read_until(b"Z")

    def value(self, sql: str) -> str:
        """The first column of the first row."""
        row = next(body for tag, body in self.ask(sql) if tag == b"D")
        return row[6:].decode()

    def last_error(self) -> dict[str, str]:
        """The fields of the ErrorResponse that ends the connection, and that it does end."""
        found: dict[str, str] = {}
        for tag, body in self.read_until(b""):
            if tag == b"E":
                found = fields_of(body)
        return found


class LoggedIn:
    """What came up to ReadyForQuery."""

    def __init__(self, messages: list[tuple[bytes, bytes]]) -> None:
        self.messages = messages
        assert messages[-1][0] == b"Z", [fields_of(body) for tag, body in messages if tag == b"E"]

    @property
    def parameters(self) -> dict[str, str]:
        pairs = (body.decode().split("\0") for tag, body in self.messages if tag == b"S")
        return {pair[0]: pair[1] for pair in pairs}

    @property
    def key(self) -> tuple[int, bytes]:
        """Process id and secret of BackendKeyData."""
        body = next(body for tag, body in self.messages if tag == b"K")
        return int.from_bytes(body[:4], "big"), body[4:]


def send_cancel(port: int, process_id: int, secret: bytes) -> None:
    """A CancelRequest; returns when the other side has closed, as a client would wait."""
    with RawClient(port) as client:
        client.send(struct.pack("!IHHI", 12 + len(secret), 1234, 5678, process_id), secret)
        assert client.receive(1) == b""


def eventually(condition: Callable[[], bool], *, within_seconds: float = TIMEOUT_SECONDS) -> None:
    """Return as soon as the condition holds; fail if it does not in that time."""
    deadline = time.monotonic() + within_seconds
    while not condition():
        assert time.monotonic() < deadline, f"{condition} did not come true"
        time.sleep(0.02)

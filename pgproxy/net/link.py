"""One leg of a connection: a socket that login reads message by message and a session then gets bytes from.

During login `read` and `read_message` wait for bytes; after `hand_over` every chunk goes to a callback at once, without
a task in between. Back-pressure is the transport's: `pressure` says that the peer reads more slowly than we write.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import cast

from pgproxy.errors import MalformedMessage

HIGH_WATER_BYTES = 1 << 18
LOGIN_WATER_BYTES = 1 << 17
"""What may wait to be read during login; more than any message of a client's login, and reading goes on below it."""
FLUSH_POLL_SECONDS = 0.01
LAST_WORD_SECONDS = 1.0
"""How long a peer has to hear what it was told last, before the socket is closed."""


class ConnectionGone(Exception):
    """The peer closed or the socket broke while login waited for it."""


class Link(asyncio.Protocol):
    """A byte stream. `on_data`, `on_lost` and `on_pressure` are set by `hand_over`."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._below_tls: asyncio.Transport | None = None
        self.is_lost = False
        self._buffer = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._on_data: Callable[[bytes], None] | None = None
        self._on_lost: Callable[[], None] | None = None
        self._on_pressure: Callable[[bool], None] | None = None
        self._pause_reasons: set[str] = set()
        self._is_saying_goodbye = False

    # asyncio.Protocol ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a peer that vanished is noticed

    def data_received(self, data: bytes) -> None:
        if self._is_saying_goodbye:
            return
        if self._on_data is not None:
            self._on_data(data)
        else:
            self._buffer += data
            if len(self._buffer) > LOGIN_WATER_BYTES:
                self.pause("login is slower")
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self._wake()
        if self._on_lost is not None:
            self._on_lost()

    def pause_writing(self) -> None:
        if self._on_pressure is not None:
            self._on_pressure(True)

    def resume_writing(self) -> None:
        if self._on_pressure is not None:
            self._on_pressure(False)

    # Login -----------------------------------------------------------------------------------------------------

    async def read(self, size: int) -> bytes:
        """Exactly `size` bytes. Raises ConnectionGone."""
        while len(self._buffer) < size:
            self.resume("login is slower")
            if self.is_lost:
                raise ConnectionGone
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    async def read_message(self, limit_bytes: int) -> tuple[bytes, bytes]:
        """Tag and body of one message.

        Raises:
            MalformedMessage (08P01): a length below 4 or a body over `limit_bytes`.
            ConnectionGone.
        """
        header = await self.read(5)
        length = int.from_bytes(header[1:5], "big")
        if length < 4 or length - 4 > limit_bytes:
            raise MalformedMessage("invalid message length")
        return header[:1], await self.read(length - 4)

    async def start_tls(self, context: ssl.SSLContext, *, server_hostname: str | None = None, is_server: bool) -> None:
        """Continue this stream inside TLS. Bytes that came before are refused (they were not encrypted)."""
        if self._buffer:
            raise MalformedMessage("received unencrypted data after SSL request")
        assert self.transport is not None
        transport = await asyncio.get_running_loop().start_tls(
            self.transport, self, context, server_side=is_server, server_hostname=server_hostname
        )
        if transport is None:
            raise ConnectionGone
        self._below_tls, self.transport = self.transport, transport
        self.transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)

    @property
    def ssl_object(self) -> ssl.SSLObject | None:
        return None if self.transport is None else self.transport.get_extra_info("ssl_object")

    # Both ------------------------------------------------------------------------------------------------------

    def hand_over(
        self, on_data: Callable[[bytes], None], on_lost: Callable[[], None], on_pressure: Callable[[bool], None]
    ) -> bytes:
        """From now on chunks go to `on_data`. Returns what was received and not read: the caller's first chunk."""
        self._on_data, self._on_lost, self._on_pressure = on_data, on_lost, on_pressure
        rest = bytes(self._buffer)
        self._buffer.clear()
        self.resume("login is slower")
        return rest

    def write(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing() and not self._is_saying_goodbye:
            self.transport.write(data)

    def pause(self, reason: str) -> None:
        """Stop reading for this reason; several may hold at once."""
        if not self._pause_reasons and self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()
        self._pause_reasons.add(reason)

    def resume(self, reason: str) -> None:
        if reason not in self._pause_reasons:
            return
        self._pause_reasons.discard(reason)
        if not self._pause_reasons and self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def close(self) -> None:
        """Send what was written, then close."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()

    def say_goodbye(self) -> None:
        """As `close`, but what the peer still sends is read and dropped until it closes too, or a second has passed:
        a socket that is closed with unread bytes resets the connection, and with it goes what was told last."""
        transport = self.transport
        if transport is None or transport.is_closing() or self._is_saying_goodbye:
            return
        if not transport.can_write_eof():  # TLS ends a connection by a message of its own
            transport.close()
            return
        self._is_saying_goodbye = True
        transport.write_eof()
        for reason in tuple(self._pause_reasons):
            self.resume(reason)
        asyncio.get_running_loop().call_later(LAST_WORD_SECONDS, transport.close)

    async def flushed(self) -> None:
        """Return when all that was written is out of our hands, or the peer is gone."""
        while self._has_unsent or (self._is_saying_goodbye and not self.is_lost):  # noqa: ASYNC110  transports say when there is room, not when they are empty
            await asyncio.sleep(FLUSH_POLL_SECONDS)

    @property
    def _has_unsent(self) -> bool:
        if self.is_lost:
            return False
        transports = filter(None, (self.transport, self._below_tls))
        return any(transport.get_write_buffer_size() for transport in transports)

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

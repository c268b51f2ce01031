"""Reaching the server behind the proxy: sockets, TLS as sslmode says, cancel requests.

Source: PostgreSQL manual, "SSL Session Encryption" in "Message Flow"; libpq's sslmode table.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from pgproxy.config.settings import Upstream
from pgproxy.errors import ProxyError, UpstreamUnreachable
from pgproxy.net.link import ConnectionGone, Link
from pgproxy.net.tls import upstream_context
from pgproxy.wire import startup

SOCKET_NAME = ".s.PGSQL.{port}"


class UpstreamConnector:
    """Opens connections to one upstream server."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self._context = None if upstream.sslmode == "disable" else upstream_context(upstream)

    async def connect(self) -> Link:
        """A stream on which the StartupMessage may be sent, TLS done.

        Raises:
            UpstreamUnreachable (08006): refused, timed out, or no TLS where sslmode wants it.
        """
        upstream = self.upstream
        try:
            async with asyncio.timeout(upstream.connect_timeout_seconds):
                return await self._connect()
        except TimeoutError:
            raise UpstreamUnreachable(
                f"the upstream server did not answer within {upstream.connect_timeout_seconds:g} s"
            ) from None
        except ssl.SSLError as error:
            raise UpstreamUnreachable("TLS with the upstream server failed", detail=str(error.reason or "")) from None
        except (OSError, ConnectionGone) as error:
            reason = getattr(error, "strerror", None) or "connection closed"
            raise UpstreamUnreachable("the upstream server cannot be reached", detail=str(reason)) from None

    async def cancel(self, process_id: int, secret: bytes) -> None:
        """Ask the server to cancel what this backend runs; whether it does, nobody is told."""
        with contextlib.suppress(ProxyError, ConnectionGone, OSError):
            link = await self.connect()
            link.write(startup.CancelRequest(process_id, secret).encode())
            async with asyncio.timeout(self.upstream.connect_timeout_seconds):
                with contextlib.suppress(ConnectionGone, TimeoutError):
                    await link.read(1)  # the server closes once it has sent the signal
            link.close()

    async def _connect(self) -> Link:
        upstream = self.upstream
        loop = asyncio.get_running_loop()
        if upstream.host.startswith("/"):
            path = f"{upstream.host}/{SOCKET_NAME.format(port=upstream.port)}"
            _, link = await loop.create_unix_connection(Link, path)
            return link
        if upstream.sslmode == "allow":  # without TLS first is all we do: a refusal comes only after the StartupMessage
            return await self._open()
        link = await self._open()
        try:
            if self._context is not None:
                await self._ask_for_tls(link, self._context)
        except BaseException:  # also the timeout: nobody else knows of this socket
            link.abort()
            raise
        return link

    async def _ask_for_tls(self, link: Link, context: ssl.SSLContext) -> None:
        upstream = self.upstream
        link.write(startup.SSLRequest().encode())
        answer = await link.read(1)
        if answer == b"S":
            await link.start_tls(context, server_hostname=upstream.host, is_server=False)
        elif answer != b"N" or upstream.sslmode != "prefer":
            raise UpstreamUnreachable(f"the upstream server does not offer TLS, and sslmode is {upstream.sslmode}")

    async def _open(self) -> Link:
        loop = asyncio.get_running_loop()
        _, link = await loop.create_connection(Link, self.upstream.host, self.upstream.port)
        return link

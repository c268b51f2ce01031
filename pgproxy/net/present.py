"""The versions of catalog rows at present, over a connection of the proxy's own.

A transaction at REPEATABLE READ or SERIALIZABLE reads the catalog as it was when its snapshot was taken, while the
server's parser goes by what it is now. Sessions compare the two.
"""

from __future__ import annotations

import asyncio

import asyncpg

from pgproxy.catalog.versions import ARGUMENTS_STATEMENT, VERSIONS_QUERY, Objects
from pgproxy.config.settings import Upstream
from pgproxy.net.reading import connect_as


class PresentCatalog:
    """Of one database. Connects when it is first asked, and again when the connection was lost."""

    def __init__(self, upstream: Upstream, database: str) -> None:
        self._upstream, self._database = upstream, database
        self._connection: asyncpg.Connection | None = None
        self._lock = asyncio.Lock()

    async def fingerprint(self, objects: Objects) -> str | None:
        """Of the versions of these objects as every new transaction sees them; None: the server does not answer."""
        async with self._lock:
            for _ in range(2):  # a connection that was idle may be gone
                try:
                    return await self._ask(objects)
                except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    self.close()
        return None

    async def _ask(self, objects: Objects) -> str:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect_as(self._upstream, self._upstream.credentials, self._database)
        async with self._connection.transaction(isolation="read_committed", readonly=True):
            await self._connection.fetchval(ARGUMENTS_STATEMENT, objects.argument.decode())
            found = await self._connection.fetchval(VERSIONS_QUERY)
        return str(found or "")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

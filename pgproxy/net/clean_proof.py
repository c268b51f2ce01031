"""Whether the clean login of role_split is one now, asked over a connection of the proxy's own before each use.

The whole proof is made again when the rules, or anything in the catalog that rights depend on, has changed; one query
tells.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

import asyncpg

from pgproxy.catalog.reading import load_catalog, load_may_write, load_rights, load_rights_version
from pgproxy.config.problems import Position
from pgproxy.config.settings import Credentials, Upstream
from pgproxy.errors import UpstreamUnreachable
from pgproxy.net.reading import connect_as
from pgproxy.policy.masked_columns import masked_columns
from pgproxy.policy.pins import PinBook
from pgproxy.policy.rights_check import check_clean_login
from pgproxy.policy.rules import Rules

log = logging.getLogger("pgproxy")


@dataclass(frozen=True, slots=True)
class Proof:
    may_write: bool
    """The login may change stored data."""


class CleanProof:
    """Of one login in one database."""

    def __init__(self, upstream: Upstream, clean: Credentials, database: str, pins: PinBook) -> None:
        self._upstream, self._clean, self._database, self._pins = upstream, clean, database, pins
        self._connection: asyncpg.Connection | None = None
        self._lock = asyncio.Lock()
        self._known: tuple[tuple[str, str], Proof | None] | None = None
        """(versions of rights and of rules), and what was found under them."""

    async def find(self, rules: Rules) -> Proof | None:
        """None: the login reaches a column that these rules mask for anybody, or could make others reach it.

        Raises:
            UpstreamUnreachable (08006): it cannot be found out.
        """
        async with self._lock:
            for is_last in (False, True):  # a connection that was idle may be gone
                try:
                    return await self._find(rules)
                except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    self.close()
                    if is_last:
                        break
        raise UpstreamUnreachable("the rights of the clean login cannot be read")

    async def _find(self, rules: Rules) -> Proof | None:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect_as(self._upstream, self._upstream.credentials, self._database)
        versions = (await load_rights_version(self._connection), rules.version)
        if self._known is None or self._known[0] != versions:  # made after the version was read: newer at most
            self._known = (versions, await self._prove(self._connection, rules))
        return self._known[1]

    async def _prove(self, connection: asyncpg.Connection, rules: Rules) -> Proof | None:
        masked = masked_columns(rules, await load_catalog(connection), self._pins.under(rules))
        rights = await load_rights(connection, self._clean.user, {column.id for column in masked})
        problems = check_clean_login(rights, masked, Position("", 1, 1))
        for problem in problems:
            log.error('role_split is not used in database "%s": %s', self._database, problem.message)
        return None if problems else Proof(await load_may_write(connection, self._clean.user))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

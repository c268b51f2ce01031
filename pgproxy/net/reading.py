"""Asking the upstream what a database holds and who may do what in it, over short connections of the proxy's own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from pgproxy.catalog.model import Catalog
from pgproxy.catalog.reading import load_catalog, load_reach, load_rights
from pgproxy.catalog.rights import Reach, Rights
from pgproxy.config.settings import Credentials, Upstream
from pgproxy.errors import UpstreamUnreachable
from pgproxy.net.tls import upstream_context

ANSWER_SECONDS = 60.0


async def read_catalog(upstream: Upstream, database: str) -> Catalog:
    """The catalog of one database, read as the role of `upstream.dsn`.

    Raises:
        UpstreamUnreachable (08006): with why.
    """
    async with _connected(upstream, upstream.credentials, database, "the catalog") as connection:
        return await load_catalog(connection)


async def read_rights(upstream: Upstream, database: str, login: str, masked: Collection[tuple[int, int]]) -> Rights:
    """What a login can reach of these columns (`catalog.rights`), asked as the role of `upstream.dsn`.

    Raises:
        UpstreamUnreachable (08006): with why.
    """
    async with _connected(upstream, upstream.credentials, database, "who has which rights") as connection:
        return await load_rights(connection, login, masked)


async def read_reach(upstream: Upstream, database: str, login: str, other: str) -> Reach:
    """What `login` may do there, as far as it can be given to `other` (`catalog.rights`).

    Raises:
        UpstreamUnreachable (08006): with why.
    """
    async with _connected(upstream, upstream.credentials, database, "who has which rights") as connection:
        return await load_reach(connection, login, other)


@dataclass(frozen=True, slots=True)
class LogLevel:
    """`log_min_messages` as the sessions of a role have it."""

    level: str
    role: str
    """Quoted where SQL needs it."""

    @property
    def is_quiet(self) -> bool:
        """Whether the analysed trees stay out of the server's log: they are sent at LOG, and only these are above it.

        Source: PostgreSQL documentation, 19.8.2, table "Message Severity Levels".
        """
        return self.level in ("fatal", "panic")


async def read_log_level(upstream: Upstream, role: Credentials, database: str) -> LogLevel:
    """What goes to the server's log when this role works.

    Raises:
        UpstreamUnreachable (08006): it cannot log in; with why.
    """
    async with _connected(upstream, role, database, "the log level") as connection:
        row = await connection.fetchrow("SELECT current_setting('log_min_messages'), quote_ident(session_user)")
    return LogLevel(row[0], row[1])


async def try_login(upstream: Upstream, role: Credentials, database: str) -> None:
    """
    Raises:
        UpstreamUnreachable (08006): with why.
    """
    async with _connected(upstream, role, database, "anything"):
        pass


@asynccontextmanager
async def reading_texts(upstream: Upstream, database: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the role of `upstream.dsn` that changes nothing, waits for nobody, and writes values plainly.

    Raises:
        UpstreamUnreachable (08006): with why.
    """
    async with _connected(upstream, upstream.credentials, database, "values") as connection:
        await connection.execute(
            "SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC';"
            "SET default_transaction_read_only = on; SET statement_timeout = '10s'; SET lock_timeout = '1s'"
        )
        yield connection


@asynccontextmanager
async def _connected(
    upstream: Upstream, role: Credentials, database: str, what: str
) -> AsyncIterator[asyncpg.Connection]:
    try:
        connection = await connect_as(upstream, role, database)
        try:
            yield connection
        finally:
            connection.terminate()  # nothing is left to say, and a close would wait for the server
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise UpstreamUnreachable(
            f'{what} of database "{database}" cannot be read as role "{role.user}"', detail=_reason(error, upstream)
        ) from None


def _reason(error: Exception, upstream: Upstream) -> str:
    """One line, for an operator."""
    if isinstance(error, asyncpg.PostgresError):
        return " ".join(str(error.args[0] if error.args else type(error).__name__).split())
    place = f"{upstream.host}:{upstream.port}"
    if isinstance(error, TimeoutError):
        return f"no answer from {place} in time"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return f"{place}: {os.strerror(error.errno)}"
    return f"{place}: {type(error).__name__}"


async def connect_as(upstream: Upstream, role: Credentials, database: str) -> asyncpg.Connection:
    mode = upstream.sslmode
    context = False if mode == "disable" else mode if mode in ("allow", "prefer") else upstream_context(upstream)
    return await asyncpg.connect(
        host=upstream.host,
        port=upstream.port,
        user=role.user,
        password=role.password,
        database=database,
        ssl=context,
        timeout=upstream.connect_timeout_seconds,
        command_timeout=ANSWER_SECONDS,
        server_settings={"application_name": "pgproxy catalog"},
    )

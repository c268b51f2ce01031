"""Loads the catalog of a whole database, or the rights in it, over a connection of the proxy's own.

The only I/O of this package.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Protocol

from pgproxy.catalog.decoding import merge
from pgproxy.catalog.model import Catalog
from pgproxy.catalog.queries import CATALOG_QUERY
from pgproxy.catalog.rights import (
    MAY_WRITE_QUERY,
    PREDEFINED,
    REACH_QUERY,
    RIGHTS_QUERY,
    RIGHTS_VERSION_QUERY,
    Reach,
    Rights,
    decode,
    decode_reach,
)

_EVERYTHING: Final = """
SELECT
  ARRAY(SELECT c.oid FROM pg_catalog.pg_class AS c
    WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,m,f,S}'::pg_catalog."char"[])),
  ARRAY(SELECT p.oid FROM pg_catalog.pg_proc AS p),
  ARRAY(SELECT o.oid FROM pg_catalog.pg_operator AS o),
  ARRAY(SELECT t.oid FROM pg_catalog.pg_type AS t)
"""


class Connection(Protocol):
    """What is needed of an asyncpg connection."""

    async def execute(self, query: str) -> object: ...

    async def fetchrow(self, query: str, *args: object) -> tuple[object, ...] | None: ...

    async def fetchval(self, query: str, *args: object) -> object: ...


async def load_catalog(connection: Connection) -> Catalog:
    """Every relation, function, operator and type of the database that the connection is in.

    It switches the connection's just-in-time compilation off: for one run of a large statement that costs a second.
    What is created between its two queries is missing; sessions read what a statement reaches themselves.
    """
    await connection.execute("SET jit = off")
    everything = await connection.fetchrow(_EVERYTHING)
    assert everything is not None  # a SELECT without FROM has one row
    document = await connection.fetchval(CATALOG_QUERY, *everything)
    return merge(Catalog(), str(document))


async def load_rights(connection: Connection, login: str, masked: Collection[tuple[int, int]]) -> Rights:
    """What a login of this server can reach in the database that the connection is in.

    It empties the connection's search_path.

    Args:
        masked: (relation, attribute number) of the columns that it should not reach.
    """
    columns = sorted(masked)
    await connection.execute("SET jit = off; SET search_path = ''")
    relations, attributes = [oid for oid, _ in columns], [attnum for _, attnum in columns]
    document = await connection.fetchval(RIGHTS_QUERY, login, relations, attributes, list(PREDEFINED))
    return decode(login, str(document))


async def load_rights_version(connection: Connection) -> str:
    """Differs once anything was changed that the rights of any login depend on. It empties the search_path."""
    await connection.execute("SET jit = off; SET search_path = ''")
    return repr(tuple(await connection.fetchrow(RIGHTS_VERSION_QUERY) or ()))


async def load_may_write(connection: Connection, login: str) -> bool:
    """Whether a login may change what tables hold."""
    return bool(await connection.fetchval(MAY_WRITE_QUERY, login))


async def load_reach(connection: Connection, login: str, other: str) -> Reach:
    """What `login` may do in the database that the connection is in. It empties the connection's search_path."""
    await connection.execute("SET jit = off; SET search_path = ''")
    return decode_reach(str(await connection.fetchval(REACH_QUERY, login, other)))

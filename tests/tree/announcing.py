"""A connection that hears the server's analysed trees, as the proxy's own sessions do."""

from __future__ import annotations

import psycopg
from psycopg.pq import ExecStatus

from pgproxy.catalog.decoding import merge
from pgproxy.catalog.model import Catalog, Function
from pgproxy.catalog.queries import CATALOG_QUERY
from pgproxy.session.reading import BODY_QUERY
from pgproxy.statements.model import Reached

SETTINGS = "-c debug_print_rewritten=on -c debug_pretty_print=off -c client_min_messages=log"


class Rejected(Exception):
    """The server does not accept the statement; the message is the server's."""


class Announcer:
    """Hears the tree of each statement it prepares; `connection` runs others as they are."""

    def __init__(self, dsn: str) -> None:
        self.connection = psycopg.connect(dsn, autocommit=True, options=SETTINGS)
        self.version = self.connection.info.server_version // 10000
        self._heard: list[bytes] = []
        self.connection.add_notice_handler(self._hear)

    def _hear(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.message_primary == "rewritten parse tree:" and notice.message_detail is not None:
            self._heard.append(notice.message_detail.encode())

    def trees(self, statement: str) -> list[bytes]:
        """The texts that Parse announced.

        Raises:
            Rejected
        """
        self._heard.clear()
        result = self.connection.pgconn.prepare(b"", statement.encode())
        if result.status != ExecStatus.COMMAND_OK:
            raise Rejected(result.error_message.decode())
        return list(self._heard)

    def tree(self, statement: str) -> bytes:
        """The one text that Parse announced."""
        (text,) = self.trees(statement)
        return text

    def catalog(self, named: Reached, base: Catalog | None = None) -> Catalog:
        """What the statement's own session says of these objects, over `base`."""
        arguments = [sorted(oids) for oids in (named.relations, named.functions, named.operators, named.types)]
        row = psycopg.RawCursor(self.connection).execute(CATALOG_QUERY, arguments).fetchone()
        assert row is not None
        return merge(base or Catalog(), row[0])

    def body(self, function: Function) -> list[bytes]:
        """The trees of an SQL function's body."""
        self._heard.clear()
        psycopg.RawCursor(self.connection).execute(BODY_QUERY, [function.oid, function.search_path], prepare=False)
        return self._heard[1:]  # the first is the query's own

    def close(self) -> None:
        self.connection.close()

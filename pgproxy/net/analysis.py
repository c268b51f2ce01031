"""Asking the upstream what a statement means, or what a database holds, outside any client's session.

For `explain`, `check` and the shared catalog. A statement is parsed and described, never executed.
"""

from __future__ import annotations

import asyncpg

from pgproxy.catalog.model import Catalog
from pgproxy.catalog.queries import CATALOG_QUERY
from pgproxy.catalog.reading import load_catalog
from pgproxy.config.settings import Credentials, Upstream
from pgproxy.errors import NotUnderstood, ProxyError, UpstreamUnreachable
from pgproxy.login.identity import Identity
from pgproxy.login.verifiers import KeyCache
from pgproxy.net.link import Link
from pgproxy.net.tls import upstream_context
from pgproxy.net.upstream import UpstreamConnector
from pgproxy.net.upstream_login import UpstreamRefused, UpstreamSession, log_in
from pgproxy.policy.decide import decide, decide_utility
from pgproxy.policy.decision import Action, Decision, Reason
from pgproxy.policy.rules import Rules
from pgproxy.session.notices import is_tree, tree_text
from pgproxy.session.opening import ANALYSIS_SETTINGS
from pgproxy.session.understanding import announced, understand
from pgproxy.statements.facts import read_facts
from pgproxy.statements.grammar import SyntaxProblem, check_identifiers, split
from pgproxy.statements.model import Handling, RawStatement
from pgproxy.wire import asynchronous, query, results, startup

STATEMENT = "_pgproxy_explain"
CATALOG_STATEMENT = "_pgproxy_catalog"
MESSAGE_LIMIT_BYTES = 1 << 28
CATALOG_SECONDS = 60.0


async def read_catalog(upstream: Upstream, database: str) -> Catalog:
    """The catalog of one database, read as the role of `upstream.dsn`.

    Raises:
        UpstreamUnreachable (08006): with why.
    """
    try:
        connection = await _asyncpg(upstream, database)
        try:
            return await load_catalog(connection)
        finally:
            connection.terminate()  # nothing is left to say, and a close would wait for the server
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        text = str(error) if isinstance(error, asyncpg.PostgresError) else type(error).__name__
        raise UpstreamUnreachable(
            f'the catalog of database "{database}" cannot be read as role "{upstream.credentials.user}"', detail=text
        ) from None


async def _asyncpg(upstream: Upstream, database: str) -> asyncpg.Connection:
    mode = upstream.sslmode
    context = False if mode == "disable" else mode if mode in ("allow", "prefer") else upstream_context(upstream)
    return await asyncpg.connect(
        host=upstream.host,
        port=upstream.port,
        user=upstream.credentials.user,
        password=upstream.credentials.password,
        database=database,
        ssl=context,
        timeout=upstream.connect_timeout_seconds,
        command_timeout=CATALOG_SECONDS,
        server_settings={"application_name": "pgproxy catalog"},
    )


class Explainer:
    """Decides statements of one identity without running them. Use as an async context manager."""

    def __init__(
        self, upstream: Upstream, role: Credentials, identity: Identity, rules: Rules, catalog: Catalog
    ) -> None:
        self._upstream, self._role = upstream, role
        self._identity, self._rules, self._catalog = identity, rules, catalog
        self._session: UpstreamSession | None = None

    async def __aenter__(self) -> Explainer:
        link = await UpstreamConnector(self._upstream).connect()
        parameters = {"user": self._role.user, "database": self._identity.database, **ANALYSIS_SETTINGS}
        link.write(startup.StartupMessage(3, 0, parameters).encode())
        try:
            timeout = self._upstream.connect_timeout_seconds
            self._session = await log_in(link, self._role, KeyCache(), timeout_seconds=timeout)
        except UpstreamRefused as refusal:
            raise UpstreamUnreachable(
                "the upstream server refused the login", detail=refusal.response.fields.get("M", "")
            ) from None
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            self._session.link.close()

    async def explain(self, sql: str) -> list[Decision]:
        """One decision for each statement of the text. Raises SyntaxProblem, ServerError."""
        return [await self._explain_one(raw) for raw in split(sql)]

    async def _explain_one(self, raw: RawStatement) -> Decision:
        try:
            check_identifiers(raw)
            if raw.handling is not Handling.ANALYSE:
                decision = decide_utility(raw, read_facts(raw), self._identity, self._rules)
                if decision.action is Action.ALLOW and raw.handling is Handling.REFUSE:
                    raise NotUnderstood(raw.refusal, detail=f"rule builtin.{raw.statement_class}", hint=raw.hint)
                return decision
            return await self._analyse(raw)
        except ProxyError as error:
            rule = error.detail.removeprefix("rule ") or "builtin"
            return Decision(Action.DENY, (Reason(rule, error.message, hint=error.hint),))

    async def _analyse(self, raw: RawStatement) -> Decision:
        trees, types, row, _ = await self._ask(
            query.Parse(STATEMENT, raw.text, ()).encode() + query.Describe("S", STATEMENT).encode()
        )
        announcement = announced(trees, types, row, self._catalog.server_version)
        reached = announcement.reached
        named = (reached.relations, reached.functions, reached.operators, reached.types)
        arrays = tuple(("{" + ",".join(map(str, sorted(oids))) + "}").encode() for oids in named)
        *_, rows = await self._ask(
            query.Close("S", CATALOG_STATEMENT).encode()
            + query.Parse(CATALOG_STATEMENT, CATALOG_QUERY, ()).encode()
            + query.Bind("", CATALOG_STATEMENT, (), arrays, ()).encode()
            + query.Execute("", 0).encode()
            + query.Close("S", STATEMENT).encode()
        )
        document = results.only_value(rows[0]).decode()
        understanding = understand(raw, announcement, types, row, self._catalog, document)
        return decide(understanding.facts, understanding.lineage, self._identity, self._rules, understanding.catalog)

    async def _ask(
        self, requests: bytes
    ) -> tuple[list[bytes], tuple[int, ...], results.RowDescription | None, list[bytes]]:
        """Send, Sync, and read to ReadyForQuery: trees, parameter types, row description, DataRow frames."""
        link: Link = self._require().link
        link.write(requests + query.Sync().encode())
        trees: list[bytes] = []
        rows: list[bytes] = []
        types: tuple[int, ...] = ()
        row: results.RowDescription | None = None
        failed: asynchronous.ErrorResponse | None = None
        while True:
            tag, body = await link.read_message(MESSAGE_LIMIT_BYTES)
            match tag:
                case b"N":
                    fields = asynchronous.NoticeResponse.decode(body).fields
                    if is_tree(fields):
                        trees.append(tree_text(fields))
                case b"t":
                    types = results.ParameterDescription.decode(body).type_oids
                case b"T":
                    row = results.RowDescription.decode(body)
                case b"D":
                    rows.append(b"D" + (len(body) + 4).to_bytes(4, "big") + body)
                case b"E":
                    failed = asynchronous.ErrorResponse.decode(body)
                case b"Z":
                    if failed is not None:
                        raise ServerError(failed.fields.get("M", ""), failed.fields.get("C", ""))
                    return trees, types, row, rows

    def _require(self) -> UpstreamSession:
        if self._session is None:
            raise RuntimeError("not entered")
        return self._session


class ServerError(Exception):
    """The server refused to parse the statement: its own message and SQLSTATE."""

    def __init__(self, message: str, sqlstate: str) -> None:
        super().__init__(message)
        self.message = message
        self.sqlstate = sqlstate


__all__ = ["Explainer", "ServerError", "SyntaxProblem", "read_catalog"]

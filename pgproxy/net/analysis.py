"""Asking the upstream what a statement means outside any client's session, for `explain` and rule tests.

A statement is parsed and described, never executed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pgproxy.catalog.decoding import merge, read_code
from pgproxy.catalog.model import FIRST_NORMAL_OID, Catalog
from pgproxy.catalog.queries import CATALOG_QUERY, CODE_QUERY
from pgproxy.catalog.versions import ARGUMENTS_STATEMENT, array
from pgproxy.config.settings import Credentials, Upstream
from pgproxy.errors import NotUnderstood, ProxyError, UnknownStatement, UpstreamUnreachable
from pgproxy.login.verifiers import KeyCache
from pgproxy.masking.plan import MaskPlan
from pgproxy.net.link import Link
from pgproxy.net.upstream import UpstreamConnector
from pgproxy.net.upstream_login import UpstreamRefused, UpstreamSession, log_in
from pgproxy.policy.decide import decide, decide_utility
from pgproxy.policy.decision import Action, Decision, Reason
from pgproxy.policy.making import decide_making
from pgproxy.policy.matching import Masked, Pins
from pgproxy.policy.subject import is_transparent, subject_of
from pgproxy.session.admission import admit, has_masks, with_code_handled
from pgproxy.session.context import SessionContext
from pgproxy.session.known_trees import Readings
from pgproxy.session.notices import is_tree, tree_text
from pgproxy.session.opening import ANALYSIS_SETTINGS
from pgproxy.session.questions import about_creation_schema
from pgproxy.session.reading import BODY_QUERY, unread, with_body, with_called
from pgproxy.session.reading_texts import statement_in, unread_texts, with_text
from pgproxy.session.understanding import (
    Understanding,
    announced,
    check_executed,
    check_origins,
    plan_for,
    understand,
    understand_block,
)
from pgproxy.statements.facts import read_facts
from pgproxy.statements.grammar import SyntaxProblem, check_identifiers, split
from pgproxy.statements.model import ColumnId, Handling, RawStatement, Target
from pgproxy.statements.trigger_code import BLOCK_HEADER
from pgproxy.wire import asynchronous, query, results, startup

STATEMENT = "_pgproxy_explain"
CATALOG_STATEMENT = "_pgproxy_catalog"
BODY_STATEMENT = "_pgproxy_body"
CODE_STATEMENT = "_pgproxy_code"
CODE_ARGUMENTS = "_pgproxy_arguments"
MESSAGE_LIMIT_BYTES = 1 << 28
PLAIN_PARAMETERS = {"DateStyle": "ISO, MDY", "IntervalStyle": "postgres", "TimeZone": "UTC"}
"""How values are written whose text depends on the session's settings."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision, and the stored columns behind it as "schema.table.column" (a whole row: "schema.table.*"), sorted."""

    decision: Decision
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    plan: MaskPlan | None = None
    """What would become of rows in text format, under PLAIN_PARAMETERS; None: they would pass as they are."""


class Explainer:
    """Decides statements of one identity without running them. Use as an async context manager."""

    def __init__(self, upstream: Upstream, role: Credentials, context: SessionContext) -> None:
        self._upstream, self._role, self._context = upstream, role, context
        self._identity, self._rules, self._catalog = context.identity, context.rules(), context.catalog()
        self._readings = Readings()
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

    async def explain(self, sql: str) -> list[Explanation]:
        """One for each statement of the text. Raises SyntaxProblem, ServerError."""
        return [await self._explain_one(raw) for raw in split(sql)]

    async def _explain_one(self, raw: RawStatement) -> Explanation:
        """The way of `session.analysed`, but that a refusal is a decision with all its reasons."""
        raw = with_code_handled(raw, self._context)
        by_text = decide_utility(raw, read_facts(raw), self._identity, self._rules)
        if is_transparent(self._identity, self._rules):
            return await self._analysed_or(raw, lambda _: by_text) if _has_tree(raw) else Explanation(by_text)
        try:
            admitted = admit(raw, self._context)
        except ProxyError as error:
            decided = by_text.reasons and by_text.action is not Action.ALLOW
            is_by_text = decided and error.detail == f"rule {by_text.reasons[0].rule}"
            return Explanation(by_text if is_by_text else _denial(error, by_text.tables))
        target = raw.target
        if raw.inner is not None:  # what is inside decides
            raw = raw.inner
        elif not admitted.is_analysed and raw.handling not in (Handling.EXECUTE, Handling.CODE):
            return Explanation(by_text)
        if raw.handling is Handling.EXECUTE:
            return Explanation(_denial(UnknownStatement(f'prepared statement "{raw.prepared}" does not exist'), ()))
        if has_masks(self._context):
            return await self._analysed_or(raw, lambda error: _denial(error, by_text.tables), target)
        return await self._analysed_or(raw, lambda _: by_text, target)

    async def _analysed_or(
        self, raw: RawStatement, otherwise: Callable[[ProxyError], Decision], target: Target | None = None
    ) -> Explanation:
        """The decision by the server's tree; `otherwise` for what cannot be understood completely.

        Args:
            target: what is made of the rows.
        """
        try:
            understanding = await (self._understand_block if raw.handling is Handling.CODE else self._understand)(raw)
        except NotUnderstood as error:
            return Explanation(otherwise(error))
        lineage, catalog = understanding.lineage, understanding.catalog
        read = {source.column for output in lineage.outputs for source in output.sources}
        read.update(use.column for use in lineage.uses)
        read.update(source.column for write in lineage.writes for source in write.sources)
        read.update(source.column for effect in lineage.effects for source in effect.sources)
        reads = _names(read, catalog)
        writes = _names((write.target for write in lineage.writes), catalog)
        try:
            pins = self._context.pins.having_seen(understanding.stored_relations, catalog, self._rules)
            check_executed(understanding, self._identity, self._rules, pins)
            decision = decide(understanding.facts, lineage, self._identity, self._rules, catalog, pins=pins)
            row = understanding.row
            if row is not None and decision.action is Action.ALLOW:
                check_origins(decision, row, understanding, self._identity, self._rules, pins)
            if target is not None and decision.action is Action.ALLOW:
                decision = await self._making(target, understanding, pins) or decision
            plan = plan_for(decision, row, (), catalog, self._context.keys, PLAIN_PARAMETERS)
        except ProxyError as error:
            return Explanation(_denial(error, ()), reads, writes)
        return Explanation(decision, reads, writes, plan)

    async def _making(self, target: Target, understanding: Understanding, pins: Pins) -> Decision | None:
        """The decision about a relation that is made of the rows, where it is another one."""
        schema = target.schema
        if not schema:
            *_, rows = await self._ask(b"".join(question.sent for question in about_creation_schema()))
            (current,) = results.DataRow.decode(rows[0][5:]).values()
            schema = (current or b"").decode()
        if target.is_temporary or schema.startswith("pg_temp"):
            return None
        facts, lineage = understanding.facts, understanding.lineage
        masked = Masked(subject_of(self._identity, self._rules), understanding.catalog, pins)
        masked = masked.seen_through(lineage.views)
        made = decide_making(target, schema, facts, lineage, self._identity, self._rules, masked)
        return None if made.action is Action.ALLOW else made

    async def _understand(self, raw: RawStatement) -> Understanding:
        trees, types, row, _ = await self._ask(
            query.Close("S", STATEMENT).encode()
            + query.Parse(STATEMENT, raw.text, ()).encode()
            + query.Describe("S", STATEMENT).encode()
        )
        announcement = announced(trees, types, row, self._catalog.server_version, self._readings)
        while True:
            named = announcement.needed
            arguments = tuple(map(array, (named.relations, named.functions, named.operators, named.types)))
            *_, rows = await self._ask(_asked(CATALOG_STATEMENT, CATALOG_QUERY, arguments))
            read = merge(Catalog(), results.only_value(rows[0]).decode())
            catalog = self._catalog.under(read)
            own = [oid for oid in read.functions if oid >= FIRST_NORMAL_OID]
            before, announcement = announcement, with_called(announcement, catalog, own)
            if announcement is not before:
                continue
            functions = unread(announcement, catalog, own)
            texts = [] if functions else unread_texts(announcement, catalog, "")
            if not functions and not texts:
                return understand(raw, announcement, types, row, catalog)
            for text in texts:
                found = statement_in(text)
                parse = b"" if found is None else query.Parse(STATEMENT, found[1].text, ()).encode()
                trees, *_ = await self._ask(query.Close("S", STATEMENT).encode() + parse)
                announcement = with_text(announcement, text, trees, catalog.server_version)
            for function in functions:
                path = None if function.search_path is None else function.search_path.encode()
                asked = _asked(BODY_STATEMENT, BODY_QUERY, (str(function.oid).encode(), path))
                _, *bodies = (await self._ask(asked))[0]  # the first is its own
                announcement = with_body(announcement, function, bodies, catalog.server_version)

    async def _understand_block(self, raw: RawStatement) -> Understanding:
        code = _asked(CODE_ARGUMENTS, ARGUMENTS_STATEMENT, (raw.code.encode(),))
        *_, rows = await self._ask(code + _asked(CODE_STATEMENT, CODE_QUERY, ()))
        document, *_ = results.DataRow.decode(rows[-1][5:]).values()
        source = read_code((document or b"").decode(), raw.code, BLOCK_HEADER)
        arguments = (array(source.relations), *(array(()),) * 3)
        *_, rows = await self._ask(_asked(CATALOG_STATEMENT, CATALOG_QUERY, arguments))
        catalog = self._catalog.under(merge(Catalog(), results.only_value(rows[0]).decode()))
        return understand_block(raw, source, catalog, {})

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


def _asked(name: str, sql: str, arguments: tuple[bytes | None, ...]) -> bytes:
    return (
        query.Close("S", name).encode()
        + query.Parse(name, sql, ()).encode()
        + query.Bind("", name, (), arguments, ()).encode()
        + query.Execute("", 0).encode()
    )


def _has_tree(raw: RawStatement) -> bool:
    try:
        check_identifiers(raw)
    except NotUnderstood:
        return False
    return raw.handling is Handling.ANALYSE


def _denial(error: ProxyError, tables: tuple[str, ...]) -> Decision:
    """What the client would be told, as a decision."""
    rule, _, more = error.detail.removeprefix("rule ").partition(": ")
    text = f"{error.message} ({more})" if more else error.message
    return Decision(Action.DENY, (Reason(rule or "builtin", text, hint=error.hint),), tables=tables)


def _names(columns: Iterable[ColumnId], catalog: Catalog) -> tuple[str, ...]:
    names: set[str] = set()
    for column in columns:
        relation = catalog.relations.get(column.relation)
        if relation is not None:
            found = relation.column(column.attnum)
            names.add(f"{relation.qualified_name}.{found.name if found is not None else '*'}")
    return tuple(sorted(names))


class ServerError(Exception):
    """The server refused to parse the statement: its own message and SQLSTATE."""

    def __init__(self, message: str, sqlstate: str) -> None:
        super().__init__(message)
        self.message = message
        self.sqlstate = sqlstate


__all__ = [
    "Explainer",
    "Explanation",
    "ServerError",
    "SyntaxProblem",
]

"""What each kind of statement is to the proxy: one table over libpg_query's top nodes, and it is an allow-list.

A node that is not in the table is refused as DDL. The few kinds whose answer depends on what is inside have a function;
which table and index definitions are harmless is `grammar_ddl`'s. Nothing here parses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from postgast import pg_query_pb2 as pb

from pgproxy.errors import NotUnderstood
from pgproxy.statements import grammar_copy, grammar_ddl, grammar_reach
from pgproxy.statements.grammar_ddl import Definition
from pgproxy.statements.grammar_questions import question
from pgproxy.statements.model import Handling, Landing, Setting, StatementClass, Target
from pgproxy.statements.trigger_code import read_block
from pgproxy.wire.copyrows import CopyFormat

C = StatementClass

_CURSOR_OPT_BINARY, _CURSOR_OPT_HOLD = 0x0001, 0x0020
"""Source: nodes/parsenodes.h."""


@dataclass(frozen=True, slots=True)
class Kind:
    """The part of a `RawStatement` that its top node decides."""

    statement_class: StatementClass
    handling: Handling
    node: str = ""
    setting: Setting | None = None
    refusal: str = ""
    hint: str = ""
    forgets_statements: bool = False
    forgets: str | None = None
    cursor: str = ""
    is_held: bool = False
    target: Target | None = None
    prepared: str = ""
    is_binary: bool = False
    copy: CopyFormat | None = None
    question: str = ""
    """A definition: the query that is analysed in its stead."""
    moves: bool = False
    """A definition after which rules would not know the table any more: every rule about it counts."""
    landing: Landing | None = None
    code: str = ""
    widens: bool = False
    moved_names: tuple[str, ...] = ()
    given_names: tuple[str, ...] = ()
    truncates: tuple[str, ...] = ()
    runs_alone: bool = False


def kind_of(statement: Any) -> Kind:
    """The kind of a parsed statement (a `Node` of libpg_query)."""
    field = statement.WhichOneof("node")
    if field is None:
        return Kind(C.DDL, Handling.REFUSE, "", refusal="An unknown statement is not covered.")
    message = getattr(statement, field)
    node = message.DESCRIPTOR.name
    entry = KINDS.get(node)
    if entry is None:
        # "AlterTSDictionaryStmt": ALTER TS DICTIONARY
        words = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z][a-z]+|[A-Z]+", node.removesuffix("Stmt"))
        entry = _refused(C.DDL, " ".join(words).upper())
    kind = entry if isinstance(entry, Kind) else entry(message)
    return replace(
        kind,
        node=node,
        widens=grammar_reach.widens(node, message),
        moved_names=grammar_reach.moved_names(node, message),
        given_names=grammar_reach.given_names(node, message),
    )


def _passed(statement_class: StatementClass) -> Kind:
    return Kind(statement_class, Handling.PASS)


def _analysed(statement_class: StatementClass) -> Kind:
    return Kind(statement_class, Handling.ANALYSE)


def _refused(statement_class: StatementClass, construct: str, hint: str = "") -> Kind:
    return Kind(
        statement_class,
        Handling.REFUSE,
        refusal=f"{construct} cannot be used by an identity with masked columns.",
        hint=hint or "Plain SELECT, INSERT, UPDATE and DELETE would pass; a DBA can run this.",
    )


def _select(message: Any) -> Kind:
    leaf = message
    while leaf.HasField("larg"):
        leaf = leaf.larg
    if leaf.HasField("into_clause"):
        return _made(leaf.into_clause, "r")
    return _analysed(C.SELECT)


def _create_table_as(message: Any) -> Kind:
    return _made(message.into, "m" if message.objtype == pb.OBJECT_MATVIEW else "r")


def _made(into: Any, kind: str) -> Kind:
    if into.access_method not in ("", "heap"):
        return _refused(C.DDL, "Another access method", "The usual one would pass.")
    target = Target(
        name=into.rel.relname,
        schema=into.rel.schemaname,
        kind=kind,
        is_temporary=into.rel.relpersistence == "t" or into.rel.schemaname.startswith("pg_temp"),
        has_data=not into.skip_data,
        columns=tuple(node.string.sval for node in into.col_names),
    )
    return Kind(C.DDL, Handling.WRAP, target=target)


def _refresh(message: Any) -> Kind:
    relation = message.relation
    target = Target(relation.relname, relation.schemaname, "m", is_temporary=False, has_data=not message.skip_data)
    return Kind(C.MAINTENANCE, Handling.REFRESH, target=target)


def _copy(message: Any) -> Kind:
    statement_class = C.COPY_FROM if message.is_from else C.COPY_TO
    way = "FROM STDIN" if message.is_from else "TO STDOUT"
    if message.is_program or message.filename:
        return _refused(statement_class, "COPY with a file or program of the server", f"COPY … {way} would pass.")
    if message.is_from:
        if message.HasField("where_clause"):
            return _refused(C.COPY_FROM, "COPY FROM with WHERE", "COPY FROM without WHERE would pass.")
        if any(node.def_elem.defname == "default" for node in message.options):  # a value of each row, not in its text
            return _refused(C.COPY_FROM, "COPY FROM with DEFAULT", "COPY FROM without DEFAULT would pass.")
        return Kind(C.COPY_FROM, Handling.COPY_IN)
    try:
        return Kind(C.COPY_TO, Handling.COPY_OUT, copy=grammar_copy.written_format(message))
    except grammar_copy.UnknownOption as option:
        hint = "The options FORMAT, DELIMITER, NULL, HEADER, QUOTE, ESCAPE, FORCE_QUOTE and ENCODING 'UTF8' would pass."
        return _refused(C.COPY_TO, f"COPY TO with this {option}", hint)


def _do(message: Any) -> Kind:
    parts = {node.def_elem.defname: node.def_elem.arg.string.sval for node in message.args}
    code, language = parts.get("as", ""), parts.get("language", "plpgsql")
    if language != "plpgsql":
        return _refused(C.DO, "DO in another language than plpgsql")
    try:
        read_block(code)
    except NotUnderstood as problem:
        why = problem.message.removeprefix("not provably safe: ")
        return _refused(C.DO, f"DO whose statements are not all read ({why})", _DO_HINT)
    return replace(_refused(C.DO, "DO"), handling=Handling.CODE, code=code)


def _declare(message: Any) -> Kind:
    is_held = bool(message.options & _CURSOR_OPT_HOLD)
    is_binary = bool(message.options & _CURSOR_OPT_BINARY)
    return Kind(C.CURSOR, Handling.WRAP, cursor=message.portalname, is_held=is_held, is_binary=is_binary)


def _fetch(message: Any) -> Kind:
    return Kind(C.CURSOR, Handling.FETCH, cursor=message.portalname)


def _prepare(message: Any) -> Kind:
    return Kind(kind_of(message.query).statement_class, Handling.PREPARE, prepared=message.name)


def _execute(message: Any) -> Kind:
    return Kind(C.SELECT, Handling.EXECUTE, prepared=message.name)


def _transaction(message: Any) -> Kind:
    return Kind(C.TRANSACTION, Handling.TRANSACTION)


def _set(message: Any) -> Kind:
    name = message.name.lower()
    if message.kind == pb.VAR_SET_MULTI:
        # SET TRANSACTION …, SET SESSION CHARACTERISTICS AS TRANSACTION …, SET TRANSACTION SNAPSHOT
        return _passed(C.TRANSACTION)
    # SET ROLE and SET SESSION AUTHORIZATION are settings to the grammar, and changes of role to a rule.
    statement_class = C.ROLE if name in ("role", "session_authorization") else C.SET
    if message.kind == pb.VAR_SET_CURRENT:
        return _refused(statement_class, "SET … FROM CURRENT", "SET with a value would pass.")
    if message.kind == pb.VAR_RESET_ALL:
        return Kind(statement_class, Handling.SETTING, setting=Setting("all", None))
    value = None
    if message.kind == pb.VAR_SET_VALUE:
        texts = [_setting_text(argument) for argument in message.args]
        if name in ("search_path", "temp_tablespaces"):
            texts = [_quoted(text) for text in texts]
        value = ", ".join(texts)
    return Kind(statement_class, Handling.SETTING, setting=Setting(name, value, message.is_local))


def _setting_text(argument: Any) -> str:
    constant = argument.type_cast.arg.a_const if argument.HasField("type_cast") else argument.a_const
    match constant.WhichOneof("val"):
        case "sval":
            return str(constant.sval.sval)
        case "ival":
            return str(constant.ival.ival)
        case "fval":
            return str(constant.fval.fval)
        case "boolval":
            return "on" if constant.boolval.boolval else "off"
        case _:
            return ""


def _quoted(name: str) -> str:
    """As the server keeps one name of a list setting."""
    is_plain = name != "" and not name[0].isdigit() and name.replace("_", "a").isalnum() and name == name.lower()
    return name if is_plain and name.isascii() else '"' + name.replace('"', '""') + '"'


def _show(message: Any) -> Kind:
    return Kind(C.SET, Handling.SHOW, setting=Setting(message.name.lower(), None))


def _discard(message: Any) -> Kind:
    return Kind(C.SET, Handling.PASS, forgets_statements=message.target == pb.DISCARD_ALL)


def _deallocate(message: Any) -> Kind:
    return Kind(C.SET, Handling.PASS, forgets_statements=True, forgets=None if message.isall else message.name)


def _grant(message: Any) -> Kind:
    if message.objtype == pb.OBJECT_PARAMETER_ACL:
        return _refused(C.GRANT, "GRANT on a setting")
    if message.objtype == pb.OBJECT_SCHEMA:  # what a name means goes by the schemas that one may use
        return _refused(C.GRANT, "GRANT or REVOKE on a schema", "GRANT on tables would pass.")
    return _passed(C.GRANT)


def _drop(message: Any) -> Kind:
    passes = {
        pb.OBJECT_TABLE,
        pb.OBJECT_INDEX,
        pb.OBJECT_SEQUENCE,
        pb.OBJECT_VIEW,
        pb.OBJECT_MATVIEW,
        pb.OBJECT_SCHEMA,
        pb.OBJECT_TYPE,
        pb.OBJECT_DOMAIN,
    }
    is_own = message.remove_type == pb.OBJECT_EXTENSION and all(
        grammar_ddl.is_harmless_to_drop(node.string.sval) for node in message.objects
    )
    if message.remove_type in passes or is_own:
        return Kind(C.DDL, Handling.PASS, runs_alone=bool(message.concurrent))
    what = pb.ObjectType.Name(message.remove_type).removeprefix("OBJECT_").replace("_", " ")
    return _refused(C.DDL, f"DROP {what}", "DROP of a table, index, sequence, view, type, domain or schema would pass.")


def _create_schema(message: Any) -> Kind:
    if message.schema_elts:
        return _refused(C.DDL, "CREATE SCHEMA with elements", "CREATE SCHEMA, then each element alone would pass.")
    return _passed(C.DDL)


def _defined(
    read: Callable[[Any], Definition], hint: str = "", statement_class: StatementClass = C.DDL
) -> Callable[[Any], Kind]:
    """A definition passes unless `read` names a harm; what it uses of stored columns is asked first."""

    def judge(message: Any) -> Kind:
        definition = read(message)
        if definition.harm:
            return _refused(statement_class, definition.harm, hint or _CODE_HINT)
        if not definition.uses:
            return _passed(statement_class)
        asked = question(definition.uses)
        if not asked:
            return _refused(statement_class, "A definition of this size or form", hint or _CODE_HINT)
        return Kind(statement_class, Handling.WRAP, question=asked, moves=definition.moves, landing=definition.landing)

    return judge


_CODE_HINT = "An owner of the database can create it outside the proxy."
_DO_HINT = "RAISE, and queries on pg_catalog that are written in it as they are, would pass; a DBA can run this."

KINDS: dict[str, Kind | Callable[[Any], Kind]] = {
    # data
    "SelectStmt": _select,
    "InsertStmt": _analysed(C.INSERT),
    "UpdateStmt": _analysed(C.UPDATE),
    "DeleteStmt": _analysed(C.DELETE),
    "MergeStmt": _analysed(C.MERGE),
    "CopyStmt": _copy,
    "CreateTableAsStmt": _create_table_as,
    "TruncateStmt": lambda message: Kind(C.TRUNCATE, Handling.PASS, truncates=grammar_reach.truncated(message)),
    # statements inside statements
    "ExplainStmt": Kind(C.EXPLAIN, Handling.WRAP),
    "DeclareCursorStmt": _declare,
    "FetchStmt": _fetch,
    "ClosePortalStmt": _passed(C.CURSOR),
    "PrepareStmt": _prepare,
    "ExecuteStmt": _execute,
    "DeallocateStmt": _deallocate,
    # session
    "TransactionStmt": _transaction,
    "ConstraintsSetStmt": _passed(C.TRANSACTION),
    "VariableSetStmt": _set,
    "VariableShowStmt": _show,
    "DiscardStmt": _discard,
    "ListenStmt": _passed(C.LISTEN),
    "UnlistenStmt": _passed(C.LISTEN),
    "NotifyStmt": _passed(C.LISTEN),
    # definitions that touch no data and make no code
    "CreateStmt": _defined(
        grammar_ddl.create_table,
        "CREATE TABLE with columns, literal defaults, simple checks, keys and foreign keys would pass.",
    ),
    "AlterTableStmt": _defined(
        grammar_ddl.alter_table, "Columns, literal defaults, checks, keys and foreign keys would pass."
    ),
    # an index gives rows in the order of its columns, and its errors tell how long values are
    "IndexStmt": _defined(grammar_ddl.create_index, "CREATE INDEX without CONCURRENTLY would pass."),
    "ViewStmt": _passed(C.DDL),
    "CreateSchemaStmt": _create_schema,
    "CreateSeqStmt": _passed(C.DDL),
    "AlterSeqStmt": _passed(C.DDL),
    "CommentStmt": _passed(C.DDL),
    "DropStmt": _drop,
    # upkeep; REINDEX and CLUSTER build unique indexes, whose errors quote values
    "VacuumStmt": _passed(C.MAINTENANCE),
    "CheckPointStmt": _passed(C.MAINTENANCE),
    "LockStmt": _passed(C.MAINTENANCE),
    "ClusterStmt": _refused(C.MAINTENANCE, "CLUSTER", "VACUUM and ANALYZE would pass."),
    "ReindexStmt": _defined(grammar_ddl.reindex, "REINDEX TABLE would pass.", C.MAINTENANCE),
    "RefreshMatViewStmt": _refresh,
    # rights and roles
    "GrantStmt": _grant,
    "GrantRoleStmt": _refused(C.GRANT, "GRANT or REVOKE of a role"),
    "AlterDefaultPrivilegesStmt": _refused(C.GRANT, "ALTER DEFAULT PRIVILEGES"),
    "CreateRoleStmt": _refused(C.ROLE, "CREATE ROLE"),
    "AlterRoleStmt": _refused(C.ROLE, "ALTER ROLE"),
    "AlterRoleSetStmt": _refused(C.ROLE, "ALTER ROLE … SET", "SET in the session would pass."),
    "DropRoleStmt": _refused(C.ROLE, "DROP ROLE"),
    "DropOwnedStmt": _refused(C.ROLE, "DROP OWNED"),
    "ReassignOwnedStmt": _refused(C.ROLE, "REASSIGN OWNED"),
    "AlterDatabaseSetStmt": _refused(C.SET, "ALTER DATABASE … SET", "SET in the session would pass."),
    "AlterSystemStmt": _refused(C.SET, "ALTER SYSTEM", "SET in the session would pass."),
    # code
    "DoStmt": _do,
    "CallStmt": _refused(C.CALL, "CALL"),
    "CreateFunctionStmt": _refused(C.DDL, "CREATE FUNCTION or PROCEDURE", _CODE_HINT),
    "AlterFunctionStmt": _refused(C.DDL, "ALTER FUNCTION or PROCEDURE", _CODE_HINT),
    "CreateTrigStmt": _refused(C.DDL, "CREATE TRIGGER", _CODE_HINT),
    "CreateEventTrigStmt": _refused(C.DDL, "CREATE EVENT TRIGGER", _CODE_HINT),
    "AlterEventTrigStmt": _refused(C.DDL, "ALTER EVENT TRIGGER", _CODE_HINT),
    "RuleStmt": _refused(C.DDL, "CREATE RULE", _CODE_HINT),
    "CreatePolicyStmt": _refused(C.DDL, "CREATE POLICY", _CODE_HINT),
    "AlterPolicyStmt": _refused(C.DDL, "ALTER POLICY", _CODE_HINT),
    "CreateDomainStmt": _defined(grammar_ddl.create_domain),
    "AlterDomainStmt": _refused(C.DDL, "ALTER DOMAIN", _CODE_HINT),
    "CompositeTypeStmt": _passed(C.DDL),
    "CreateEnumStmt": _passed(C.DDL),
    "AlterEnumStmt": _passed(C.DDL),
    "CreateRangeStmt": _defined(grammar_ddl.create_range),
    "AlterTypeStmt": _refused(C.DDL, "ALTER TYPE", _CODE_HINT),
    "DefineStmt": _refused(
        C.DDL, "CREATE of an aggregate, operator, type, collation or text search object", _CODE_HINT
    ),
    "AlterOperatorStmt": _refused(C.DDL, "ALTER OPERATOR", _CODE_HINT),
    "CreateOpClassStmt": _refused(C.DDL, "CREATE OPERATOR CLASS", _CODE_HINT),
    "CreateOpFamilyStmt": _refused(C.DDL, "CREATE OPERATOR FAMILY", _CODE_HINT),
    "AlterOpFamilyStmt": _refused(C.DDL, "ALTER OPERATOR FAMILY", _CODE_HINT),
    "CreateCastStmt": _refused(C.DDL, "CREATE CAST", _CODE_HINT),
    "CreateConversionStmt": _refused(C.DDL, "CREATE CONVERSION", _CODE_HINT),
    "CreateTransformStmt": _refused(C.DDL, "CREATE TRANSFORM", _CODE_HINT),
    "CreatePLangStmt": _refused(C.DDL, "CREATE LANGUAGE", _CODE_HINT),
    "CreateAmStmt": _refused(C.DDL, "CREATE ACCESS METHOD", _CODE_HINT),
    "CreateExtensionStmt": _defined(grammar_ddl.create_extension),
    "AlterExtensionStmt": _refused(C.DDL, "ALTER EXTENSION", _CODE_HINT),
    "AlterExtensionContentsStmt": _refused(C.DDL, "ALTER EXTENSION", _CODE_HINT),
    "LoadStmt": _refused(C.DDL, "LOAD", _CODE_HINT),
    # names and places of what exists: a rename would move a column from under its rule
    "RenameStmt": _defined(grammar_ddl.rename),
    "AlterObjectSchemaStmt": _defined(grammar_ddl.set_schema),
    "AlterOwnerStmt": _refused(C.DDL, "ALTER … OWNER TO", _CODE_HINT),
    "CreateForeignTableStmt": _refused(C.DDL, "CREATE FOREIGN TABLE", _CODE_HINT),
    "ImportForeignSchemaStmt": _refused(C.DDL, "IMPORT FOREIGN SCHEMA", _CODE_HINT),
    "CreateForeignServerStmt": _refused(C.DDL, "CREATE SERVER", _CODE_HINT),
    "CreateFdwStmt": _refused(C.DDL, "CREATE FOREIGN DATA WRAPPER", _CODE_HINT),
    "CreateUserMappingStmt": _refused(C.DDL, "CREATE USER MAPPING", _CODE_HINT),
    "CreatePublicationStmt": _refused(C.DDL, "CREATE PUBLICATION", _CODE_HINT),
    "CreateSubscriptionStmt": _refused(C.DDL, "CREATE SUBSCRIPTION", _CODE_HINT),
    "SecLabelStmt": _refused(C.DDL, "SECURITY LABEL", _CODE_HINT),
    "CreatedbStmt": _defined(grammar_ddl.create_database),
    "DropdbStmt": _passed(C.DDL),
}

"""Which definitions are harmless, by the parse tree alone: an allow-list, and the question that is left open.

What is stored with a table runs later without being named in any statement's tree and compares what is copied into it
(CHECK), quotes stored values when it fails (UNIQUE over existing rows), answers whether a value exists (FOREIGN KEY),
gives rows an order (an index), or moves a column from under its rule (RENAME). So a definition passes where it makes no
code, and where the stored columns that it uses are not masked. The text cannot say which columns those are: that is
a `Use`, and `grammar_questions` makes the query from it that the server analyses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from postgast import pg_query_pb2 as pb

from pgproxy.statements.grammar_expressions import is_builtin_type, is_literal, is_simple, names_of
from pgproxy.statements.model import Landing


@dataclass(frozen=True, slots=True)
class Use:
    """Stored columns that a definition compares, orders by, computes from, or takes elsewhere."""

    relation: Any
    """A RangeVar."""
    expressions: tuple[Any, ...] = ()
    """Nodes over its columns; none: every column."""
    moves: bool = False
    """Its rows, or whether one is there, can be asked for elsewhere then."""


@dataclass(frozen=True, slots=True)
class Definition:
    harm: str = ""
    """The construct that is not harmless, as the start of a sentence."""
    uses: list[Use] = field(default_factory=list)
    """None of these columns may be masked."""
    moves: bool = False
    """A table gets another name, or its rows another way to be read: what any rule says of it counts."""
    landing: Landing | None = None


class _Harm(Exception):
    """The construct."""


_ATTRIBUTES = frozenset(
    {
        pb.CONSTR_NULL,
        pb.CONSTR_NOTNULL,
        pb.CONSTR_IDENTITY,
        pb.CONSTR_ATTR_DEFERRABLE,
        pb.CONSTR_ATTR_NOT_DEFERRABLE,
        pb.CONSTR_ATTR_DEFERRED,
        pb.CONSTR_ATTR_IMMEDIATE,
        pb.CONSTR_ATTR_ENFORCED,
        pb.CONSTR_ATTR_NOT_ENFORCED,
    }
)
_KEYS = frozenset({pb.CONSTR_PRIMARY, pb.CONSTR_UNIQUE})
_CONSTRAINT_NAMES = {
    pb.CONSTR_CHECK: "a CHECK of more than columns of its own, constants, operators and simple functions",
    pb.CONSTR_DEFAULT: "this DEFAULT",
    pb.CONSTR_EXCLUSION: "EXCLUDE over more than columns of its own, constants, operators and simple functions",
    pb.CONSTR_GENERATED: "a generated column of more than columns, constants, operators and simple functions",
}

_HARMLESS_ALTERATIONS = frozenset(
    {
        pb.AT_DropColumn,
        pb.AT_DropNotNull,
        pb.AT_DropConstraint,
        pb.AT_SetStatistics,
        pb.AT_SetOptions,
        pb.AT_ResetOptions,
        pb.AT_SetStorage,
        pb.AT_SetCompression,
        pb.AT_SetRelOptions,
        pb.AT_ResetRelOptions,
        pb.AT_SetLogged,
        pb.AT_SetUnLogged,
        pb.AT_ReplicaIdentity,
        pb.AT_AddIdentity,
        pb.AT_SetIdentity,
        pb.AT_DropIdentity,
    }
)
"""They read no stored value."""
_ALTERATIONS_OF_ALL = frozenset({pb.AT_ValidateConstraint, pb.AT_DropExpression})
"""Harmless where the table has no masked column at all."""
_FAMILY = frozenset({pb.AT_AttachPartition, pb.AT_DetachPartition, pb.AT_AddInherit, pb.AT_DropInherit})
"""A mask covers children: these would take rows from under it, or put a table under it. Harmless where none has any."""

_TRUSTED_EXTENSIONS = frozenset(
    (
        "btree_gin btree_gist citext cube dict_int fuzzystrmatch hstore intarray isn ltree pg_trgm pgcrypto"
        " plpgsql seg tsm_system_rows tsm_system_time unaccent uuid-ossp"
    ).split()
)
"""PostgreSQL's own that may be created without superuser. Their functions stay opaque where they are called."""


def create_table(create: Any) -> Definition:
    """Columns with constraints over themselves; foreign keys to, and children of, what has no masked columns there."""
    return _defined(_create_table, create)


def alter_table(alter: Any) -> Definition:
    definition = _defined(_alter_table, alter)
    filled = _filled_columns(alter)
    if definition.harm or not filled:
        return definition
    uses = [*definition.uses, Use(alter.relation, (_NO_COLUMN,))]
    return replace(definition, uses=uses, landing=Landing(alter.relation.relname, columns=filled))


def create_index(index: Any) -> Definition:
    return _defined(_create_index, index)


def rename(statement: Any) -> Definition:
    definition, old, new = _defined(_rename, statement), statement.relation.relname, statement.newname
    if not definition.uses:
        return definition
    is_column = statement.rename_type == pb.OBJECT_COLUMN
    return replace(definition, landing=Landing(old, columns=(new,)) if is_column else Landing(old, table=new))


def set_schema(statement: Any) -> Definition:
    """ALTER … SET SCHEMA: rules speak of a table by its schema."""
    if statement.object_type not in (pb.OBJECT_TABLE, pb.OBJECT_VIEW, pb.OBJECT_MATVIEW):
        return Definition("" if statement.object_type in _NAMED_ONLY else "ALTER … SET SCHEMA of this object")
    landing = Landing(statement.relation.relname, schema=statement.newschema)
    return Definition(uses=[Use(statement.relation)], moves=True, landing=landing)


def reindex(statement: Any) -> Definition:
    """REINDEX: a unique index that fails quotes values."""
    if statement.kind != pb.REINDEX_OBJECT_TABLE or any(
        node.def_elem.defname == "concurrently" for node in statement.params
    ):
        return Definition("REINDEX of more than one table, or CONCURRENTLY,")
    return Definition(uses=[Use(statement.relation)])


def create_domain(domain: Any) -> Definition:
    """Checks run while values are read, so they must not be code: built-in functions and operators over constants.

    What the type under it checks with the catalog tells, at any depth, when the domain is used.
    """
    for node in domain.constraints:
        constraint = node.constraint
        is_check = constraint.contype == pb.CONSTR_CHECK
        if is_check and is_simple(constraint.raw_expr, frozenset({"value"})):
            continue
        if is_check or not _is_own_attribute(constraint):
            return Definition(
                "CREATE DOMAIN with a CHECK of more than VALUE, constants, operators and simple functions"
            )
    return Definition()


def create_range(statement: Any) -> Definition:
    """A range over a built-in type; canonical and difference functions are code."""
    for node in statement.params:
        element = node.def_elem
        if element.defname not in ("subtype", "multirange_type_name"):
            return Definition("CREATE TYPE AS RANGE with functions, operator class or collation of its own")
        if element.defname == "subtype" and not is_builtin_type(element.arg.type_name):
            return Definition("CREATE TYPE AS RANGE over a type that is not built in")
    return Definition()


def create_extension(statement: Any) -> Definition:
    has_only_schema = all(node.def_elem.defname in ("schema", "new_version") for node in statement.options)
    if statement.extname in _TRUSTED_EXTENSIONS and has_only_schema:
        return Definition()
    return Definition("CREATE EXTENSION of this extension")


def is_harmless_to_drop(extension: str) -> bool:
    """Others may be what guards or audits the database."""
    return extension in _TRUSTED_EXTENSIONS


def create_database(statement: Any) -> Definition:
    """An empty one: a copy of another could have renamed columns, whose masks are known by OID there only."""
    for node in statement.options:
        if node.def_elem.defname == "template" and node.def_elem.arg.string.sval != "template0":
            return Definition("CREATE DATABASE with a TEMPLATE")
        if node.def_elem.defname in ("tablespace", "strategy", "oid"):
            return Definition("CREATE DATABASE with this option")
    return Definition()


# Tables -----------------------------------------------------------------------------------------------------------


def _create_table(create: Any, uses: list[Use]) -> None:
    if create.HasField("of_typename"):
        raise _Harm("CREATE TABLE OF type")
    if create.access_method not in ("", "heap"):
        raise _Harm("CREATE TABLE USING another access method")
    # INHERITS and PARTITION OF: it would be masked as its parents are, and must not have constraints of its own then.
    uses.extend(Use(parent.range_var, moves=True) for parent in create.inh_relations)
    columns = frozenset(
        element.column_def.colname for element in create.table_elts if element.WhichOneof("node") == "column_def"
    )
    try:
        for element in create.table_elts:
            match element.WhichOneof("node"):
                case "column_def":
                    _column(element.column_def, columns, uses)
                case "constraint":
                    _new_constraint(element.constraint, columns, uses)
                case "table_like_clause":
                    pass  # it copies definitions, no rows; what they call is found when it is called
                case _:
                    raise _Harm("this element")
        for element in create.partspec.part_params:
            part = element.partition_elem
            if part.HasField("expr") and not is_simple(part.expr, columns):
                raise _Harm("PARTITION BY of this expression")
    except _Harm as harm:
        raise _Harm(f"CREATE TABLE with {harm}") from None
    # A foreign key to the table itself is to what is not there yet.
    uses[:] = [use for use in uses if _parts(use.relation) != _parts(create.relation)]


def _column(column: Any, columns: frozenset[str], uses: list[Use]) -> None:
    if column.fdwoptions:
        raise _Harm("OPTIONS")
    if column.HasField("cooked_default") or (column.HasField("raw_default") and not is_literal(column.raw_default)):
        raise _Harm("this DEFAULT")
    for node in column.constraints:
        _new_constraint(node.constraint, columns, uses)


def _new_constraint(constraint: Any, columns: frozenset[str], uses: list[Use]) -> None:
    """Of columns that the statement itself makes."""
    kind = constraint.contype
    if kind in _ATTRIBUTES or kind in _KEYS or _is_own_attribute(constraint):
        return
    if kind in (pb.CONSTR_CHECK, pb.CONSTR_GENERATED) and is_simple(constraint.raw_expr, columns):
        return
    if kind == pb.CONSTR_FOREIGN:
        uses.append(_referenced(constraint))
        return
    if kind == pb.CONSTR_EXCLUSION and all(is_simple(one, columns) for one in _compared(constraint)):
        return
    raise _Harm(_CONSTRAINT_NAMES.get(kind, "this constraint"))


def _is_own_attribute(constraint: Any) -> bool:
    is_default = constraint.contype == pb.CONSTR_DEFAULT and is_literal(constraint.raw_expr)
    return is_default or constraint.contype in _ATTRIBUTES


def _referenced(constraint: Any) -> Use:
    """The primary key where no columns are named; the text does not say which that is, so all of them."""
    return Use(constraint.pktable, _columns(constraint.pk_attrs), moves=True)


def _compared(constraint: Any) -> list[Any]:
    """What an EXCLUDE tests: each element compared with itself by its operator, and the condition."""
    if constraint.access_method not in _ACCESS_METHODS:
        raise _Harm("EXCLUDE USING another access method")
    tests = []
    for node in constraint.exclusions:
        element, operator = node.list.items[0].index_elem, node.list.items[1].list.items
        value = _indexed(element)
        tests.append(pb.Node(a_expr=pb.A_Expr(kind=pb.AEXPR_OP, name=operator, lexpr=value, rexpr=value)))
    return [*tests, constraint.where_clause] if constraint.HasField("where_clause") else tests


def _alter_table(alter: Any, uses: list[Use]) -> None:
    if alter.objtype == pb.OBJECT_TYPE:
        _alter_composite(alter)
        return
    if alter.objtype not in (pb.OBJECT_TABLE, pb.OBJECT_INDEX, pb.OBJECT_SEQUENCE):
        raise _Harm("ALTER of this object")
    added = frozenset(
        getattr(node.alter_table_cmd, "def").column_def.colname for node in alter.cmds if _adds_column(node)
    )
    for node in alter.cmds:
        command = node.alter_table_cmd
        if command.subtype in _HARMLESS_ALTERATIONS:
            continue
        if alter.objtype != pb.OBJECT_TABLE:
            raise _Harm("This form of ALTER")
        try:
            _alteration(alter.relation, command, added, uses)
        except _Harm as harm:
            raise _Harm(f"ALTER TABLE with {harm}") from None


def _alteration(table: Any, command: Any, added: frozenset[str], uses: list[Use]) -> None:
    definition = getattr(command, "def")
    match command.subtype:
        case pb.AT_ColumnDefault:
            if definition.WhichOneof("node") is not None and not is_literal(definition):
                raise _Harm("this DEFAULT")
        case pb.AT_AddColumn:
            _column(definition.column_def, added, uses)
        case pb.AT_SetNotNull:
            uses.append(Use(table, (_column_reference(command.name),)))
        case pb.AT_AlterColumnType:
            column = definition.column_def
            value = column.raw_default if column.HasField("raw_default") else _column_reference(command.name)
            cast = pb.Node(type_cast=pb.TypeCast(arg=value, type_name=column.type_name))
            uses.append(Use(table, (_column_reference(command.name), cast)))
        case pb.AT_AddConstraint:
            _added_constraint(table, definition.constraint, uses)
        case kind if kind in _ALTERATIONS_OF_ALL:
            uses.append(Use(table))
        case kind if kind in _FAMILY:
            other = definition.partition_cmd.name if definition.HasField("partition_cmd") else definition.range_var
            if definition.HasField("partition_cmd") and definition.partition_cmd.concurrent:
                raise _Harm("DETACH PARTITION CONCURRENTLY")
            uses += [Use(table, moves=True), Use(other, moves=True)]
        case _:
            raise _Harm("this subcommand")


def _added_constraint(table: Any, constraint: Any, uses: list[Use]) -> None:
    """To a table that may have rows: its columns are found by the server."""
    match constraint.contype:
        case pb.CONSTR_CHECK:
            uses.append(Use(table, (constraint.raw_expr,)))
        case pb.CONSTR_PRIMARY | pb.CONSTR_UNIQUE if constraint.keys:
            uses.append(Use(table, _columns((*constraint.keys, *constraint.including))))
        case pb.CONSTR_FOREIGN:
            uses += [Use(table, _columns(constraint.fk_attrs)), _referenced(constraint)]
        case pb.CONSTR_EXCLUSION:
            uses.append(Use(table, (*_compared(constraint), *_columns(constraint.including))))
        case kind:
            raise _Harm(_CONSTRAINT_NAMES.get(kind, "this constraint"))


def _filled_columns(alter: Any) -> tuple[str, ...]:
    """Added columns that rows of before may have a value in; of a domain it may be its default."""
    added = (getattr(node.alter_table_cmd, "def").column_def for node in alter.cmds if _adds_column(node))
    return tuple(column.colname for column in added if not _is_empty(column))


def _adds_column(node: Any) -> bool:
    return bool(node.alter_table_cmd.subtype == pb.AT_AddColumn)


def _is_empty(column: Any) -> bool:
    has_value = column.HasField("raw_default") or any(
        node.constraint.contype in (pb.CONSTR_DEFAULT, pb.CONSTR_IDENTITY, pb.CONSTR_GENERATED)
        for node in column.constraints
    )
    return is_builtin_type(column.type_name) and not has_value


def _alter_composite(alter: Any) -> None:
    for node in alter.cmds:
        if node.alter_table_cmd.subtype not in (pb.AT_AddColumn, pb.AT_DropColumn):
            raise _Harm("This form of ALTER TYPE")


# Indexes and names --------------------------------------------------------------------------------------------------


_ACCESS_METHODS = frozenset(("", "btree", "hash", "gin", "gist", "spgist", "brin"))


def _create_index(index: Any, uses: list[Use]) -> None:
    if index.concurrent:
        # It runs in transactions of its own: nothing keeps the names' meaning between the question and the answer.
        raise _Harm("CREATE INDEX CONCURRENTLY")
    if index.access_method not in _ACCESS_METHODS:
        raise _Harm("CREATE INDEX USING another access method")
    elements = (*index.index_params, *index.index_including_params)
    try:
        expressions = [_indexed(node.index_elem) for node in elements]
    except _Harm as harm:
        raise _Harm(f"CREATE INDEX with {harm}") from None
    if index.HasField("where_clause"):
        expressions.append(index.where_clause)
    uses.append(Use(index.relation, tuple(expressions)))


def _indexed(element: Any) -> Any:
    if len(element.opclass) > 1:  # PostgreSQL's own, and those of extensions, are found by search_path
        raise _Harm("an operator class of a named schema")
    return element.expr if element.HasField("expr") else _column_reference(element.name)


_NAMED_ONLY = frozenset(
    {
        pb.OBJECT_INDEX,
        pb.OBJECT_SEQUENCE,
        pb.OBJECT_TYPE,
        pb.OBJECT_DOMAIN,
        pb.OBJECT_TABCONSTRAINT,
        pb.OBJECT_DOMCONSTRAINT,
        pb.OBJECT_ATTRIBUTE,
    }
)
"""No rule speaks of them by name."""


def _rename(statement: Any, uses: list[Use]) -> None:
    kind = statement.rename_type
    if kind in _NAMED_ONLY:
        return
    is_table = kind in (pb.OBJECT_TABLE, pb.OBJECT_VIEW, pb.OBJECT_MATVIEW)
    if is_table or (kind == pb.OBJECT_COLUMN and statement.relation_type != pb.OBJECT_FOREIGN_TABLE):
        uses.append(Use(statement.relation, moves=True))
        return
    raise _Harm("ALTER … RENAME of this object")


def _parts(relation: Any) -> tuple[str, ...]:
    return (relation.catalogname, relation.schemaname, relation.relname)


_NO_COLUMN = pb.Node(a_const=pb.A_Const(ival=pb.Integer(ival=0)))


def _columns(names: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(_column_reference(name) for name in names_of(names))


def _column_reference(name: str) -> Any:
    return pb.Node(column_ref=pb.ColumnRef(fields=[pb.Node(string=pb.String(sval=name))]))


def _defined(read: Any, statement: Any) -> Definition:
    uses: list[Use] = []
    try:
        read(statement, uses)
    except _Harm as harm:
        return Definition(str(harm))
    return Definition(uses=uses, moves=any(use.moves for use in uses))

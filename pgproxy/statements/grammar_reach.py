"""What definitions change for others, by the parse tree alone: what another role may read, and what names in code mean.

A grant opens something, and so does what becomes of a relation that the other role reads already: a view's new text, a
column, a child, a partition. An allow-list: of the alterations only those that bring no value to where it was not.

Code of functions that runs already in another session looks names up when it comes to them.
"""

from __future__ import annotations

from typing import Any, Final

from postgast import pg_query_pb2 as pb

_BRING_NOTHING: Final = frozenset(
    {
        pb.AT_AddConstraint,
        pb.AT_ColumnDefault,
        pb.AT_DropColumn,
        pb.AT_DropConstraint,
        pb.AT_DropNotNull,
        pb.AT_SetCompression,
        pb.AT_SetNotNull,
        pb.AT_SetStatistics,
        pb.AT_SetStorage,
        pb.AT_ValidateConstraint,
    }
)
_RELATIONS: Final = frozenset({pb.OBJECT_TABLE, pb.OBJECT_VIEW, pb.OBJECT_MATVIEW})


def widens(node: str, message: Any) -> bool:
    """
    Args:
        node: name of a statement's top node.
        message: that node.
    """
    match node:
        case "GrantStmt":
            return bool(message.is_grant)
        case "CreateSchemaStmt":
            return bool(message.HasField("authrole"))
        case "ViewStmt":  # a view keeps its rights when it gets another text
            return bool(message.replace) and not _is_temporary(message.view)
        case "CreateStmt":
            has_parents = bool(message.inh_relations) or message.HasField("partbound")
            return bool(has_parents) and not _is_temporary(message.relation)
        case "AlterTableStmt":
            return any(one.alter_table_cmd.subtype not in _BRING_NOTHING for one in message.cmds)
        case _:
            return False


def moved_names(node: str, message: Any) -> tuple[str, ...]:
    """Names under which other rows can be found afterwards, by other sessions too: of views, and of what is renamed. A
    new table holds nothing that would not be masked under its name.

    Args:
        node: name of a statement's top node.
        message: that node.
    """
    match node:
        case "ViewStmt" if not _is_temporary(message.view):
            return (message.view.relname,)
        case "CreateTableAsStmt" if message.objtype == pb.OBJECT_MATVIEW:
            return (message.into.rel.relname,)
        case "RenameStmt" if message.rename_type in _RELATIONS:
            return message.relation.relname, message.newname
        case "AlterObjectSchemaStmt" if message.object_type in _RELATIONS:
            return (message.relation.relname,)
        case _:
            return ()


def given_names(node: str, message: Any) -> tuple[str, ...]:
    """Names of relations that are there afterwards, temporary ones included.

    Args:
        node: name of a statement's top node.
        message: that node.
    """
    match node:
        case "ViewStmt":
            return (message.view.relname,)
        case "CreateStmt":
            return (message.relation.relname,)
        case "CreateTableAsStmt":
            return (message.into.rel.relname,)
        case "SelectStmt":
            while message.HasField("larg"):
                message = message.larg
            return (message.into_clause.rel.relname,) if message.HasField("into_clause") else ()
        case "RenameStmt":
            return (message.newname,)
        case "AlterObjectSchemaStmt" if message.object_type in _RELATIONS:
            return (message.relation.relname,)
        case _:
            return ()


def truncated(message: Any) -> tuple[str, ...]:
    """The tables of a TRUNCATE, as SQL writes names."""
    parts = ((node.range_var.schemaname, node.range_var.relname) for node in message.relations)
    return tuple(".".join('"' + part.replace('"', '""') + '"' for part in names if part) for names in parts)


def _is_temporary(relation: Any) -> bool:
    return bool(relation.relpersistence == "t" or relation.schemaname.startswith("pg_temp"))

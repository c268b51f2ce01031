"""Which definitions may let another role read what it could not before, by the parse tree alone.

A grant does, and so does what becomes of a relation that the other role reads already: a view's new text, a column,
a child, a partition. An allow-list: of the alterations only those that bring no value to where it was not.
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
            return bool(message.replace) and message.view.relpersistence != "t"
        case "CreateStmt":
            has_parents = bool(message.inh_relations) or message.HasField("partbound")
            return bool(has_parents and message.relation.relpersistence != "t")
        case "AlterTableStmt":
            return any(one.alter_table_cmd.subtype not in _BRING_NOTHING for one in message.cmds)
        case _:
            return False

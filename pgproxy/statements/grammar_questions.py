"""From what a definition uses to a query that uses the same: what the server analyses in the definition's stead.

The query never runs; its analysed tree says which relations and columns the names mean in the session, at the moment
before the definition itself runs, under locks that last to the end of the transaction. It uses every column in a WHERE,
by a function that takes any type, so a masked one is refused as in any WHERE.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from postgast import pg_query_pb2 as pb

from pgproxy.statements.grammar_ddl import Use
from pgproxy.statements.grammar_parser import deparsed

_WHOLE = "every_column"
_MOST_ARGUMENTS = 90
_MOST_BYTES = 32 * 1024
"""Of the tree: the deparser recurses, and a client decides how deep."""


def question(uses: Sequence[Use]) -> str:
    """The query's text; "" where there is no telling it."""
    conditions = [_exists(use) for use in uses]
    tests = (
        pb.Node(bool_expr=pb.BoolExpr(boolop=pb.AND_EXPR, args=conditions)) if len(conditions) > 1 else conditions[0]
    )
    select = _select(where_clause=tests)
    return "" if select.ByteSize() > _MOST_BYTES else deparsed(select)


def _exists(use: Use) -> Any:
    relation = pb.RangeVar()
    relation.CopyFrom(use.relation)
    if use.expressions:
        arguments: list[Any] = list(use.expressions)
    else:
        relation.alias.CopyFrom(pb.Alias(aliasname=_WHOLE))
        star = pb.ColumnRef(fields=[_string(_WHOLE), pb.Node(a_star=pb.A_Star())])
        arguments = [pb.Node(column_ref=star)]
    chunks = [arguments[at : at + _MOST_ARGUMENTS] for at in range(0, len(arguments), _MOST_ARGUMENTS)]
    tests = [_test(chunk) for chunk in chunks]
    where = tests[0] if len(tests) == 1 else pb.Node(bool_expr=pb.BoolExpr(boolop=pb.AND_EXPR, args=tests))
    inner = _select(from_clause=[pb.Node(range_var=relation)], where_clause=where)
    return pb.Node(sub_link=pb.SubLink(sub_link_type=pb.EXISTS_SUBLINK, subselect=pb.Node(select_stmt=inner)))


def _test(arguments: Iterable[Any]) -> Any:
    """pg_catalog.num_nonnulls(…) >= 0"""
    call = pb.FuncCall(
        funcname=[_string("pg_catalog"), _string("num_nonnulls")],
        args=arguments,
        funcformat=pb.COERCE_EXPLICIT_CALL,
    )
    zero = pb.Node(a_const=pb.A_Const(ival=pb.Integer(ival=0)))
    return pb.Node(a_expr=pb.A_Expr(kind=pb.AEXPR_OP, name=[_string(">=")], lexpr=pb.Node(func_call=call), rexpr=zero))


def _select(**fields: Any) -> Any:
    return pb.SelectStmt(limit_option=pb.LIMIT_OPTION_DEFAULT, op=pb.SETOP_NONE, **fields)


def _string(text: str) -> Any:
    return pb.Node(string=pb.String(sval=text))

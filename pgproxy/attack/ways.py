"""The ways by which a statement can be asked over the wire."""

from __future__ import annotations

from typing import Literal

from pgproxy.wire import query

Way = Literal[
    "simple",
    "extended text",
    "extended binary",
    "described once",
    "read in parts",
    "pipelined",
    "by a cursor",
    "by COPY",
    "cancelled",
    "alone",
]
ANY: tuple[Way, ...] = ("simple", "extended text", "extended binary")
OF_QUERIES: tuple[Way, ...] = (
    *ANY,
    "described once",
    "read in parts",
    "pipelined",
    "by a cursor",
    "by COPY",
    "cancelled",
)
"""Of what may stand behind DECLARE, and inside COPY."""
ALONE: tuple[Way, ...] = ("alone", *ANY)
"""Of code that runs outside a transaction too: only there it may reach the clean login of role_split."""

BINARY: tuple[Way, ...] = ("extended binary", "by COPY")
BEHIND: dict[Way, int] = {"pipelined": 1}
"""How many results come before that of the statement."""

_QUERIES = ("select", "with", "values", "table")
_NAME = "attack"


def ways_of(sql: str) -> tuple[Way, ...]:
    """By which this statement may be tried, of its last step where there are several."""
    first = sql.lstrip().split(maxsplit=1)[0].lower()
    if first in _QUERIES and " into " not in sql and ";" not in sql:
        return OF_QUERIES
    return ALONE if first in ("do", "call") else ANY


def requests(sql: str, way: Way) -> list[bytes]:
    """Each is answered by one ReadyForQuery."""
    parse, execute, sync = query.Parse("", sql, ()), query.Execute("", 0), query.Sync()
    match way:
        case "simple" | "alone" | "cancelled":
            return [query.Query(sql).encode()]
        case "extended text":
            return [_together(parse, query.Describe("S", ""), query.Bind("", ""), execute, sync)]
        case "extended binary":
            bind = query.Bind("", "", (), (), (1,))
            return [_together(parse, query.Describe("S", ""), bind, execute, sync)]
        case "described once":
            named = (query.Close("S", _NAME), query.Parse(_NAME, sql, ()), query.Describe("S", _NAME))
            return [_together(*named, sync), _together(query.Bind("", _NAME), execute, sync)]
        case "read in parts":
            bind, describe = query.Bind(_NAME, ""), query.Describe("P", _NAME)
            parts = (query.Execute(_NAME, 3), query.Execute(_NAME, 3), query.Execute(_NAME, 0))
            return [_together(parse, bind, describe, *parts, sync)]
        case "pipelined":
            other = (query.Parse("", "select 1", ()), query.Bind("", ""), execute)
            return [_together(*other, parse, query.Describe("S", ""), query.Bind("", ""), execute, *other, sync)]
        case "by a cursor":
            declare = query.Query(f"declare {_NAME} no scroll cursor for {sql}").encode()
            return [declare, query.Query(f"fetch 1000 from {_NAME}").encode()]
        case "by COPY":
            return [query.Query(f"copy ({sql}) to stdout (format binary)").encode()]


def _together(
    *messages: query.Parse | query.Describe | query.Bind | query.Execute | query.Sync | query.Close,
) -> bytes:
    return b"".join(message.encode() for message in messages)

"""Error and notice texts that cannot carry a value (INTERFACE §5).

An upstream message keeps severity and SQLSTATE; its text becomes the condition's name, and what could quote a row
(DETAIL, HINT, WHERE, internal query) goes. Who asks decides when: `answers` does so for a whole transaction.
Source of `conditions.tsv`: PostgreSQL 18's errcodes.txt (SQLSTATE, condition name).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

WITHHELD = "[redacted]"
"""In place of the payload of a notification."""

KEPT_FIELDS = "SVCPFLRstcdn"
"""Severity (S, V), SQLSTATE, position in the client's own text, source location of the server, and the names of
schema, table, column, data type and constraint: identifiers, not values."""


HARMLESS_ROUTINES = frozenset(
    (
        "DropErrorMsgNonExistent",
        "does_not_exist_skipping",
        "transformCreateStmt",
        "heap_create_with_catalog",
        "DefineRelation",
        "CreateSchemaCommand",
        "DefineSequence",
        "reportDependentObjects",
        "ExecuteTruncateGuts",
        "truncate_check_activity",
        "WarnNoTransactionBlock",
        "BeginTransactionBlock",
        "EndTransactionBlock",
        "UserAbortTransactionBlock",
        "PreventInTransactionBlock",
        "ProcessInterrupts",
        "aclcheck_error",
        "BeginCopyTo",
        "CopyGetAttnums",
        "ProcessCopyOptions",
    )
)
"""Routines of the server whose errors and notices name objects and no values: "does not exist, skipping", "permission
denied for table", "canceling statement due to statement timeout". RAISE has a routine of its own."""


def is_harmless(fields: Mapping[str, str]) -> bool:
    """An error or notice that says nothing of any row."""
    return fields.get("R") in HARMLESS_ROUTINES


@cache
def conditions() -> Mapping[str, str]:
    """SQLSTATE → condition name."""
    text = resources.files("pgproxy.session").joinpath("conditions.tsv").read_text(encoding="utf-8")
    return dict(line.split("\t") for line in text.splitlines())


def condition_name(sqlstate: str) -> str:
    """The condition's name in words, else its class's: "unique violation", "data exception"."""
    names = conditions()
    name = names.get(sqlstate) or names.get(sqlstate[:2] + "000") or "error"
    return name.replace("_", " ")


def redacted(fields: Mapping[str, str]) -> dict[str, str]:
    """The fields of an ErrorResponse or NoticeResponse without anything that could hold a value."""
    kept = {code: text for code, text in fields.items() if code in KEPT_FIELDS}
    kept["M"] = condition_name(fields.get("C", ""))
    kept["D"] = "The server's own text is withheld: it could carry a masked value."
    return kept

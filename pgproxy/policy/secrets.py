"""Columns of the system catalogs that hold users' data, secrets or other sessions' statements: masked for everybody
who has a masked column, whatever the rules say. Pure tables; `matching` applies them.

They come back as NULL, so that the views over them (pg_stats, pg_stat_activity, pg_user_mappings) can be read.
Source: PostgreSQL manual, "System Catalogs"; the rights that initdb takes away.
"""

from __future__ import annotations

from typing import Final

from pgproxy.catalog.model import FIRST_NORMAL_OID, Relation

_SECRET: Final = {
    "pg_authid": frozenset(("rolpassword",)),
    "pg_cursor": frozenset(("statement",)),
    "pg_largeobject": frozenset(("data",)),
    "pg_prepared_statement": frozenset(("statement",)),
    "pg_stat_get_activity": frozenset(("query",)),
    "pg_subscription": frozenset(("subconninfo",)),
    "pg_user_mapping": frozenset(("umoptions",)),
}
_HARMLESS: Final = {
    "pg_statistic": frozenset(
        (
            "starelid",
            "staattnum",
            "stainherit",
            *(f"{name}{number}" for name in ("stakind", "staop", "stacoll") for number in range(1, 6)),
        )
    ),
    "pg_statistic_ext_data": frozenset(("stxoid", "stxdinherit")),
}
"""Samples of users' data, and the only columns of them that are not."""


def is_secret(relation: Relation, column: str) -> bool:
    """Whether that column of a relation holds what no rule can release."""
    if relation.oid >= FIRST_NORMAL_OID:
        return False
    if relation.name in _HARMLESS:
        return column not in _HARMLESS[relation.name]
    return column in _SECRET.get(relation.name, ())

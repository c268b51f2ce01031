"""Places of the system catalogs where values of masked columns, or passwords, lie open."""

from __future__ import annotations

from collections.abc import Iterator

from pgproxy.catalog.model import Relation
from pgproxy.policy.carrying import WHOLE_ROW
from pgproxy.policy.conditions import touched_columns
from pgproxy.policy.decision import Reason
from pgproxy.policy.matching import Masked
from pgproxy.statements.model import Lineage

RELATIONS = {
    "pg_statistic": "samples of column values",
    "pg_statistic_ext_data": "samples of column values",
    "pg_largeobject": "contents of large objects",
    "pg_file_settings": "the server's configuration files",
    "pg_hba_file_rules": "the server's configuration files",
}
"""Refused whatever column is read; the views over them (pg_stats) are refused through them."""
COLUMNS = {
    ("pg_authid", "rolpassword"): "passwords",
    ("pg_shadow", "passwd"): "passwords",
    ("pg_user_mapping", "umoptions"): "passwords of foreign servers",
}
"""Only this column: pg_roles and pg_user read the rest of the same catalogs, and so does every administration tool."""


def secret_denials(lineage: Lineage, masked: Masked) -> Iterator[Reason]:
    """Raises NotUnderstood."""
    for oid in sorted(lineage.relations | lineage.written_relations):
        relation = masked.relation(oid)
        if relation.kind == "t" or relation.schema == "pg_toast":
            yield _reason(relation, "stored parts of column values")
        elif relation.schema == "pg_catalog" and relation.name in RELATIONS:
            yield _reason(relation, RELATIONS[relation.name])
    for column in sorted(touched_columns(lineage)):
        relation = masked.relation(column.relation)
        if relation.schema != "pg_catalog":
            continue
        found = masked.column(column)
        for (table, name), what in COLUMNS.items():
            is_named = found is not None and found.name == name
            if relation.name == table and (is_named or column.attnum == WHOLE_ROW):
                yield _reason(relation, what)


def _reason(relation: Relation, what: str) -> Reason:
    return Reason(
        "builtin.system_catalogs",
        f"{relation.qualified_name} holds {what}",
        hint="Leave it out; the other system catalogs can be read.",
    )

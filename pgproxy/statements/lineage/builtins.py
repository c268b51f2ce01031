"""What is known of built-in functions, by name. Tables; `functions` applies them.

A name counts only for a function that initdb made (OID below 16384), so no client can take one.
"""

from __future__ import annotations

import re
from typing import Final

COUNT_ANY: Final = 2147
"""count("any")."""
COUNT_STAR: Final = 2803
SET_CONFIG: Final = 2078
"""set_config(text, text, boolean): passes only as a call that does what an allowed SET does."""

EQUALITY: Final = frozenset(
    """
    array_eq biteq booleq bpchareq byteaeq cash_eq chareq date_eq date_eq_timestamp date_eq_timestamptz enum_eq
    float48eq float4eq float84eq float8eq int24eq int28eq int2eq int42eq int48eq int4eq int82eq int84eq int8eq
    interval_eq jsonb_eq macaddr8_eq macaddr_eq multirange_eq nameeq nameeqtext network_eq numeric_eq oideq pg_lsn_eq
    range_eq texteq texteqname tideq time_eq timestamp_eq timestamp_eq_date timestamp_eq_timestamptz timestamptz_eq
    timestamptz_eq_date timestamptz_eq_timestamp timetz_eq tsquery_eq tsvector_eq uuid_eq varbiteq xid8eq xideq
    """.split()
)
"""Functions of the btree (or hash) equality operators "=" of built-in types."""

KEEP_WHOLE: Final = frozenset(("lower", "upper", "btrim", "ltrim", "rtrim"))
"""With one argument: the whole value is kept, if not letter by letter."""
SAME_VALUE_WINDOWS: Final = frozenset(("first_value", "last_value", "lag", "lead", "nth_value"))
"""Window functions that give the stored value of another row (their first argument)."""

JSON_STEP: Final = frozenset(
    """
    json_array_element json_array_element_text json_extract_path json_extract_path_text json_object_field
    json_object_field_text jsonb_array_element jsonb_array_element_text jsonb_extract_path jsonb_extract_path_text
    jsonb_object_field jsonb_object_field_text
    """.split()
)
"""`->`, `->>`, `#>` and `#>>`: the first argument's value at the path of the others."""

_DENIED: Final = re.compile(
    r"""
    (query|table|schema|database|cursor)_to_xml.*   # run SQL that is made at run time, or read whatever is there
    | ts_stat
    | lo_.* | loread | lowrite                      # large objects: a store of their own
    | pg_read_.* | pg_ls_.* | pg_stat_file | pg_hba_file_rules | pg_ident_file_mappings | pg_show_all_file_settings
    | pg_logical_.* | pg_replication_.* | pg_create_.* | pg_copy_.* | pg_drop_.* | pg_sync_.*
    | pg_terminate_backend | pg_cancel_backend | pg_reload_conf | pg_rotate_logfile.* | pg_switch_wal | pg_promote
    | pg_wal_replay_.* | pg_backup_.* | pg_log_.* | pg_import_.* | pg_restore_.* | pg_clear_.* | binary_upgrade_.*
    | pg_stat_reset.* | pg_stat_get_backend_activity | pg_stat_clear_snapshot_.*
    | (domain|array|record|range|multirange)_(in|recv) | pg_input_.*   # read a value of a type named at run time
    """,
    re.VERBOSE,
)
_DENIED_WITH_DATA: Final = re.compile(
    r"""
    pg_notify | pg_sleep.* | setval | nextval | currval | pg_(try_)?advisory_.* | txid_.* | setseed
    """,
    re.VERBOSE,
)
_WRITES: Final = re.compile(r"nextval|setval|pg_(try_)?advisory_.*|pg_notify|setseed|pg_export_snapshot")


def is_denied(name: str, argument_count: int | None = None) -> bool:
    """Never run for a client, whatever its arguments.

    Args:
        argument_count: None if unknown.
    """
    if name == "ts_rewrite":
        # With two arguments the second is the text of a query.
        return argument_count != 3
    return _DENIED.fullmatch(name) is not None


def is_denied_with_data(name: str) -> bool:
    """Has an effect that others can see, so nothing stored may go into it."""
    return _DENIED_WITH_DATA.fullmatch(name) is not None


def is_write(name: str) -> bool:
    """Changes something that outlives the statement."""
    return _WRITES.fullmatch(name) is not None


SECRET_COLUMNS: Final = {
    "pg_authid": frozenset(("rolpassword",)),
    "pg_largeobject": frozenset(("data",)),
    "pg_subscription": frozenset(("subconninfo",)),
    "pg_user_mapping": frozenset(("umoptions",)),
}
"""Columns of system tables that hold secrets or users' data; so does their whole row."""
HARMLESS_COLUMNS: Final = {
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
"""System tables that are samples of users' data, and the only columns of them that are not."""

STATEMENT_TEXTS: Final = 2022
"""pg_stat_get_activity. Its columns are traced as if this OID were a table's (OIDs below 10000 are unique)."""
STATEMENT_TEXT_COLUMN: Final = 6
"""The text of other sessions' statements."""

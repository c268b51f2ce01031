"""What is known of built-in functions, by name. Tables; `functions` applies them.

A name counts only for a function that initdb made (OID below 16384), so no client can take one. `builtins.txt` has the
verdict on each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import cache
from importlib import resources
from typing import Final

COUNT_ANY: Final = 2147
"""count("any")."""
UNNEST: Final = 2331
"""unnest(anyarray)."""
COUNT_STAR: Final = 2803
BACKEND_PID: Final = 2026
"""pg_backend_pid(): the session's own process."""
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

INEQUALITY: Final = frozenset(name.replace("eq", "ne", 1) for name in EQUALITY)
"""Of their negators "<>"."""

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

TS_REWRITE_QUERY: Final = 3685
"""ts_rewrite(tsquery, text): the text is a query that it runs. The one of three arguments runs none."""


class Running(Enum):
    """Whether a built-in function may run for a client: the sections of `builtins.txt`."""

    DENIED = "denied"
    EFFECT = "effect"
    SIGNAL = "signal"
    JUDGED = "judged"
    PLAIN = "plain"


@cache
def running() -> Mapping[str, Running]:
    """Every built-in function by name."""
    found: dict[str, Running] = {}
    section = Running.DENIED
    text = resources.files("pgproxy.statements.lineage").joinpath("builtins.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("["):
            section = Running(line[1:-1])
        elif not line.startswith("#"):
            found.update(dict.fromkeys(line.split(), section))
    return found


def is_denied(oid: int, name: str) -> bool:
    """Never run for a client that has masked columns: listed as denied, or not listed. One that signals may run by
    name (`Functions.check_signal`)."""
    return oid == TS_REWRITE_QUERY or running().get(name, Running.DENIED) in (Running.DENIED, Running.SIGNAL)


def is_signal(name: str) -> bool:
    """Ends or cancels what another session does: its first argument says which."""
    return running().get(name) is Running.SIGNAL


def has_effect(name: str) -> bool:
    """Takes effect where others, or the session later, can see it: nothing masked may go into it."""
    return running().get(name) is Running.EFFECT


def is_write(name: str) -> bool:
    """Changes something that outlives the statement."""
    return has_effect(name) and not name.startswith("pg_sleep")

"""Functions in C of well-known extensions, by library: none of these runs SQL, reads tables or changes anything.

Only a superuser can make a function in C, so the library's name is believed. What is not here is opaque: dblink,
pageinspect, pgstattuple, tablefunc but for one (and those in `executed`), and whatever else reaches further.
Source: the libraries' own, as they come with PostgreSQL 15 to 18, and pgvector.
"""

from __future__ import annotations

from typing import Final

from pgproxy.catalog.model import FIRST_NORMAL_OID, Function
from pgproxy.statements.lineage import builtins

_PURE: Final = frozenset(
    """
    _int btree_gin btree_gist citext cube earthdistance fuzzystrmatch hstore isn ltree pg_trgm pgcrypto seg unaccent
    uuid-ossp vector
    """.split()
)
_BUT_FOR: Final = frozenset((("isn", "isn_weak"), ("pg_trgm", "set_limit")))
"""They change how the session compares."""
_ONLY: Final = frozenset((("tablefunc", "normal_rand"),))
_OTHER_NAMES: Final = frozenset(("booltext", "multirange_constructor1", "network_show", "rtrim1"))
"""Server functions whose names in C are not those in SQL: what citext takes, and the cast to a multirange that comes
with each type of ranges."""


def is_known(function: Function) -> bool:
    """Whether it gives a result made from its arguments alone, and does nothing else."""
    if function.oid < FIRST_NORMAL_OID or function.security_definer or not function.has_harmless_settings:
        return False
    if function.language == "c":
        library = function.compiled.rpartition("/")[2].removesuffix(".so")
        key = library, function.name
        return (library in _PURE and key not in _BUT_FOR) or key in _ONLY
    is_plain = builtins.running().get(function.compiled) is builtins.Running.PLAIN
    return function.language == "internal" and (is_plain or function.compiled in _OTHER_NAMES)

"""What the server has built in: functions, aggregates, window functions, operators over the kinds, by their result."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.leaks.generator.kinds import ELEMENTS, KINDS
from tests.servers import Database

_LEFT_OUT = re.compile(
    r"(pg_(?!typeof|column_size|size|notify|input)|lo_|lo|txid_|binary_upgrade|has_|row_security|current_|inet_(client|server)"
    r"|now$|statement_t|transaction_t|clock_|timeofday|random|gen_random|uuidv|set_config|setval|nextval|currval|lastval"
    r"|generate_series|repeat|lpad|rpad|factorial|query_to|table_to|schema_to|database_to|cursor_to|ts_stat|ts_rewrite"
    r"|version|.*_(in|out|recv|send|sel|joinsel|cmp|larger|smaller|support|trans|accum|combine|finalfn)$|RI_FKey)"
)
"""Answers that change by themselves, what writes or waits, what makes millions of rows, and the parts of aggregates."""

_POLYMORPHIC = frozenset(
    "any anyelement anynonarray anycompatible anycompatiblenonarray anyarray anycompatiblearray anyenum anyrange"
    " anycompatiblerange anymultirange".split()
)


@dataclass(frozen=True, slots=True)
class Callable_:
    """A function or an operator with everything bound to kinds."""

    name: str
    arguments: tuple[str, ...]
    result: str
    direct: int = -1
    """Of an ordered-set aggregate: how many arguments stand before WITHIN GROUP."""


@dataclass(slots=True)
class Library:
    """Result kind → name → callables."""

    functions: dict[str, dict[str, list[Callable_]]] = field(default_factory=lambda: defaultdict(dict))
    aggregates: dict[str, dict[str, list[Callable_]]] = field(default_factory=lambda: defaultdict(dict))
    windows: dict[str, dict[str, list[Callable_]]] = field(default_factory=lambda: defaultdict(dict))
    operators: dict[str, dict[str, list[Callable_]]] = field(default_factory=lambda: defaultdict(dict))
    sets: dict[str, dict[str, list[Callable_]]] = field(default_factory=lambda: defaultdict(dict))
    """Functions that return a set of one column."""


_FUNCTIONS = """
select p.proname, p.prokind::text, p.proretset, array(select t::regtype::text from unnest(p.proargtypes) t),
  p.prorettype::regtype::text, p.provariadic::regtype::text, p.pronargdefaults,
  coalesce(a.aggkind::text, ''), coalesce(a.aggnumdirectargs, 0), p.proallargtypes is not null
from pg_proc p left join pg_aggregate a on a.aggfnoid = p.oid
where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind in ('f', 'a', 'w') and p.provolatile <> 'v'
order by p.proname, p.oid
"""
_OPERATORS = """
select oprname, case when oprleft = 0 then '{}' else array[oprleft::regtype::text] end || oprright::regtype::text,
  oprresult::regtype::text
from pg_operator where oprnamespace = 'pg_catalog'::regnamespace and oprresult <> 0 order by oprname, oid
"""


def read_library(database: Database) -> Library:
    named = {
        name: kind
        for kind, (name,) in zip(
            KINDS, database.sql(f"select unnest(array[{', '.join(map(_regtype, KINDS))}])::text"), strict=True
        )
    }
    library = Library()
    for name, prokind, returns_set, types, result, variadic, defaults, aggkind, direct, has_out in database.sql(
        _FUNCTIONS
    ):
        if _LEFT_OUT.match(name) or has_out:
            continue
        places = {"a": library.aggregates, "w": library.windows}
        place = library.sets if returns_set else places.get(prokind, library.functions)
        for shortened in range(defaults + 1):
            taken = list(types[: len(types) - shortened])
            if variadic != "-" and shortened == 0:
                taken[-1:] = [variadic, variadic]
            for arguments, back in _bound(taken, result, named):
                ordered = direct if aggkind in ("o", "h") else -1
                place[back].setdefault(name, []).append(Callable_(name, arguments, back, ordered))
    for name, types, result in database.sql(_OPERATORS):
        for arguments, back in _bound(types, result, named):
            library.operators[back].setdefault(name, []).append(Callable_(name, arguments, back))
    return library


def _regtype(kind: str) -> str:
    return f"'{KINDS[kind].sql}'::regtype"


def _bound(types: Sequence[str], result: str, named: Mapping[str, str]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Kinds of arguments and result; once for each element type where they are polymorphic."""
    everything = [*types, result]
    if not _POLYMORPHIC.intersection(everything):
        found = [named.get(one) for one in everything]
        kinds = [one for one in found if one is not None]
        if len(kinds) == len(found):
            yield tuple(kinds[:-1]), kinds[-1]
        return
    for element, array in ELEMENTS.items():
        bindings = {
            **named,
            "any": "any",
            "anyenum": "mood",
            "anyrange": "ranges",
            "anycompatiblerange": "ranges",
            "anymultirange": "multirange",
            **dict.fromkeys(("anyelement", "anynonarray", "anycompatible", "anycompatiblenonarray"), element),
            **dict.fromkeys(("anyarray", "anycompatiblearray"), array),
        }
        bound = [bindings.get(one) for one in everything]
        kinds = [one for one in bound if one is not None]
        if len(kinds) == len(bound) and kinds[-1] != "any":
            yield tuple(kinds[:-1]), kinds[-1]

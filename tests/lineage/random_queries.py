"""Random queries over the schema of the leak statements: joins, subqueries, aggregates, windows, set operations.

Types are kept right, so most are accepted; what the server rejects is no matter.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

Columns = Mapping[str, str]
"""Expression that names a column → kind: i integer, t text, n numeric, d date, j jsonb, a text[]."""

TABLES: Mapping[str, Columns] = {
    "users": {
        "id": "i",
        "name": "t",
        "email": "t",
        "phone": "t",
        "ssn": "t",
        "salary": "n",
        "birth_date": "d",
        "notes": "t",
        "profile": "j",
        "tags": "a",
    },
    "orders": {"id": "i", "user_id": "i", "total": "n", "card_number": "t"},
    "products": {"id": "i", "sku": "t", "name": "t", "price": "n"},
    "mv_users": {"id": "i", "ssn": "t"},
    "user_directory": {"id": "i", "name": "t", "email": "t"},
}
CONSTANTS = {
    "i": ("0", "3", "17"),
    "t": ("'p2'", "'001-45-6789'", "'x'"),
    "n": ("2.5",),
    "d": ("date '1990-01-01'",),
    "j": ("""'{"a": 1}'::jsonb""",),
    "a": ("array['t1']",),
}
SHAPES: Mapping[str, tuple[str, ...]] = {
    "t": (
        "({t} || {t})",
        "lower({t})",
        "substr({t}, 1, 2)",
        "coalesce({t}, {t})",
        "nullif({t}, {t})",
        "(case when {b} then {t} else {t} end)",
        "{i}::text",
        "({j} ->> 'ssn')",
        "greatest({t}, {t})",
        "({a})[1]",
        "md5({t})",
        '({t} collate "C")',
        "(array[{t}, {t}])[1]",
        "(row({t}, 1)).f1",
        "{t}::varchar",
        "{sub:t}",
    ),
    "i": (
        "({i} + {i})",
        "length({t})",
        "abs({i})",
        "({n})::int",
        "(case {t} when {t} then 1 else {i} end)",
        "cardinality({a})",
        "position('4' in {t})",
        "{sub:i}",
    ),
    "n": ("({n} * 2)", "round({n})", "({i})::numeric", "least({n}, {n})", "{sub:n}"),
    "d": ("({d} + {i})",),
    "j": ("({j} -> 'n')", "to_jsonb({t})", "jsonb_build_object('k', {t})"),
    "a": ("array[{t}]", "array(select {t})"),
}
AGGREGATES: Mapping[str, tuple[str, ...]] = {
    "t": ("max({t})", "string_agg({t}, ',' order by {t})"),
    "i": ("count({t})::int", "count(*)::int", "(count(*) filter (where {b}))::int", "count(distinct {t})::int"),
    "n": ("sum({n})", "round(avg({n}), 3)"),
    "d": ("min({d})",),
    "j": ("jsonb_agg({t} order by {t})",),
    "a": ("array_agg({t} order by {t})",),
}


class RandomQueries:
    """Queries from a seed, always the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._names = 0

    def query(self) -> str:
        text, _ = self._select(2)
        return f"with q as ({text}) select * from q" if self._chance(0.2) else text

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _fresh(self) -> str:
        self._names += 1
        return f"x{self._names}"

    def _select(self, depth: int) -> tuple[str, Columns]:
        source, columns = self._relation(depth)
        if self._chance(0.3):
            more, more_columns = self._relation(depth - 1)
            source, columns = f"{source}, {more}", {**columns, **more_columns}
        kinds = [self._random.choice("ittnnjda") for _ in range(self._random.randint(1, 4))]
        names = [self._fresh() for _ in kinds]
        where = f" where {self._condition(columns, 1)}" if self._chance(0.4) else ""
        if self._chance(0.2):
            key = self._column(columns, kinds[0])
            outputs = [key or "1", *(self._filled(AGGREGATES, columns, kind, 0) for kind in kinds[1:])]
            tail = f" group by {key}" if key and key in columns else ""
        else:
            outputs = [self._expression(columns, kind, 2) for kind in kinds]
            tail = ""
            if self._chance(0.15):
                outputs[-1] = f"(count(*) over (partition by {self._column(columns, 't') or '1'}))::int"
        listed = ", ".join(f"{output} as {name}" for output, name in zip(outputs, names, strict=True))
        text = f"select {'distinct ' if not tail and self._chance(0.1) else ''}{listed} from {source}{where}{tail}"
        if depth > 0 and self._chance(0.15):
            other, other_columns = self._relation(0)
            branch = ", ".join(self._expression(other_columns, kind, 1) for kind in kinds)
            operation = self._random.choice(("union", "union all", "except", "intersect"))
            text = f"({text}) {operation} (select {branch} from {other})"
        return text, dict(zip(names, kinds, strict=True))

    def _relation(self, depth: int) -> tuple[str, Columns]:
        alias = self._fresh()
        choice = self._random.random() if depth > 0 else 0.0
        if choice < 0.5:
            table = self._random.choice(list(TABLES))
            return f"{table} {alias}", {f"{alias}.{name}": kind for name, kind in TABLES[table].items()}
        if choice < 0.75:
            text, columns = self._select(depth - 1)
            return f"({text}) {alias}", {f"{alias}.{name}": kind for name, kind in columns.items()}
        if choice < 0.82:
            return f"(values (1, 'a', 2.5), (2, 'p2', 7)) {alias}(x, y, z)", {
                f"{alias}.x": "i",
                f"{alias}.y": "t",
                f"{alias}.z": "n",
            }
        if choice < 0.9:
            return f"generate_series(1, {self._random.randint(1, 4)}) {alias}(n)", {f"{alias}.n": "i"}
        left, left_columns = self._relation(depth - 1)
        right, right_columns = self._relation(depth - 1)
        both = {**left_columns, **right_columns}
        kind = self._random.choice(("join", "left join"))
        return f"({left} {kind} {right} on {self._condition(both, 0)})", both

    def _column(self, columns: Columns, kind: str) -> str:
        fitting = [name for name, one in columns.items() if one == kind]
        return self._random.choice(fitting) if fitting else ""

    def _expression(self, columns: Columns, kind: str, depth: int) -> str:
        if depth > 0 and self._chance(0.55):
            return self._filled(SHAPES, columns, kind, depth - 1)
        column = self._column(columns, kind)
        return column if column and self._chance(0.85) else self._random.choice(CONSTANTS[kind])

    def _filled(self, shapes: Mapping[str, tuple[str, ...]], columns: Columns, kind: str, depth: int) -> str:
        text = self._random.choice(shapes[kind])
        makers: dict[str, Callable[[], str]] = {
            f"{{{one}}}": lambda one=one: self._expression(columns, one, depth)  # type: ignore[misc]
            for one in SHAPES
        }
        makers["{b}"] = lambda: self._condition(columns, depth)
        makers |= {f"{{sub:{one}}}": lambda one=one: self._subquery(columns, one, depth) for one in "tin"}  # type: ignore[misc]
        for hole, make in makers.items():
            while hole in text:
                text = text.replace(hole, make(), 1)
        return text

    def _subquery(self, outer: Columns, kind: str, depth: int) -> str:
        source, columns = self._relation(min(depth, 1))
        condition = self._condition({**outer, **columns}, depth)
        if self._chance(0.5):
            return f"(select {self._filled(AGGREGATES, columns, kind, 0)} from {source} where {condition})"
        return f"(select {self._expression(columns, kind, depth)} from {source} where {condition} order by 1 limit 1)"

    def _condition(self, columns: Columns, depth: int) -> str:
        kind = self._random.choice("iitn")
        one = self._expression(columns, kind, 0)
        choice = self._random.random()
        if choice < 0.5 or depth < 0:
            return f"{one} = {self._expression(columns, kind, min(depth, 1))}"
        if choice < 0.62:
            return f"{one} < {self._expression(columns, kind, 0)}"
        if choice < 0.7:
            return f"{one} is not null"
        if choice < 0.85:
            source, inner = self._relation(0)
            if kind == "t":
                return f"{one} in (select {self._expression(inner, kind, 0)} from {source})"
            return f"exists (select 1 from {source} where {self._condition({**columns, **inner}, -1)})"
        joined = self._random.choice(("and", "or"))
        return f"({self._condition(columns, depth - 1)} {joined} {self._condition(columns, depth - 1)})"

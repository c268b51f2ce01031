"""Queries with the wanted columns: every kind of FROM, and every clause."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.leaks.generator.builtins import Library
from tests.leaks.generator.expressions import Expressions, Reference, Scope, Settings, listed
from tests.leaks.generator.kinds import KINDS
from tests.leaks.generator.parts import OPTIONAL, Part
from tests.leaks.generator.schema import relations

OUTPUT_KINDS = (
    *("text",) * 6,
    *("int",) * 4,
    *("numeric",) * 3,
    "date",
    "jsonb",
    "bool",
    "texts",
    "timestamptz",
    "json",
    "uuid",
    "mood",
    "bytea",
    "ranges",
    "inet",
    "interval",
    "float",
    "ints",
    "tsvector",
    "timestamp",
    "days",
    "bigint",
)


class Queries:
    """Makes queries from a seed; what a query gives is told by the kinds of its columns, named x1, x2 … by position."""

    def __init__(self, seed: int | str, library: Library, version: int) -> None:
        self.random = random.Random(seed)
        self.version = version
        self.relations = relations()
        self.expressions = Expressions(self.random, library, version)
        self.expressions.query = lambda scope, kinds, depth: self.query(kinds, min(depth, 1), scope)
        self._names = 0

    @property
    def settings(self) -> Settings:
        return self.expressions.settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self.expressions.settings = settings

    @property
    def tags(self) -> set[str]:
        return self.expressions.tags

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def fresh(self, prefix: str = "t") -> str:
        self._names += 1
        return f"{prefix}{self._names}"

    def kinds(self, most: int = 4) -> list[str]:
        return [self.random.choice(OUTPUT_KINDS) for _ in range(self.random.randint(1, most))]

    def query(self, kinds: Sequence[str], depth: int, outer: Scope = ()) -> Part:
        choice = self.random.random()
        if depth > 0 and choice < 0.1:
            return self._set_operation(kinds, depth, outer)
        if depth > 0 and choice < 0.17:
            return self._with(kinds, depth, outer)
        if depth > 0 and choice < 0.21 and not outer:
            return self._recursive(kinds)
        if choice < 0.24:
            self.tags.add("values")
            rows = [self._row(kinds, outer) for _ in range(self.random.randint(1, 3))]
            return Part("", ["select * from (values ", *listed(rows), f") {self.fresh()}"])
        if choice < 0.36:
            return self._grouped(kinds, depth, outer)
        return self._plain(kinds, depth, outer)

    def _row(self, kinds: Sequence[str], scope: Scope) -> Part:
        return Part("", ["(", *listed([self.expressions.output(scope, kind, 1) for kind in kinds]), ")"])

    # One SELECT ------------------------------------------------------------------------------------------------

    def _plain(self, kinds: Sequence[str], depth: int, outer: Scope) -> Part:
        source, scope = self.relation(depth)
        scope = [*scope, *outer]
        windows: list[str] = []
        if depth > 0 and self.chance(0.1):
            self.tags.add("window clause")
            windows = [self.fresh("w")]
        outputs: list[Part] = []
        for kind in kinds:
            if depth > 0 and self.chance(0.08):
                outputs.append(self.expressions.window(scope, kind, windows))
            else:
                outputs.append(self.expressions.output(scope, kind, 2))
        head = "select "
        on = Part("")
        if self.chance(0.06):
            self.tags.add("distinct")
            head = "select distinct "
        elif self.chance(0.04):
            self.tags.add("distinct on")
            key = self.expressions.other(scope, "any", 0)
            on = Part("", ["distinct on (", key, ") "])
        named = [Part("", [output, f" as x{number}"]) for number, output in enumerate(outputs, 1)]
        window = Part("")
        if windows:
            window = Part("", [f" window {windows[0]} as ", self.expressions.over(scope)])
        where = self._where(scope, 0.5)
        order = Part(OPTIONAL, [" order by ", on.pieces[1]]) if on.pieces else self.order(scope, kinds, depth)
        if head == "select distinct ":
            order = Part(OPTIONAL)
        return Part(
            "", [head, on, *listed(named), " from ", source, where, window, order, self._tail(bool(outer), head)]
        )

    def _where(self, scope: Scope, probability: float) -> Part:
        if not self.chance(probability):
            return Part(OPTIONAL)
        self.tags.add("where")
        return Part(OPTIONAL, [" where ", self.expressions.condition(scope, 2)])

    def order(self, scope: Scope, kinds: Sequence[str], depth: int) -> Part:
        if depth <= 0 or not self.chance(0.3):
            return Part(OPTIONAL)
        self.tags.add("order by")
        key = self.expressions.other(scope, self.random.choice(("int", "text", "date", "numeric")), 1)
        direction = self.random.choice(("", " desc", " asc nulls first", " using <"))
        return Part(OPTIONAL, [" order by ", key, direction])

    def _tail(self, is_inner: bool, head: str) -> Part:
        choice = self.random.random()
        if is_inner or choice > 0.2:
            return Part(OPTIONAL)
        self.tags.add("limit")
        if choice < 0.05:
            return Part(OPTIONAL, [" offset 1 fetch first 2 rows only"])
        if choice < 0.1:
            return Part(OPTIONAL, [" limit (select * from (", self.query(["bigint"], 0), ") z limit 1)"])
        if choice < 0.13 and head == "select ":
            self.tags.add("for update")
            return Part(OPTIONAL, [self.random.choice((" for update", " for share", " for no key update skip locked"))])
        return Part(OPTIONAL, [" limit 3 offset 1"])

    def _grouped(self, kinds: Sequence[str], depth: int, outer: Scope) -> Part:
        self.tags.add("group by")
        source, scope = self.relation(depth)
        keys = [self.expressions.other(scope, kind, 1) for kind in self.random.sample(("int", "text", "date"), 2)]
        key_kinds = [key.kind for key in keys]
        outputs: list[Part] = []
        for kind in kinds:
            if kind in key_kinds and self.chance(0.5):
                outputs.append(keys[key_kinds.index(kind)])
            else:
                outputs.append(self.expressions.aggregate(scope, kind, self.settings.secrets_in_outputs))
        choice = self.random.random()
        one, two = map(str, keys)
        if choice < 0.6:
            grouping = one + (f", {two}" if choice < 0.3 else "")
            if choice >= 0.3:
                outputs = [
                    self.expressions.aggregate(scope, output.kind, self.settings.secrets_in_outputs)
                    if output is keys[1]
                    else output
                    for output in outputs
                ]
        elif choice < 0.7:
            self.tags.add("grouping sets")
            grouping = f"grouping sets (({one}), ({two}), ())"
        elif choice < 0.8:
            self.tags.add("rollup")
            grouping = f"rollup ({one}, {two})"
        elif choice < 0.9:
            self.tags.add("cube")
            grouping = f"cube ({one}, {two})"
        else:
            grouping = ""
            outputs = [self.expressions.aggregate(scope, kind, self.settings.secrets_in_outputs) for kind in kinds]
        if grouping and ("$" in grouping or not any(one.kind in ("int", "text") for one in keys)):
            # the same parameter twice is another expression to the server
            grouping = ""
            outputs = [self.expressions.aggregate(scope, kind, self.settings.secrets_in_outputs) for kind in kinds]
        named = [Part("", [output, f" as x{number}"]) for number, output in enumerate(outputs, 1)]
        having = Part(OPTIONAL)
        if self.chance(0.2):
            self.tags.add("having")
            secrets = self.settings.secrets_elsewhere
            having = Part(OPTIONAL, [" having ", self.expressions.aggregate(scope, "int", secrets), " > 1"])
        group = f" group by {grouping}" if grouping else ""
        return Part("", ["select ", *listed(named), " from ", source, self._where(scope, 0.3), group, having])

    # FROM ------------------------------------------------------------------------------------------------------

    def relation(self, depth: int) -> tuple[Part, list[Reference]]:
        alias = self.fresh()
        choice = self.random.random() if depth > 0 else self.random.random() * 0.5
        if choice < 0.5:
            return self._table(alias)
        if choice < 0.62:
            return self._derived(depth, alias)
        if choice < 0.68:
            return self._function(alias, ())
        return self._join(depth)

    def _table(self, alias: str) -> tuple[Part, list[Reference]]:
        name = self.random.choice(list(self.relations) + ["people"] * 6 + ["orders"] * 2)
        columns = self.relations[name]
        text = name
        if name in ("people", "orders", "products", "animals", "events") and self.chance(0.05):
            self.tags.add("only")
            text = f"only {name}"
        source = Part("", [f"{text} {alias}"])
        if self.chance(0.06):
            self.tags.add("column aliases")
            names = [f"c{number}" for number in range(1, len(columns) + 1)]
            source = Part("", [f"{text} as {alias} ({', '.join(names)})"])
            return source, [
                Reference(f"{alias}.{new}", c.kind, c.is_masked) for new, c in zip(names, columns, strict=True)
            ]
        if name in ("people", "orders", "animals") and self.chance(0.03):
            self.tags.add("tablesample")
            source.pieces.append(" tablesample bernoulli (100) repeatable (1)")
        return source, [Reference(f"{alias}.{column.name}", column.kind, column.is_masked) for column in columns]

    def _derived(self, depth: int, alias: str, outer: Scope = ()) -> tuple[Part, list[Reference]]:
        self.tags.add("derived table")
        kinds = self.kinds(4)
        query = self.query(kinds, depth - 1, outer)
        names = [f"{alias}c{number}" for number in range(1, len(kinds) + 1)]
        source = Part("", ["(", query, f") as {alias} ({', '.join(names)})"])
        masked = query.holds_secret
        return source, [Reference(f"{alias}.{name}", kind, masked) for name, kind in zip(names, kinds, strict=True)]

    def _function(self, alias: str, scope: Scope) -> tuple[Part, list[Reference]]:
        """A function in FROM; over columns of `scope` it is LATERAL."""
        self.tags.add("function in FROM")
        secrets = self.settings.secrets_elsewhere if scope else 0.0
        make = self.expressions.fill
        shapes = [
            ("generate_series(1, 3)", "int"),
            ("unnest({texts})", "text"),
            ("jsonb_array_elements_text(jsonb_build_array({text}, {int}))", "text"),
            ("jsonb_object_keys(jsonb_build_object('k', {text}))", "text"),
            ("regexp_split_to_table({text}, '-')", "text"),
            ("jsonb_path_query({jsonb}, '$.*')", "jsonb"),
            ("rows from (unnest({ints}), generate_series(1, 2))", "int"),
        ]
        if self.version >= 17:
            shapes.append(("json_table({jsonb}, '$' columns (v text path '$.a'))", "text"))
        text, kind = self.random.choice(shapes)
        call = make(text, scope, 1, secrets)
        if text.startswith(("rows from", "json_table")):
            columns = f"{alias} (v, w)" if text.startswith("rows") else alias
            return Part("", [call, f" as {columns}"]), [Reference(f"{alias}.v", kind, call.holds_secret)]
        if self.chance(0.2):
            return Part("", [call, f" with ordinality as {alias} (v, n)"]), [
                Reference(f"{alias}.v", kind, call.holds_secret),
                Reference(f"{alias}.n", "bigint", False),
            ]
        return Part("", [call, f" as {alias} (v)"]), [Reference(f"{alias}.v", kind, call.holds_secret)]

    def _join(self, depth: int) -> tuple[Part, list[Reference]]:
        left, left_scope = self.relation(depth - 1)
        choice = self.random.random()
        if choice < 0.12:
            self.tags.add("lateral")
            alias = self.fresh()
            derived, scope = self._derived(1, alias, left_scope)
            kind = self.random.choice(("cross join lateral", "left join lateral"))
            on = " on true" if kind.startswith("left") else ""
            return Part("", [left, f" {kind} ", derived, on]), [*left_scope, *scope]
        if choice < 0.2:
            alias = self.fresh()
            called, scope = self._function(alias, left_scope)
            return Part("", [left, " cross join lateral ", called]), [*left_scope, *scope]
        if choice < 0.32:
            return self._by_name(depth)
        right, right_scope = self.relation(depth - 1)
        both = [*left_scope, *right_scope]
        if choice < 0.42:
            self.tags.add("comma join")
            return Part("", [left, " cross join ", right]), both
        kind = self.random.choice(("join", "left join", "right join", "full join"))
        self.tags.add(kind)
        keys = [
            [one.text for one in scope if one.kind == "int" and not one.is_masked]
            for scope in (left_scope, right_scope)
        ]
        if keys[0] and keys[1] and (kind == "full join" or self.chance(0.7)):
            test = Part("", [f"{self.random.choice(keys[0])} = {self.random.choice(keys[1])}"])
        elif kind == "full join":
            test = Part("", ["true"])
        else:
            test = self.expressions.condition(both, 1)
        return Part("", ["(", left, f" {kind} ", right, " on ", test, ")"]), both

    def _by_name(self, depth: int) -> tuple[Part, list[Reference]]:
        """JOIN USING and NATURAL JOIN over a key that is named the same."""
        key = self.fresh("k")
        sides: list[Part] = []
        scope: list[Reference] = []
        for _ in (1, 2):
            alias = self.fresh()
            source, inner = self._table(self.fresh())
            column = self.fresh("c")
            kind = self.random.choice(("text", "int", "numeric"))
            keyed = self.expressions.other(inner, "int", 0)
            output = self.expressions.output(inner, kind, 1)
            sides.append(
                Part("", ["(select ", keyed, f" as {key}, ", output, f" as {column} from ", source, f") {alias}"])
            )
            scope.append(Reference(column, kind, output.holds_secret))
        scope.append(Reference(key, "int", sides[0].holds_secret))
        how = self.random.choice(("", "left ", "full "))
        if self.chance(0.5):
            self.tags.add("natural join")
            return Part("", ["(", sides[0], f" natural {how}join ", sides[1], ")"]), scope
        self.tags.add("using")
        merged = self.fresh("m")
        as_merged = f" as {merged}" if self.chance(0.3) else ""
        return Part("", ["(", sides[0], f" {how}join ", sides[1], f" using ({key}){as_merged})"]), scope

    # Around queries --------------------------------------------------------------------------------------------

    def _set_operation(self, kinds: Sequence[str], depth: int, outer: Scope) -> Part:
        name = self.random.choice(("union all", "union all", "union", "intersect", "except", "except all"))
        self.tags.add(name)
        keep = self.settings
        if name != "union all" and not keep.secrets_elsewhere:
            self.settings = Settings(0.0, 0.0, keep.is_total, keep.parameters)  # rows are compared
        left, right = self.query(kinds, depth - 1, outer), self.query(kinds, depth - 1, outer)
        self.settings = keep
        text = Part("", ["(", left, f") {name} (", right, ")"])
        return Part("", ["select * from (", text, f") {self.fresh()}"])

    def _with(self, kinds: Sequence[str], depth: int, outer: Scope) -> Part:
        self.tags.add("with")
        name, inner_kinds = self.fresh("q"), self.kinds(3)
        inner = self.query(inner_kinds, depth - 1)
        names = [f"{name}c{number}" for number in range(1, len(inner_kinds) + 1)]
        how = self.random.choice(("", "", "materialized ", "not materialized "))
        scope = [Reference(f"{name}.{one}", k, inner.holds_secret) for one, k in zip(names, inner_kinds, strict=True)]
        alias = self.fresh()
        source: Part = Part("", [name])
        if self.chance(0.3):
            other, more = self.relation(0)
            source, scope = Part("", [f"{name} cross join ", other]), [*scope, *more]
        outputs = [self.expressions.output([*scope, *outer], kind, 1) for kind in kinds]
        named = [Part("", [output, f" as x{number}"]) for number, output in enumerate(outputs, 1)]
        columns = ", ".join(names)
        body: list[str | Part] = [
            f"with {name} ({columns}) as {how}(",
            inner,
            ") select ",
            *listed(named),
            " from ",
            source,
        ]
        return Part("", ["select * from (", *body, f") {alias}"])

    def _recursive(self, kinds: Sequence[str]) -> Part:
        self.tags.add("recursive")
        source, scope = self._table(self.fresh())
        kind = self.random.choice(("text", "numeric"))
        start, grown = self.expressions.output(scope, kind, 1), self.fresh("v")
        step = self.expressions.output([Reference(f"r.{grown}", kind, start.holds_secret)], kind, 1)
        id_ = next((one.text for one in scope if one.kind == "int" and not one.is_masked), "1")
        extra, marks = "", []
        if self.chance(0.3):
            self.tags.add("search")
            extra = f" search {self.random.choice(('depth', 'breadth'))} first by k set o"
            marks.append("o::text")
        if self.chance(0.3):
            self.tags.add("cycle")
            extra += " cycle k set cyc using p"
            marks.append("p::text")
        seen = [Reference("r.k", "int", False), Reference(f"r.{grown}", kind, start.holds_secret)]
        seen += [Reference(mark, "text", False) for mark in marks]
        outputs = [self.expressions.output(seen, one, 1) for one in kinds]
        named = [Part("", [output, f" as x{number}"]) for number, output in enumerate(outputs, 1)]
        sql = KINDS[kind].sql
        body: list[str | Part] = [
            f"with recursive r (k, {grown}) as (select {id_}, (", start, f")::{sql} from ", source, f" where {id_} < 3",
            " union all select r.k + 1, (", step, f")::{sql} from r where r.k < 5){extra} select ", *listed(named),
            " from r",
        ]  # fmt: skip
        return Part("", ["select * from (", *body, f") {self.fresh()}"])

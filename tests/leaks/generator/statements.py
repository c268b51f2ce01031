"""Statements of every kind, around generated queries and expressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.leaks.generator.builtins import Library
from tests.leaks.generator.expressions import Reference, Settings, listed
from tests.leaks.generator.parts import OPTIONAL, Part
from tests.leaks.generator.queries import Queries

MODES = ("simple", "extended", "binary", "portions")


@dataclass(slots=True)
class Script:
    """Statements that run in one transaction."""

    statements: list[Part]
    construct: str
    """The kind of the whole."""
    tags: frozenset[str]
    mode: str
    """How it is sent: one simple Query; the extended protocol with text or binary results, or two rows at a time."""
    parameters: tuple[str, ...] = ()
    """Of the first statement, in text."""

    @property
    def texts(self) -> list[str]:
        return [str(part) for part in self.statements]


class Statements(Queries):
    """Scripts from a seed, always the same ones."""

    def __init__(self, seed: int | str, library: Library, version: int) -> None:
        super().__init__(seed, library, version)
        self.makers: list[tuple[int, str, Callable[[], list[Part]]]] = [
            (50, "select", lambda: [self._top()]),
            (6, "insert", self._insert),
            (7, "update", self._update),
            (5, "delete", self._delete),
            (5, "merge", self._merge),
            (4, "writing CTE", self._writing_cte),
            (5, "cursor", self._cursor),
            (6, "copy", self._copy),
            (4, "prepare", self._prepare),
            (4, "explain", self._explain),
            (6, "temporary", self._temporary),
            (3, "whole row", self._whole_row),
            (2, "settings", self._settings),
            (2, "notify", self._notify),
        ]

    def script(self) -> Script:
        choice, mode = self.random.random(), self.random.choice(MODES)
        wants = Settings()
        if choice > 0.55:
            wants.is_total = False
        if choice > 0.75:
            wants.secrets_elsewhere = 0.4
        if choice > 0.9:
            wants = Settings(0.0, 0.0)
        _, construct, make = self.random.choices(self.makers, [weight for weight, _, _ in self.makers])[0]
        if construct in ("select", "insert", "update", "delete") and mode != "simple" and self.chance(0.4):
            wants.parameters = []
        if construct != "select" and mode == "portions":
            mode = "extended"  # a portal of another statement cannot be executed again
        statements = self._made(make, wants)
        if wants.parameters and not all(f"${n}::" in str(statements[0]) for n in range(1, len(wants.parameters) + 1)):
            wants.parameters = None
            statements = self._made(make, wants)
        parameters = tuple(wants.parameters or ())
        tags = frozenset(self.tags | {mode} | ({"parameters"} if parameters else set()))
        return Script(statements, construct, tags, mode, parameters)

    def _made(self, make: Callable[[], list[Part]], wants: Settings) -> list[Part]:
        self.settings = wants
        self.expressions.tags = set()
        self._names = 0
        return make()

    def _top(self) -> Part:
        return self.query(self.kinds(), 2)

    def _returning(self, scope: Sequence[Reference]) -> Part:
        if not self.chance(0.7):
            return Part(OPTIONAL)
        self.tags.add("returning")
        kinds = self.kinds(3)
        return Part(OPTIONAL, [" returning ", *listed([self.expressions.output(scope, kind, 1) for kind in kinds])])

    def _scope(self, table: str, alias: str) -> list[Reference]:
        return [Reference(f"{alias}.{one.name}", one.kind, one.is_masked) for one in self.relations[table]]

    def _target(self) -> str:
        return self.random.choice(("products", "products", "sink", "orders", "people", "events", "animals"))

    def _where(self, scope: Sequence[Reference], probability: float) -> Part:
        part = super()._where(scope, probability)
        if part.pieces or len(scope) == 0:
            return part
        ids = [one.text for one in scope if one.text.endswith(".id")]
        return Part(OPTIONAL, [f" where {ids[0]} < 4"]) if ids and self.chance(0.5) else part

    # Writes ----------------------------------------------------------------------------------------------------

    def _insert(self) -> list[Part]:
        choice = self.random.random()
        if choice < 0.25:
            self.tags.add("insert into masked")
            source, scope = self._table(self.fresh())
            text = self.expressions.output(scope, "text", 0)
            return [
                Part("", ["insert into sink as k (id, copied) select ", self.expressions.other(scope, "int", 0),
                          " + 900, ", text, " from ", source, " limit 1", self._returning(self._scope("sink", "k"))])
            ]  # fmt: skip
        start = self.random.choice(("500", "3"))
        make = self.expressions.other
        conflict = Part(OPTIONAL)
        if self.chance(0.4):
            self.tags.add("on conflict")
            new = [*self._scope("products", "k"), Reference("excluded.title", "text", False)]
            title, wanted = make(new, "text", 1), self._where(new, 0.5)
            conflict = Part(OPTIONAL, [" on conflict (id) do update set title = ", title, wanted])
        if choice < 0.6:
            values = Part("", ["values (", start, ", ", make((), "text", 2), ", ", make((), "numeric", 1), ")"])
        else:
            query = (
                self.query(["text", "numeric"], 1)
                if self.settings.secrets_elsewhere
                else self._clean(["text", "numeric"])
            )
            values = Part("", [f"select {start}::int + row_number() over (), q.* from (", query, ") q (a, b)"])
        returning = self._returning(self._scope("products", "k"))
        return [Part("", ["insert into products as k (id, title, price) ", values, conflict, returning])]

    def _clean(self, kinds: Sequence[str]) -> Part:
        keep, self.settings = self.settings, Settings(0.0, 0.0, parameters=self.settings.parameters)
        query = self.query(kinds, 1)
        self.settings = keep
        return query

    def _update(self) -> list[Part]:
        table = self._target()
        scope = self._scope(table, "k")
        columns = [c for c in self.relations[table] if c.name not in ("id", "initial", "region", "person_id")]
        column = self.random.choice(columns)
        source = Part(OPTIONAL)
        if self.chance(0.4):
            self.tags.add("update from")
            other, more = self._table(self.fresh())
            source, scope = Part(OPTIONAL, [" from ", other]), [*scope, *more]
        secrets = self.settings.secrets_in_outputs if column.is_masked else self.settings.secrets_elsewhere
        if self.chance(0.15) and table == "products":
            query = (
                self.query(["text", "text"], 0) if self.settings.secrets_elsewhere else self._clean(["text", "text"])
            )
            change: list[str | Part] = ["(sku, title) = (select * from (", query, ") z limit 1)"]
        else:
            change = [f"{column.name} = ", self.expressions.expression(scope, column.kind, 1, secrets)]
        extra = Part(OPTIONAL)
        if source.pieces:
            ids = [one.text for one in scope if one.text.endswith(".id")]
            extra = Part(OPTIONAL, [f" where {ids[0]} = {ids[-1]}"])
        else:
            extra = self._where(scope, 0.5)
        returned = list(scope)
        if self.version >= 18 and self.chance(0.3):
            self.tags.add("old and new")
            returned += [*self._scope(table, "old"), *self._scope(table, "new")]
        return [Part("", [f"update {table} k set ", *change, source, extra, self._returning(returned)])]

    def _delete(self) -> list[Part]:
        table = self._target()
        scope = self._scope(table, "k")
        using = Part("")
        where = self._where(scope, 0.7)
        if self.chance(0.4):
            self.tags.add("delete using")
            other, more = self._table(self.fresh())
            using, scope = Part("", [" using ", other]), [*scope, *more]
            where = self._where(scope, 0.8)
        return [Part("", [f"delete from {table} k", using, where, self._returning(scope)])]

    def _merge(self) -> list[Part]:
        table = self.random.choice(("products", "products", "sink", "orders"))
        other, more = self._table("m1")
        scope = [*self._scope(table, "k"), *more]
        kinds = {"products": ("title", "text"), "sink": ("body", "text"), "orders": ("total", "numeric")}
        column, kind = kinds[table]
        make = self.expressions.other
        ids = [one.text for one in more if one.kind == "int" and not one.is_masked] or ["1"]
        on = Part("", [f"k.id = {ids[0]}"]) if self.chance(0.7) else make(scope, "bool", 1)
        also = Part(OPTIONAL, [" and ", make(scope, "bool", 1)]) if self.chance(0.4) else Part(OPTIONAL)
        matched: list[str | Part] = [" then update set ", column, " = ", make(scope, kind, 1)]
        if self.chance(0.3):
            matched = [" then delete"]
        added = Part(OPTIONAL)
        if self.chance(0.5):
            value = make(more, kind, 1)
            added = Part(
                OPTIONAL, [f" when not matched then insert (id, {column}) values (900 + {ids[0]}, ", value, ")"]
            )
        returning = self._returning(scope) if self.version >= 17 else Part(OPTIONAL)
        return [
            Part(
                "",
                [f"merge into {table} k using ", other, " on ", on, " when matched", also, *matched, added, returning],
            )
        ]

    def _writing_cte(self) -> list[Part]:
        make = self.random.choice((self._update, self._delete, self._insert))
        keep = self.settings
        inner = make()[0]
        self.settings = keep
        if not str(inner.pieces[-1]):
            inner.pieces[-1] = Part("", [" returning k.id"])
        query = self._top() if self.chance(0.4) else None
        if query is not None and not str(query).startswith(("with", "(")):
            return [Part("", ["with w as (", inner, ") ", query])]
        return [Part("", ["with w as (", inner, ") select * from w"])]

    # Statements around statements ------------------------------------------------------------------------------

    def _cursor(self) -> list[Part]:
        scroll = self.random.choice(("", "scroll ", "no scroll ", "insensitive "))
        hold = self.random.choice(("", "", " with hold"))
        binary = "binary " if self.chance(0.1) else ""
        fetches = self.random.sample(
            ("fetch 2 from c", "fetch all from c", "move 1 in c", "fetch absolute 1 from c"), 2
        )
        first = Part("", [f"declare c {binary}{scroll}cursor{hold} for ", self._top()])
        return [first, *(Part("", [one]) for one in fetches), *([Part("", ["close c"])] if self.chance(0.5) else [])]

    def _copy(self) -> list[Part]:
        options = (
            "",
            " with (format csv, header)",
            " with (format binary)",
            " with (format csv, quote '''', null 'x')",
        )
        to = f" to stdout{self.random.choice(options)}"
        choice = self.random.random()
        if choice < 0.3:
            self.tags.add("copy table")
            name = self.random.choice(("people", "orders", "products", "animals", "events_a", "sink"))
            columns = self.random.sample([one.name for one in self.relations[name] if one.name != "initial"], 3)
            return [Part("", [f"copy {name} ({', '.join(columns)}){to}"])]
        if choice < 0.4:
            return [Part("", ["copy (", self._update()[0], ")", to])]
        return [Part("", ["copy (", self._top(), ")", to])]

    def _prepare(self) -> list[Part]:
        first = Part("", ["prepare p (int) as ", self._top()])
        times = 1 if self.chance(0.7) else 2
        executed = [Part("", [f"execute p ({number})"]) for number in range(1, times + 1)]
        return [Part("", ["deallocate all"]), first, *executed]

    def _explain(self) -> list[Part]:
        options = self.random.choice(
            ("", "verbose ", "(costs off) ", "(format json) ", "(analyze, timing off, summary off, buffers off) ",
             "(analyze, verbose, costs off, timing off, summary off, buffers off) ")
        )  # fmt: skip
        if options.startswith("(analyze") and self.version < 16:
            options = "(verbose) "
        inner = self._top() if self.chance(0.6) else self._update()[0]
        return [Part("", [f"explain {options}", inner])]

    def _temporary(self) -> list[Part]:
        kinds = self.kinds(3)
        query = self.query(kinds, 1)
        columns = [f"y{number}" for number in range(1, len(kinds) + 1)]
        scope = [Reference(f"s.{one}", kind, query.holds_secret) for one, kind in zip(columns, kinds, strict=True)]
        asked = self.kinds(2)
        read = Part(
            "", ["select ", *listed([self.expressions.output(scope, one, 1) for one in asked]), " from fresh s"]
        )
        how = self.random.choice(("table", "view", "into", "insert"))
        self.tags.add(f"temporary {how}")
        names = ", ".join(columns)
        if how == "into":
            made = [Part("", ["select * into temp fresh from (", query, f") q ({names})"])]
        elif how == "insert":
            typed = ", ".join(f"{one} text" for one in columns)
            casts = ", ".join(f"{one}::text" for one in columns)
            made = [Part("", [f"create temp table fresh ({typed})"]),
                    Part("", [f"insert into fresh select {casts} from (", query, f") q ({names})"])]  # fmt: skip
            read = Part("", [f"select {columns[0]}, count(*) over () from fresh"])
        else:
            made = [Part("", [f"create temp {how} fresh ({names}) as ", query])]
        return [*made, read]

    def _whole_row(self) -> list[Part]:
        table = self.random.choice(list(self.relations))
        shape = self.random.choice((
            "select k from {0} k", "select (k).id from {0} k", "select to_jsonb(k) ->> 'id' from {0} k", "table {0}",
            "select k.* from {0} k order by id", "select row_to_json(k) from {0} k", "select id(k) from {0} k",
            "select count(k) from {0} k", "select k is null from {0} k", "select (k.*)::text from {0} k",
            "select array_agg(k) from {0} k", "select (x).* from (select k as x from {0} k) q",
            "select q.* from {0} k, lateral (select k.*) q", "select ctid, tableoid::regclass from {0}",
        ))  # fmt: skip
        return [Part("", [shape.format(table)])]

    def _settings(self) -> list[Part]:
        setting = self.random.choice(
            ("set datestyle = 'sql, dmy'", "set timezone = 'Asia/Tokyo'", "set intervalstyle = iso_8601",
             "set bytea_output = escape", "set extra_float_digits = -3", "set local search_path = public",
             "set work_mem = '128kB'", "set client_min_messages = debug1", "set array_nulls = off")
        )  # fmt: skip
        return [Part("", [setting]), self._top()]

    def _notify(self) -> list[Part]:
        value = self.expressions.other((), "text", 0)
        notify = self.random.choice((Part("", ["select pg_notify('ch', ", value, ")"]), Part("", ["notify ch, 'x'"])))
        return [Part("", ["listen ch"]), notify]

"""Expressions of a wanted kind over what is in scope."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.leaks.generator.builtins import Callable_, Library
from tests.leaks.generator.kinds import ELEMENTS, KINDS, PARTIAL, SINCE, TOTAL
from tests.leaks.generator.parts import OPTIONAL, Part

_HOLE = re.compile(r"\{(\w+)(?::([\w,]+))?\}")


@dataclass(frozen=True, slots=True)
class Reference:
    """A column that an expression may name."""

    text: str
    kind: str
    is_masked: bool


Scope = Sequence[Reference]


@dataclass(slots=True)
class Settings:
    """How one statement is to be."""

    secrets_in_outputs: float = 0.8
    """How often an output looks for a masked column first."""
    secrets_elsewhere: float = 0.0
    """The same for predicates, keys, limits and the like."""
    is_total: bool = True
    """Over masked columns only expressions that fail for no value."""
    parameters: list[str] | None = None
    """Where constants go to become $1, $2 …; None: they are literals."""


@dataclass(slots=True)
class Expressions:
    """Makes expressions; queries inside them come from `query`."""

    random: random.Random
    library: Library
    version: int
    settings: Settings = field(default_factory=Settings)
    tags: set[str] = field(default_factory=set)
    query: Callable[[Scope, Sequence[str], int], Part] = lambda scope, kinds, depth: Part("")
    total: dict[str, tuple[str, ...]] = field(init=False)
    partial: dict[str, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        self.total, self.partial = dict(TOTAL), dict(PARTIAL)
        for version, shapes in SINCE.items():
            if self.version >= version:
                for kind, more in shapes.items():
                    self.partial[kind] = (*self.partial.get(kind, ()), *more)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def constant(self, kind: str) -> Part:
        chosen, known = self.random.choice(KINDS[kind].constants), self.settings.parameters
        if known is not None and self.chance(0.7):
            known.append(chosen)
            return Part("", [f"${len(known)}::{KINDS[kind].sql}"])
        return Part("", [f"'{chosen}'::{KINDS[kind].sql}"])

    def output(self, scope: Scope, kind: str, depth: int) -> Part:
        return self.expression(scope, kind, depth, self.settings.secrets_in_outputs)

    def other(self, scope: Scope, kind: str, depth: int) -> Part:
        """Anywhere but in an output."""
        return self.expression(scope, kind, depth, self.settings.secrets_elsewhere)

    def condition(self, scope: Scope, depth: int) -> Part:
        return self.other(scope, "bool", depth)

    def expression(self, scope: Scope, kind: str, depth: int, secrets: float) -> Part:
        """An expression of this kind; `secrets`: the probability to look for a masked column first, 0: never one."""
        if kind == "any":
            kind = self.random.choice(("int", "text", "text", "numeric", "date", "jsonb", "bool"))
        if depth > 0 and self.chance(0.6):
            return Part(kind, [self._composed(scope, kind, depth - 1, secrets)])
        return self._leaf(scope, kind, secrets)

    def _leaf(self, scope: Scope, kind: str, secrets: float) -> Part:
        fitting = [one for one in scope if one.kind == kind and (secrets > 0 or not one.is_masked)]
        if secrets > 0 and self.chance(secrets):
            fitting = [one for one in fitting if one.is_masked] or fitting
        if fitting and self.chance(0.9):
            column = self.random.choice(fitting)
            return Part(kind, [column.text], column.is_masked)
        return Part(kind, [self.constant(kind)])

    def _composed(self, scope: Scope, kind: str, depth: int, secrets: float) -> Part:
        is_total = self.settings.is_total and secrets > 0
        if is_total and self.chance(0.75):
            shapes = self.total.get(kind)
            if shapes is None:
                return self._leaf(scope, kind, secrets)
            return self.fill(self.random.choice(shapes), scope, depth, secrets)
        choice = self.random.random()
        if choice < 0.4 and kind in self.partial:
            return self.fill(
                self.random.choice((*self.partial[kind], *self.total.get(kind, ()))), scope, depth, secrets
            )
        if choice < 0.55 and self.library.operators.get(kind):
            return self.operator(scope, kind, depth, secrets)
        if self.library.functions.get(kind):
            return self.function(self._chosen(self.library.functions[kind]), scope, depth, secrets)
        return self._leaf(scope, kind, secrets)

    def _chosen(self, named: Mapping[str, list[Callable_]]) -> Callable_:
        return self.random.choice(named[self.random.choice(list(named))])

    def function(self, chosen: Callable_, scope: Scope, depth: int, secrets: float) -> Part:
        self.tags.add("function")
        arguments = [self.expression(scope, one, depth, secrets) for one in chosen.arguments]
        return Part("", [f'"{chosen.name}"(' if chosen.name.islower() else f"{chosen.name}(", *_listed(arguments), ")"])

    def operator(self, scope: Scope, kind: str, depth: int, secrets: float) -> Part:
        self.tags.add("operator")
        chosen = self._chosen(self.library.operators[kind])
        arguments = [self.expression(scope, one, depth, secrets) for one in chosen.arguments]
        name = f"operator(pg_catalog.{chosen.name})" if self.chance(0.1) else chosen.name
        if len(arguments) == 1:
            return Part("", [f"({name} ", arguments[0], ")"])
        return Part("", ["(", arguments[0], f" {name} ", arguments[1], ")"])

    def aggregate(self, scope: Scope, kind: str, secrets: float) -> Part:
        self.tags.add("aggregate")
        if kind in ("int", "bigint") and self.chance(0.4):
            self.tags.add("count")
            text = self.random.choice(("count(*)", "count({any})", "count(distinct {int})"))
            counted = self.fill(text, scope, 0, secrets)
            return Part(kind, [counted, *self._filtered(scope), "::int" if kind == "int" else ""])
        named = self.library.aggregates.get(kind)
        if not named:
            return Part(kind, ["max(", self.expression(scope, kind, 0, secrets), ")"]) if kind in (
                "int", "text", "numeric", "date") else Part(kind, ["null::", KINDS[kind].sql])  # fmt: skip
        chosen = self._chosen(named)
        arguments = [self.expression(scope, one, 1, secrets) for one in chosen.arguments]
        if chosen.direct >= 0:
            self.tags.add("ordered-set")
            direct = [self.constant(one if one != "any" else "text") for one in chosen.arguments[: chosen.direct]]
            ordered = arguments[chosen.direct :] or [self.expression(scope, "text", 0, secrets)]
            return Part(
                kind, [f"{chosen.name}(", *_listed(direct), ") within group (order by ", *_listed(ordered), ")"]
            )
        distinct = "distinct " if len(arguments) == 1 and self.chance(0.1) else ""
        order = Part(OPTIONAL)
        if self.chance(0.3) and not distinct:
            order.pieces = [" order by ", self.other(scope, "any", 0)]
        return Part(kind, [f"{chosen.name}({distinct}", *_listed(arguments), order, ")", *self._filtered(scope)])

    def _filtered(self, scope: Scope) -> list[str | Part]:
        if not self.chance(0.2):
            return []
        self.tags.add("filter")
        return [Part(OPTIONAL, [" filter (where ", self.condition(scope, 1), ")"])]

    def window(self, scope: Scope, kind: str, names: Sequence[str]) -> Part:
        """A window function or an aggregate over a window."""
        self.tags.add("window")
        secrets = self.settings.secrets_in_outputs
        if self.library.windows.get(kind) and self.chance(0.7):
            chosen = self._chosen(self.library.windows[kind])
            arguments = [self.expression(scope, one, 0, secrets) for one in chosen.arguments]
            call = Part("", [f"{chosen.name}(", *_listed(arguments), ")"])
        else:
            text = self.random.choice(("count(*)::int", "max({int})")) if kind == "int" else f"max({{{kind}}})"
            if kind not in ("int", "text", "numeric", "date"):
                text = f"first_value({{{kind}}})"
            call = self.fill(text, scope, 0, secrets)
            if "::int" in str(call):
                call = self.fill("count({any})", scope, 0, secrets)
                return Part("int", ["(", call, " over ", self.over(scope, names), ")::int"])
        return Part(kind, [call, " over ", self.over(scope, names)])

    def over(self, scope: Scope, names: Sequence[str] = ()) -> Part:
        if names and self.chance(0.4):
            return Part("", [self.random.choice(names)])
        pieces: list[str | Part] = ["("]
        if self.chance(0.5):
            pieces.append(Part(OPTIONAL, [" partition by ", self.other(scope, "any", 0)]))
        if self.chance(0.7):
            order = self.other(scope, "int", 0)
            pieces.append(Part(OPTIONAL, [" order by ", order, self.frame(scope)]))
        return Part("", [*pieces, ")"])

    def frame(self, scope: Scope) -> Part:
        if not self.chance(0.4):
            return Part(OPTIONAL)
        self.tags.add("frame")
        unit = self.random.choice(("rows", "range", "groups"))
        offset = self.random.choice(("1", "2", None))
        number: str | Part = offset or Part("", ["(select * from (", self.query((), ["int"], 0), ") z limit 1)"])
        excluded = self.random.choice(("", "", " exclude current row", " exclude ties"))
        return Part(OPTIONAL, [f" {unit} between ", number, f" preceding and current row{excluded}"])

    def fill(self, shape: str, scope: Scope, depth: int, secrets: float) -> Part:
        """The shape with its holes filled."""
        pieces: list[str | Part] = []
        end = 0
        for found in _HOLE.finditer(shape):
            pieces.append(shape[end : found.start()].replace("{{", "{").replace("}}", "}"))
            end = found.end()
            word, kinds = found[1], (found[2] or "").split(",")
            if word == "sub":
                self.tags.add("scalar subquery")
                pieces += ["(select * from (", self.query(scope, kinds, depth), ") z limit 1)"]
            elif word in ("query", "inquery"):
                self.tags.add("subquery")
                pieces += [
                    "(" if word == "inquery" else "",
                    self.query(scope, kinds, depth),
                    ")" if word == "inquery" else "",
                ]
            elif word in KINDS or word == "any":
                pieces.append(self.expression(scope, word, depth, secrets))
            else:  # '{{k,n}}': no hole
                pieces.append(found[0])
        pieces.append(shape[end:].replace("{{", "{").replace("}}", "}"))
        return Part("", pieces)


def _listed(parts: Sequence[Part]) -> list[str | Part]:
    pieces: list[str | Part] = []
    for number, part in enumerate(parts):
        pieces += [", ", part] if number else [part]
    return pieces


listed = _listed
ARRAYS = frozenset(ELEMENTS.values())

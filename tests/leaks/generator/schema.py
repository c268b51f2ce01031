"""The schema of the generated statements: a column of every kind, masked and plain, in tables of every sort.

The worlds differ in the masked columns alone: in values, lengths, order, and in how many are equal. Which values are
NULL is the same in all, since NULL stays NULL and `count` counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: str
    value: str
    """SQL over the row's number g, and over s: another secret integer in each world."""
    mask: Any = ""
    """The default profile's; "": not masked."""
    hidden: Any = "redact"
    """The strict profile's."""

    @property
    def is_masked(self) -> bool:
        return bool(self.mask != "")


def _secret(name: str, kind: str, value: str, mask: Any, hidden: Any = "redact") -> Column:
    return Column(name, kind, f"case when g % 5 <> 2 then {value} end", mask, hidden)


TABLES: Mapping[str, tuple[Column, ...]] = {
    "people": (
        Column("id", "int", "g"),
        Column("name", "text", "'name' || g"),
        Column("city", "text", "'c' || g % 3"),
        Column("grade", "int", "g % 4"),
        Column("rate", "numeric", "g * 1.5"),
        Column("hired", "date", "date '2020-01-01' + g"),
        Column("labels", "texts", "array['t' || g % 2]"),
        Column("info", "jsonb", """jsonb_build_object('k', jsonb_build_object('n', g), 'a', g)"""),
        Column("flag", "bool", "g % 2 = 0"),
        _secret("ssn", "text", "repeat(s::text, 1 + s % 3) || '-' || s % 7", {"partial": {"keep_last": 2}}),
        _secret("email", "text", "'u' || s || '@x.com'", {"fake": "email"}),
        _secret("notes", "text", "case s % 3 when 0 then 'name3' when 1 then '5' else 'n' || s end", "hash", None),
        _secret("age", "int", "s % 90", {"round": 10}),
        _secret("big", "bigint", "s * 1000000007::bigint", "digits", None),
        _secret("salary", "numeric", "s * 3.5", {"round": 10000}),
        _secret("height", "float", "s / 7.0", "hash"),
        _secret("born", "date", "date '1970-01-01' + s", {"truncate": "year"}),
        _secret("met", "timestamp", "timestamp '2001-01-01' + s * interval '1 hour'", {"shift_days": 30}),
        _secret("seen", "timestamptz", "timestamptz '2001-01-01 00:00Z' + s * interval '1 min'", {"truncate": "month"}),
        _secret("lasted", "interval", "s * interval '1 min'", "hash"),
        _secret("profile", "jsonb", "jsonb_build_object('k', jsonb_build_object('n', s), 'a', g, 'ssn', s)",
                {"json": {"$.ssn": "redact", "$.k": "redact"}}, None),
        _secret("doc", "json", "json_build_object('k', s)", {"json": {"$.k": "redact"}}),
        _secret("tags", "texts", "array['t' || s % 3, 'x' || s]", "hash"),
        _secret("scores", "ints", "array[s % 10, s]", "digits", None),
        _secret("period", "ranges", "int4range(s % 5, s % 5 + s % 11 + 1)", None),
        _secret("stay", "days", "daterange(date '1970-01-01' + s % 9, date '1970-02-01' + s)", None),
        _secret("photo", "bytea", "decode(md5(s::text), 'hex')", "hash"),
        _secret("token", "uuid", "md5(s::text)::uuid", "hash"),
        _secret("addr", "inet", "('10.0.0.' || s % 200)::inet", {"fake": "ipv4"}),
        _secret("mood", "mood", "(array['sad', 'ok', 'happy'])[s % 3 + 1]::mood", "hash"),
        _secret("active", "bool", "s % 2 = 0", {"constant": True}),
        _secret("vec", "tsvector", "to_tsvector('simple', 'a b w' || s % 4)", None),
    ),
    "orders": (
        Column("id", "int", "g"),
        Column("person_id", "int", "g % 8 + 1"),
        Column("total", "numeric", "g * 10"),
        Column("state", "mood", "(array['sad', 'ok', 'happy'])[g % 3 + 1]::mood"),
        Column("made", "timestamptz", "timestamptz '2026-01-01 00:00+00' + g * interval '1 hour'"),
        _secret("card", "text", "'4111-' || s", {"tokenize": "digits"}),
        _secret("tip", "numeric", "s % 4", {"round": 10}),
        _secret("memo", "text", "case when s % 2 = 0 then 'x' else 'name' || s end", "redact", None),
    ),
    "products": (
        Column("id", "int", "g"),
        Column("sku", "text", "'sku' || g"),
        Column("title", "text", "'p' || g"),
        Column("price", "numeric", "g"),
        Column("attrs", "jsonb", "jsonb_build_object('k', g % 2)"),
    ),
    "events": (
        Column("id", "int", "g"),
        Column("region", "text", "case when g % 2 = 0 then 'a' else 'b' end"),
        _secret("payload", "text", "'e' || s", "hash"),
        _secret("amount", "int", "s % 50", {"round": 100}),
    ),
    "animals": (
        Column("id", "int", "g"),
        Column("species", "text", "'cat'"),
        _secret("chip", "text", "'chip' || s", "digits"),
    ),
    "dogs": (
        Column("id", "int", "g + 100"),
        Column("species", "text", "'dog'"),
        _secret("chip", "text", "'dogchip' || s % 6", ""),
        _secret("vet", "text", "'vet' || s", {"fake": "name"}),
    ),
    "sink": (
        Column("id", "int", "g"),
        Column("body", "text", "'b' || g"),
        Column("number", "numeric", "g"),
        _secret("copied", "text", "'s' || s", {"partial": {"keep_last": 2}}),
    ),
}  # fmt: skip
"""Rows of `dogs.chip` carry the mask of `animals.chip`, which it inherits."""

VIEWS: Mapping[str, tuple[str, tuple[Column, ...]]] = {
    "staff": (
        "select id, name, city, upper(ssn) as code, salary, profile, initial from people",
        (
            Column("id", "int", ""),
            Column("name", "text", ""),
            Column("city", "text", ""),
            Column("code", "text", "", "view"),
            Column("salary", "numeric", "", "view"),
            Column("profile", "jsonb", "", "view"),
            Column("initial", "text", "", "view"),
        ),
    ),
    "sales": (
        "select o.id, s.name, o.total, o.card as number, s.code from orders o join staff s on s.id = o.person_id",
        (
            Column("id", "int", ""),
            Column("name", "text", ""),
            Column("total", "numeric", ""),
            Column("number", "text", "", "view"),
            Column("code", "text", "", "view"),
        ),
    ),
    "cities": (
        "select city as title, max(salary) as top, count(*)::int as id, count(ssn) as known from people group by city",
        (
            Column("title", "text", ""),
            Column("top", "numeric", "", "view"),
            Column("id", "int", ""),
            Column("known", "bigint", ""),
        ),
    ),
    "words": (
        "select id, name as word from people where grade < 2 union all select id, memo from orders",
        (Column("id", "int", ""), Column("word", "text", "", "view")),
    ),
}
MATERIALIZED = (
    "kept",
    "select id, name, email, age from people",
    (
        Column("id", "int", ""),
        Column("name", "text", ""),
        Column("email", "text", "", "view"),
        Column("age", "int", "", "view"),
    ),
)
GENERATED = Column("initial", "text", "", "generated")
"""people.initial, made of a masked column."""


def relations() -> dict[str, tuple[Column, ...]]:
    """Everything that can stand in FROM, with its columns."""
    stored = {**TABLES, **{name: columns for name, (_, columns) in VIEWS.items()}, MATERIALIZED[0]: MATERIALIZED[2]}
    stored["people"] = (*TABLES["people"], GENERATED)
    stored["dogs"] = tuple(
        Column(one.name, one.kind, one.value, "inherited") if one.name == "chip" else one for one in TABLES["dogs"]
    )
    stored["events_a"] = TABLES["events"]
    return stored

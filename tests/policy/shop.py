"""A hand-made catalog, and lineages as text: "derived users.email", "join users.email = suppliers.email in where"."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pgproxy.catalog.model import Catalog, Column, Constraint, Relation, Type
from pgproxy.statements.model import (
    ColumnId,
    Effect,
    Facts,
    Form,
    Lineage,
    Output,
    Source,
    StatementClass,
    Use,
    UseKind,
    Write,
)

TYPES = {
    "text": 25,
    "int": 23,
    "bigint": 20,
    "numeric": 1700,
    "date": 1082,
    "timestamptz": 1184,
    "jsonb": 3802,
    "text[]": 1009,
    "bool": 16,
    "oid": 26,
}


def relation(
    oid: int,
    name: str,
    columns: str,
    *,
    schema: str = "public",
    kind: str = "r",
    parents: tuple[int, ...] = (),
    children: tuple[int, ...] = (),
    references: tuple[int, ...] = (),
    cascades: tuple[int, ...] = (),
    generated: Mapping[str, str] | None = None,
    is_temporary: bool = False,
    partition_key: frozenset[int] = frozenset(),
    constraints: tuple[Constraint, ...] = (),
) -> Relation:
    """columns: "id int, name text"; generated: column → the column it is made from."""
    pairs = [column.split() for column in columns.split(", ")]
    numbers = {pair[0]: number for number, pair in enumerate(pairs, 1)}
    made = tuple(
        Column(
            numbers[column],
            column,
            TYPES[type_],
            generated="s" if column in (generated or {}) else "",
            sources=frozenset({numbers[generated[column]]}) if generated and column in generated else frozenset(),
        )
        for column, type_ in pairs
    )
    return Relation(
        oid,
        schema,
        name,
        kind,
        made,
        parents=parents,
        children=children,
        references=references,
        cascades=cascades,
        is_temporary=is_temporary,
        partition_key=partition_key,
        constraints=constraints,
    )


USERS = (
    "id int, name text, email text, phone text, ssn text, salary numeric, birth_date date, notes text, "
    "profile jsonb, tags text[]"
)
RELATIONS = [
    relation(20001, "users", USERS, references=(20002,)),
    relation(
        20002,
        "orders",
        "id int, user_id int, total numeric, card_number text, created_at timestamptz, note text",
        references=(20001, 20004),
    ),
    relation(20003, "products", "id int, sku text, name text, price numeric"),
    relation(20050, "regions", "id int", cascades=(20051,)),
    relation(20051, "offices", "id int, region int", cascades=(20052,)),
    relation(20052, "desks", "id int, office int", references=(20001,)),
    relation(20004, "order_items", "order_id int, product_id int, quantity int", references=(20002,)),
    relation(20005, "user_directory", "id int, name text, email text", kind="v"),
    relation(20006, "user_stats", "email text, orders bigint", kind="m"),
    relation(20007, "contacts", "id int, email text, email_lower text", generated={"email_lower": "email"}),
    relation(20008, "scratch", "id int, email text", schema="pg_temp_3", is_temporary=True),
    relation(20009, "watched", "id int, note text"),
    relation(20010, "suppliers", "id int, email text, alias text, Größe text"),
    # people ← employees ← managers; visits partitioned
    relation(20020, "people", "id int, email text", children=(20021,)),
    relation(20021, "employees", "id int, email text, grade int", parents=(20020,), children=(20022,)),
    relation(20022, "managers", "id int, email text, grade int, bonus int", parents=(20021,)),
    relation(
        20030,
        "visits",
        "id int, ip text, at timestamptz",
        kind="p",
        children=(20031, 20032),
        partition_key=frozenset({2}),
    ),
    relation(20031, "visits_a", "id int, ip text, at timestamptz", parents=(20030,)),
    relation(20032, "visits_b", "id int, ip text, at timestamptz", parents=(20030,)),
    relation(20040, "orphan", "id int, email text", parents=(29999,)),
    relation(
        20060,
        "accounts",
        "id int, iban text, owner text, opened int, closed int",
        constraints=(
            Constraint("u", frozenset({(20060, 1)})),
            Constraint("u", frozenset({(20060, 2)})),
            Constraint("c", frozenset({(20060, 4)})),
            Constraint("c", frozenset({(20060, 4), (20060, 5)})),
            Constraint("f", frozenset({(20061, 2), (20060, 2)})),
        ),
        references=(20061,),
    ),
    relation(
        20061,
        "payments",
        "id int, account text",
        constraints=(Constraint("f", frozenset({(20061, 2), (20060, 2)})),),
        references=(20060,),
    ),
    relation(1259, "pg_class", "oid oid, relname text", schema="pg_catalog"),
    relation(1260, "pg_authid", "rolname text, rolpassword text", schema="pg_catalog"),
    relation(2619, "pg_statistic", "starelid oid, stanullfrac int", schema="pg_catalog"),
]
CATALOG = Catalog(
    server_version=18,
    relations={one.oid: one for one in RELATIONS},
    types={oid: Type(oid, "pg_catalog", name, "b") for name, oid in TYPES.items()},
)
BY_NAME = {one.name: one for one in RELATIONS}
SYSTEM_ATTRIBUTES = {"ctid": -1, "tableoid": -6, "*": 0}

MATERIALIZED = {
    ColumnId(20006, 1): frozenset({Source(ColumnId(20001, 3), Form.COPY)}),
    ColumnId(20006, 2): frozenset({Source(ColumnId(20002, 1), Form.COUNT)}),
}

_SOURCE = re.compile(r"(?P<form>\w+) (?P<column>\S+)(?: at (?P<path>\S+))?")
_USE = re.compile(
    r"(?P<kind>\w+) (?P<column>\S+)(?: = (?P<other>\S+))?"
    r"(?: at (?P<path>\S+))? in (?P<context>\w+)(?: by (?P<by>\w+))?"
)


def column(text: str) -> ColumnId:
    """ "users.email", "users.*", "users.tableoid"."""
    table, name = text.split(".")
    if name in SYSTEM_ATTRIBUTES:
        return ColumnId(BY_NAME[table].oid, SYSTEM_ATTRIBUTES[name])
    return ColumnId(BY_NAME[table].oid, next(c.attnum for c in BY_NAME[table].columns if c.name == name))


def source(text: str) -> Source:
    match = _SOURCE.fullmatch(text)
    assert match, text
    path = tuple(match["path"].split("/")) if match["path"] else None
    return Source(column(match["column"]), Form(match["form"]), path)


def use(text: str) -> Use:
    match = _USE.fullmatch(text)
    assert match, text
    other = column(match["other"]) if match["other"] else None
    path = tuple(match["path"].split("/")) if match["path"] else None
    kind, by = UseKind(match["kind"]), match["by"] or ""
    return Use(column(match["column"]), kind, match["context"], other, json_path=path, expression=by)


def sources(written: object) -> frozenset[Source]:
    texts = written if isinstance(written, list) else [written]
    return frozenset(source(str(text)) for text in texts if text)


def output(entry: Mapping[str, object]) -> Output:
    """{NAME: SOURCE or [SOURCE…]}, the name may be "NAME TYPE"; else the type of the first source."""
    ((name, written),) = entry.items()
    name, _, type_ = name.partition(" ")
    found = sources(written)
    if type_:
        return Output(name, TYPES[type_], found)
    first = min(found, default=None, key=lambda one: one.column)
    stored = None if first is None else CATALOG.relations[first.column.relation].column(first.column.attnum)
    return Output(name, 25 if stored is None else stored.type_oid, found)


def lineage(case: Mapping[str, object]) -> Lineage:
    """From a case's `outputs`, `uses`, `writes`, `reads`, `triggers`, `effects`, `functions`, `opaque`."""

    def listed(key: str) -> list[object]:
        found = case.get(key, [])
        return found if isinstance(found, list) else [found]

    outputs = tuple(output(entry) for entry in listed("outputs") if isinstance(entry, dict))
    uses = frozenset(use(str(text)) for text in listed("uses"))
    written = case.get("writes", {})
    assert isinstance(written, dict)
    effects = case.get("effects", {})
    assert isinstance(effects, dict)
    writes = tuple(
        Write(column(target), sources(value), constants=None if sources(value) else frozenset())
        for target, value in written.items()
    )
    fed = [*(one.sources for one in outputs), *(one.sources for one in writes)]
    reached = {one.column.relation for found in fed for one in found}
    reached |= {one.column.relation for one in uses} | {one.other.relation for one in uses if one.other}
    reached |= {BY_NAME[str(name)].oid for name in listed("reads")}
    targets = {one.target.relation for one in writes} | {BY_NAME[str(name)].oid for name in listed("changes")}
    return Lineage(
        outputs,
        uses,
        writes,
        frozenset(targets),
        frozenset(reached | targets),
        opaque=tuple(str(what) for what in listed("opaque")),
        effects=tuple(Effect(name, sources(value)) for name, value in effects.items()),
        denied_functions=tuple(str(name) for name in listed("functions")),
        is_read_only=not targets,
        trigger_relations=frozenset(BY_NAME[str(name)].oid for name in listed("triggers")),
        materialized=MATERIALIZED if case.get("definitions") == "known" else {},
    )


def facts(case: Mapping[str, object]) -> Facts:
    classes = str(case.get("class", "select")).split()
    return Facts(
        StatementClass(classes[0]),
        has_where=case.get("where", "yes") == "yes",
        classes=frozenset(StatementClass(name) for name in classes),
    )

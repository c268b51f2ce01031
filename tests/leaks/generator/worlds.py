"""Three databases for the generated statements: two with other secrets, and a second copy of the first as a control."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.leaks.generator.kinds import KINDS
from tests.leaks.generator.schema import MATERIALIZED, TABLES, VIEWS, Column
from tests.servers import Database, Server

ROWS = 11

OTHER_DEFAULTS = {"derived": None, "aggregates": "mask", "predicates": "deny", "opaque": "deny"}


def _rules(masks: Mapping[str, Mapping[str, Any]], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {"masks": {name: dict(columns) for name, columns in masks.items() if columns}, "defaults": dict(defaults)}


def strict_rules() -> dict[str, Any]:
    """Nothing of a value is shown."""
    hidden = {f"public.{t}": {c.name: c.hidden for c in columns if c.is_masked} for t, columns in TABLES.items()}
    return _rules(hidden, OTHER_DEFAULTS)


def masking_rules() -> dict[str, Any]:
    """The masks of a real setup; predicates are denied, so that only masked cells may differ."""
    masks = {f"public.{t}": {c.name: c.mask for c in columns if c.is_masked} for t, columns in TABLES.items()}
    return _rules(masks, OTHER_DEFAULTS)


def make_role(server: Server, role: str) -> None:
    server.new_role(role)
    server.sql(f"ALTER ROLE \"{role}\" SET statement_timeout = '2s'")


def make_worlds(server: Server, name: str, role: str) -> tuple[Database, Database, Database]:
    """First, second, and the control: a copy of the first. OIDs are the same in all."""
    template = server.new_database(name)
    template.sql(_schema(role))
    worlds = []
    for place in (1, 2, 3):
        server.sql(f'DROP DATABASE IF EXISTS "{name}_{place}" WITH (FORCE)')
        server.sql(f'CREATE DATABASE "{name}_{place}" TEMPLATE "{name}" STRATEGY file_copy')
        worlds.append(Database(server, f"{name}_{place}"))
    first, second, control = worlds
    for world in (first, control):
        world.sql(_fill("(g * 37 + 11) % 101 + 1"))
    second.sql(_fill("((g * g * 53 + 29) % 997 + 7) / (1 + g % 2) % (3 + 300 * (g % 3))"))
    return first, second, control


def _schema(role: str) -> str:
    lines = [
        "create type mood as enum ('sad', 'ok', 'happy')",
        "create domain code as text check (length(value) < 9999)",
    ]
    for table, columns in TABLES.items():
        listed = ", ".join(f"{one.name} {_type(one)}" for one in columns)
        match table:
            case "people":
                listed += ", primary key (id), initial text generated always as (substr(ssn, 1, 1)) stored"
                lines.append(f"create table people ({listed})")
            case "events":
                lines.append(f"create table events ({listed}) partition by list (region)")
                lines += [f"create table events_{one} partition of events for values in ('{one}')" for one in "ab"]
            case "dogs":
                own = ", ".join(f"{one.name} {_type(one)}" for one in columns if one.name == "vet")
                lines.append(f"create table dogs ({own}) inherits (animals)")
            case _:
                lines.append(f"create table {table} ({listed}, primary key (id))")
    lines.append("alter table orders add foreign key (person_id) references people")
    lines += [f"create view {name} as {text}" for name, (text, _) in VIEWS.items()]
    lines.append(f"create materialized view {MATERIALIZED[0]} as {MATERIALIZED[1]}")
    lines += [
        f"alter table {one} set (autovacuum_enabled = false)"
        for one in (*(set(TABLES) - {"events"}), "events_a", "events_b", MATERIALIZED[0])
    ]
    lines.append(
        "do $$ declare r record; begin for r in select c.oid::regclass as name, c.relkind from pg_class c"
        " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm') loop"
        f" execute format('alter %s %s owner to \"{role}\"', case r.relkind when 'v' then 'view'"
        " when 'm' then 'materialized view' else 'table' end, r.name); end loop; end $$"
    )
    lines.append(f'alter schema public owner to "{role}"')
    return ";\n".join(lines)


def _type(column: Column) -> str:
    return "code" if column.name == "notes" else KINDS[column.kind].sql


def _fill(secret: str) -> str:
    """Without ANALYZE: plans, and with them the order of rows, follow the statistics of masked columns too."""
    lines = []
    for table, columns in TABLES.items():
        names = ", ".join(one.name for one in columns)
        values = ", ".join(one.value for one in columns)
        lines.append(
            f"insert into {table} ({names}) select {values} from (select g, ({secret})::int as s"
            f" from generate_series(1, {ROWS}) g) q order by g"
        )
    return ";\n".join([*lines, f"refresh materialized view {MATERIALIZED[0]}"])

"""The catalog of real servers, through the one query, in a client's own session."""

from __future__ import annotations

from collections.abc import Iterator

import asyncpg
import psycopg
import pytest

from pgproxy.catalog.decoding import merge, read_document
from pgproxy.catalog.model import FIRST_NORMAL_OID, Catalog, Constraint, Relation
from pgproxy.catalog.queries import CATALOG_QUERY, SESSION_CATALOG_QUERY
from pgproxy.catalog.reading import load_catalog
from pgproxy.catalog.versions import ARGUMENTS_STATEMENT, VERSIONS_QUERY, Objects, Snapshot
from tests.servers import Database

SCHEMA = """
create table people(id int primary key, name text, age int, double_age int generated always as (age * 2) stored);
create table orders(id int primary key, person int references people on delete cascade);
create table lines(id int, of_order int references orders);
create table parent(a int, b text); create table child(c int) inherits (parent);
create table grandchild() inherits (child);
create table parts(k int, v text) partition by list (k);
create table part1 partition of parts for values in (1);
create table by_expression(id int, v text) partition by range (lower(v), id);
create table keyed(id int primary key);
create table tested(a int primary key, b int unique, c int, d int references keyed (id), check (c > b));
create unique index on tested (abs(c)) where d > 0;
create view people_view as select id, name from people;
create materialized view people_stored as select id, name from people_view;
create function own(text) returns bool language sql immutable as 'select $1 <> ''''';
create function own_trigger() returns trigger language plpgsql as 'begin perform 1; return new; end';
create domain checked as text check (own(value));
create domain harmless as text check (value <> '');
create type pair as (a int, b checked);
create table with_types(c checked[], p pair, h harmless);
create table with_check(a text check (own(a)), b text default upper('x'));
create table with_index(a text); create index on with_index (own(a));
create table with_trigger(a text);
create trigger t before insert on with_trigger for each row execute function own_trigger();
create aggregate own_sum(int) (sfunc = int4pl, stype = int);
create function own_add(int, int) returns int language sql immutable as 'select $1 + $2';
create operator === (function = own_add, leftarg = int, rightarg = int);
create aggregate mine(int) (sfunc = own_add, stype = int);
create type mood as enum ('sad', 'happy'); create type span as range (subtype = float8);
create role catalog_reader login;
"""


@pytest.fixture(scope="module")
def reader(database: Database) -> Iterator[Database]:
    database.sql("drop role if exists catalog_reader")
    database.sql(SCHEMA)
    yield database
    database.sql("drop role if exists catalog_reader")


class Session:
    """One session, and objects of it by name."""

    def __init__(self, database: Database, user: str = "catalog_reader") -> None:
        self.connection = psycopg.connect(database.dsn(user), autocommit=True)

    def oid(self, kind: str, name: str) -> int:
        row = self.connection.execute(f"select '{name}'::pg_catalog.{kind}::pg_catalog.oid").fetchone()
        assert row is not None
        return int(row[0])

    def read(self, relations: tuple[str, ...] = (), **others: list[int]) -> Catalog:
        return merge(Catalog(), self.document([self.oid("regclass", name) for name in relations], **others))

    def document(
        self,
        relations: list[int],
        functions: list[int] | None = None,
        operators: list[int] | None = None,
        types: list[int] | None = None,
    ) -> str:
        arguments = [relations, functions or [], operators or [], types or []]
        row = psycopg.RawCursor(self.connection).execute(CATALOG_QUERY, arguments).fetchone()
        assert row is not None
        return str(row[0])

    def relation(self, name: str) -> Relation:
        return self.read((name,)).relations[self.oid("regclass", name)]

    def names(self, catalog: Catalog) -> set[str]:
        return {relation.name for oid, relation in catalog.relations.items() if oid >= FIRST_NORMAL_OID}


@pytest.fixture
def session(reader: Database) -> Iterator[Session]:
    made = Session(reader)
    yield made
    made.connection.close()


def test_a_relation_brings_its_inheritance_and_neighbours(session: Session) -> None:
    assert session.names(session.read(("child",))) == {"parent", "child", "grandchild"}
    assert session.names(session.read(("part1",))) == {"parts", "part1"}
    assert session.names(session.read(("orders",))) == {"orders", "people", "lines"}


def test_what_chooses_a_partition_is_read(session: Session) -> None:
    assert session.relation("parts").partition_key == {1}
    assert session.relation("by_expression").partition_key == {1, 2}
    assert session.relation("part1").partition_key == frozenset()


def test_what_a_row_is_tested_against_is_read(session: Session) -> None:
    catalog = session.read(("tested",))
    tested, keyed = (session.oid("regclass", name) for name in ("tested", "keyed"))
    found = [(one.kind, sorted(one.columns)) for one in catalog.relations[tested].constraints]
    assert sorted(found) == [
        ("c", [(tested, 2), (tested, 3)]),
        ("f", sorted([(tested, 4), (keyed, 1)])),
        ("u", [(tested, 1)]),
        ("u", [(tested, 2)]),
        ("u", [(tested, 3), (tested, 4)]),
    ]
    assert Constraint("f", frozenset({(tested, 4), (keyed, 1)})) in catalog.relations[keyed].constraints


def test_cascades_are_followed_to_their_end(session: Session) -> None:
    catalog = session.read(("people",))
    assert session.names(catalog) == {"people", "orders", "lines"}
    people, orders = (catalog.relations[session.oid("regclass", name)] for name in ("people", "orders"))
    assert (people.cascades, orders.cascades) == ((orders.oid,), ())


def test_a_materialized_view_brings_what_it_was_made_from(session: Session) -> None:
    catalog = session.read(("people_stored",))
    defined = {relation.name for relation in catalog.relations.values() if relation.definition}
    assert defined == {"people_stored", "people_view"}
    assert "people" in session.names(catalog)
    assert not session.relation("people_view").definition


def test_generated_columns_name_their_sources(session: Session) -> None:
    column = session.relation("people").columns[-1]
    assert (column.name, column.generated, set(column.sources)) == ("double_age", "s", {3})


def test_code_that_runs_on_a_write_is_named(session: Session) -> None:
    own = session.oid("regprocedure", "own(text)")
    assert session.relation("with_check").write_functions == (own,)
    assert session.relation("with_index").write_functions == (own,)
    assert session.relation("people").write_functions == ()
    assert session.relation("with_trigger").triggers
    assert not session.relation("orders").triggers


def test_types_that_run_code_are_found(session: Session) -> None:
    catalog = session.read(("with_types",))
    checked = {one.name for one in catalog.types.values() if one.is_user_checked}
    assert checked == {"checked", "_checked", "pair"}
    assert {"harmless", "text", "int4"} <= {one.name for one in catalog.types.values()}


def test_enums_and_ranges_are_described(session: Session) -> None:
    mood, span = (session.oid("regtype", name) for name in ("mood", "span"))
    types = session.read(types=[mood, span]).types
    assert types[mood].labels == ("sad", "happy")
    assert types[span].members == (701,) and 701 in types


def test_functions_bring_what_they_call(session: Session) -> None:
    mine, add = session.oid("regprocedure", "mine(int)"), session.oid("regprocedure", "own_add(int,int)")
    operator = session.oid("regoperator", "===(int,int)")
    catalog = session.read(functions=[mine], operators=[operator])
    assert add in catalog.functions[mine].calls and catalog.functions[mine].kind == "a"
    assert catalog.operators == {operator: add}
    assert (catalog.functions[add].schema, catalog.functions[add].language) == ("public", "sql")


def test_nothing_asked_is_nothing_answered(session: Session) -> None:
    catalog = session.read()
    assert catalog == Catalog(server_version=catalog.server_version)
    assert catalog.server_version in (15, 16, 17, 18)


def test_a_hostile_search_path_changes_nothing(reader: Database, session: Session) -> None:
    users = session.oid("regclass", "people")
    text = session.oid("regtype", "text")
    before = session.document([users], [2147], [98], [text])
    owner = Session(reader, "postgres")
    owner.connection.execute("""
        create schema hostile;
        create function hostile.no(oid, oid) returns bool language sql as 'select false';
        create operator hostile.= (function = hostile.no, leftarg = oid, rightarg = oid);
        create function hostile.unnest(oid[]) returns setof oid language sql as 'select null::oid where false';
        create view hostile.pg_class as select null::oid as oid;
        create function hostile.json_agg(anyelement) returns json language sql as 'select null::json';
        grant usage on schema hostile to public; grant select on hostile.pg_class to public;
    """)
    owner.connection.close()
    session.connection.execute("set search_path = hostile, pg_catalog")
    assert session.document([users], [2147], [98], [text]) == before


CHANGES = {
    "column": "alter table people rename column name to called",
    "constraint": "alter table people alter age set not null",
    "child": "create table late() inherits (people)",
    "trigger": "create trigger t after delete on people for each row execute function own_trigger()",
    "policy": "create policy p on people using (true)",
    "name": "alter table people rename to persons",
    "generated": "alter table people add later int generated always as (age + 1) stored",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_shows_in_the_version(reader: Database, change: str) -> None:
    session = Session(reader, "postgres")
    oid = session.oid("regclass", "people")
    with session.connection.transaction(force_rollback=True):
        before = merge(Catalog(), session.document([oid])).relations[oid].version
        assert before == merge(Catalog(), session.document([oid])).relations[oid].version
        session.connection.execute(change)
        assert before != merge(Catalog(), session.document([oid])).relations[oid].version
    session.connection.close()


def test_what_the_own_transaction_made_is_seen(session: Session) -> None:
    with session.connection.transaction(force_rollback=True):
        session.connection.execute("create temp table mine(secret text)")
        relation = session.relation("mine")
    assert relation.is_temporary and relation.columns[0].name == "secret"


@pytest.mark.parametrize("query", [SESSION_CATALOG_QUERY, VERSIONS_QUERY], ids=["catalog", "versions"])
@pytest.mark.parametrize("jit", ["on", "off"])
def test_the_queries_are_planned_without_jit_and_leave_it_as_it_was(reader: Database, query: str, jit: str) -> None:
    """Servers with JIT would compile them, for seconds, in a database of a thousand tables."""
    session = Session(reader, "postgres")

    def setting() -> str:
        row = session.connection.execute("SHOW jit").fetchone()
        assert row is not None
        return str(row[0])

    session.connection.execute(f"SET jit = {jit}")
    with session.connection.transaction():
        session.connection.execute(ARGUMENTS_STATEMENT.replace("$1", "%s"), ("{1259};{};{};{}",))
        assert setting() == "off"
        session.connection.execute(query.encode())
        assert setting() == jit
    assert setting() == jit
    session.connection.close()


async def test_the_whole_catalog_is_loaded(reader: Database) -> None:
    connection = await asyncpg.connect(reader.dsn("catalog_reader"))
    try:
        catalog = await load_catalog(connection)
    finally:
        await connection.close()
    names = {relation.qualified_name for relation in catalog.relations.values()}
    assert {"public.people", "public.people_view", "pg_catalog.pg_class", "information_schema.columns"} <= names
    assert len(catalog.functions) > 3000 and len(catalog.operators) > 700
    assert all(function in catalog.functions for function in catalog.operators.values() if function)
    by_name = {function.name for function in catalog.functions.values() if function.oid >= FIRST_NORMAL_OID}
    assert {"own", "own_sum"} <= by_name


def fingerprint_now(session: Session, objects: Objects) -> str:
    with session.connection.transaction():
        session.connection.execute(ARGUMENTS_STATEMENT.replace("$1", "%s"), (objects.argument.decode(),))
        row = session.connection.execute(VERSIONS_QUERY).fetchone()
    assert row is not None
    return str(row[0])


def test_the_versions_query_says_what_a_document_had(session: Session) -> None:
    relations = [session.oid("regclass", name) for name in ("people", "with_types", "people_stored", "parts")]
    functions = [session.oid("regprocedure", "own_sum(int)"), session.oid("regprocedure", "own(text)")]
    types = [session.oid("regtype", name) for name in ("mood", "pair", "span")]
    read = read_document(session.document(relations, functions, types=types))
    snapshot = Snapshot.of(Catalog(), read.catalog)
    assert snapshot.objects.relations > set(relations) and snapshot.objects.functions >= set(functions)
    assert snapshot.objects.types > set(types)
    assert fingerprint_now(session, snapshot.objects) == snapshot.fingerprint
    assert read.is_common


CHANGES_OF_VERSION = (
    "alter table people rename name to title",
    "alter table people add extra int",
    "alter table people alter age set default 1",
    "create index on people (age)",
    "alter table people add check (age > 0)",
    "create table more() inherits (people)",
    "create trigger t before insert on people for each row execute function own_trigger()",
    "create policy p on people using (true)",
    "create rule r as on delete to people do also nothing",
    "alter table orders drop constraint orders_person_fkey",
    "alter schema public rename to was",
    "create or replace aggregate own_sum(int) (sfunc = int4mul, stype = int)",
    "alter function own_add rename to own_plus",
    "alter type mood add value 'sadder' before 'sad'",
    "alter type mood rename value 'sad' to 'blue'",
    "alter domain harmless add constraint c check (own(value)) not valid",
    "alter type pair rename attribute a to z",
)


@pytest.mark.parametrize("change", CHANGES_OF_VERSION)
def test_a_change_makes_another_version_and_its_rollback_the_old_one(reader: Database, change: str) -> None:
    session = Session(reader, "postgres")
    relations = [session.oid("regclass", name) for name in ("people", "orders")]
    functions = [session.oid("regprocedure", name) for name in ("own_sum(int)", "own_add(int, int)")]
    types = [session.oid("regtype", name) for name in ("mood", "pair", "harmless")]
    document = session.document(relations, functions, types=types)
    before = Snapshot.of(Catalog(), read_document(document).catalog)
    with session.connection.transaction(force_rollback=True):
        session.connection.execute(change)
        changed = read_document(session.document(relations, functions, types=types))
        assert not changed.is_common
        assert fingerprint_now(session, before.objects) != before.fingerprint
    assert fingerprint_now(session, before.objects) == before.fingerprint
    session.connection.close()

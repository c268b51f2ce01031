"""Places where a masked column decides something and does not come out (W, C, I1, I2).

Closed by the walk over every field of every node of every query in the list.
"""

from __future__ import annotations

import struct

import pytest

from tests.attacks.attacker import Target, cells, error
from tests.leaks.test_protocol_attacks import SYNC, bind, execute, parse
from tests.net.raw_client import message

USES = [
    "select count(*) over (order by id rows between (select salary::int/1000 from users u where u.id=7) preceding"
    " and current row) from products",
    "select count(*) over w from products"
    " window w as (order by id groups (select salary::int from users limit 1) preceding)",
    "select id from products tablesample bernoulli ((select least(salary, 100)::float from users where id=1))",
    "select id from products tablesample system (100) repeatable ((select salary from users where id=1))",
    "update products set (sku, name) = (select ssn, email from users where id=1) where id=1 returning sku, name",
    "with x as (update products p set sku=u.ssn from users u where u.id=p.id returning sku) select sku from x",
    "merge into products p using users u on p.id=u.id when matched and u.ssn < '5' then update set name='x'",
    "select id from guarded",
    "select id from parted_low",
    "select id from products limit (select length(ssn) from users where id=1)",
    "select id from products order by (select ssn from users u where u.id = products.id)",
    "select x from xmltable('/a' passing '<a/>' columns x text default (select ssn from users limit 1))",
    "select t.* from users, json_table('[1]', '$[*]' passing ssn as s columns (x int path '$ ? ($s > 1)')) t",
    "delete from products where ctid = any(array(select ctid from users where ssn like '0%'))",
    "insert into products (id) select 1 where (select ssn from users where id=1) like '0%'",
    "insert into products (id, name) values (1, 'x') on conflict (id) do update set name = 'y'"
    " where (select ssn from users where id=1) like '0%'",
    "select 1 from products for update of products nowait offset (select ascii(ssn) from users where id=1)",
]
SCHEMA = """
create table guarded (id int);
insert into guarded values (1);
alter table guarded enable row level security;
create policy p on guarded using ((select ssn from public.users where id = 1) like '0%');
create table parted (id int, ssn text) partition by range (ssn);
create table parted_low partition of parted for values from ('0') to ('5');
insert into parted values (1, '001-45-6789');
create table ruled (id int);
create rule nothing as on delete to ruled do instead nothing;
create rule shows as on insert to ruled do instead select ssn from users;
create rule also as on update to ruled do also select ssn from users;
create function plain_list() returns setof public.products language sql stable as 'select * from public.products';
"""
RULES = {
    "masks": {
        "public.users": {"email": "redact", "ssn": "redact", "salary": None, "phone": "redact"},
        "public.parted": {"ssn": "redact"},
    },
    "defaults": {"predicates": "equality"},
}


@pytest.fixture(scope="module", autouse=True)
def schema(target: Target) -> None:
    target.database.sql(SCHEMA)
    target.database.sql(f'grant all on guarded, parted, parted_low, ruled to "{target.role}"')


@pytest.mark.parametrize("sql", USES)
def test_a_use_is_found_wherever_it_stands(target: Target, sql: str) -> None:
    """Refused as a use, or by the server itself where it does not know the syntax; never carried out."""
    with target.attacker() as attacker:
        attacker.ask("begin")
        assert error(attacker.ask(sql)).get("C", "carried out") in ("42501", "42601", "0A000", "42P10"), sql
        attacker.ask("rollback")


def test_the_partition_that_a_masked_column_chose_is_masked(target: Target) -> None:
    """C. `tableoid` carries the partition key."""
    with target.attacker() as attacker:
        assert cells(attacker.ask("select tableoid::regclass, tableoid from parted")) == [(None, None)]


def test_rules_of_the_rewriter(target: Target) -> None:
    """C. `<>` is an empty list, not a missing tree; of several queries each is walked."""
    with target.attacker() as attacker:
        assert error(attacker.ask("delete from ruled")).get("C", "42501") == "42501"
        assert error(attacker.ask("insert into ruled values (1)")).get("C", "42501") == "42501"
        assert error(attacker.ask("update ruled set id = 1")).get("C", "42501") == "42501"


@pytest.mark.parametrize("name", ["list_users", "plain_list"])
def test_an_inlined_function_does_not_go_round_in_circles(target: Target, name: str) -> None:
    """I1. Its body comes as a tree at each of the first Binds: at most one new decision for each execution."""
    parameter = b"\0\1" + struct.pack("!i", 1) + b"3"
    with target.attacker() as attacker:
        attacker.send(parse("s", f"select id from {name}() where id = $1"), SYNC)
        answers = [attacker.send(message(b"B", b"\0s\0\0\0" + parameter + b"\0\0"), execute(), SYNC) for _ in range(10)]
        shown = [error(answer).get("C") or cells(answer) for answer in answers]
        assert shown == [[(b"3",)]] * 10


@pytest.mark.parametrize(
    "sql",
    [
        f"select id from products where id in ({', '.join(map(str, range(100_000)))})",
        f"select length('{'x' * 5_000_000}') from products limit 1",
        f"select {' || '.join(['name'] * 6000)} from products limit 1",
        f"select {'(' * 3000}name{')' * 3000} from products limit 1",
    ],
    ids=["list", "literal", "chain", "depth"],
)
def test_a_large_statement_is_answered_or_refused(target: Target, sql: str) -> None:
    """I2. Limits on statement and tree; the reader is iterative, and the session goes on."""
    with target.attacker() as attacker:
        assert error(attacker.ask(sql)).get("C", "54000") in ("54000", "42501", "54001", "42601")
        assert cells(attacker.ask("select name from products where id = 1")) == [(b"p1",)]


def test_what_is_nested_too_deeply_is_refused_before_it_is_read(target: Target) -> None:
    """I2. No reader of the proxy's own would end with it."""
    with target.attacker() as attacker:
        answer = attacker.ask(f"select {'(' * 12_000}name{')' * 12_000} from products limit 1")
        assert "builtin.depth" in error(answer)["D"]
        assert cells(attacker.ask("select name from products where id = 1")) == [(b"p1",)]


def test_a_portal_of_a_refused_statement_does_not_exist(target: Target) -> None:
    with target.attacker() as attacker:
        attacker.send(parse("s", USES[0]), bind("", "s"), execute(), SYNC)
        assert error(attacker.send(bind("", "s"), execute(), SYNC))["C"] == "26000"

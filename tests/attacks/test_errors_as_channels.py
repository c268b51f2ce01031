"""Values in errors and notices (H8). Closed by `redacts`: the unit is the relation, to the end of the transaction.

Tried: with `redacts_errors` taken out of the decision eleven of these fail.
"""

from __future__ import annotations

import pytest

from tests.attacks.attacker import Target, error
from tests.leaks.test_protocol_attacks import SYNC, bind, execute, parse

SCHEMA = """
alter table users alter name set not null;
create table par (id int primary key, email text unique);
create table chi (id int, email text references par (email));
insert into par values (1, 'u1@x.com'); insert into chi values (1, 'u1@x.com');
create table dfr (id int, email text unique deferrable initially deferred);
insert into dfr values (1, 'U1@x.com'), (2, 'u1@X.com');
create function f_loud() returns trigger language plpgsql as
  $$ begin raise exception '%', (select ssn from public.users where id = 1); end $$;
create table loud (id int);
create trigger t before update on loud for each row execute function f_loud();
insert into loud values (1);
create table whispering (id int);
create function f_whisper() returns trigger language plpgsql as
  $$ begin raise notice '%', (select ssn from public.users where id = 1); return new; end $$;
create trigger t before insert on whispering for each row execute function f_whisper();
"""
RULES = {
    "masks": {
        "public.users": {"email": "redact", "ssn": "redact", "phone": "redact"},
        "public.par": {"email": "redact"},
        "public.chi": {"email": "redact"},
        "public.dfr": {"email": "redact"},
    },
    "defaults": {"predicates": "allow"},
}


@pytest.fixture(scope="module", autouse=True)
def schema(target: Target) -> None:
    target.database.sql(SCHEMA)
    tables = "par, chi, dfr, loud, whispering"
    target.database.sql(f'grant all on {tables} to "{target.role}"')


@pytest.mark.parametrize(
    ("sql", "states"),
    [
        ("update users set name = null where id = 1", {"23502"}),
        ("insert into users(id, name) values (1, 'x') on conflict (id) do update set name = null", {"23502"}),
        ("delete from par where id = 1", {"23503"}),
        ("insert into chi values (2, 'nobody')", {"23503"}),
        ("insert into par values (2, 'u1@x.com')", {"23505", "42501"}),
        ("update loud set id = 2", {"P0001", "42501"}),
        ("insert into whispering values (1)", {"", "42501"}),
        ("select ssn::int from users where id = 1", {"22P02"}),
        ("select 1 from users where ssn::int = 1", {"22P02"}),
        ("select ('{' || ssn)::jsonb from users", {"22P02"}),
    ],
)
def test_an_error_quotes_no_row(target: Target, sql: str, states: set[str]) -> None:
    with target.attacker() as attacker:
        assert error(attacker.ask(sql)).get("C", "") in states
        assert error(attacker.send(parse("", sql), bind("", ""), execute(), SYNC)).get("C", "") in states


@pytest.mark.parametrize(
    "end", ["commit", "set constraints all immediate", "prepare transaction 'x'", "select 1; commit"]
)
def test_a_deferred_constraint_speaks_at_the_end(target: Target, end: str) -> None:
    with target.attacker() as attacker:
        attacker.ask("begin")
        attacker.ask("update dfr set email = lower(email)")
        attacker.ask(end)
        attacker.ask("rollback")


def test_it_speaks_at_sync_too(target: Target) -> None:
    """In an implicit transaction the error comes after CommandComplete."""
    with target.attacker() as attacker:
        batch = parse("", "update dfr set email = lower(email)"), bind("", ""), execute()
        answer = attacker.send(*batch, parse("", "select 1"), bind("", ""), execute(), SYNC)
        assert error(answer)["C"] in ("23505", "42501")
        assert error(attacker.ask("update dfr set email = lower(email); select 1"))["C"] in ("23505", "42501")

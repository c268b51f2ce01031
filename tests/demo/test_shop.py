"""The shop's rows: the same everywhere, believable, and what the login may do with them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import yaml

import pgproxy.demo
from pgproxy.demo.shop import PEOPLE, load_shop, make_shop
from tests.servers import Database, Server

SHOP = make_shop(people=400, orders=900)
RULES = yaml.safe_load((Path(pgproxy.demo.__path__[0]) / "rules.yaml").read_text())
PASSWORD = "it's a secret"


def test_shop_is_the_same_every_time() -> None:
    assert make_shop(people=400, orders=900) == SHOP


def test_addresses_are_distinct_and_reserved_for_examples() -> None:
    addresses = [row[2] for row in SHOP.tables["users"]]
    assert len(set(addresses)) == len(addresses)
    assert all(re.fullmatch(r"[a-z0-9._]+@(example\.(com|org|net)|\w+\.example)", address) for address in addresses)


def test_card_numbers_have_their_check_digit() -> None:
    for card in {row[3] for row in SHOP.tables["orders"]} - {None}:
        digits = [int(digit) for digit in card]
        assert len(digits) == 16
        assert sum(digits[1::2] + [sum(divmod(2 * digit, 10)) for digit in digits[::2]]) % 10 == 0


def test_totals_are_the_sums_of_their_items() -> None:
    sums: dict[int, int] = {}
    for order, _, _, quantity, price in SHOP.tables["order_items"]:
        sums[order] = sums.get(order, 0) + quantity * price
    assert sums == {row[0]: row[2] for row in SHOP.tables["orders"]}


def test_some_notes_hold_what_must_not_get_out() -> None:
    notes = " ".join(row[7] for row in SHOP.tables["users"] if row[7])
    for personal in (r"\S+@\S+\.example", r"555-01\d\d", r"\d{3}-\d\d-\d{4}", r"\b4\d{15}\b"):
        assert re.search(personal, notes)


@pytest.fixture(scope="module")
def shop(postgres: Server) -> Iterator[Database]:
    database = postgres.new_database("demo_shop")
    asyncio.run(load_shop(database.dsn(sslmode="disable"), PASSWORD))
    yield database


def test_shop_has_its_people_and_views(shop: Database) -> None:
    assert shop.sql("SELECT count(*) FROM user_directory") == [(PEOPLE,)]
    assert shop.sql("SELECT count(*) FROM monthly_order_totals") == [(25,)]


def test_login_reads_and_writes_and_owns_nothing(shop: Database) -> None:
    with psycopg.connect(shop.dsn("app", PASSWORD), autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (PEOPLE,)
        connection.execute("INSERT INTO users (id, name, email) VALUES (0, 'New', 'new@example.com')")
        connection.execute("UPDATE users SET name = 'Newer' WHERE id = 0")
        for forbidden in ("DELETE FROM users", "CREATE TABLE own (i int)", "DROP VIEW user_directory"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden)
    shop.sql("DELETE FROM users WHERE id = 0")


def test_logins_statements_stay_out_of_the_servers_log(shop: Database) -> None:
    assert shop.sql("SHOW log_min_messages", user="app") == [("panic",)]


def test_rules_name_columns_that_exist(shop: Database) -> None:
    existing = {f"{schema}.{table}.{column}" for schema, table, column in shop.sql(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
    )}  # fmt: skip
    named = {f"{table}.{column}" for table, columns in RULES["masks"].items() for column in columns if "*" not in table}
    assert named
    assert named <= existing

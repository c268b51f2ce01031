"""A database of cards that are shown as tokens, with a proxy in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.proxies import ProxyProcess
from tests.servers import Database

RULES = """
masks:
  public.cards:
    card: {tokenize: digits}
    name: {tokenize: alnum}
    label: {tokenize: alnum}
    account: {tokenize: digits}
    small: {tokenize: digits}
    amount: {tokenize: digits}
    key: {tokenize: digits}
    tags: {tokenize: alnum}
  public.orders: {card: {tokenize: digits}, other: hash}
  public.checked: {card: {tokenize: digits}}
  public.parents: {card: {tokenize: digits}}
  public.watched: {card: {tokenize: digits}}
  public.parts: {card: {tokenize: digits}}
limits:
  - {name: guessing, for: [agent], probes: 3, per: hour}
"""
SCHEMA = """
CREATE TABLE cards (
    id int PRIMARY KEY, card varchar(25) UNIQUE, name text, label char(12), account bigint, small int, amount
    numeric(12,2), key uuid, tags text[], note text);
INSERT INTO cards VALUES
    (1, '4111-1111-1111-1111', 'Ada''s 1815 \\ x', 'AB-12345', 9007199254740993, 1815, 75000.50,
     '00000000-0000-0000-0000-000000000001', '{Ada1,"B b2",NULL}', 'n1'),
    (2, '4242 4242 4242 4242', 'Bob Stone 77', 'ZZ-00001', -12345678, -42, -1234.56,
     '00000000-0000-0000-0000-000000000002', '{}', 'n2'),
    (3, '', '...', 'Q', 7, 0, 0.01, '00000000-0000-0000-0000-000000000003', NULL, 'n3'),
    (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'n4'),
    (5, 'none', 'Żółć', 'X-9', 77777777, 5, 10.00, '00000000-0000-0000-0000-000000000005', '{Zz9}', 'n5');
CREATE TABLE orders (id int, card text, other text, plain text);
INSERT INTO orders VALUES (10, '4111-1111-1111-1111', 'o', 'p'), (20, '4242 4242 4242 4242', 'o', 'p');
CREATE TABLE checked (card text CHECK (card LIKE '4%'));
CREATE TABLE parts (card text) PARTITION BY RANGE (card);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('4') TO ('5');
CREATE TABLE parents (card text PRIMARY KEY);
CREATE TABLE children (card text REFERENCES parents ON UPDATE CASCADE);
CREATE TABLE watched (card text, note text);
CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.note := NEW.card; RETURN NEW; END';
CREATE TRIGGER watch BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION watch();
CREATE VIEW cards_v AS SELECT id, card, note FROM cards;
CREATE VIEW raw_v AS SELECT id, note FROM cards WHERE card = '4111-1111-1111-1111';
"""
COLUMNS = ("card", "name", "label", "account", "small", "amount", "key")


@dataclass(frozen=True)
class Place:
    database: Database
    proxy: ProxyProcess

    @contextmanager
    def connected(self, **options: Any) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.dsn, autocommit=True, **options) as connection:
            yield connection

    @property
    def dsn(self) -> str:
        return self.proxy.dsn(self.database.name, "agent", "secret")

    def shown(self) -> dict[str, dict[int, Any]]:
        """Column → id → token."""
        with self.connected() as connection:
            rows = connection.execute(f"SELECT id, {', '.join(COLUMNS)} FROM cards").fetchall()
        return {name: {row[0]: row[at] for row in rows} for at, name in enumerate(COLUMNS, 1)}


@contextmanager
def started(database: Database, folder: Path) -> Iterator[Place]:
    with psycopg.connect(database.dsn(), autocommit=True) as connection:
        connection.execute(SCHEMA)
    identities: dict[str, object] = {"agent": {"password": "secret", "upstream": {"user": "postgres"}}}
    with ProxyProcess(folder, database.dsn(), rules=RULES, identities=identities) as proxy:
        yield Place(database, proxy)

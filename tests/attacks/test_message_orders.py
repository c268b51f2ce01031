"""Random orders of messages over a few names and statements: none brings a stored secret out.

Portals, statements and cursors of the same names are made, replaced, closed and used again within pipelines, across
savepoints and failures, with Flush and without, while views change their meaning.
"""

from __future__ import annotations

import random

import pytest

from tests.attacks.attacker import Target
from tests.leaks.test_protocol_attacks import HARMLESS, RAW, SYNC, bind, close, describe, execute, parse
from tests.net.raw_client import message, query

FLUSH = message(b"H")
STATEMENTS = [
    HARMLESS,
    RAW,
    "select x from v where true",
    "create or replace temp view v as select id, name as x from products",
    "create or replace temp view v as select id, ssn as x from users",
    "create temp table c as select ssn as x from users",
    "begin",
    "commit",
    "rollback",
    "savepoint a",
    "rollback to a",
    "declare p cursor for select id, name from products",
    "declare p cursor for select id, ssn from users",
    "declare q scroll cursor with hold for select x from v",
    "fetch 2 from p",
    "fetch all from q",
    "close p",
    "close all",
    "prepare s as select id, name from products",
    "prepare s as select ssn from users",
    "prepare t as select x from v",
    "execute s",
    "execute t",
    "deallocate s",
    "deallocate all",
    "discard all",
    "copy (select x from v) to stdout",
    "copy users (id, ssn) to stdout",
    "select ssn::int from users",
    "select 1 from nowhere",
    "set search_path = evil, public",
    "set search_path = public",
    "select x from v_t limit 2",
    "explain select x from v",
]
NAMES, PORTALS = ("", "s", "t"), ("", "p", "q")


def _messages(chance: random.Random) -> list[bytes]:
    """One packet, up to its Sync."""
    made: list[bytes] = []
    for _ in range(chance.randint(1, 7)):
        name, portal = chance.choice(NAMES), chance.choice(PORTALS)
        match chance.choice("ppbbbeeeedcfq"):
            case "p":
                made.append(parse(name, chance.choice(STATEMENTS)))
            case "b":
                made.append(bind(portal, name, chance.choice(((), (), (1,), (0, 1)))))
            case "e":
                made.append(execute(portal, chance.choice((0, 0, 1))))
            case "d":
                made.append(describe(*chance.choice((("S", name), ("P", portal)))))
            case "c":
                made.append(close(*chance.choice((("S", name), ("P", portal)))))
            case "f":
                made.append(FLUSH)
            case _:
                return [*made, SYNC, query("; ".join(chance.sample(STATEMENTS, chance.randint(1, 3))))]
    return [*made, SYNC]


@pytest.mark.parametrize("seed", range(6))
def test_no_order_of_messages_tells(target: Target, seed: int) -> None:
    chance = random.Random(seed)
    with target.attacker() as attacker:
        attacker.ask("create temp view v as select id, name as x from products")
        for _ in range(120):
            packet = _messages(chance)
            attacker.send(*packet)
            if packet[-1] is not SYNC:
                attacker.more()


def test_a_query_behind_a_declare_in_one_packet_leaves_the_session_alive(target: Target) -> None:
    """The Query waits for the answers before it; the message behind it must not wait for ever."""
    with target.attacker() as attacker:
        attacker.send(parse("t", "declare c cursor with hold for select id, name from products"), SYNC)
        attacker.send(bind("", "t"), execute(), SYNC, query("rollback to a"))
        attacker.more()
        attacker.send(describe("S", "t"), SYNC)

"""Orders of messages that no common driver sends, and that the protocol allows."""

from __future__ import annotations

from itertools import product

import pytest

from pgproxy.wire import trace
from pgproxy.wire.query import Bind, Close, Describe, Execute, Flush, Parse, Query, Sync
from tests.clients.people import COLUMNS, EVERYTHING, Place
from tests.clients.statements import READS
from tests.clients.wire_client import connected

TEXT, BINARY = (0,), (1,)
MIXED = tuple(number % 3 % 2 for number in range(2 + 2 * len(COLUMNS)))
ONE = "SELECT id, name, salary, tags FROM users WHERE id = $1"
ALL = "SELECT id, email, plain_email FROM users ORDER BY id"

DATES = "SELECT birth_date, joined, seen_at, lasted FROM users ORDER BY id"


def bind(number: int, statement: str = "", portal: str = "", formats: tuple[int, ...] = TEXT) -> Bind:
    return Bind(portal, statement, BINARY, (number.to_bytes(4),), formats)


CONVERSATIONS: dict[str, list[trace.Message]] = {
    "without Describe": [Parse("", EVERYTHING), Bind("", ""), Execute(""), Sync()],
    "without Describe, binary": [Parse("", EVERYTHING), Bind("", "", result_formats=BINARY), Execute(""), Sync()],
    "without Describe, formats mixed": [Parse("", EVERYTHING), Bind("", "", (), (), MIXED), Execute(""), Sync()],
    "statement described": [Parse("s", EVERYTHING), Describe("S", "s"), Bind("", "s"), Execute(""), Sync()],
    "portal described": [
        Parse("s", EVERYTHING), Bind("p", "s", (), (), MIXED), Describe("P", "p"), Execute("p"), Sync(),
    ],
    "described after it ran": [
        Parse("s", ONE, (23,)), bind(1, "s", "p"), Execute("p"), Describe("P", "p"), Describe("S", "s"), Sync(),
    ],
    "described once, bound often, every format": [
        Parse("s", ONE, (23,)), Describe("S", "s"), Sync(),
        *(message for number, formats in product(range(6), (TEXT, BINARY, (0, 1, 0, 1), ()))
          for message in (bind(number, "s", "", formats), Execute(""), Sync())),
    ],
    "bound often, described never, one Sync": [
        Parse("s", ONE, (23,)),
        *(message for number in range(20) for message in (bind(number % 6, "s"), Execute(""))),
        Sync(),
    ],
    "several portals of one statement in turn": [
        Query("BEGIN"), Parse("s", ALL), Bind("a", "s", (), (), TEXT), Bind("b", "s", (), (), BINARY),
        *(Execute(portal, 1) for _ in range(4) for portal in "ab"),
        Close("P", "a"), Execute("b"), Sync(), Query("COMMIT"),
    ],
    "portal in parts": [
        Parse("s", ALL), Bind("p", "s"), Execute("p", 2), Execute("p", 2), Execute("p", 2), Execute("p", 2), Sync(),
    ],
    "portal in parts over several Syncs": [
        Query("BEGIN"), Parse("", ALL), Bind("p", ""), Execute("p", 1), Sync(), Execute("p", 3), Sync(),
        Query("SELECT name FROM users WHERE id = 2"), Execute("p", 0), Sync(), Query("COMMIT"), Execute("p"), Sync(),
    ],
    "portal of a statement that was replaced": [
        Query("BEGIN"), Parse("", ALL), Bind("p", ""), Execute("p", 1), Parse("", "SELECT id, plain_name FROM users"),
        Bind("q", ""), Execute("p", 1), Execute("q", 1), Execute("p"), Sync(), Query("COMMIT"),
    ],
    "portal of a statement that was closed": [
        Query("BEGIN"), Parse("s", ALL), Bind("p", "s"), Close("S", "s"), Execute("p", 2), Execute("p"), Sync(),
        Query("ROLLBACK"),
    ],
    "portal replaced by one of another shape": [
        Parse("a", ALL), Parse("b", ONE, (23,)), Bind("", "a"), bind(1, "b", "", BINARY), Execute(""), Sync(),
    ],
    "returned rows in parts": [
        Query("BEGIN"), Parse("", "DELETE FROM users WHERE id < 5 RETURNING id, name, plain_name"),
        Bind("p", ""), Execute("p", 1), Execute("p"), Sync(), Query("ROLLBACK"),
    ],
    "rows asked for with Flush alone": [
        Parse("", ALL), Flush(), Describe("S", ""), Flush(), Bind("", ""), Flush(), Execute(""), Flush(), Sync(),
    ],
    "nothing to run": [
        Parse("", ""), Describe("S", ""), Bind("", ""), Describe("P", ""), Execute(""), Sync(), Query(""), Query(";"),
        Query("-- nothing"), Sync(),
    ],
    "utility statements": [
        Parse("", "BEGIN"), Bind("", ""), Execute(""), Parse("", "SET TimeZone = 'Asia/Tokyo'"), Bind("", ""),
        Describe("P", ""), Execute(""), Parse("s", "SHOW TimeZone"), Describe("S", "s"), Bind("", "s"), Execute(""),
        Parse("", "SELECT seen_at FROM users ORDER BY id"), Bind("", ""), Execute(""),
        Parse("", "ROLLBACK"), Bind("", ""), Execute(""), Sync(), Query("SHOW TimeZone"),
    ],
    "style set in the same string": [
        Query(f"SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'iso_8601'; {DATES}"), Query(DATES),
        Query(f"SET TimeZone = 'Asia/Tokyo'; {DATES}"), Query(f"RESET ALL; {DATES}"),
    ],
    "style set and taken back in one string": [
        Query(f"BEGIN; SET LOCAL DateStyle = 'German'; {DATES}; ROLLBACK; {DATES}"),
        Query("BEGIN"), Query(f"SET DateStyle = 'SQL, DMY'; SAVEPOINT s; SET DateStyle = 'German'; {DATES};"
                              f"ROLLBACK TO s; {DATES}"), Query(f"ROLLBACK; {DATES}"),
    ],
    "utility statement in place of a query": [
        Parse("", ALL), Bind("", ""), Execute(""), Parse("", "SHOW TimeZone"), Bind("", ""), Execute(""), Sync(),
    ],
    "script": [
        Query(f"{ALL}; SELECT 1; SELECT count(name) FROM users; DELETE FROM users WHERE false RETURNING mood"),
    ],
    "script that ends an unnamed statement": [Parse("", ALL), Query("SELECT 1"), Bind("", ""), Execute(""), Sync()],
    "unnamed portal after a script": [
        Query("BEGIN"), Parse("", ALL), Bind("", ""), Execute("", 1), Query("SELECT 1"), Execute(""), Sync(),
        Query("ROLLBACK"),
    ],
    "no such statement or portal": [
        Bind("", "nosuch"), Sync(), Execute("nosuch"), Sync(), Describe("S", "nosuch"), Sync(), Describe("P", "nosuch"),
        Sync(), Close("S", "nosuch"), Close("P", "nosuch"), Sync(),
    ],
    "name taken": [Parse("s", ALL), Parse("s", ALL), Sync(), Bind("", "s"), Execute(""), Sync()],
    "wrong number of formats": [Parse("", ALL), Bind("", "", (), (), (0, 1)), Execute(""), Sync()],
    "wrong number of parameters": [Parse("", ONE, (23,)), Bind("", ""), Sync(), Query("SELECT name FROM users")],
    "bad parameter": [Parse("", ONE), Bind("", "", TEXT, (b"one",)), Execute(""), Sync(), Query("SELECT 1")],
    "syntax error": [Parse("", "SELEKT"), Bind("", ""), Execute(""), Sync(), Query("SELEKT"), Query("SELECT 1; x y")],
    "no such table": [Parse("", "TABLE nosuch"), Sync(), Query("TABLE nosuch"), Query("SELECT nosuch FROM users")],
    "two statements in a Parse": [Parse("", "SELECT 1; SELECT 2"), Bind("", ""), Execute(""), Sync()],
    "failure while running": [
        Parse("", "SELECT name, 1 / (id - 3) FROM users ORDER BY id"), Bind("", ""), Execute(""),
        Parse("", ALL), Bind("", ""), Execute(""), Sync(), Query("SELECT 1"),
    ],
    "failure while a script runs": [Query("SELECT name FROM users WHERE id = 1; SELECT 1 / 0; SELECT 2")],
    "many Syncs": [
        Sync(), Sync(), Query("SELECT 1"), Sync(), Parse("", ALL), Sync(), Bind("", ""), Execute(""), Sync(),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_answers_are_as_direct(place: Place, name: str) -> None:
    said = []
    for dsn in (place.masked, place.seen):
        with connected(dsn) as client:
            said.append(client.ask(*CONVERSATIONS[name]))
    assert said[0] == said[1]


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_answers_are_as_direct_when_messages_come_one_by_one(place: Place, name: str) -> None:
    """Each with a Flush, and the next only when something of the server's was read."""
    said = []
    for dsn in (place.masked, place.seen):
        with connected(dsn) as client:
            heard = []
            for message in CONVERSATIONS[name]:
                client.send([message])
                if isinstance(message, Sync | Query):
                    heard += client.hear("ReadyForQuery")
            said.append(heard)
    assert said[0] == said[1]


@pytest.mark.parametrize("formats", [TEXT, BINARY], ids=["text", "binary"])
def test_rows_of_statements_never_described_are_as_direct(place: Place, formats: tuple[int, ...]) -> None:
    with connected(place.masked) as masked, connected(place.seen) as seen:
        for asked in READS:
            values = tuple(str(value).encode() for value in asked.parameters)
            messages = (Parse("", asked.sql), Bind("", "", TEXT, values, formats), Execute(""), Sync())
            assert masked.ask(*messages) == seen.ask(*messages), asked.title


def test_a_query_behind_a_failure_without_sync_is_skipped(place: Place) -> None:
    """The server skips all messages up to Sync, so there is one ReadyForQuery for both."""
    fails: list[trace.Message] = [Parse("", "SELECT 1 / (id - 3) FROM users"), Bind("", ""), Execute("")]
    said = []
    for dsn in (place.masked, place.seen):
        with connected(dsn) as client:
            client.send([*fails, Query("SELECT name FROM users"), Sync()])
            heard = client.hear("ReadyForQuery")
            client.send([Query("SELECT 2")])
            said.append([*heard, *client.hear("ReadyForQuery")])
    assert said[0] == said[1]

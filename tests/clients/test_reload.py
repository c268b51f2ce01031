"""SIGHUP: new rules count from the next statement, also for statements prepared before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.clients.people import RULES, Place

NAMES = "SELECT id, name, plain_name FROM users WHERE name IS NOT NULL ORDER BY id"
REAL = [(1, "Ada Lovelace"), (2, "Žofie Nováková"), (3, 'it\'s \\ "quoted"\t☃'), (5, "Ada Lovelace")]

REVEALED = RULES.replace("    name: {fake: name}\n", "")
REDACTED = RULES.replace("    name: {fake: name}\n", "    name: redact\n")
DENIED = f"{RULES}deny:\n  - {{name: nobody-reads, on: [select], tables: [public.users]}}\n"


@pytest.fixture(autouse=True)
def rules_as_before(place: Place) -> Iterator[None]:
    yield
    place.proxy.reload(RULES)
    assert names(place.masked)[0][1] not in ("Ada Lovelace", "[redacted]", "")


def names(dsn: str) -> list[tuple[int, str]]:
    """What a new session sees; a denial is seen as an empty name."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        try:
            return [(row[0], row[1]) for row in connection.execute(NAMES)]
        except psycopg.errors.InsufficientPrivilege:
            return [(0, "")]


def prepared(connection: psycopg.Connection[Any], *, binary: bool = False) -> list[tuple[int, str]]:
    return [(row[0], row[1]) for row in connection.execute(NAMES, prepare=True, binary=binary)]


def test_prepared_statement_follows_new_rules(place: Place) -> None:
    with psycopg.connect(place.masked, autocommit=True) as connection:
        before = prepared(connection), prepared(connection, binary=True)
        place.proxy.reload(REVEALED)
        assert names(place.masked) == REAL
        assert prepared(connection) == prepared(connection, binary=True) == REAL
        place.proxy.reload(REDACTED)
        assert names(place.masked)[0][1] == "[redacted]"
        redacted = [(number, "[redacted]") for number, _ in REAL]
        assert prepared(connection) == prepared(connection, binary=True) == redacted
        place.proxy.reload(RULES)
        assert names(place.masked) == before[0]
        assert (prepared(connection), prepared(connection, binary=True)) == before


def test_prepared_statement_is_denied_by_a_new_rule(place: Place) -> None:
    with psycopg.connect(place.masked, autocommit=True) as connection:
        before = prepared(connection)
        place.proxy.reload(DENIED)
        assert names(place.masked) == [(0, "")]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            prepared(connection)
        place.proxy.reload(RULES)
        assert names(place.masked) == before
        assert prepared(connection) == before


def test_session_that_was_not_analysed_ends_when_its_identity_gets_masks(place: Place) -> None:
    connection = psycopg.connect(place.revealed, autocommit=True)
    assert prepared(connection) == REAL
    place.proxy.reload(RULES.split("reveal:")[0])
    assert names(place.revealed) == names(place.masked)
    with pytest.raises(psycopg.errors.AdminShutdown):
        prepared(connection)
    connection.close()


def test_bad_rules_are_refused_and_the_old_ones_stay(place: Place) -> None:
    before = names(place.masked)
    assert "fak" in place.proxy.reload("masks:\n  public.users:\n    name: {fak: name}\n")
    assert names(place.masked) == before
    assert place.proxy.is_running

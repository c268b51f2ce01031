"""One value has one mask: in every format, session, identity's view, and after a restart of the proxy."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest
from psycopg import pq

from tests.clients.people import ALL_COLUMNS, COLUMNS, EVERYTHING, MASKED, PLAIN, ROWS, Place, text_rows
from tests.servers import Database

Values = list[tuple[bytes | None, ...]]


def fetched(dsn: str, statement: str, result_format: int) -> tuple[Values, list[int]]:
    """The raw values of a result, and the types of its columns."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        result = connection.pgconn.exec_params(statement.encode(), [], result_format=result_format)
        assert result.status == pq.ExecStatus.TUPLES_OK, result.error_message
        columns = range(result.nfields)
        assert all(result.fformat(at) == result_format for at in columns)
        values = [tuple(result.get_value(row, at) for at in columns) for row in range(result.ntuples)]
        return values, [result.ftype(at) for at in columns]


def as_text(dsn: str, values: Values, types: Sequence[str]) -> list[tuple[str | None, ...]]:
    """The text of values in binary format, by the word of the server."""
    statement = "SELECT " + ", ".join(f"${number}::{name}" for number, name in enumerate(types, 1))
    rows: list[tuple[str | None, ...]] = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        for row in values:
            result = connection.pgconn.exec_params(statement.encode(), row, None, [1] * len(row))
            assert result.status == pq.ExecStatus.TUPLES_OK, result.error_message
            texts = [result.get_value(0, at) for at in range(len(row))]
            rows.append(tuple(None if text is None else text.decode() for text in texts))
    return rows


def test_masked_and_plain_columns_are_told_apart(place: Place) -> None:
    real, masked = text_rows(place.raw, EVERYTHING), text_rows(place.masked, EVERYTHING)
    names = ALL_COLUMNS.split(", ")
    assert len(real) == len(masked) == ROWS
    for real_row, masked_row in zip(real, masked, strict=True):
        for name, value, seen in zip(names, real_row, masked_row, strict=True):
            if name in MASKED:
                assert (value is None) == (seen is None), name
                assert value is None or value != seen, name
            else:
                assert value == seen, name
    assert set(MASKED).isdisjoint(PLAIN)


def test_equal_values_have_equal_masks(place: Place) -> None:
    rows = text_rows(place.masked, EVERYTHING)
    assert rows[0][2:] == rows[4][2:]
    assert rows[0][2:] != rows[1][2:]


def test_binary_format_is_masked_as_text_format(place: Place) -> None:
    values, types = fetched(place.masked, EVERYTHING, 1)
    assert types == fetched(place.raw, EVERYTHING, 1)[1]
    declared = ["int", "int", *(column.type for column in COLUMNS for _ in (0, 1))]
    assert as_text(place.raw, values, declared) == text_rows(place.masked, EVERYTHING)


@pytest.mark.parametrize("result_format", [0, 1], ids=["text", "binary"])
def test_bytes_are_those_of_the_server_for_the_masked_value(place: Place, result_format: int) -> None:
    assert fetched(place.masked, EVERYTHING, result_format) == fetched(place.seen, EVERYTHING, result_format)


def test_sessions_at_the_same_time_see_the_same(place: Place) -> None:
    found: list[Values] = []
    threads = [
        threading.Thread(target=lambda number=number: found.append(fetched(place.masked, EVERYTHING, number % 2)[0]))
        for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(found) == 12
    assert len({repr(values) for values in found}) == 2


@pytest.fixture
def restarted(database: Database, place: Place, tmp_path: Path) -> Iterator[Place]:
    """Another proxy, with the same key and rules."""
    other = place.proxy.__class__(
        tmp_path / "again", place.proxy.upstream, rules=place.proxy.rules, identities=place.proxy.identities
    )
    with other:
        yield Place(database, other, place.reader, place.seer)


def test_masks_survive_a_restart(place: Place, restarted: Place) -> None:
    for result_format in (0, 1):
        before, after = (fetched(one.masked, EVERYTHING, result_format) for one in (place, restarted))
        assert before == after
    assert restarted.proxy.stop() == 0

"""A trace shows the shape of a message and nothing of what it says."""

from __future__ import annotations

from typing import Literal, cast

import pytest

from pgproxy.wire import trace
from tests.wire.messages import TYPED, Row

LINES = {
    "Bind-37": "F 37 Bind portal=1B statement=1B parameter_formats=[1 0] parameters=[4B NULL 0B] result_formats=[1]",
    "Describe-9": "F 9 Describe kind=S name=2B",
    "Execute-11": "F 11 Execute portal=1B max_rows=100",
    "Sync-5": "F 5 Sync",
    "PasswordMessage-16": "F password",
    "RowDescription-51": "B 51 RowDescription fields=[(2B 16385 1 23 0) (4B 0 0 1043 1)]",
    "ErrorResponse-38": "B 38 ErrorResponse fields=S6B V5B 42P01 M4B P2B",
    "ReadyForQuery-6": "B 6 ReadyForQuery status=I",
    "AuthenticationMD5Password-13": "B 13 AuthenticationMD5Password salt=4B",
    "BackendKeyData-13": "B 13 BackendKeyData process_id=4711 secret=4B",
}


def sender_of(row: Row) -> Literal["F", "B"]:
    return cast(Literal["F", "B"], row.sender[0])


@pytest.mark.parametrize("row", TYPED, ids=str)
def test_every_message_has_a_line_of_its_name(row: Row) -> None:
    line = trace.line(sender_of(row), row.data)
    assert "password" in line if row.message.tag == b"p" else type(row.message).__name__ in line


@pytest.mark.parametrize("name, line", LINES.items())
def test_line_shows_sizes_in_place_of_content(name: str, line: str) -> None:
    row = next(row for row in TYPED if str(row) == name)
    assert trace.line(sender_of(row), row.data) == line


@pytest.mark.parametrize("row", [row for row in TYPED if row.message.tag != b"p"], ids=str)
def test_frame_is_decoded_by_its_sender(row: Row) -> None:
    assert trace.decode(sender_of(row), row.data) == row.message


def test_malformed_message_has_a_line_too() -> None:
    assert trace.line("F", b"Q\0\0\0\x08name") == "F 9 malformed Query message"
    assert trace.line("B", b"\xff\0\0\0\4") == "B 5 a message of unknown type"

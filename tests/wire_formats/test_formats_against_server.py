"""Every codec against the server's own bytes, in every DateStyle, time zone and IntervalStyle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pgproxy.masking.valuetypes import ArrayType, value_type
from pgproxy.wire.formats import arrays
from pgproxy.wire.formats.codec import Codec
from tests.servers import Database
from tests.wire_formats.raw_connection import RawConnection
from tests.wire_formats.type_samples import SAMPLES, SETUP, STYLES

SPELLED_OTHERWISE = {"json", "jsonb", "jsonb[]"}


@pytest.fixture(scope="module")
def raw(database: Database) -> Iterator[RawConnection]:
    database.sql(SETUP)
    connection = RawConnection(database.dsn())
    yield connection
    connection.close()


def literals(sql_type: str) -> str:
    rows = ", ".join(
        f"({number}, '{text.replace(chr(39), chr(39) * 2)}')" for number, text in enumerate(SAMPLES[sql_type])
    )
    return f"select v::{sql_type} from (values {rows}) s(n, v) order by n"


@pytest.mark.parametrize("style", STYLES, ids=lambda style: " ".join(style.values()))
@pytest.mark.parametrize("sql_type", SAMPLES)
def test_text_and_binary_of_the_server_are_read_alike_and_written_back(
    raw: RawConnection, sql_type: str, style: dict[str, str]
) -> None:
    raw.set(style)
    text, binary = (raw.query(literals(sql_type), result_format=code) for code in (0, 1))
    known = value_type(text.type_oid, text.typmod, raw.types(), raw.parameters())
    assert known is not None
    for as_text, as_binary in zip(text.values, binary.values, strict=True):
        assert as_text is not None and as_binary is not None
        if isinstance(known, ArrayType):
            codec = known.element.codec
            read: list[list[Any]] = [[], []]

            def through_text(data: bytes, codec: Codec = codec, read: list[list[Any]] = read) -> bytes:
                read[0].append(codec.from_text(data))
                return codec.to_text(read[0][-1])

            def through_binary(data: bytes, codec: Codec = codec, read: list[list[Any]] = read) -> bytes:
                read[1].append(codec.from_binary(data))
                return codec.to_binary(read[1][-1])

            written_text = arrays.map_text(as_text, through_text, known.delimiter)
            written_binary = arrays.map_binary(as_binary, through_binary)
            assert [codec.canonical(value) for value in read[0]] == [codec.canonical(value) for value in read[1]]
        else:
            codec = known.codec
            from_text, from_binary = codec.from_text(as_text), codec.from_binary(as_binary)
            assert codec.canonical(from_text) == codec.canonical(from_binary)
            written_text, written_binary = codec.to_text(from_binary), codec.to_binary(from_text)
            if known.is_padded:
                written_text, written_binary = (
                    known.fit_text(written, cut=False) or b"" for written in (written_text, written_binary)
                )
        assert written_binary == as_binary
        assert written_text == as_text

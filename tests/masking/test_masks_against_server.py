"""Every mask on the server's own values of every type: the server takes the result back as a value of the type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from pgproxy.catalog.model import Type
from pgproxy.masking.check import mask_fits
from pgproxy.masking.functions import mask_function
from pgproxy.policy.masks import Null, Redact
from tests.masking.every_mask import EVERY_MASK, KEYS
from tests.servers import Database
from tests.wire_formats.raw_connection import RawConnection
from tests.wire_formats.type_samples import SAMPLES, SETUP, STYLES

BASE_TYPES = {"positive": "int4", "short_text": "varchar", "short_text[]": "varchar[]"}

REREADABLE = {"DateStyle": "Postgres, MDY", "TimeZone": "<+0530>-05:30", "IntervalStyle": "iso_8601"}
"""Servers before 18 do not read the abbreviations back that they write (LMT, the IST of India)."""

Served = tuple[RawConnection, Mapping[int, Type]]


@pytest.fixture(scope="module")
def served(database: Database) -> Iterator[Served]:
    database.sql(SETUP)
    connection = RawConnection(database.dsn())
    yield connection, connection.types()
    connection.close()


@pytest.mark.parametrize("style", (STYLES[0], REREADABLE), ids=("ISO", "Postgres"))
@pytest.mark.parametrize("name", EVERY_MASK)
def test_the_server_accepts_what_a_mask_gives(served: Served, name: str, style: dict[str, str]) -> None:
    raw, types = served
    mask = EVERY_MASK[name]
    raw.set(style)
    parameters = raw.parameters()
    for sql_type, literals in SAMPLES.items():
        rows = ", ".join(f"({n}, '{text.replace(chr(39), chr(39) * 2)}')" for n, text in enumerate(literals))
        statement = f"select v::{sql_type} from (values {rows}) s(n, v) order by n"
        masked: list[list[bytes | None]] = []
        reread: list[list[bytes | None]] = []
        for code in (0, 1):
            column = raw.query(statement, result_format=code)
            function = mask_function(mask, column.type_oid, column.typmod, code, types, KEYS, parameters)
            results = [None if value is None else function(value) for value in column.values]
            fits = mask_fits(mask, types[column.type_oid], types, column.typmod) is None
            if not fits or isinstance(mask, Null):
                assert set(results) == {None}, (sql_type, "a mask that does not fit gives NULL")
            masked.append(results)
            # As text: so that both formats can be compared by what the server reads in them.
            # A domain's column comes as its base type, and its CHECK is not looked at (docs/masks.md).
            back = f"select $1::{BASE_TYPES.get(sql_type, sql_type)}::text"
            reread.append([raw.query(back, (value,), code).values[0] for value in results])
        assert reread[0] == reread[1], (sql_type, "text and binary agree")
        for text, value in zip(literals, masked[1], strict=True):
            if fits and value is None and not isinstance(mask, Null | Redact):
                assert is_excused(name, sql_type, text), (sql_type, text, "NULL for a value that the mask fits")


def is_excused(name: str, sql_type: str, text: str) -> bool:
    if name in ("digits", "tokenize-digits", "tokenize-alnum") and text.lstrip("-") in ("NaN", "Infinity"):
        return True
    if name == "tokenize-digits" and sql_type not in ("text",):
        return not any(character.isdigit() for character in text)
    if name.startswith("tokenize"):
        return not text.isascii() or not any(character.isdigit() for character in text)
    if name == "json":  # text that is no JSON
        return sql_type in ("text", "varchar", "varchar(12)", "char(8)", "name", '"char"', "short_text")
    # Longer than the column.
    if name.startswith("fake") and sql_type in ("numeric(4,4)", "numeric(3,-2)"):
        return True
    return name.startswith(("fake", "tokenize")) and sql_type in ("varchar(12)", "char(8)", '"char"', "name")

"""The tables of the store. They are made where they are missing; a release only ever adds to them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Float, Integer, LargeBinary, MetaData, Table, Text

METADATA: Final = MetaData()

PINS: Final = Table(
    "pgproxy_pins",
    METADATA,
    Column("database", Text, primary_key=True),
    Column("relation", BigInteger, primary_key=True, autoincrement=False),
    Column("attnum", Integer, primary_key=True, autoincrement=False),
    Column("entry", Text, primary_key=True),
)
"""Which mask entry covered which stored column when it was first seen; `entry` is its key in the rules."""

PROBES: Final = Table(
    "pgproxy_probes",
    METADATA,
    Column("identity", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("at", Float, nullable=False, index=True),
)
"""Distinct constants that an identity compared with masked columns, as keyed digests; `at` in seconds since 1970."""

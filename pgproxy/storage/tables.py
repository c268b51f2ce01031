"""The tables of the store. They are made where they are missing; a release only ever adds to them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, MetaData, Table, Text

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

APPROVALS: Final = Table(
    "pgproxy_approvals",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("identity", Text, nullable=False),
    Column("binding", Text, nullable=False, index=True),
    Column("instance", Text, nullable=False),
    Column("requested_at", Float, nullable=False, index=True),
    Column("status", Text, nullable=False, index=True),
    Column("is_open", Boolean, nullable=False, index=True),
    Column("asked", Text, nullable=False),
)
"""Requests; `status` and `is_open` repeat what the events say, to find them by."""

APPROVAL_EVENTS: Final = Table(
    "pgproxy_approval_events",
    METADATA,
    Column("approval", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("event", Text, nullable=False),
)
"""From 1, only added to: of two that would be next one is refused."""

INSTANCES: Final = Table(
    "pgproxy_instances",
    METADATA,
    Column("instance", Text, primary_key=True),
    Column("seen_at", Float, nullable=False),
)
"""Proxies that are alive, or were: what a dead one held is settled by the others."""

PROBES: Final = Table(
    "pgproxy_probes",
    METADATA,
    Column("identity", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("at", Float, nullable=False, index=True),
)
"""Distinct constants that an identity compared with masked columns, as keyed digests; `at` in seconds since 1970."""

UNDELIVERED: Final = Table(
    "pgproxy_undelivered",
    METADATA,
    Column("message", Text, primary_key=True),
    Column("at", Float, nullable=False, index=True),
    Column("entry", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("approval", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("problem", Text, nullable=False),
)
"""Notifications that were given up. Not what they said: a link would be in it."""

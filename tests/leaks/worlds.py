"""Two databases that differ in nothing but secrets, and what a client sees of each through a proxy.

The second world is a copy of the first, so that OIDs are the same and answers can be compared byte by byte.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pgproxy.errors import ProxyError
from pgproxy.statements.grammar import split
from pgproxy.wire import results
from tests.net.raw_client import RawClient, fields_of, message, query
from tests.servers import Database, Server

FOLDER = Path(__file__).parent

HIDDEN: dict[str, dict[str, Any]] = {
    "public.users": {
        "email": "redact",
        "phone": "redact",
        "ssn": "redact",
        "salary": None,
        "notes": "redact",
        "profile": None,
    },
    "public.orders": {"card_number": "redact"},
    "public.mv_users": {"ssn": "redact"},
}
"""Masks that show nothing of a value."""

STRICT: dict[str, Any] = {
    "masks": HIDDEN,
    "defaults": {"derived": None, "aggregates": "mask", "predicates": "deny", "opaque": "deny"},
}
DEFAULT: dict[str, Any] = {
    "masks": {
        "public.users": {
            "email": {"fake": "email"},
            "phone": "digits",
            "ssn": {"partial": {"keep_last": 4}},
            "salary": {"round": 10000},
            "notes": {"scrub": ["email", "phone", "ssn", "credit_card"]},
            "profile": {"json": {"$.ssn": "redact"}},
        },
        "public.orders": {"card_number": {"tokenize": "digits"}},
        "public.mv_users": {"ssn": {"partial": {"keep_last": 4}}},
    }
}

OWNER = """
    alter schema public owner to {role};
    alter schema evil owner to {role};
    do $$ declare r record; begin
      for r in select c.oid::regclass as name, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace
               where n.nspname in ('public', 'evil') and c.relkind in ('r', 'v', 'm')
      loop
        execute format('alter %s %s owner to {role}',
          case r.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end, r.name);
      end loop;
    end $$;
"""
"""The client owns what it attacks: the strongest rights that a role without SUPERUSER has."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One line of statements.sql."""

    group: str
    sql: str

    @property
    def statements(self) -> list[str]:
        """One by one; the whole text where the grammar refuses it."""
        try:
            return [raw.text for raw in split(self.sql)] or [self.sql]
        except ProxyError:
            return [self.sql]


def attacks() -> list[Attack]:
    found: list[Attack] = []
    group = ""
    for line in (FOLDER / "statements.sql").read_text().splitlines():
        if heading := re.match(r"-- group ([A-Z]):", line):
            group = heading[1]
        elif line and not line.startswith("--"):
            sql, _, _ = line.rpartition("--[")
            found.append(Attack(group, sql.strip().replace(r"-- \n", "-- \n")))
    return found


def make_worlds(server: Server, name: str, role: str, extra: str = "") -> tuple[Database, Database]:
    server.new_role(role)
    first = server.new_database(f"{name}_first")
    first.sql((FOLDER / "schema.sql").read_text() + extra)
    first.sql(OWNER.format(role=role))
    server.sql(f'DROP DATABASE IF EXISTS "{name}_second" WITH (FORCE)')
    server.sql(f'CREATE DATABASE "{name}_second" TEMPLATE "{name}_first" STRATEGY file_copy')
    second = Database(server, f"{name}_second")
    second.sql((FOLDER / "second_world.sql").read_text())
    return first, second


Cell = bytes | None


@dataclass(frozen=True, slots=True)
class Seen:
    """One message as the client sees it."""

    tag: bytes
    body: bytes = b""
    cells: tuple[Cell, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()


_PLACES = frozenset("PpLF")
"""Fields of an error that say where it was raised: in the client's own text, and in the server's source."""

SECRETS = re.compile(
    rb"\b\d{3}-\d\d-(6789|1111)\b|\bu\d+@x\.com|\bz\d+@other\.net|\b555-000\d|\b777-\d|\b4111-\d|\b5999-\d"
)
"""What ssn, email, phone and card_number look like in the two worlds."""


def seen(messages: Sequence[tuple[bytes, bytes]]) -> list[Seen]:
    return [_seen(tag, body) for tag, body in messages]


def _seen(tag: bytes, body: bytes) -> Seen:
    if tag == b"D":
        return Seen(tag, cells=tuple(_cells(body)))
    if tag == b"d":  # COPY in text format
        return Seen(tag, cells=tuple(None if cell == b"\\N" else cell for cell in body[:-1].split(b"\t")))
    if tag in (b"E", b"N"):
        fields = {code: text for code, text in fields_of(body).items() if code not in _PLACES}
        return Seen(tag, fields=tuple(sorted(fields.items())))
    if tag == b"T":
        columns = results.RowDescription.decode(body).fields
        # The OID of what this very session made is the next one of its database's counter.
        return Seen(tag, repr([replace(column, table_oid=0) for column in columns]).encode())
    return Seen(tag, body)


def _cells(body: bytes) -> Iterator[Cell]:
    at = 2
    for _ in range(int.from_bytes(body[:2], "big")):
        (length,) = struct.unpack_from("!i", body, at)
        at += 4
        yield None if length < 0 else body[at : at + length]
        at += max(length, 0)


def _string(text: str) -> bytes:
    return text.encode() + b"\0"


def extended(sql: str) -> bytes:
    """Parse, Bind, Describe, Execute, Sync of the unnamed statement and portal."""
    return b"".join(
        (
            message(b"P", b"\0" + _string(sql) + b"\0\0"),
            message(b"B", b"\0\0" + bytes(6)),
            message(b"D", b"P\0"),
            message(b"E", b"\0" + bytes(4)),
            message(b"S"),
        )
    )


class Client:
    """A connection to one world that starts every attack from the same state: settings go with the transaction, too."""

    def __init__(self, port: int, database: str, role: str) -> None:
        self._address = (port, database, role)
        self._connection: RawClient | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.socket.close()
            self._connection = None

    def simple(self, sql: str) -> list[Seen]:
        """As one simple Query, whatever number of statements it is."""
        return self._rolled_back([query(sql)])[0]

    def one_by_one(self, statements: Sequence[str]) -> list[list[Seen]]:
        """Each in the extended protocol, all in one transaction."""
        return self._rolled_back([extended(sql) for sql in statements])

    def _rolled_back(self, requests: Sequence[bytes]) -> list[list[Seen]]:
        connection = self._open()
        connection.ask("begin")
        answers: list[list[Seen]] = []
        for request in requests:
            connection.send(request)
            answers.append(seen(connection.read_until(b"Z")))
            if answers[-1][-1].tag != b"Z":
                self.close()
                return answers
        # PREPARE stays.
        if any(connection.ask(undo)[-1][0] != b"Z" for undo in ("rollback", "deallocate all")):
            self.close()
        return answers

    def _open(self) -> RawClient:
        if self._connection is None:
            port, database, role = self._address
            self._connection = RawClient(port)
            self._connection.log_in(role, database)
        return self._connection

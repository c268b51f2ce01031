"""Orders of protocol messages that once brought a stored secret past its decision. None may again.

Each attack is a list of packets; each packet is sent whole and read to its ReadyForQuery. The client owns the tables.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence

import pytest
import yaml

from tests.leaks.worlds import DEFAULT, SECRETS, STRICT, make_worlds, seen
from tests.net.raw_client import RawClient, message, query
from tests.proxies import ProxyProcess
from tests.servers import Database, Server

LONG = "n" * 63
SYNC = message(b"S")
RAW = "select id, ssn from users where id < 3"
HARMLESS = "select id, name from products where id < 3"


def _text(text: str) -> bytes:
    return text.encode() + b"\0"


def parse(name: str, sql: str) -> bytes:
    return message(b"P", _text(name) + _text(sql) + b"\0\0")


def bind(portal: str, statement: str, formats: Sequence[int] = ()) -> bytes:
    codes = struct.pack(f"!H{len(formats)}h", len(formats), *formats)
    return message(b"B", _text(portal) + _text(statement) + bytes(4) + codes)


def describe(kind: str, name: str) -> bytes:
    return message(b"D", kind.encode() + _text(name))


def execute(portal: str = "", rows: int = 0) -> bytes:
    return message(b"E", _text(portal) + struct.pack("!i", rows))


def close(kind: str, name: str) -> bytes:
    return message(b"C", kind.encode() + _text(name))


def run(statement: str) -> bytes:
    return bind("", statement) + execute() + SYNC


SAFE_VIEW = query("create temp view v as select id, name as x from products")
SECRET_VIEW = query("create or replace temp view v as select id, ssn as x from users")
DENIED_VIEW = query("create or replace temp view v as select id, ssn as x from users where ssn > '0'")
OF_VIEW = parse("s", "select x from v") + SYNC

ATTACKS: dict[str, list[bytes]] = {
    "statement names that the server cuts to the same 63 bytes": [
        parse(LONG + "x", HARMLESS) + SYNC,
        close("S", LONG + "y") + parse(LONG + "y", RAW) + SYNC,
        run(LONG + "x"),
    ],
    "portal names that the server cuts to the same 63 bytes": [
        query("begin"),
        parse("a", HARMLESS) + parse("b", RAW) + bind(LONG + "x", "a") + SYNC,
        close("P", LONG + "y") + bind(LONG + "y", "b") + execute(LONG + "x") + SYNC,
    ],
    "a view that changes under a prepared statement": [SAFE_VIEW, OF_VIEW, SECRET_VIEW, run("s"), run("s")],
    "a change that is refused at the first Bind": [SAFE_VIEW, OF_VIEW, DENIED_VIEW, run("s"), run("s")],
    "a change that is announced by a Bind that fails": [
        SAFE_VIEW,
        OF_VIEW,
        SECRET_VIEW,
        bind("", "s", (0, 0, 0)) + SYNC,
        run("s"),
    ],
    "a change that is announced by Describe": [SAFE_VIEW, OF_VIEW, SECRET_VIEW, describe("S", "s") + SYNC, run("s")],
    "an old portal beside a new decision": [
        query("begin"),
        query("create temp view v as select id, ssn as x from users"),
        parse("s", "select x from v") + bind("old", "s") + SYNC,
        query("create or replace temp view v as select id, name as x from products"),
        bind("new", "s") + execute("old", 2) + SYNC,
        execute("old", 2) + SYNC,
    ],
    "a rename of the view between Parse and Bind": [
        SAFE_VIEW,
        query("create temp view w as select id, ssn as x from users"),
        OF_VIEW,
        query("drop view v; create temp view v as select id, ssn as x from users"),
        run("s"),
        run("s"),
    ],
    "DEALLOCATE and a new meaning in one packet": [
        parse("s", HARMLESS) + SYNC,
        parse("d", "deallocate s") + bind("", "d") + execute() + parse("s", RAW) + bind("", "s") + execute() + SYNC,
        run("s"),
    ],
    "DISCARD ALL fails and the name stays": [
        parse("s", RAW) + SYNC,
        query("begin"),
        query("discard all"),
        query("rollback"),
        run("s"),
    ],
    "a refused unnamed statement after a harmless one": [
        parse("", HARMLESS) + SYNC,
        parse("", "select id, ssn from users order by ssn") + SYNC,
        run(""),
    ],
    "a simple Query leaves its statement and portal": [
        query("begin"),
        parse("", HARMLESS) + bind("", "") + SYNC,
        query(RAW),
        execute() + SYNC,
        run(""),
    ],
    "portals and savepoints": [
        query("begin"),
        parse("a", HARMLESS) + parse("b", RAW) + bind("p", "b") + SYNC,
        query("savepoint one"),
        close("P", "p") + bind("p", "a") + SYNC,
        query("rollback to one"),
        execute("p") + SYNC,
        query("rollback"),
    ],
    "a portal closed by its SQL name and bound anew": [
        query("begin"),
        parse("a", HARMLESS) + parse("b", RAW) + bind("p", "a") + SYNC,
        query("close p"),
        bind("p", "b") + execute("p") + SYNC,
    ],
    "a search path that changes": [
        parse("s", "select x from v_t") + SYNC,
        query("set search_path = evil, public"),
        run("s"),
        query("set search_path = public; set search_path = evil; select x from v_t"),
    ],
    "a Query inside a batch that failed": [
        parse("", "select 1/0") + bind("", "") + execute() + query(RAW) + SYNC,
        query("select 1"),
    ],
    "FunctionCall and stray COPY messages": [
        message(b"d", b"x") + message(b"c") + message(b"f", b"x\0") + parse("", RAW) + run(""),
        message(b"F", struct.pack("!IHHH", 2022, 0, 0, 0)),
    ],
}


@pytest.fixture(scope="module")
def role() -> str:
    return f"protocol_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"


@pytest.fixture(scope="module")
def database(postgres: Server, role: str) -> Database:
    return make_worlds(postgres, role, role)[0]


@pytest.fixture(scope="module", params=[STRICT, DEFAULT], ids=["strict", "default"])
def proxy(
    database: Database, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProxyProcess]:
    rules = yaml.safe_dump(request.param, sort_keys=False)
    with ProxyProcess(tmp_path_factory.mktemp("protocol"), database.dsn(), rules=rules) as running:
        yield running
    assert "Traceback" not in running.log


@pytest.mark.parametrize("name", ATTACKS)
def test_no_order_of_messages_shows_a_stored_secret(
    proxy: ProxyProcess, database: Database, role: str, name: str
) -> None:
    with RawClient(proxy.port) as client:
        client.log_in(role, database.name)
        for packet in ATTACKS[name]:
            client.send(packet)
            for answer in seen(client.read_until(b"Z")):
                assert answer.tag, "the proxy closed the connection"
                assert not any(SECRETS.search(cell) for cell in answer.cells if cell), f"{answer.cells}"
                assert not any(SECRETS.search(text.encode()) for _, text in answer.fields)


def test_a_statement_whose_analysis_is_cut_off_never_runs(proxy: ProxyProcess, database: Database, role: str) -> None:
    """`statement_timeout` runs from Parse on and may end the proxy's own reading of the catalog."""
    with RawClient(proxy.port) as client:
        client.log_in(role, database.name)
        for milliseconds in (1, 2, 3, 4, 5, 6):
            for packet in (
                parse("slow", f"set statement_timeout = {milliseconds}") + SYNC,
                parse("", "select 1") + SYNC,
                bind("q", "slow") + execute("q") + SYNC,
                parse("", RAW) + SYNC,
                parse("evil", "insert into products(id, name) select id + 5000, ssn from users") + SYNC,
                parse("fast", "set statement_timeout = 0") + bind("q", "fast") + execute("q") + SYNC,
                run(""),
                run("evil"),
                query("deallocate all"),
                query("select name from products where id > 5000"),
            ):
                client.send(packet)
                cells = [cell for answer in seen(client.read_until(b"Z")) for cell in answer.cells if cell]
                assert not any(SECRETS.search(cell) for cell in cells)

"""Large objects by FunctionCall, as libpq makes the calls: a masked client's own ones as direct, all others refused."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgproxy.session.large_objects import FUNCTIONS
from pgproxy.wire import trace
from pgproxy.wire.query import Bind, Execute, Flush, FunctionCall, Parse, Query, Sync
from tests.clients.people import AGENT, AGENT_PASSWORD, DBA, DBA_PASSWORD, RULES, Place
from tests.clients.wire_client import Said, connected
from tests.proxies import ProxyProcess

BINARY = (1,)
OIDS = {function.name: oid for oid, function in FUNCTIONS.items()}
READ, WRITE = 0x40000, 0x20000
BOTH = READ | WRITE
SECRET = b"078-05-1120 Ada Lovelace"
WAIT_SECONDS = 15.0
DENIED = ("ErrorResponse", "42501")
READY, READY_IN_BLOCK, READY_FAILED = (("ReadyForQuery", status) for status in "ITE")
RULES_WITHOUT_CALLS = f"{RULES}deny:\n  - {{name: no-calls, on: [function_call]}}\n"

_numbers = itertools.count(900_000)


def call(name: str, *arguments: int | bytes) -> FunctionCall:
    types = FUNCTIONS[OIDS[name]].types
    widths = {"int4": 4, "oid": 4, "int8": 8}
    given = tuple(
        one if isinstance(one, bytes) else one.to_bytes(widths[kind], signed=kind != "oid")
        for one, kind in zip(arguments, types, strict=True)
    )
    return FunctionCall(OIDS[name], BINARY, given, 1)


def answered(said: list[Said]) -> list[bytes | None]:
    """What the calls returned; the last message must be ReadyForQuery, and none an error."""
    assert not [one for one in said if one[0] == "ErrorResponse"], said
    return [one[1] for one in said if one[0] == "FunctionCallResponse"]  # type: ignore[misc]


NUMBER = 800_001
MADE: list[trace.Message] = [
    Query("BEGIN"), call("lo_create", NUMBER), call("lo_open", NUMBER, BOTH), call("lowrite", 0, b"some\0bytes"),
]  # fmt: skip

CONVERSATIONS: dict[str, list[trace.Message]] = {
    "each function": [
        *MADE, call("lo_tell", 0), call("lo_tell64", 0), call("lo_lseek", 0, -5, 1), call("loread", 0, 100),
        call("lo_lseek64", 0, 2, 0), call("loread", 0, 3), call("lo_truncate", 0, 4), call("lo_lseek", 0, 0, 2),
        call("lo_truncate64", 0, 6), call("lo_lseek", 0, 0, 0), call("loread", 0, 100), call("lo_close", 0),
        Query("COMMIT"), call("lo_unlink", NUMBER),
    ],
    "each call in a transaction of its own": [
        call("lo_create", NUMBER), call("lo_open", NUMBER, BOTH), call("lo_unlink", NUMBER), Query("SELECT 1"),
    ],
    "opened again later": [
        *MADE, Query("COMMIT"), Query("BEGIN"), call("lo_open", NUMBER, READ), call("loread", 0, 9), Query("COMMIT"),
        call("lo_unlink", NUMBER),
    ],
    "several descriptors": [
        *MADE, call("lo_create", NUMBER + 1), call("lo_open", NUMBER, READ), call("lo_open", NUMBER + 1, BOTH),
        call("lowrite", 2, b"other"), call("lo_lseek", 2, 0, 0), call("loread", 1, 4), call("loread", 2, 9),
        call("lo_close", 1), call("lo_open", NUMBER + 1, READ), call("loread", 1, 9), Query("ROLLBACK"),
    ],
    "savepoints": [
        Query("BEGIN; SAVEPOINT a"), *MADE[1:], Query("SAVEPOINT b"), call("lowrite", 0, b"more"),
        call("lo_open", NUMBER, READ), Query("ROLLBACK TO b"), call("lo_lseek", 0, 0, 0), call("loread", 0, 99),
        Query("RELEASE a; COMMIT"), call("lo_unlink", NUMBER),
    ],
    "a closed object that is gone": [*MADE, call("lo_unlink", NUMBER), call("lo_close", 0), Query("COMMIT")],
    "rolled back": [
        *MADE, Query("ROLLBACK"), *MADE, call("lo_lseek", 0, 0, 0), call("loread", 0, 4), Query("ROLLBACK"),
    ],
    "made twice": [call("lo_create", NUMBER), call("lo_create", NUMBER), call("lo_unlink", NUMBER)],
    "the server's own errors": [
        *MADE, call("lo_lseek", 0, -99, 0), call("loread", 0, 1), Query("ROLLBACK"),
        Query("BEGIN"), call("lo_create", NUMBER), call("lo_open", NUMBER, READ), call("lowrite", 0, b"x"),
        Query("ROLLBACK"), call("lo_create", NUMBER), call("lo_open", NUMBER, 0), call("lo_unlink", NUMBER),
        Query("SELECT 1"),
    ],
    "in a failed transaction": [
        *MADE, Query("SELECT 1/0"), call("loread", 0, 1), call("lo_creat", BOTH), Query("COMMIT"), Query("SELECT 1"),
    ],
    "behind an extended batch": [
        Parse("", "SELECT 1"), Bind("", ""), Execute(""), Sync(), Query("BEGIN"), Parse("", "SELECT 2"), Bind("", ""),
        Execute(""), Sync(), *MADE[1:], Parse("", "SELECT 3"), Bind("", ""), Execute(""), Sync(),
        call("lo_lseek", 0, 0, 0), call("loread", 0, 4), Query("ROLLBACK"),
    ],
    "behind statements without Sync": [
        Query("BEGIN"), Parse("", "SELECT 2"), Bind("", ""), Execute(""), *MADE[1:], Query("ROLLBACK"),
    ],
    "its own transaction at another isolation level": [
        Query("BEGIN ISOLATION LEVEL SERIALIZABLE"), *MADE[1:], call("lo_lseek", 0, 0, 0), call("loread", 0, 4),
        call("lo_unlink", NUMBER), Query("COMMIT"),
    ],
    "after the session forgets its statements": [
        *MADE, Query("COMMIT"), Query("DEALLOCATE ALL"), Query("BEGIN"), call("lo_open", NUMBER, READ),
        call("loread", 0, 4), Query("COMMIT"), Query("DISCARD ALL"), call("lo_unlink", NUMBER),
    ],
    "read only": [
        Query("BEGIN READ ONLY"), Query("ROLLBACK"), call("lo_create", NUMBER), Query("BEGIN READ ONLY"),
        call("lo_open", NUMBER, READ), call("loread", 0, 1), Query("COMMIT"), call("lo_unlink", NUMBER),
    ],
    "how libpq finds them": [
        Query("select proname, oid from pg_catalog.pg_proc where proname in ('lo_open', 'lo_close', 'lo_creat',"
              " 'lo_create', 'lo_unlink', 'lo_lseek', 'lo_lseek64', 'lo_tell', 'lo_tell64', 'lo_truncate',"
              " 'lo_truncate64', 'loread', 'lowrite') and pronamespace = (select oid from pg_catalog.pg_namespace"
              " where nspname = 'pg_catalog') order by 1"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_own_objects_are_as_direct(place: Place, name: str) -> None:
    said = []
    for dsn in (place.masked, place.seen):
        with connected(dsn) as client:
            said.append(client.ask(*CONVERSATIONS[name]))
    assert said[0] == said[1]


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_own_objects_are_as_direct_call_by_call(place: Place, name: str) -> None:
    said = []
    for dsn in (place.masked, place.seen):
        with connected(dsn) as client:
            heard = []
            for message in CONVERSATIONS[name]:
                client.send([message])
                if isinstance(message, Sync | Query | FunctionCall):
                    heard += client.hear("ReadyForQuery")
            said.append(heard)
    assert said[0] == said[1]


def test_a_call_behind_a_failure_is_skipped_as_the_server_does(place: Place) -> None:
    failing: list[trace.Message] = [Parse("", "SELECT 1 / (id - 1) FROM users"), Bind("", ""), Execute("")]
    said = []
    for dsn in (place.masked, place.seen):
        with connected(dsn) as client:
            client.send([*failing, call("lo_create", NUMBER), Flush()])
            heard = client.ask(Sync(), Query("SELECT count(*) FROM pg_largeobject_metadata WHERE oid = 800001"))
            said.append(heard)
    assert said[0] == said[1]


def test_the_table_is_that_of_the_servers(place: Place) -> None:
    for oid, function in FUNCTIONS.items():
        rows = place.database.server.sql(
            f"SELECT proname, (SELECT array_agg(format_type(one, NULL) ORDER BY at) FROM"
            f" unnest(proargtypes) WITH ORDINALITY AS a (one, at)), pronamespace::regnamespace::text"
            f" FROM pg_proc WHERE oid = {oid}"
        )
        names = {"integer": "int4", "bigint": "int8", "oid": "oid", "bytea": "bytea"}
        assert [(rows[0][0], tuple(names[one] for one in rows[0][1]), rows[0][2])] == [
            (function.name, function.types, "pg_catalog")
        ]


# What is not the session's own ------------------------------------------------------------------------------------


@pytest.fixture
def number(place: Place) -> Iterator[int]:
    """An OID of a large object, which is unlinked at the end."""
    number = next(_numbers)
    yield number
    with psycopg.connect(place.database.dsn(), autocommit=True) as dba:
        dba.execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata WHERE oid = %s", [number])


def put_secret(dba: psycopg.Connection[tuple[object, ...]], place: Place, number: int) -> None:
    """Another large object under that OID; the database role that the client comes as may do all with it."""
    dba.execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata WHERE oid = %s", [number])
    dba.execute("SELECT lo_from_bytea(%s, %s)", [number, SECRET])
    dba.execute(f'ALTER LARGE OBJECT {number} OWNER TO "{place.reader}"')


def replace(place: Place, number: int) -> None:
    with psycopg.connect(place.database.dsn(), autocommit=True) as dba:
        put_secret(dba, place, number)


def assert_refused(said: list[Said], *, ready: Said = READY) -> None:
    assert said == [DENIED, ready], said


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
def test_objects_of_others_are_refused(place: Place, number: int, isolation: str) -> None:
    replace(place, number)
    with connected(place.masked) as client:
        assert_refused(client.ask(call("lo_open", number, READ)))
        assert_refused(client.ask(call("lo_unlink", number)))
        client.ask(Query(f"BEGIN ISOLATION LEVEL {isolation}"))
        assert_refused(client.ask(call("lo_open", number, BOTH)), ready=READY_FAILED)


def test_an_object_of_an_earlier_session_is_refused(place: Place, number: int) -> None:
    with connected(place.masked) as client:
        assert answered(client.ask(call("lo_create", number))) == [number.to_bytes(4)]
    with connected(place.masked) as client:
        assert_refused(client.ask(call("lo_open", number, READ)))


def test_another_object_under_an_own_number_is_refused(place: Place, number: int) -> None:
    with connected(place.masked) as client:
        answered(client.ask(call("lo_create", number), call("lo_open", number, READ)))
        replace(place, number)
        assert_refused(client.ask(call("lo_open", number, BOTH)))
        assert_refused(client.ask(call("lo_unlink", number)))


def test_another_object_under_the_number_of_one_rolled_back_is_refused(place: Place, number: int) -> None:
    with connected(place.masked) as client:
        answered(client.ask(Query("BEGIN"), call("lo_create", number), Query("ROLLBACK")))
        replace(place, number)
        assert_refused(client.ask(call("lo_open", number, READ)))


def test_an_open_descriptor_reads_no_other_object(place: Place, number: int) -> None:
    """One for writing reads what is stored under the number at present."""
    with connected(place.masked) as client:
        answered(client.ask(call("lo_create", number), Query("BEGIN"), call("lo_open", number, BOTH)))
        replace(place, number)
        assert_refused(client.ask(call("loread", 0, 99)), ready=READY_FAILED)


def test_an_object_replaced_while_it_is_read_is_not_answered(place: Place, number: int) -> None:
    with (
        connected(place.masked) as client,
        psycopg.connect(place.database.dsn()) as dba,
        psycopg.connect(place.database.dsn(), autocommit=True) as observer,
    ):
        answered(client.ask(call("lo_create", number), Query("BEGIN"), call("lo_open", number, BOTH)))
        dba.execute("LOCK TABLE pg_catalog.pg_largeobject IN ACCESS EXCLUSIVE MODE")
        put_secret(dba, place, number)
        client.send([call("loread", 0, 99)])
        until = time.monotonic() + WAIT_SECONDS
        waits = "SELECT 1 FROM pg_locks WHERE relation = 'pg_catalog.pg_largeobject'::regclass AND NOT granted"
        while not observer.execute(waits).fetchall():
            assert time.monotonic() < until
        dba.commit()
        assert_refused(client.hear("ReadyForQuery"), ready=READY_FAILED)


def test_an_old_snapshot_says_nothing_of_an_object(place: Place, number: int) -> None:
    with connected(place.masked) as client:
        answered(client.ask(call("lo_create", number)))
        client.ask(Query("BEGIN ISOLATION LEVEL REPEATABLE READ"), Query("SELECT 1"))
        replace(place, number)
        assert_refused(client.ask(call("lo_open", number, BOTH)), ready=READY_FAILED)


def test_a_descriptor_from_nowhere_is_refused(place: Place) -> None:
    with connected(place.masked) as client:
        client.ask(Query("BEGIN"))
        assert_refused(client.ask(call("loread", 0, 99)), ready=READY_FAILED)


def test_descriptors_end_with_their_transaction(place: Place, number: int) -> None:
    with connected(place.masked) as client:
        answered(client.ask(call("lo_create", number), Query("BEGIN"), call("lo_open", number, READ), Query("COMMIT")))
        client.ask(Query("BEGIN"))
        assert_refused(client.ask(call("loread", 0, 99)), ready=READY_FAILED)
        answered(client.ask(Query("ROLLBACK"), Query("BEGIN"), call("lo_open", number, READ), call("lo_close", 0)))
        assert_refused(client.ask(call("loread", 0, 99)), ready=READY_FAILED)


@pytest.mark.parametrize(
    "message",
    [
        FunctionCall(764, BINARY, (b"/etc/passwd",), 1),  # lo_import
        FunctionCall(765, BINARY, (bytes(4), b"/tmp/x"), 1),  # lo_export
        FunctionCall(3458, BINARY, (bytes(4),), 1),  # lo_get
        FunctionCall(3457, BINARY, (bytes(4), b"x"), 1),  # lo_from_bytea
        FunctionCall(2026, (), (), 1),  # pg_backend_pid
        FunctionCall(957, (), (b"-1",), 1),
        FunctionCall(957, (0,), (b"-1",), 1),
        FunctionCall(957, BINARY, ((-1).to_bytes(4, signed=True),), 0),
        FunctionCall(957, BINARY, (), 1),
        FunctionCall(957, BINARY, (None,), 1),
        FunctionCall(957, BINARY, (bytes(8),), 1),
        FunctionCall(957, (1, 1), (bytes(4),), 1),
        FunctionCall(957, BINARY, (bytes(4), bytes(4)), 1),
    ],
    ids=repr,
)
def test_other_calls_are_refused(place: Place, message: FunctionCall) -> None:
    with connected(place.masked) as client:
        assert_refused(client.ask(message))
        assert client.ask(Query("BEGIN"))[-1] == READY_IN_BLOCK
        assert_refused(client.ask(message), ready=READY_FAILED)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT lo_open({}, 262144)",
        "SELECT loread(0, 99)",
        "SELECT lo_get({})",
        "SELECT lo_put({}, 0, name::bytea) FROM users",
        "SELECT lowrite(0, name::bytea) FROM users",
        "SELECT lo_from_bytea(0, name::bytea) FROM users",
    ],
)
def test_sql_opens_and_fills_none(place: Place, number: int, statement: str) -> None:
    with connected(place.masked) as client:
        answered(client.ask(call("lo_create", number), Query("BEGIN"), call("lo_open", number, BOTH)))
        assert_refused(client.ask(Query(statement.format(number))), ready=READY_FAILED)


def test_rules_may_deny_calls(place: Place, tmp_path: Path) -> None:
    identities: dict[str, object] = {
        AGENT: {"password": AGENT_PASSWORD, "upstream": {"user": place.reader}},
        DBA: {"password": DBA_PASSWORD, "upstream": {"user": place.reader}},
    }
    with ProxyProcess(tmp_path, place.database.dsn(), rules=RULES_WITHOUT_CALLS, identities=identities) as strict:
        dsn = strict.dsn(place.database.name, AGENT, AGENT_PASSWORD)
        with connected(dsn) as client:
            assert_refused(client.ask(call("lo_creat", BOTH)))


def test_many_bytes(place: Place) -> None:
    data = bytes(range(256)) * 4096
    with connected(place.masked) as client:
        [oid] = answered(client.ask(Query("BEGIN"), call("lo_creat", BOTH)))
        assert oid is not None
        said = client.ask(
            call("lo_open", int.from_bytes(oid), BOTH),
            call("lowrite", 0, data),
            call("lo_lseek64", 0, 0, 0),
            call("loread", 0, 2 * len(data)),
            Query("ROLLBACK"),
        )
        assert answered(said) == [bytes(4), len(data).to_bytes(4), bytes(8), data]

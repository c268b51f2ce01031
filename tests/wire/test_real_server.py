"""Everything a real server says decodes, and encodes to the same bytes again."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from pgproxy.wire import asynchronous, authentication, copying, query, results, startup, trace
from pgproxy.wire.framing import BackendScanner
from tests.servers import Database, Server

Wanted = TypeVar("Wanted")


class Frontend:
    """Sends messages and hears the server out."""

    def __init__(self, server: Server, parameters: dict[str, str], minor: int) -> None:
        self._socket = socket.create_connection((server.host, server.port), timeout=20)
        self._scanner = BackendScanner()
        self._socket.sendall(startup.StartupMessage(3, minor, {"user": server.superuser, **parameters}).encode())
        self.greeting = self.hear()

    def ask(self, *messages: trace.Message, until: type[trace.Message] = results.ReadyForQuery) -> list[trace.Message]:
        self._socket.sendall(b"".join(message.encode() for message in messages))
        return self.hear(until)

    def hear(self, until: type[trace.Message] = results.ReadyForQuery) -> list[trace.Message]:
        heard: list[trace.Message] = []
        while not (heard and isinstance(heard[-1], until)):
            chunk = self._socket.recv(65_536)
            assert chunk, heard
            for run in self._scanner.feed(chunk):
                for frame in run.frames():
                    heard.append(trace.decode("B", frame.data))
                    assert heard[-1].encode() == frame.data
        assert self._scanner.is_between_messages
        return heard

    def close(self) -> None:
        self._socket.sendall(query.Terminate().encode())
        assert self._socket.recv(1) == b""
        self._socket.close()


@contextmanager
def connected(database: Database, minor: int = 0, **parameters: str) -> Iterator[Frontend]:
    frontend = Frontend(database.server, {"database": database.name, **parameters}, minor)
    try:
        yield frontend
    finally:
        frontend.close()


def one(heard: list[trace.Message], kind: type[Wanted]) -> Wanted:
    (found,) = (message for message in heard if isinstance(message, kind))
    return found


@pytest.mark.parametrize("minor, spoken, answers", [(0, 0, False), (2, 2, False), (9999, 2, True)])
def test_server_negotiates_as_the_proxy_does(database: Database, minor: int, spoken: int, answers: bool) -> None:
    latest = 2 if database.server.version >= 18 else 0
    with connected(database, minor, **{"_pq_.nothing": "1"} if answers else {}) as frontend:
        heard = frontend.greeting
        assert one(heard, authentication.AuthenticationOk)
        assert {m.name for m in heard if isinstance(m, asynchronous.ParameterStatus)} > {"TimeZone", "server_version"}
        key = one(heard, startup.BackendKeyData)
        assert len(key.secret) == (32 if min(spoken, latest) == 2 else 4)
        if latest == 2:
            asked = startup.StartupMessage(3, minor, {"_pq_.nothing": "1"} if answers else {})
            said = [m for m in heard if isinstance(m, startup.NegotiateProtocolVersion)]
            negotiated = startup.negotiate(asked)
            assert said == ([] if negotiated.answer is None else [negotiated.answer])
            assert (negotiated.minor, bool(said)) == (spoken, answers)


def test_extended_query_survives(database: Database) -> None:
    with connected(database) as frontend:
        heard = frontend.ask(
            query.Parse("s", "select n, 'x'::text as t, null::int4range from generate_series($1, $2) n", (20,)),
            query.Describe("S", "s"),
            query.Bind("p", "s", (1,), (bytes(7) + b"\1", bytes(7) + b"\3"), (1, 0, 0)),
            query.Describe("P", "p"),
            query.Execute("p", 2),
            query.Execute("p"),
            query.Close("P", "p"),
            query.Parse("", ""),
            query.Bind("", ""),
            query.Execute(""),
            query.Describe("S", ""),
            query.Sync(),
        )
    assert [type(message).__name__ for message in heard] == [
        "ParseComplete",
        "ParameterDescription",
        "RowDescription",
        "BindComplete",
        "RowDescription",
        "DataRow",
        "DataRow",
        "PortalSuspended",
        "DataRow",
        "CommandComplete",
        "CloseComplete",
        "ParseComplete",
        "BindComplete",
        "EmptyQueryResponse",
        "ParameterDescription",
        "NoData",
        "ReadyForQuery",
    ]
    assert one(heard[:2], results.ParameterDescription).type_oids == (20, 20)
    of_statement, of_portal = (m for m in heard if isinstance(m, results.RowDescription))
    assert of_statement.with_formats((1, 0, 0)) == of_portal
    rows = [message.values() for message in heard if isinstance(message, results.DataRow)]
    assert rows == [(bytes(7) + bytes((n,)), b"x", None) for n in (1, 2, 3)]
    assert one(heard, results.CommandComplete).rows == 1


def test_errors_and_notices_survive(database: Database) -> None:
    with connected(database, lc_messages="C") as frontend:
        heard = frontend.ask(
            query.Query("do $$ begin raise notice 'n' using detail = 'd', hint = 'h'; end $$; select 1/0")
        )
        notice, error = one(heard, asynchronous.NoticeResponse), one(heard, asynchronous.ErrorResponse)
        assert (notice.severity, notice.message, notice.fields["D"]) == ("NOTICE", "n", "d")
        assert (error.severity, error.sqlstate) == ("ERROR", "22012")
        assert one(frontend.ask(query.Query("begin; x")), results.ReadyForQuery).status == "I"
        assert one(frontend.ask(query.Query("begin")), results.ReadyForQuery).status == "T"
        assert one(frontend.ask(query.Query("x")), results.ReadyForQuery).status == "E"


def test_notification_and_setting_survive(database: Database) -> None:
    with connected(database) as frontend:
        heard = frontend.ask(query.Query("listen c; notify c, 'payload'; set timezone to 'Asia/Tokyo'"))
        notification = one(heard, asynchronous.NotificationResponse)
        assert (notification.channel, notification.payload) == ("c", "payload")
        assert notification.process_id == one(frontend.greeting, startup.BackendKeyData).process_id
        assert one(heard, asynchronous.ParameterStatus) == asynchronous.ParameterStatus("TimeZone", "Asia/Tokyo")


def test_copy_survives(database: Database) -> None:
    with connected(database) as frontend:
        heard = frontend.ask(
            query.Query("create temp table t (a int, b text); copy t from stdin"), until=copying.CopyInResponse
        )
        assert one(heard, copying.CopyInResponse) == copying.CopyInResponse(0, (0, 0))
        heard = frontend.ask(copying.CopyData(b"1\tx\n2"), copying.CopyData(b"\ty\n"), copying.CopyDone())
        assert one(heard, results.CommandComplete).rows == 2
        heard = frontend.ask(query.Query("copy t to stdout (format binary)"))
        assert one(heard, copying.CopyOutResponse) == copying.CopyOutResponse(1, (1, 1))
        assert b"".join(m.data for m in heard if isinstance(m, copying.CopyData)).startswith(b"PGCOPY\n\xff\r\n\0")
        assert one(heard, copying.CopyDone)
        frontend.ask(query.Query("copy t from stdin"), until=copying.CopyInResponse)
        assert one(frontend.ask(copying.CopyFail("enough")), asynchronous.ErrorResponse).sqlstate == "57014"


def test_function_call_survives(database: Database) -> None:
    with connected(database) as frontend:
        (row,) = (
            m
            for m in frontend.ask(query.Query("select 'length(text)'::regprocedure::oid"))
            if isinstance(m, results.DataRow)
        )
        oid = int(results.only_value(row.encode()))
        heard = frontend.ask(query.FunctionCall(oid, (), (b"four",), 1))
        assert one(heard, results.FunctionCallResponse) == results.FunctionCallResponse(b"\0\0\0\4")


def test_cancel_with_the_key_that_was_decoded_ends_the_statement(database: Database) -> None:
    with connected(database, minor=2) as frontend:
        key = one(frontend.greeting, startup.BackendKeyData)
        frontend.ask(
            query.Query("do $$ begin raise notice 'running'; perform pg_sleep(15); end $$"),
            until=asynchronous.NoticeResponse,
        )
        with socket.create_connection((database.server.host, database.server.port), timeout=20) as other:
            other.sendall(startup.CancelRequest(key.process_id, key.secret).encode())
            assert other.recv(1) == b""
        assert one(frontend.hear(), asynchronous.ErrorResponse).sqlstate == "57014"


@pytest.mark.parametrize(
    "packet, answers", [(startup.SSLRequest(), b"NS"), (startup.GSSENCRequest(), b"NG")], ids=["ssl", "gss"]
)
def test_encryption_packetis_understood(postgres: Server, packet: trace.Message, answers: bytes) -> None:
    with socket.create_connection((postgres.host, postgres.port), timeout=20) as connection:
        connection.sendall(packet.encode())
        assert connection.recv(1) in (answers[:1], answers[1:])

"""The table of messages, both ways, and what is refused."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgproxy.errors import MalformedMessage
from pgproxy.wire import asynchronous, authentication, copying, framing, query, results, startup
from tests.wire.messages import ROWS, STARTUP, TYPED, Row

FAMILIES = (asynchronous, authentication, copying, query, results, startup)
every_row = pytest.mark.parametrize("row", ROWS, ids=str)


def message_classes() -> Iterator[type[Any]]:
    for family in FAMILIES:
        for name, kind in inspect.getmembers(family, inspect.isclass):
            if kind.__module__ == family.__name__ and hasattr(kind, "encode") and not name.startswith("_"):
                yield kind


@every_row
def test_message_encodes_to_its_bytes(row: Row) -> None:
    assert row.message.encode() == row.data


@every_row
@pytest.mark.parametrize("view", [bytes, memoryview])
def test_bytes_decode_to_the_message(row: Row, view: Any) -> None:
    assert type(row.message).decode(view(row.body)) == row.message


@every_row
def test_every_truncation_is_refused(row: Row) -> None:
    end = len(row.body) if row.open_after is None else row.open_after
    for size in range(end):
        with pytest.raises(MalformedMessage) as raised:
            type(row.message).decode(row.body[:size])
        assert raised.value.sqlstate == "08P01"


@every_row
def test_stray_byte_is_refused(row: Row) -> None:
    if row.open_after is None or len(row.body) >= 256:
        for stray in (b"\0", b"x"):
            with pytest.raises(MalformedMessage):
                type(row.message).decode(row.body + stray)


@every_row
def test_message_is_a_frozen_value(row: Row) -> None:
    assert not hasattr(row.message, "__dict__")
    assert dataclasses.replace(row.message) == row.message
    for name in dataclasses.asdict(row.message):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(row.message, name, None)


def test_table_has_every_message_class() -> None:
    assert {type(row.message) for row in ROWS} == set(message_classes())


def test_table_has_every_type_that_the_scanners_let_through() -> None:
    of_clients = {row.message.tag[0] for row in TYPED if "F" in row.sender}
    of_servers = {row.message.tag[0] for row in TYPED if "B" in row.sender}
    assert of_clients == framing.session_limits().keys() | framing.LOGIN_LIMITS.keys()
    assert of_servers == framing.BACKEND_TYPES


@pytest.mark.parametrize("row", STARTUP, ids=str)
def test_packet_without_type_is_recognised(row: Row) -> None:
    assert startup.decode_first(row.body) == row.message


@pytest.mark.parametrize("row", [row for row in TYPED if row.message.tag == b"R"], ids=str)
def test_authentication_message_is_recognised_by_its_code(row: Row) -> None:
    assert authentication.decode_authentication(row.body) == row.message
    assert authentication.authentication_frame(row.message.code, row.body[4:]) == row.data


@pytest.mark.parametrize("kind", list(message_classes()))
@given(body=st.binary(max_size=60))
def test_whatever_decodes_encodes_to_the_same_bytes(kind: type[Any], body: bytes) -> None:
    try:
        message = kind.decode(body)
    except MalformedMessage:
        return
    if kind is startup.StartupMessage and body.count(b"\0") != 3 + 2 * len(message.parameters):
        return  # a name that came twice
    assert message.encode()[len(kind.tag) :] == (len(body) + 4).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    "kind, body",
    [
        (query.Describe, b"Xs1\0"),
        (query.Close, b"\xffs1\0"),
        (results.ReadyForQuery, b"X"),
        (query.Bind, b"\0\0\0\0\0\1\xff\xff\xff\xfe\0\0"),  # a value of length -2
        (query.Bind, b"\0\0\0\0\xff\xff"),
        (query.Parse, b"\0\0\xff\xff"),
        (startup.NegotiateProtocolVersion, b"\0\3\0\2\xff\xff\xff\xff"),
        (startup.CancelRequest, b"\x04\xd2\x16\x2e\0\0\0\1"),
        (startup.CancelRequest, b"\x04\xd2\x16\x2e\0\0\0\1" + bytes(257)),
        (startup.BackendKeyData, b"\0\0\0\1" + bytes(257)),
        (startup.StartupMessage, b"\0\2\0\0user\0bob\0\0"),
        (startup.SSLRequest, b"\x04\xd2\x16\x30"),
        (authentication.AuthenticationOk, b"\0\0\0\3"),
        (authentication.SASLInitialResponse, b"X\0\xff\xff\xff\xfe"),
        (asynchronous.ErrorResponse, b"Ma\0Mb\0\0"),
        (asynchronous.ErrorResponse, b"\xe9a\0\0"),
    ],
)
def test_what_means_nothing_is_refused(kind: type[Any], body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        kind.decode(body)


def test_unknown_authentication_code_is_refused() -> None:
    with pytest.raises(MalformedMessage):
        authentication.decode_authentication(b"\0\0\0\x63")


@pytest.mark.parametrize(
    "message",
    [
        query.Query("select 1\0; drop table x"),
        query.Query("\ud800"),
        query.Parse("", "select 1", (-1,)),
        query.Parse("", "select 1", (1,) * 65_536),
        query.Execute("", 1 << 31),
        query.Describe("S\0P", ""),  # type: ignore[arg-type]
        startup.StartupMessage(3, 0, {"": "x"}),
        startup.StartupMessage(3, 0, {"user": "bob\0database\0other"}),
        authentication.AuthenticationMD5Password(b"salted"),
        authentication.AuthenticationSASL(("", "SCRAM-SHA-256")),
        asynchronous.ErrorResponse({"M": "a\0Hforged"}),
        asynchronous.ErrorResponse({"": "a"}),
        asynchronous.ErrorResponse({"\0": "a"}),
        results.ReadyForQuery(""),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_does_not_fit_its_field_is_not_sent(message: Any) -> None:
    with pytest.raises(MalformedMessage):
        message.encode()


SECRET = b"hunter2"


@pytest.mark.parametrize(
    "message",
    [
        startup.CancelRequest(1, SECRET),
        startup.BackendKeyData(1, SECRET),
        authentication.PasswordMessage(SECRET.decode()),
        authentication.SASLInitialResponse("SCRAM-SHA-256", SECRET),
        authentication.SASLResponse(SECRET),
        query.Bind("", "", (), (SECRET,), ()),
        query.FunctionCall(1, (), (SECRET,)),
        results.DataRow(SECRET),
        results.FunctionCallResponse(SECRET),
        copying.CopyData(SECRET),
        framing.Frame(b"p", SECRET),
        framing.Run(b"D", SECRET),
    ],
    ids=lambda message: type(message).__name__,
)
def test_no_value_or_secret_shows_in_repr(message: Any) -> None:
    assert SECRET.decode() not in repr(message)


def test_error_of_the_proxy_has_both_severities() -> None:
    error = asynchronous.ErrorResponse.of("FATAL", "28P01", "wrong", hint="try again")
    assert list(error.fields.items()) == [
        ("S", "FATAL"),
        ("V", "FATAL"),
        ("C", "28P01"),
        ("M", "wrong"),
        ("H", "try again"),
    ]
    assert (error.severity, error.sqlstate, error.message) == ("FATAL", "28P01", "wrong")


def test_replaced_fields_keep_their_place() -> None:
    notice = asynchronous.NoticeResponse({"S": "NOTICE", "M": "a", "W": "b"})
    assert notice.replaced({"M": "c", "W": None, "H": "d"}) == asynchronous.NoticeResponse(
        {"S": "NOTICE", "M": "c", "H": "d"}
    )
    assert notice.severity == "NOTICE"


COLUMNS = results.RowDescription(
    (
        results.FieldDescription("a", 1, 1, 23, 4, -1),
        results.FieldDescription("b", 1, 2, 25, -1, -1),
    )
)


@pytest.mark.parametrize("formats, expected", [((), (0, 0)), ((1,), (1, 1)), ((0, 1), (0, 1))])
def test_result_formats_spread_over_the_columns(formats: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert tuple(column.format for column in COLUMNS.with_formats(formats).fields) == expected


@pytest.mark.parametrize("formats", [(0, 1, 0), (1, 1, 1, 1)])
def test_result_formats_that_fit_no_column_count_are_refused(formats: tuple[int, ...]) -> None:
    with pytest.raises(MalformedMessage):
        COLUMNS.with_formats(formats)


def test_columns_are_renamed_one_by_one() -> None:
    assert [column.name for column in COLUMNS.renamed(("x", "y")).fields] == ["x", "y"]
    with pytest.raises(MalformedMessage):
        COLUMNS.renamed(("x",))


def test_only_value_of_a_row() -> None:
    assert results.only_value(results.DataRow.of((b"abc",)).encode()) == b"abc"


@pytest.mark.parametrize(
    "frame",
    [
        results.DataRow.of((None,)).encode(),
        results.DataRow.of(()).encode(),
        results.DataRow.of((b"a", b"b")).encode(),
        results.DataRow.of((b"abc",)).encode() + b"x",
        results.DataRow.of((b"abc",)).encode()[:-1],
        results.CommandComplete("SELECT 1").encode(),
        b"",
    ],
)
def test_only_value_refuses_any_other_row(frame: bytes) -> None:
    with pytest.raises(MalformedMessage):
        results.only_value(frame)


@pytest.mark.parametrize(
    "command, rows", [("SELECT 5", 5), ("INSERT 0 12", 12), ("CREATE TABLE", None), ("", None), ("COPY \u0665", None)]
)
def test_command_tag_tells_its_rows(command: str, rows: int | None) -> None:
    assert results.CommandComplete(command).rows == rows


@pytest.mark.parametrize(
    "requested, options, minor, answer",
    [
        (0, (), 0, None),
        (1, (), 1, None),
        (2, (), 2, None),
        (3, (), 2, startup.NegotiateProtocolVersion(3, 2)),
        (9999, ("_pq_.grease",), 2, startup.NegotiateProtocolVersion(3, 2, ("_pq_.grease",))),
        (0, ("_pq_.a", "_pq_.b"), 0, startup.NegotiateProtocolVersion(3, 0, ("_pq_.a", "_pq_.b"))),
    ],
)
def test_version_is_negotiated_as_the_server_does(
    requested: int, options: tuple[str, ...], minor: int, answer: startup.NegotiateProtocolVersion | None
) -> None:
    parameters = {"user": "bob", **dict.fromkeys(options, "1"), "search_path": "x"}
    negotiated = startup.negotiate(startup.StartupMessage(3, requested, parameters))
    assert (negotiated.minor, negotiated.answer) == (minor, answer)
    assert negotiated.has_long_keys == (minor == 2)


def test_last_value_of_a_startup_parameter_counts() -> None:
    body = b"\0\3\0\0user\0a\0user\0b\0\0"
    assert startup.decode_first(body) == startup.StartupMessage(3, 0, {"user": "b"})


text_bytes = st.binary(max_size=40).map(lambda data: data.replace(b"\0", b""))


@given(sql=text_bytes, name=text_bytes)
def test_text_of_any_bytes_survives(sql: bytes, name: bytes) -> None:
    body = name + b"\0" + sql + b"\0\0\0"
    message = query.Parse.decode(body)
    assert message.encode()[5:] == body
    assert message.query.encode("utf-8", "surrogateescape") == sql


values = st.lists(st.none() | st.binary(max_size=20), max_size=5).map(tuple)
formats = st.lists(st.integers(0, 1), max_size=5).map(tuple)
text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@given(portal=text, statement=text, parameter_formats=formats, parameters=values, result_formats=formats)
def test_bind_survives_the_wire(
    portal: str,
    statement: str,
    parameter_formats: tuple[int, ...],
    parameters: tuple[bytes | None, ...],
    result_formats: tuple[int, ...],
) -> None:
    bind = query.Bind(portal, statement, parameter_formats, parameters, result_formats)
    assert query.Bind.decode(bind.encode()[5:]) == bind
    assert results.DataRow.of(parameters).values() == parameters


@given(fields=st.dictionaries(st.characters(min_codepoint=1, max_codepoint=127), text))
def test_error_fields_survive_the_wire(fields: dict[str, str]) -> None:
    error = asynchronous.ErrorResponse(fields)
    decoded = asynchronous.ErrorResponse.decode(error.encode()[5:])
    assert list(decoded.fields.items()) == list(fields.items())

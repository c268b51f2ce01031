"""Every message of protocols 3.0 and 3.2 once or more: what it is in Python and what it is on the wire.

Written by hand from the PostgreSQL manual, "Message Formats"; the tests of this folder all read this one table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pgproxy.wire import asynchronous, authentication, copying, query, results, startup

LONG_KEY = bytes(range(256))


@dataclass(frozen=True, slots=True)
class Row:
    message: Any
    data: bytes
    sender: str
    """F, B, or both."""
    open_after: int | None = None
    """A body that simply ends where it ends is cut without notice, but not before this many bytes."""

    @property
    def header_bytes(self) -> int:
        return len(self.message.tag) + 4

    @property
    def body(self) -> bytes:
        return self.data[self.header_bytes :]

    def __str__(self) -> str:
        return f"{type(self.message).__name__}-{len(self.data)}"


def row(message: Any, data: bytes, sender: str, open_after: int | None = None) -> Row:
    return Row(message, data, sender, open_after)


STARTUP = [
    row(startup.SSLRequest(), b"\0\0\0\x08\x04\xd2\x16\x2f", "F"),
    row(startup.GSSENCRequest(), b"\0\0\0\x08\x04\xd2\x16\x30", "F"),
    row(
        startup.CancelRequest(4711, b"\x01\x02\x03\x04"),
        b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\x12\x67\x01\x02\x03\x04",
        "F",
        9,
    ),
    row(startup.CancelRequest(4711, LONG_KEY), b"\0\0\x01\x0c\x04\xd2\x16\x2e\0\0\x12\x67" + LONG_KEY, "F", 9),
    row(
        startup.StartupMessage(3, 0, {"user": "bob", "database": "shop"}),
        b"\0\0\0\x20\0\x03\0\0user\0bob\0database\0shop\0\0",
        "F",
    ),
    row(
        startup.StartupMessage(3, 2, {"user": "b\udcf6b", "_pq_.x": ""}),
        b"\0\0\0\x1a\0\x03\0\x02user\0b\xf6b\0_pq_.x\0\0\0",
        "F",
    ),
    row(startup.StartupMessage(3, 9999, {}), b"\0\0\0\x09\0\x03\x27\x0f\0", "F"),
]
"""Without a type byte."""

TYPED = [
    row(startup.NegotiateProtocolVersion(3, 2), b"v\0\0\0\x0c\0\x03\0\x02\0\0\0\0", "B"),
    row(
        startup.NegotiateProtocolVersion(3, 0, ("_pq_.a", "_pq_.b")),
        b"v\0\0\0\x1a\0\x03\0\0\0\0\0\x02_pq_.a\0_pq_.b\0",
        "B",
    ),
    row(startup.BackendKeyData(4711, b"\xff\x02\x03\x04"), b"K\0\0\0\x0c\0\0\x12\x67\xff\x02\x03\x04", "B", 5),
    row(startup.BackendKeyData(4711, LONG_KEY), b"K\0\0\x01\x08\0\0\x12\x67" + LONG_KEY, "B", 5),
    row(authentication.AuthenticationOk(), b"R\0\0\0\x08\0\0\0\0", "B"),
    row(authentication.AuthenticationKerberosV5(), b"R\0\0\0\x08\0\0\0\x02", "B"),
    row(authentication.AuthenticationCleartextPassword(), b"R\0\0\0\x08\0\0\0\x03", "B"),
    row(authentication.AuthenticationMD5Password(b"salt"), b"R\0\0\0\x0c\0\0\0\x05salt", "B"),
    row(authentication.AuthenticationGSS(), b"R\0\0\0\x08\0\0\0\x07", "B"),
    row(authentication.AuthenticationGSSContinue(b"\0\1"), b"R\0\0\0\x0a\0\0\0\x08\0\1", "B", 4),
    row(authentication.AuthenticationSSPI(), b"R\0\0\0\x08\0\0\0\x09", "B"),
    row(
        authentication.AuthenticationSASL(("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256")),
        b"R\0\0\0\x2a\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0",
        "B",
    ),
    row(authentication.AuthenticationSASLContinue(b"r=a,s=b,i=1"), b"R\0\0\0\x13\0\0\0\x0br=a,s=b,i=1", "B", 4),
    row(authentication.AuthenticationSASLFinal(b"v=c"), b"R\0\0\0\x0b\0\0\0\x0cv=c", "B", 4),
    row(authentication.PasswordMessage("pass w\u00f6rd"), b"p\0\0\0\x0fpass w\xc3\xb6rd\0", "F"),
    row(
        authentication.SASLInitialResponse("SCRAM-SHA-256", b"n,,n=,r=a"),
        b"p\0\0\0\x1fSCRAM-SHA-256\0\0\0\0\x09n,,n=,r=a",
        "F",
    ),
    row(
        authentication.SASLInitialResponse("SCRAM-SHA-256", None),
        b"p\0\0\0\x16SCRAM-SHA-256\0\xff\xff\xff\xff",
        "F",
    ),
    row(authentication.SASLResponse(b"c=biws,r=a,p=b"), b"p\0\0\0\x12c=biws,r=a,p=b", "F", 0),
    row(authentication.GSSResponse(b"\0\1\2"), b"p\0\0\0\x07\0\1\2", "F", 0),
    row(query.Query("select 1; select 2"), b"Q\0\0\0\x17select 1; select 2\0", "F"),
    row(query.Query(""), b"Q\0\0\0\x05\0", "F"),
    row(query.Query("select '\udce9'"), b"Q\0\0\0\x0fselect '\xe9'\0", "F"),
    row(query.Parse("", "select 1"), b"P\0\0\0\x10\0select 1\0\0\0", "F"),
    row(
        query.Parse("s1", "select $1, $2", (23, 4294967295)),
        b"P\0\0\0\x1fs1\0select $1, $2\0\0\x02\0\0\0\x17\xff\xff\xff\xff",
        "F",
    ),
    row(query.Bind("", ""), b"B\0\0\0\x0c\0\0\0\0\0\0\0\0", "F"),
    row(
        query.Bind("p", "s", (1, 0), (b"\0\0\0\x07", None, b""), (1,)),
        b"B\0\0\0\x24p\0s\0\0\x02\0\1\0\0\0\3\0\0\0\x04\0\0\0\x07\xff\xff\xff\xff\0\0\0\0\0\1\0\1",
        "F",
    ),
    row(query.Describe("S", "s1"), b"D\0\0\0\x08Ss1\0", "F"),
    row(query.Describe("P", ""), b"D\0\0\0\x06P\0", "F"),
    row(query.Close("S", "s1"), b"C\0\0\0\x08Ss1\0", "F"),
    row(query.Close("P", "p"), b"C\0\0\0\x07Pp\0", "F"),
    row(query.Execute("p", 100), b"E\0\0\0\x0ap\0\0\0\0\x64", "F"),
    row(query.Execute(""), b"E\0\0\0\x09\0\0\0\0\0", "F"),
    row(query.Flush(), b"H\0\0\0\x04", "F"),
    row(query.Sync(), b"S\0\0\0\x04", "F"),
    row(query.Terminate(), b"X\0\0\0\x04", "F"),
    row(
        query.FunctionCall(1598, (0,), (b"1", None), 1),
        b"F\0\0\0\x19\0\0\x06\x3e\0\1\0\0\0\2\0\0\0\x011\xff\xff\xff\xff\0\1",
        "F",
    ),
    row(
        results.RowDescription(
            (
                results.FieldDescription("id", 16385, 1, 23, 4, -1, 0),
                results.FieldDescription("\u0142\u00f3", 0, 0, 1043, -1, 34, 1),
            )
        ),
        b"T\0\0\0\x32\0\2id\0\0\0\x40\x01\0\1\0\0\0\x17\0\4\xff\xff\xff\xff\0\0"
        b"\xc5\x82\xc3\xb3\0\0\0\0\0\0\0\0\0\x04\x13\xff\xff\0\0\0\x22\0\1",
        "B",
    ),
    row(results.RowDescription(()), b"T\0\0\0\x06\0\0", "B"),
    row(results.DataRow(b"\0\1\0\0\0\2ab"), b"D\0\0\0\x0c\0\1\0\0\0\2ab", "B", 0),
    row(results.CommandComplete("INSERT 0 1"), b"C\0\0\0\x0fINSERT 0 1\0", "B"),
    row(results.ReadyForQuery("I"), b"Z\0\0\0\x05I", "B"),
    row(results.ReadyForQuery("T"), b"Z\0\0\0\x05T", "B"),
    row(results.ReadyForQuery("E"), b"Z\0\0\0\x05E", "B"),
    row(results.ParameterDescription(()), b"t\0\0\0\x06\0\0", "B"),
    row(results.ParameterDescription((25, 16)), b"t\0\0\0\x0e\0\2\0\0\0\x19\0\0\0\x10", "B"),
    row(results.FunctionCallResponse(b"abc"), b"V\0\0\0\x0b\0\0\0\3abc", "B"),
    row(results.FunctionCallResponse(None), b"V\0\0\0\x08\xff\xff\xff\xff", "B"),
    row(results.ParseComplete(), b"1\0\0\0\x04", "B"),
    row(results.BindComplete(), b"2\0\0\0\x04", "B"),
    row(results.CloseComplete(), b"3\0\0\0\x04", "B"),
    row(results.NoData(), b"n\0\0\0\x04", "B"),
    row(results.PortalSuspended(), b"s\0\0\0\x04", "B"),
    row(results.EmptyQueryResponse(), b"I\0\0\0\x04", "B"),
    row(copying.CopyInResponse(0, (0, 0)), b"G\0\0\0\x0b\0\0\2\0\0\0\0", "B"),
    row(copying.CopyOutResponse(1, (1,)), b"H\0\0\0\x09\1\0\1\0\1", "B"),
    row(copying.CopyBothResponse(0, ()), b"W\0\0\0\x07\0\0\0", "B"),
    row(copying.CopyData(b"1\tx\n"), b"d\0\0\0\x081\tx\n", "FB", 0),
    row(copying.CopyDone(), b"c\0\0\0\x04", "FB"),
    row(copying.CopyFail("no more"), b"f\0\0\0\x0cno more\0", "F"),
    row(
        asynchronous.ErrorResponse({"S": "FEHLER", "V": "ERROR", "C": "42P01", "M": "nein", "P": "15"}),
        b"E\0\0\0\x25SFEHLER\0VERROR\0C42P01\0Mnein\0P15\0\0",
        "B",
    ),
    row(asynchronous.ErrorResponse({}), b"E\0\0\0\x05\0", "B"),
    row(
        asynchronous.NoticeResponse({"S": "NOTICE", "C": "00000", "M": ""}),
        b"N\0\0\0\x16SNOTICE\0C00000\0M\0\0",
        "B",
    ),
    row(asynchronous.NotificationResponse(4711, "jobs", "new"), b"A\0\0\0\x11\0\0\x12\x67jobs\0new\0", "B"),
    row(asynchronous.ParameterStatus("TimeZone", "UTC"), b"S\0\0\0\x11TimeZone\0UTC\0", "B"),
]

ROWS = STARTUP + TYPED

"""Everything a client may be told went wrong, one SQLSTATE a kind.

Errors are raised where the fact is known and rendered in one place (`session.replies.error_response`). No
message, detail or hint may hold a value of the database, a password or a parameter. Errors of configuration
files are not here: they are `config.problems.Problem` and never reach a client.
"""

from __future__ import annotations

from typing import ClassVar, Literal


class ProxyError(Exception):
    """Anything a client may be told; `sqlstate` and `severity` are what it will see."""

    sqlstate: ClassVar[str] = "XX000"
    severity: ClassVar[Literal["ERROR", "FATAL"]] = "ERROR"

    def __init__(self, message: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint


class StatementDenied(ProxyError):
    """A rule denies it, or it is not provably safe. DETAIL names rule and column, HINT what would pass."""

    sqlstate = "42501"


class NotUnderstood(StatementDenied):
    """The statement, or what it reaches, could not be understood completely; doubt about meaning denies."""


class NotAnalysable(StatementDenied):
    """Nothing is against it but that it cannot be analysed: it may run where the server keeps masked columns away."""


class ApprovalRequired(StatementDenied):
    """A reviewer has to approve the statement first, and nobody waits for that here. DETAIL may name the approval."""


class ApprovalExpired(ProxyError):
    """No reviewer decided in time, or the client cancelled the statement while it waited."""

    sqlstate = "57014"


class ChangedMeanwhile(ProxyError):
    """What the statement reaches was altered after the snapshot of its transaction; a retry sees what is now."""

    sqlstate = "40001"


class LimitReached(ProxyError):
    """A limit of the rules is used up. DETAIL says which and how many, HINT when there is room again."""

    sqlstate = "53400"


class UnknownStatement(ProxyError):
    """A prepared statement that was not made, or not allowed, in this session."""

    sqlstate = "26000"


class UnknownPortal(ProxyError):
    """A portal that was not made in this session."""

    sqlstate = "34000"


class CleanLoginAway(ProxyError):
    """The upstream connection of the clean login (role_split) cannot be had or was lost; the session goes on."""

    sqlstate = "08006"


class MalformedMessage(ProxyError):
    """Bytes that are no message of the protocol, or a message where it has no place; the connection closes."""

    sqlstate = "08P01"
    severity = "FATAL"


class UpstreamUnreachable(ProxyError):
    """The server behind the proxy cannot be reached or went away."""

    sqlstate = "08006"
    severity = "FATAL"


class LoginFailed(ProxyError):
    """Wrong password, unknown user, missing certificate: one answer for all."""

    sqlstate = "28P01"
    severity = "FATAL"


class LoginRefused(ProxyError):
    """The connection itself is not acceptable: TLS required, database not offered, authentication impossible."""

    sqlstate = "28000"
    severity = "FATAL"


class DatabaseRefused(ProxyError):
    """The database is not one this proxy offers."""

    sqlstate = "3D000"
    severity = "FATAL"


class SettingRefused(StatementDenied):
    """A setting that would change what a statement means or what the server reveals."""


class ShuttingDown(ProxyError):
    """The proxy stops."""

    sqlstate = "57P01"
    severity = "FATAL"


class TooManyBytes(ProxyError):
    """A statement or an analysed tree over the limit."""

    sqlstate = "54000"

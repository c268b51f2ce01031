"""What a session wants done, in order. The driver in `net` performs it; nothing here touches a socket."""

from __future__ import annotations

from dataclasses import dataclass

from pgproxy.catalog.versions import Objects
from pgproxy.session.holds import HoldRequest, Outcome


@dataclass(frozen=True, slots=True)
class SendUpstream:
    data: bytes


@dataclass(frozen=True, slots=True)
class SendClient:
    data: bytes


@dataclass(frozen=True, slots=True)
class PauseClient:
    """Stop reading from the client: enough of its messages wait already."""


@dataclass(frozen=True, slots=True)
class ResumeClient:
    pass


@dataclass(frozen=True, slots=True)
class AskPresent:
    """Ask, outside this session's transaction, which versions these objects have at present.

    The answer is the event `present_versions`.
    """

    objects: Objects


@dataclass(frozen=True, slots=True)
class OpenClean:
    """Prove that the clean login is one under the rules of now, and have its connection open.

    The answer is the event `CleanReady` or `CleanRefused`.
    """


@dataclass(frozen=True, slots=True)
class SendClean:
    """As `SendUpstream`, on the connection of the clean login."""

    data: bytes


@dataclass(frozen=True, slots=True)
class CloseClean:
    """The connection of the clean login is of no use any more; nothing more of it counts."""


@dataclass(frozen=True, slots=True)
class AskApproval:
    """Have reviewers decide; nothing of the statement was executed. The answers are `HoldEvent`s."""

    request: HoldRequest


@dataclass(frozen=True, slots=True)
class WithdrawRequest:
    """Nobody waits for it any more."""

    why: str


@dataclass(frozen=True, slots=True)
class ReportOutcome:
    """How an approved statement ended."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class CancelStatement:
    """Have the server cancel what runs: the client has got all that it may get."""


@dataclass(frozen=True, slots=True)
class Log:
    """A fact for the operator, without values. `fields` go into the log line as key=value."""

    event: str
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Close:
    """Send what is under way to the client, then close all legs."""


Action = (
    SendUpstream
    | SendClient
    | PauseClient
    | ResumeClient
    | AskPresent
    | OpenClean
    | SendClean
    | CloseClean
    | AskApproval
    | WithdrawRequest
    | ReportOutcome
    | CancelStatement
    | Log
    | Close
)

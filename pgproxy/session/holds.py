"""What a session asks of reviewers and what it hears from them. `holding` asks, the driver carries it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pgproxy.errors import ProxyError
from pgproxy.login.identity import Identity
from pgproxy.policy.holds import Hold, most_rows, reveals
from pgproxy.wire.query import Bind

ONE, WHOLE = "one:", "whole:"

ClientMode = Literal["", "wait", "ticket"]
"""What the client set as pgproxy.on_hold; "": nothing."""


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """One execution that waits: everything a reviewer is shown, and all that an approval is bound to."""

    identity: Identity
    statement: str
    """The client's text, whole."""
    statement_class: str
    parameters: tuple[str | None, ...]
    """Of the Bind, as texts; what cannot be written as text as \\x…; None: NULL."""
    holds: tuple[Hold, ...]
    reason: str
    tables: tuple[str, ...]
    columns: tuple[str, ...]
    """ "schema.table.column" of everything it reads, writes or decides by, as far as it is known."""
    masked_columns: tuple[str, ...]
    estimated_rows: float | None
    """The planner's; None: not known."""
    binding: str
    """A digest of identity, database, text and parameters."""
    objects: str
    """What the names in it stand for: a digest of OIDs and search_path."""
    is_opaque: bool
    """It cannot be analysed: approved, it runs and comes back as it is."""
    in_transaction: bool
    mode: ClientMode = ""
    process_id: int = 0
    """Of the server process of its session, for the locks that it holds."""


@dataclass(frozen=True, slots=True)
class Permit:
    """An approval that was released for this one execution."""

    approval_id: str
    holds: tuple[Hold, ...]
    """What was approved."""
    objects: str

    def is_for(self, objects: str) -> bool:
        """Whether names stand for what they stood for. Of a whole string only its first look is comparable."""
        is_part = objects.startswith(ONE) and self.objects.startswith(WHOLE)
        return is_part or objects == self.objects

    @property
    def most_rows(self) -> int | None:
        return most_rows(self.holds)

    @property
    def reveals(self) -> bool:
        return reveals(self.holds)


@dataclass(slots=True)
class Release:
    """A permit in use: it ends with the execution, and a cursor that it opened counts on."""

    permit: Permit
    rows: int = 0
    """Delivered to the client, or changed."""
    has_begun: bool = False
    """Something of it was sent to be executed."""
    is_over: bool = False
    """Its outcome was reported."""

    @property
    def is_void(self) -> bool:
        """Given up before it was used."""
        return self.is_over and not self.has_begun

    @property
    def rows_left(self) -> int | None:
        """None: any number."""
        most = self.permit.most_rows
        return None if most is None else max(0, most - self.rows)


# Events ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filed:
    """The request is before the reviewers; said again every half a minute."""

    approval_id: str
    expires_at: str
    """For people, with its time zone."""


@dataclass(frozen=True, slots=True)
class Granted:
    """It was approved, and `released` is durable."""

    permit: Permit


@dataclass(frozen=True, slots=True)
class Refused:
    """Denied, expired, or nobody waits for it: what the client is told."""

    error: ProxyError


HoldEvent = Filed | Granted | Refused


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the execution of an approved statement ended."""

    approval_id: str
    rows: int
    error: str = ""
    """SQLSTATE and what may be said of it; "": it was executed."""
    has_begun: bool = field(default=True)
    """False: it was refused before it ran."""


def binding_of(identity: Identity, text: str, bind: Bind | None, types: Sequence[int]) -> str:
    """A digest of who asks for what: equal only for equal text and parameters, in the same database.

    Args:
        types: of the parameters: with their formats they say which values the bytes are.
    """
    digest = hashlib.sha256()
    parts: list[bytes | None] = [
        identity.source.encode(),
        identity.name.encode(),
        identity.database.encode(),
        text.encode("utf-8", "surrogateescape"),
    ]
    if bind is not None and bind.parameters:
        codes = (",".join(map(str, codes)).encode() for codes in (types, bind.parameter_formats))
        parts += [*codes, *bind.parameters]
    for part in parts:
        digest.update(b"-1;" if part is None else str(len(part)).encode() + b";" + part)
    return digest.hexdigest()


def objects_of(settings: str, named: str, reached: Sequence[str], *, is_whole: bool) -> str:
    """A digest of what names and constants stand for.

    Args:
        settings: search_path and others that a meaning depends on.
        named: OIDs of all relations that have one of the names in the text.
        reached: the OIDs of all that the analysis found.
        is_whole: of a message decided by its text alone.
    """
    text = "\0".join((settings, named, ",".join(reached)))
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    return (WHOLE if is_whole else ONE) + digest

"""What a session is told when it begins: who, under which rules, over which catalog, with which keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pgproxy.catalog.model import Catalog
from pgproxy.login.identity import Identity
from pgproxy.masking.keys import MaskingKeys
from pgproxy.policy.pins import PinBook
from pgproxy.policy.probes import ProbeLedger
from pgproxy.policy.rules import Rules
from pgproxy.session.memory import AnalysisMemory


@dataclass(frozen=True, slots=True)
class SessionContext:
    identity: Identity
    rules: Callable[[], Rules]
    """The rules of this moment: a reload counts from the next statement."""
    catalog: Callable[[], Catalog]
    """The database's shared catalog: what sessions lay their own transaction's rows over."""
    keys: MaskingKeys
    parameters: Mapping[str, str] = field(default_factory=dict)
    """ParameterStatus values at login."""
    client_min_messages: str = "notice"
    """What the client would have without the proxy."""
    pins: PinBook = field(default_factory=lambda: PinBook(""))
    """Of the database; shared by its sessions."""
    probes: ProbeLedger = field(default_factory=ProbeLedger)
    """Of all identities; shared by all sessions."""
    now: Callable[[], float] = lambda: 0.0
    """Seconds since 1970."""
    memory: AnalysisMemory = field(default_factory=AnalysisMemory)
    """What all sessions of the database share."""
    has_clean_login: bool = False
    """What cannot be analysed may run on the clean login of role_split."""
    guards_clean_login: bool = False
    """There is a clean login, of this session or of others: nothing may give it more while code runs there."""
    process_id: int = 0
    """Of the server process of this session."""
    senders: Mapping[int, Identity] = field(default_factory=dict)
    """Server process → identity, of all analysed sessions at this moment."""

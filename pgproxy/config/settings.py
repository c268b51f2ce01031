"""pgproxy.yaml as frozen values. `config.loading` makes them, and reports every problem of a file at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A role of the upstream server."""

    user: str
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Upstream:
    host: str
    """Host name, address, or a directory (begins with "/") for a Unix socket."""
    port: int
    database: str
    credentials: Credentials
    databases: tuple[str, ...]
    """What a client may ask for; ("*",) any."""
    sslmode: SslMode = "prefer"
    sslrootcert: Path | None = None
    sslcert: Path | None = None
    sslkey: Path | None = None
    analysis: Literal["session", "parse"] = "session"
    clean: Credentials | None = None
    """`role_split.clean`."""
    connect_timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Tls:
    cert: Path
    key: Path
    client_ca: Path | None = None
    mode: Literal["disable", "prefer", "require", "verify-client"] = "prefer"


HoldMode = Literal["wait", "ticket", "deny"]


@dataclass(frozen=True, slots=True)
class Holds:
    """What a client meets whose statement needs an approval."""

    mode: HoldMode = "wait"
    in_transaction: HoldMode = "wait"
    max_pending: int = 20


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """One entry of `identities`; the name "*" stands for any other user."""

    name: str
    auth: Literal["scram", "jwt", "upstream"] = "scram"
    password: str | None = field(default=None, repr=False)
    """Plain, or a SCRAM-SHA-256$… verifier."""
    groups: tuple[str, ...] = ()
    owner: str = ""
    upstream: Credentials | None = None
    holds: Holds | None = None
    """Its own answer to a hold; None: `Settings.holds`."""


@dataclass(frozen=True, slots=True)
class Http:
    listen: Address
    tls: Tls | None = None
    public_url: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    folder: Path
    record: Literal["decisions", "all"] = "decisions"
    signing_key: Path | None = None


@dataclass(frozen=True, slots=True)
class Jwt:
    """Where the keys of tokens come from, and which of their claims say who it is."""

    jwks: str
    """An https:// or http:// address, or the path of a file."""
    issuer: str = ""
    audience: str = ""
    identity_claim: str = "sub"
    groups_claim: str = "groups"


@dataclass(frozen=True, slots=True)
class Reviewer:
    name: str
    token: str | None = field(default=None, repr=False)
    groups: tuple[str, ...] = ()
    slack: str = ""
    """Slack user id or name."""


@dataclass(frozen=True, slots=True)
class Notify:
    """One entry of `notify`. `url` and the secrets open doors: they are never shown."""

    kind: Literal["webhook", "slack", "teams"]
    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    """`secret` of a webhook, `signing_secret` of Slack."""
    reviewer: str = ""
    """Whom a link in this message stands for."""
    may_decide: tuple[str, ...] | None = None
    """Reviewers whose decision in the answer counts; None: any."""
    shows_values: bool = True


@dataclass(frozen=True, slots=True)
class Settings:
    path: Path
    listen: Address
    upstream: Upstream
    masking_key: bytes = field(repr=False)
    """32 bytes."""
    rules: Path | None = None
    http: Http | None = None
    tls: Tls | None = None
    identities: Mapping[str, IdentitySettings] = field(default_factory=dict)
    drain_seconds: float = 30.0
    store: str = field(default="sqlite:///pgproxy.db", repr=False)
    """SQLite with an absolute path, or postgresql://…"""
    audit: Audit | None = None
    holds: Holds = field(default_factory=Holds)
    jwt: Jwt | None = None
    reviewers: Mapping[str, Reviewer] = field(default_factory=dict)
    notify: tuple[Notify, ...] = ()

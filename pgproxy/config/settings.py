"""pgproxy.yaml as frozen values (INTERFACE §3). `config.loading` makes them and reports every problem of a file at once."""

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


@dataclass(frozen=True, slots=True)
class Http:
    listen: Address
    tls: Tls | None = None
    public_url: str = ""


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
    store: str = "sqlite:///pgproxy.db"
    audit: Mapping[str, object] = field(default_factory=dict)
    holds: Mapping[str, object] = field(default_factory=dict)
    jwt: Mapping[str, object] | None = None
    reviewers: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    notify: tuple[Mapping[str, object], ...] = ()

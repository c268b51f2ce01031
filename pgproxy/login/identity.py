"""Who the client is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """A proven client.

    `source` says how rules may name it (INTERFACE §3): "file" by plain name and groups, "role" (the upstream
    authenticated it) by `role:NAME`, "jwt" by `jwt:NAME` and `jwt-group:NAME`.
    """

    name: str
    groups: tuple[str, ...] = ()
    owner: str = ""
    source: str = "file"
    database: str = ""

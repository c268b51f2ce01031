"""The demo's database and its configuration: PostgreSQL 18 with the shop, in one directory.

Starts and fills the server and writes the files that `pgproxy serve` reads; running the proxy is the command line's.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Final

import asyncpg

from pgproxy.demo.cluster import HOST, SUPERUSER, Cluster, ServerFailed, embedded_binaries, start_cluster
from pgproxy.demo.shop import LOGIN, allow_login, load_shop

DATABASE: Final = "shop"
AGENT: Final = "support-agent"
AGENT_PASSWORD: Final = "agent"  # noqa: S105 (printed by the demo, good for made-up data alone)
REVIEWER: Final = "security"
DBA: Final = "dba"
DBA_PASSWORD: Final = "dba"  # noqa: S105

# The superuser comes in by the Unix socket alone, in a directory that is closed to others: nobody passes the proxy by.
ACCESS: Final = (f"host {DATABASE} {LOGIN} {HOST}/32 scram-sha-256", f"local all {SUPERUSER} trust")


@dataclass(frozen=True, slots=True)
class DemoServer:
    """The running database behind the demo's proxy."""

    cluster: Cluster
    password: str = field(repr=False)
    """Of the login `app`."""

    @property
    def port(self) -> int:
        return self.cluster.port

    @property
    def dsn(self) -> str:
        """`upstream.dsn`: without the password."""
        return self.cluster.dsn(DATABASE, LOGIN)

    @property
    def superuser_dsn(self) -> str:
        return _superuser_dsn(self.cluster, DATABASE)

    def stop(self) -> None:
        self.cluster.stop()


def usual_directory() -> Path:
    """Where a demo keeps its files from one run to the next; root's is not in its home, see `start_cluster`."""
    if os.geteuid() == 0:
        return Path("/var/cache/pgproxy/demo")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pgproxy" / "demo"


async def start_demo(directory: Path, *, port: int | None = None, remove: bool = False) -> DemoServer:
    """Start the server of `directory`; the first time there, make it and load the shop.

    Args:
        directory: the server's alone (see `start_cluster`), its path short enough for a Unix socket, 90 bytes.
        port: of PostgreSQL; default: any that is free.
        remove: delete `directory` when the server stops; it stops with this process at the latest.
    Raises:
        ServerFailed
    """
    cluster = await asyncio.to_thread(
        start_cluster, directory, embedded_binaries(), port=port, access=ACCESS, remove=remove
    )
    try:
        return DemoServer(cluster, await _prepare(cluster))
    except BaseException:
        await asyncio.to_thread(cluster.stop)
        raise


async def _prepare(cluster: Cluster) -> str:
    """Load the shop where it is not loaded yet, and give `app` its password."""
    if cluster.socket_folder is None:
        raise ServerFailed(f"the path {cluster.directory} is too long for a Unix socket: choose a shorter one")
    password = secrets.token_hex(16)
    connection = await asyncpg.connect(_superuser_dsn(cluster, "postgres"))
    try:
        if await connection.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", DATABASE):
            await allow_login(connection, password)
            return password
        await connection.execute("DROP DATABASE IF EXISTS loading")
        await connection.execute("CREATE DATABASE loading TEMPLATE template0 STRATEGY file_copy")
        await load_shop(_superuser_dsn(cluster, "loading"), password)
        # The name appears when everything is there: a load that was interrupted is not taken for a shop.
        await connection.execute(f"ALTER DATABASE loading RENAME TO {DATABASE}")
        return password
    finally:
        await connection.close()


def _superuser_dsn(cluster: Cluster, database: str) -> str:
    return f"postgresql://{SUPERUSER}@/{database}?host={cluster.socket_folder}&port={cluster.port}"


def write_configuration(server: DemoServer, folder: Path, *, listen: str, http: str) -> Path:
    """`pgproxy.yaml` and its rules in `folder`, ready for `serve`, `check` and `explain`.

    An existing masking key and existing rules stay: the same value gets the same mask after a restart, and who
    changed a rule finds it again.
    Returns:
        the path of pgproxy.yaml.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shipped = resources.files("pgproxy.demo")
    key, rules = folder / "masking.key", folder / "rules.yaml"
    if not key.exists():
        _write_private(key, secrets.token_hex(32))
    if not rules.exists():
        rules.write_text(shipped.joinpath("rules.yaml").read_text())
    _write_private(folder / "upstream.password", server.password)
    token = reviewer_token_file(folder)
    if not token.exists():
        _write_private(token, secrets.token_urlsafe(24))
    configuration = folder / "pgproxy.yaml"
    written = shipped.joinpath("pgproxy.yaml.template").read_text()
    for name, value in {
        "LISTEN": listen,
        "HTTP": http,
        "UPSTREAM": server.dsn,
        "FOLDER": str(folder.resolve()),
        "AGENT_PASSWORD": AGENT_PASSWORD,
        "DBA_PASSWORD": DBA_PASSWORD,
    }.items():
        written = written.replace(f"@{name}@", value)
    configuration.write_text(written)
    return configuration


def reviewer_token_file(folder: Path) -> Path:
    """Where the token of the demo's reviewer is."""
    return folder / "reviewer.token"


def _write_private(path: Path, content: str) -> None:
    path.touch(mode=0o600)
    path.write_text(content)

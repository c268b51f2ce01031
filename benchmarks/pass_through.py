"""Rows a second of a SELECT direct and through the proxy.

    python benchmarks/pass_through.py [--rows N] [--repeat N] [--masked]

For an identity that no rule concerns; with --masked for one that has masks on three of the five columns.

Server (the embedded one), proxy and client are processes of their own on this machine. The raw reader does nothing with
what it receives, so it shows the proxy at its worst; psycopg makes Python values of it, as a program would. Direct and
proxied runs take turns; prints the median of each and their ratio.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from pgproxy.demo.cluster import HOST, SUPERUSER, embedded_binaries, start_cluster

READ_BYTES = 1 << 18
END = b"Z\0\0\0\x05I"
"""ReadyForQuery, idle."""

CONFIGURATION = """\
listen: 127.0.0.1:0
upstream: {{dsn: "{dsn}"}}
masking_key: {key}
identities: {{"*": {{auth: upstream}}}}
rules: rules.yaml
"""
NO_RULES = "masks: {}\n"
THREE_MASKS = "masks:\n  public.people: {name: {fake: name}, email: {fake: email}, phone: digits}\n"

TABLE = """
CREATE TABLE people AS
SELECT g AS id, 'Person Number ' || g AS name, 'person' || g || '@mail.example' AS email,
       '+49 30 ' || lpad(g::text, 8, '0') AS phone, timestamp '2026-01-01' + g * interval '1 second' AS seen
FROM generate_series(1, {rows}) g
"""
STATEMENT = "SELECT * FROM people"


def read_raw(port: int, rows: int) -> float:
    """Seconds from the Query to its ReadyForQuery."""
    with socket.create_connection((HOST, port)) as connection:
        parameters = f"user\0{SUPERUSER}\0database\0postgres\0\0".encode()
        connection.sendall(struct.pack("!IHH", len(parameters) + 8, 3, 0) + parameters)
        tail = b""
        while not tail.endswith(END):
            tail = (tail + connection.recv(READ_BYTES))[-len(END) :]
        statement = STATEMENT.encode() + b"\0"
        started = time.perf_counter()
        connection.sendall(b"Q" + struct.pack("!I", len(statement) + 4) + statement)
        buffer, tail = bytearray(READ_BYTES), b""
        view = memoryview(buffer)
        while not tail.endswith(END):
            size = connection.recv_into(buffer)
            if not size:
                raise ConnectionError("the connection was closed before the end of the result")
            tail = (tail + bytes(view[max(0, size - len(END)) : size]))[-len(END) :]
        return time.perf_counter() - started


def read_psycopg(port: int, rows: int) -> float:
    """Seconds to have all rows as Python values, in parts."""
    with psycopg.connect(host=HOST, port=port, user=SUPERUSER, dbname="postgres") as connection:
        with connection.cursor("reader") as cursor:
            cursor.itersize = 10_000
            started = time.perf_counter()
            cursor.execute(STATEMENT)
            count = sum(1 for _ in cursor)
            taken = time.perf_counter() - started
    if count != rows:
        raise ValueError(f"{count} rows instead of {rows}")
    return taken


@contextmanager
def proxy(folder: Path, dsn: str, rules: str) -> Iterator[int]:
    """The port of a proxy before this server."""
    path = folder / "pgproxy.yaml"
    (folder / "rules.yaml").write_text(rules)
    path.write_text(CONFIGURATION.format(dsn=dsn, key=bytes(32).hex()))
    command = [sys.executable, "-m", "pgproxy", "serve", "-c", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith("ready "):
            raise SystemExit("the proxy does not start")
        try:
            yield int(line.split()[1].rsplit(":", 1)[1])
        finally:
            process.terminate()


def compare(name: str, read: Callable[[int, int], float], direct: int, through: int, rows: int, repeat: int) -> None:
    seconds: dict[int, list[float]] = {direct: [], through: []}
    for _ in range(repeat):
        for port in (direct, through):
            seconds[port].append(read(port, rows))
    speed = {port: rows / statistics.median(found) for port, found in seconds.items()}
    print(
        f"{name:8} direct {speed[direct]:>10,.0f} rows/s, through the proxy {speed[through]:>10,.0f}, "
        f"ratio {speed[through] / speed[direct]:.2f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--masked", action="store_true")
    arguments = parser.parse_args()
    rules = THREE_MASKS if arguments.masked else NO_RULES
    with tempfile.TemporaryDirectory(prefix="pgproxy-bench-", dir="/tmp", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        folder.chmod(0o711)
        server = start_cluster(folder / "server", embedded_binaries())
        try:
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                connection.execute(TABLE.format(rows=arguments.rows))
                connection.execute("VACUUM (FREEZE, ANALYZE) people")
            with proxy(folder, server.dsn(), rules) as port:
                compare("raw", read_raw, server.port, port, arguments.rows, arguments.repeat)
                if not arguments.masked:  # its named cursor is a DECLARE, which is refused under masks
                    name, read = "psycopg", read_psycopg
                    compare(name, read, server.port, port, arguments.rows, arguments.repeat)
        finally:
            server.stop()


if __name__ == "__main__":
    main()

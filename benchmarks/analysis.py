"""Milliseconds to a decision: cold, for other constants, and for a statement that comes again.

    python benchmarks/analysis.py [--repeat N]

An analysed session in this process, over a socket to the embedded server. "proxy" is processor time in the session's
own code, all in Python, rows included; "all" is time by the clock, from the client's message to the last answer;
"direct" is that without a proxy; "decision" of a repeated statement is what of "proxy" goes from the server's answers
(tree, description, versions) to the verdict. Medians, the least behind them. Cold: nothing is remembered of the
statement, its tables or its text, in a session that has run others; analysis: from Parse to ParseComplete; "alone":
again and again without the server, its messages and the catalog's rows, which keeps the processor's caches warm.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import platform
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import asyncpg
import psycopg
from psycopg import conninfo, pq

from pgproxy.catalog.model import Catalog
from pgproxy.catalog.reading import load_catalog
from pgproxy.demo.cluster import embedded_binaries, start_cluster
from pgproxy.login.identity import Identity
from pgproxy.masking.keys import MaskingKeys
from pgproxy.policy.loading import load_rules
from pgproxy.policy.rules import Rules
from pgproxy.service.event_loop import collect_seldom
from pgproxy.session.actions import Action, SendClient, SendUpstream
from pgproxy.session.admission import admit
from pgproxy.session.analysed import AnalysedSession
from pgproxy.session.analysis import Analysis
from pgproxy.session.context import SessionContext
from pgproxy.session.known_trees import Readings
from pgproxy.session.memory import AnalysisMemory, Verdicts
from pgproxy.session.opening import ANALYSIS_SETTINGS
from pgproxy.session.state import Gate
from pgproxy.statements import facts, grammar, grammar_facts, grammar_parser
from pgproxy.statements.grammar import split
from pgproxy.wire import query

TABLES = """
CREATE TABLE customers (id int PRIMARY KEY, name text, email text UNIQUE, ssn text, salary numeric, country text);
CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers, total numeric, placed timestamptz);
CREATE TABLE items (id int PRIMARY KEY, of_order int REFERENCES orders, sku text, pieces int);
CREATE TABLE other (id int);
INSERT INTO customers SELECT g, 'n' || g, 'e' || g, 's' || g, g, 'x' FROM generate_series(1, 100) g;
INSERT INTO orders SELECT g, g % 100 + 1, g, now() FROM generate_series(1, 300) g;
INSERT INTO items SELECT g, g % 300 + 1, 'sku', 1 FROM generate_series(1, 900) g;
ANALYZE;
"""
OPTIONS = " ".join(f"-c {name}={value}" for name, value in ANALYSIS_SETTINGS.items())
RULES = "masks:\n  public.customers: {ssn: redact, email: {fake: email}, salary: {round: 1000}}\n"
ONE_TABLE = "SELECT id, name, email FROM customers WHERE id = {} AND country = 'x' ORDER BY id LIMIT 10"
JOIN = """SELECT c.id, c.name, c.ssn, count(*) AS orders, sum(o.total) AS total,
  max(i.sku) AS sku,
  CASE WHEN sum(o.total) > 1000 THEN 'big' WHEN sum(o.total) > 100 THEN 'medium' ELSE 'small' END AS size
FROM customers AS c
JOIN orders AS o ON o.customer = c.id AND o.placed > now() - interval '30 days'
LEFT JOIN items AS i ON i.of_order = o.id
WHERE c.id BETWEEN 10 AND {} AND i.sku IN ('a', 'b', 'sku')
GROUP BY c.id, c.name
HAVING count(*) > 1
ORDER BY total DESC LIMIT 50"""

Message = query.Parse | query.Bind | query.Describe | query.Execute | query.Sync


class Recorder:
    """Keeps what the last statement of a session was decided from, to decide it again and again."""

    def __init__(self) -> None:
        self._last: tuple[Analysis, Gate] | None = None
        find_catalog = Analysis._find_catalog

        def recorded(analysis: Analysis, gate: Gate) -> None:
            self._last = analysis, gate
            find_catalog(analysis, gate)

        Analysis._find_catalog = recorded  # type: ignore[method-assign]

    def decisions(self, repeat: int) -> list[float]:
        """Seconds of the processor from the server's answers (tree, description, versions) to the verdict."""
        assert self._last is not None
        analysis, last = self._last
        found: list[float] = []
        for _ in range(repeat):
            trees, answers = ([bytes(bytearray(one)) for one in sent] for sent in (last.trees, last.answers))
            gate = replace(last, trees=trees, answers=answers, announcement=None, resume=lambda verdict: None)
            analysis._state.gate = gate
            started = time.thread_time()
            analysis._described(gate)
            analysis._find_catalog(gate)
            found.append(time.thread_time() - started)
            assert analysis._state.gate is None
        return found

    def analyses(self, sql: str, repeat: int) -> list[float]:
        """Seconds of the processor from the text and the server's answers to the verdict, nothing of it remembered but
        the catalog's rows."""
        assert self._last is not None
        analysis, last = self._last
        state = analysis._state
        found: list[float] = []
        for _ in range(repeat):
            forget()
            state.memory.shared.verdicts, state.memory.shared.readings = Verdicts(), Readings()
            started = time.thread_time()
            (raw,) = split(sql)
            admit(raw, state.context)
            gate = replace(last, raw=raw, announcement=None, resume=lambda verdict: None)
            state.gate = gate
            analysis._described(gate)
            analysis._find_catalog(gate)
            found.append(time.thread_time() - started)
            assert state.gate is None
        return found


RECORDER = Recorder()


class Client:
    """A session of the proxy, fed by hand."""

    def __init__(self, dsn: str, catalog: Catalog, rules: Rules, memory: AnalysisMemory) -> None:
        self._libpq = pq.PGconn.connect(conninfo.make_conninfo(dsn, options=OPTIONS).encode())
        if self._libpq.status != pq.ConnStatus.OK:
            raise SystemExit(self._libpq.error_message)
        self._socket = socket.socket(fileno=os.dup(self._libpq.socket))
        self._socket.setblocking(True)
        context = SessionContext(
            Identity("agent"), lambda: rules, lambda: catalog, MaskingKeys(bytes(32)), memory=memory
        )
        self._session = AnalysedSession(context)
        self.seconds = 0.0
        """Of the processor, in the session's own code."""

    def ask(self, *messages: Message) -> None:
        data = b"".join(message.encode() for message in messages)
        self._run(partial(self._session.client_bytes, data))
        self._is_done = False
        while not self._is_done:
            self._run(partial(self._session.upstream_bytes, self._socket.recv(1 << 16)))

    def _run(self, event: Callable[[], Sequence[Action]]) -> None:
        started = time.thread_time()
        actions = event()
        self.seconds += time.thread_time() - started
        for action in actions:
            match action:
                case SendUpstream(data):
                    self._socket.sendall(data)
                case SendClient(data):
                    assert data[:1] != b"E", data
                    self._is_done = self._is_done or data[-6:-1] == b"Z\0\0\0\x05"

    def unprepared(self, sql: str) -> tuple[float, float]:
        return self._timed(
            query.Parse("", sql), query.Bind("", ""), query.Describe("P", ""), query.Execute(""), query.Sync()
        )

    def prepare(self, sql: str) -> tuple[float, float]:
        return self._timed(query.Parse("s", sql), query.Sync())

    def prepared(self) -> tuple[float, float]:
        return self._timed(query.Bind("", "s"), query.Execute(""), query.Sync())

    def _timed(self, *messages: Message) -> tuple[float, float]:
        """Seconds: of the processor in the session's code, by the clock."""
        self.seconds, started = 0.0, time.perf_counter()
        self.ask(*messages)
        return self.seconds, time.perf_counter() - started

    def close(self) -> None:
        self._socket.close()
        self._libpq.finish()


def forget() -> None:
    """What modules remember of texts."""
    facts._remembered.cache_clear()
    grammar_facts._remembered.cache_clear()
    grammar_parser._parsed.cache_clear()
    grammar._remembered.cache_clear()


def direct(dsn: str, sql: str, repeat: int) -> tuple[float, float]:
    """Seconds of an execution without a proxy: unprepared, prepared."""
    connection = pq.PGconn.connect(dsn.encode())
    connection.prepare(b"s", sql.encode())
    unprepared = [seconds(lambda: connection.exec_params(sql.encode(), None)) for _ in range(repeat)]
    prepared = [seconds(lambda: connection.exec_prepared(b"s", None)) for _ in range(repeat)]
    connection.finish()
    return statistics.median(unprepared), statistics.median(prepared)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def report(name: str, runs: Sequence[tuple[float, float]], alone: float | None = None) -> None:
    proxy, whole = (shown(times) for times in zip(*runs, strict=True))
    compared = "" if alone is None else f"   direct {alone * 1e3:6.3f}"
    print(f"  {name:<16} proxy {proxy}   all {whole}{compared}", flush=True)


def shown(times: Sequence[float]) -> str:
    return f"{statistics.median(times) * 1e3:7.3f} ({min(times) * 1e3:6.3f})"


def measure(name: str, template: str, dsn: str, catalog: Catalog, rules: Rules, repeat: int) -> None:
    print(f"{name}, {template.count(chr(10)) + 1} lines")
    numbers = itertools.count(1_000)
    analysed, executed = [], []
    for _ in range(repeat):
        for runs, run in ((analysed, Client.prepare), (executed, Client.unprepared)):
            client = Client(dsn, catalog, rules, AnalysisMemory())
            for _ in range(2):
                client.unprepared("SELECT 1 FROM other")
            forget()
            runs.append(run(client, template.format(next(numbers))))
            if len(executed) < repeat:
                client.close()
    unprepared, prepared = direct(dsn, template.format(1_000), repeat * 10)
    report("cold, analysis", analysed)
    report("cold, executed", executed)
    report(
        "other constants", [client.unprepared(template.format(next(numbers))) for _ in range(repeat * 10)], unprepared
    )
    same = template.format(1_000)
    report("the same again", [client.unprepared(same) for _ in range(repeat * 10)], unprepared)
    print(f"  {'decision':<16} proxy {shown(RECORDER.decisions(repeat * 50))}")
    print(f"  {'analysis alone':<16} proxy {shown(RECORDER.analyses(same, repeat * 10))}")
    client.prepare(same)
    report("prepared", [client.prepared() for _ in range(repeat * 10)], prepared)
    client.close()


async def read(dsn: str) -> Catalog:
    connection = await asyncpg.connect(dsn)
    try:
        return await load_catalog(connection)
    finally:
        await connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=20)
    repeat = parser.parse_args().repeat
    collect_seldom()  # as `serve` does
    versions = ", ".join(f"{name} {version(name)}" for name in ("sqlglot", "postgast", "protobuf"))
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"python {platform.python_version()}, {versions}; {os.cpu_count()} processors, load {load}; ms")
    with tempfile.TemporaryDirectory(prefix="pgproxy-bench-", dir="/tmp", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        folder.chmod(0o711)
        (folder / "rules.yaml").write_text(RULES)
        rules = load_rules(folder / "rules.yaml")
        server = start_cluster(folder / "server", embedded_binaries(), settings={"log_min_messages": "panic"})
        try:
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                connection.execute(TABLES)
            catalog = asyncio.run(read(server.dsn()))
            measure("one table", ONE_TABLE, server.dsn(), catalog, rules, repeat)
            measure("join", JOIN, server.dsn(), catalog, rules, repeat)
        finally:
            server.stop()


if __name__ == "__main__":
    main()

"""The process: how it starts or says why not, drains, reloads, and what it answers over HTTP."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import yaml
from click.testing import CliRunner

from pgproxy.cli import main
from tests.net.conftest import SECRET, Way
from tests.net.raw_client import RawClient, eventually, fields_of, query, startup_packet
from tests.proxies import ProxyProcess
from tests.servers import Database

ALREADY_TOLD = 0
"""No signal: only wait for the end."""

# Ending ------------------------------------------------------------------------------------------------------------


def state_of(database: Database, process_id: int) -> str:
    rows = database.sql(f"SELECT state FROM pg_stat_activity WHERE pid = {process_id}")
    return str(rows[0][0]) if rows else "gone"


def test_sigterm_lets_what_runs_complete_and_refuses_the_new(database: Database, tmp_path: Path) -> None:
    with (
        ProxyProcess(tmp_path, database.dsn()) as proxy,
        RawClient(proxy.port) as idle,
        RawClient(proxy.port) as in_transaction,
        RawClient(proxy.port) as running,
        RawClient(proxy.port) as new,
    ):
        idle.log_in("postgres", database.name)
        in_transaction.log_in("postgres", database.name)
        in_transaction.ask("BEGIN")
        process_id, _ = running.log_in("postgres", database.name).key
        database.sql("CREATE TABLE IF NOT EXISTS gate (line text)")
        with psycopg.connect(database.dsn()) as keeper:
            keeper.execute("LOCK TABLE gate")
            running.send(query("SELECT count(*) FROM gate; SELECT repeat('x', 3000000)"))
            eventually(lambda: waits_for_lock(database, process_id))
            proxy.signal(signal.SIGTERM)
            for client in (idle, in_transaction):
                error = client.last_error()
                assert (error["C"], error["S"]) == ("57P01", "FATAL")
            new.send(startup_packet({"user": "postgres", "database": database.name}))
            assert new.last_error()["C"] == "57P01"
            assert proxy.is_running
            assert proxy.get("/healthz")[0] == 200
        messages = running.read_until(b"")
        assert sum(len(body) for tag, body in messages if tag == b"D") > 3_000_000
        assert [tag for tag, _ in messages][-3:] == [b"Z", b"E", b""]
        assert fields_of(messages[-2][1])["C"] == "57P01"
        assert proxy.stop(ALREADY_TOLD) == 0
        assert "Traceback" not in proxy.log


def waits_for_lock(database: Database, process_id: int) -> bool:
    return database.sql(f"SELECT wait_event_type FROM pg_stat_activity WHERE pid = {process_id}") == [("Lock",)]


def test_what_outlasts_the_drain_is_cancelled(database: Database, tmp_path: Path) -> None:
    with ProxyProcess(tmp_path, database.dsn(), extra={"drain": "1s"}) as proxy, RawClient(proxy.port) as client:
        process_id, _ = client.log_in("postgres", database.name).key
        client.send(query("SELECT pg_sleep(600)"))
        eventually(lambda: state_of(database, process_id) == "active")
        proxy.signal(signal.SIGTERM)
        errors = [fields_of(body)["C"] for tag, body in client.read_until(b"") if tag == b"E"]
        assert errors == ["57014", "57P01"]
        assert proxy.stop(ALREADY_TOLD) == 0
        eventually(lambda: state_of(database, process_id) == "gone")


def test_a_client_that_neither_reads_nor_leaves_does_not_stop_the_end(database: Database, tmp_path: Path) -> None:
    with ProxyProcess(tmp_path, database.dsn(), extra={"drain": "1s"}) as proxy, RawClient(proxy.port) as client:
        process_id, _ = client.log_in("postgres", database.name).key
        client.send(query("SELECT repeat('x', 1000) FROM generate_series(1, 200000)"))
        writing = f"SELECT wait_event FROM pg_stat_activity WHERE pid = {process_id}"
        eventually(lambda: database.sql(writing) == [("ClientWrite",)])
        assert proxy.stop() == 0
        eventually(lambda: state_of(database, process_id) == "gone")


def test_a_browser_that_keeps_its_connection_does_not_stop_the_end(database: Database, tmp_path: Path) -> None:
    with ProxyProcess(tmp_path, database.dsn()) as proxy:
        connection = http.client.HTTPConnection(proxy.http, timeout=10)
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
        with socket.create_connection(("127.0.0.1", proxy.port)):
            assert proxy.stop(signal.SIGINT) == 0
        connection.close()


# Reloading ---------------------------------------------------------------------------------------------------------

MASKED = 'masks: {"public.people": {email: redact}}\n'
FOR_OTHERS = 'masks: {"public.people": {email: redact}}\nreveal: [{to: [agent], columns: ["public.people.*"]}]\n'
BAD = 'masks: {"public.people": {email: redacted}}\n'


def test_sighup_takes_good_rules_and_refuses_bad_ones(database: Database, tmp_path: Path) -> None:
    database.sql(
        "DROP TABLE IF EXISTS people; CREATE TABLE people (email text); INSERT INTO people VALUES ('a@b.example')"
    )
    identities: dict[str, object] = {"agent": {"password": SECRET}}

    def email() -> str:
        with proxy.connect(database.name, "agent", SECRET) as connection:
            [(value,)] = connection.execute("SELECT email FROM people").fetchall()
            return str(value)

    with ProxyProcess(tmp_path, database.dsn(), identities=identities) as proxy:
        with proxy.connect(database.name, "agent", SECRET) as before:
            assert before.execute("SELECT email FROM people").fetchone() == ("a@b.example",)
            said = proxy.reload(BAD)
            assert "rules not reloaded" in said
            assert "rules.yaml:1:" in said
            assert email() == "a@b.example"
            assert "rules reloaded" in proxy.reload(MASKED)
            with pytest.raises(psycopg.errors.AdminShutdown, match="the rules for this identity have changed"):
                before.execute("SELECT email FROM people")
        assert email() == "[redacted]"
        assert "rules not reloaded" in proxy.reload(BAD)
        assert email() == "[redacted]"


# Not starting ------------------------------------------------------------------------------------------------------


def configured(folder: Path, **changes: object) -> Path:
    path = ProxyProcess(folder, "postgresql://app@127.0.0.1:1/x").write()
    document = yaml.safe_load(path.read_text())
    document.update(changes)
    path.write_text(yaml.safe_dump(document))
    return path


def serve(path: Path) -> list[str]:
    """What a process that must not start says on stderr."""
    ended = subprocess.run(
        [sys.executable, "-m", "pgproxy", "serve", "-c", str(path)], capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    return ended.stderr.splitlines()


@pytest.mark.parametrize("which", ["listen", "http"])
def test_a_port_taken_is_one_clear_line(tmp_path: Path, which: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        [line] = serve(configured(tmp_path, **{which: address if which == "listen" else {"listen": address}}))
    assert line.startswith(f"error: cannot listen on {address}")
    assert "in use" in line


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"masking_key": "c0ffee"}, "masking_key"),
        ({"masking_key": ""}, "masking_key"),
        ({"masking_key": "zz" * 32}, "masking_key"),
        ({"tls": {"cert": "none.crt", "key": "pgproxy.yaml"}}, "none.crt"),
        ({"rules": "nowhere"}, "nowhere"),
        ({"identities": {"agent": {"password": "SCRAM-SHA-256$nonsense"}}}, "agent"),
        ({"upstream": {"dsn": "postgresql://app@127.0.0.1:1/x?sslmode=verify-full&sslrootcert=none.crt"}}, "none.crt"),
    ],
    ids=["short key", "no key", "no hex", "no certificate", "no rules", "no verifier", "no root certificate"],
)
def test_what_cannot_be_used_is_one_line_and_no_start(
    tmp_path: Path, changes: dict[str, object], expected: str
) -> None:
    ended = CliRunner().invoke(main, ["serve", "-c", str(configured(tmp_path, **changes))])
    assert ended.exit_code == 1, ended.output
    [line] = ended.stderr.splitlines()
    assert expected in line
    assert "Traceback" not in ended.output
    for secret in ("c0ffee", "zz" * 32, "nonsense"):
        assert secret not in ended.output


def test_a_configuration_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    [line] = serve(tmp_path / "missing.yaml")
    assert "missing.yaml" in line


def test_bad_usage_ends_with_2(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["serve", "--no-such-option"]).exit_code == 2
    assert CliRunner().invoke(main, ["serve", "-c", str(tmp_path)]).exit_code == 2


# HTTP --------------------------------------------------------------------------------------------------------------


def test_health_and_readiness(way: Way) -> None:
    assert way.proxy.get("/healthz") == (200, '{"status": "ok"}')
    assert way.proxy.get("/readyz")[0] == 200
    assert way.proxy.get("/nothing-here")[0] == 404


def test_every_answer_carries_the_headers(way: Way) -> None:
    connection = http.client.HTTPConnection(way.proxy.http, timeout=10)
    try:
        for path in ("/healthz", "/nothing-here"):
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["X-Frame-Options"] == "DENY"
            assert response.headers["Referrer-Policy"] == "no-referrer"
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["Content-Security-Policy"] == "default-src 'none'"
    finally:
        connection.close()


def test_keygen_makes_a_key_that_serves(tmp_path: Path) -> None:
    keys = {CliRunner().invoke(main, ["keygen"]).output.strip() for _ in range(2)}
    assert len(keys) == 2
    with ProxyProcess(tmp_path, "postgresql://app@127.0.0.1:1/x", extra={"masking_key": keys.pop()}) as proxy:
        assert proxy.get("/healthz")[0] == 200


def test_a_catalog_that_cannot_be_read_is_a_warning_and_no_end(database: Database, tmp_path: Path) -> None:
    role = "net_service_hurried"
    database.server.new_role(role)
    database.sql(f"ALTER ROLE {role} SET statement_timeout = '1ms'")
    identities: dict[str, object] = {"agent": {"password": SECRET}, "*": {"auth": "upstream"}}
    with ProxyProcess(tmp_path, database.dsn(role), rules=MASKED, identities=identities) as proxy:
        eventually(lambda: "WARNING pgproxy upstream not reachable yet: the catalog" in proxy.log)
        with pytest.raises(psycopg.OperationalError, match="the catalog of database"):
            proxy.connect(database.name, "agent", SECRET)
        assert "Traceback" not in proxy.log

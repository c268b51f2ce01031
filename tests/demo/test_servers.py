"""The servers that other tests stand on."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest

from pgproxy.demo.cluster import ServerFailed, embedded_binaries, start_cluster
from tests.servers import LOGINS, Database, Server, start_server


def test_server_is_the_version_asked_for(postgres: Server) -> None:
    [(number,)] = postgres.sql("SHOW server_version_num")
    assert int(number) // 10000 == postgres.version


def test_statements_run_one_after_the_other_and_the_last_answers(database: Database) -> None:
    assert database.sql("CREATE TABLE t (i int); INSERT INTO t VALUES (1), (2); SELECT i FROM t") == [(1,), (2,)]
    assert database.sql("SELECT i FROM t WHERE i > %s", [1]) == [(2,)]


@pytest.mark.parametrize("login", [login for login in LOGINS if login != "reject"])
def test_role_logs_in_by_the_method_it_was_made_for(postgres: Server, login: str) -> None:
    postgres.new_role(f"servers {login}", "p@ss/word", login=login)  # type: ignore[arg-type]
    with psycopg.connect(postgres.dsn(user=f"servers {login}", password="p@ss/word")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.dsn(user=f"servers {login}", password="wrong"))


def test_tls_is_verified_against_the_authority(postgres_tls: Server) -> None:
    dsn = postgres_tls.dsn(sslmode="verify-full", sslrootcert=str(postgres_tls.ca)).replace("127.0.0.1", "localhost")
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone() == (True,)


def test_stopped_server_leaves_nothing_behind() -> None:
    server = start_server()
    server.stop()
    assert not server.cluster.directory.exists()
    with pytest.raises(psycopg.OperationalError):
        server.sql("SELECT 1")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it under another account")
def test_root_is_told_when_the_other_account_may_not_enter(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(ServerFailed, match=r"may not enter .*: choose a directory elsewhere"):
        start_cluster(closed / "server", embedded_binaries())

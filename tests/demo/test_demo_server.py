"""The demo's server and the files it writes for the proxy."""

from __future__ import annotations

import asyncio
import stat
import tempfile
from pathlib import Path

import psycopg
import pytest
import yaml

from pgproxy.demo.cluster import Cluster
from pgproxy.demo.server import DATABASE, DemoServer, start_demo, write_configuration


def test_demo_starts_again_with_what_it_had() -> None:
    directory = Path(tempfile.mkdtemp(prefix="pgproxy-", dir="/tmp"))
    first = asyncio.run(start_demo(directory))
    with psycopg.connect(first.superuser_dsn, autocommit=True) as connection:
        connection.execute("UPDATE users SET name = 'Changed' WHERE id = 1")
    first.stop()

    second = asyncio.run(start_demo(directory, remove=True))
    try:
        with psycopg.connect(second.dsn, password=second.password) as connection:
            assert connection.execute("SELECT name FROM users WHERE id = 1").fetchone() == ("Changed",)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(second.dsn, password=first.password)
        with pytest.raises(psycopg.OperationalError, match="FATAL:  no pg_hba"):
            psycopg.connect(second.cluster.dsn(DATABASE))
    finally:
        second.stop()
    assert not directory.exists()


SERVER = DemoServer(Cluster(Path("/nowhere"), 5432, is_removed=True), "not to be seen")


def inner(reference: str) -> Path:
    return Path(reference.removeprefix("${file:").removesuffix("}"))


def test_configuration_names_files_that_only_the_owner_reads(tmp_path: Path) -> None:
    path = write_configuration(SERVER, tmp_path / "proxy", listen="127.0.0.1:6543", http="127.0.0.1:6580")
    written = yaml.safe_load(path.read_text())
    assert set(written["identities"]) == {"support-agent", "dba"}
    password, key = inner(written["upstream"]["password"]), inner(written["masking_key"])
    assert password.read_text() == "not to be seen"
    assert len(bytes.fromhex(key.read_text())) == 32
    assert {stat.S_IMODE(secret.stat().st_mode) for secret in (password, key)} == {0o600}
    assert "not to be seen" not in path.read_text() + repr(SERVER)


def test_key_and_changed_rules_stay(tmp_path: Path) -> None:
    write_configuration(SERVER, tmp_path, listen="127.0.0.1:6543", http="127.0.0.1:6580")
    key = (tmp_path / "masking.key").read_text()
    (tmp_path / "rules.yaml").write_text("masks: {}")
    write_configuration(SERVER, tmp_path, listen="127.0.0.1:7543", http="127.0.0.1:6580")
    assert (tmp_path / "masking.key").read_text() == key
    assert (tmp_path / "rules.yaml").read_text() == "masks: {}"

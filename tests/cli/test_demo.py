"""`pgproxy demo` as a first user meets it. Slow things happen once: the folder with the shop is kept for all tests."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from pgproxy.demo.shop import WORTH_TRYING
from tests.cli.command import ENVIRONMENT, MODULE, pgproxy


@dataclass(frozen=True, slots=True)
class Demo:
    folder: Path
    words: str
    """What it printed."""

    @property
    def agent(self) -> str:
        """The DSN to paste."""
        found = re.search(r'psql "(postgresql://support-agent:\S+)"', self.words)
        assert found is not None
        return found[1]

    @property
    def has_server(self) -> bool:
        return (self.folder / "server" / "data" / "postmaster.pid").exists()


@contextmanager
def running(folder: Path) -> Iterator[Demo]:
    process = subprocess.Popen(
        [*MODULE, "demo", "--port", "0", "--http-port", "0", "--folder", str(folder)],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or "Ctrl-C ends the demo" not in lines[-1]:
            line = process.stdout.readline()
            assert line, "".join(lines)
            lines.append(line)
        yield Demo(folder, "".join(lines))
    finally:
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=60)
    assert process.returncode == 0
    assert log == ""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Below /tmp: the account that runs root's server has to enter it, and its socket's path is short."""
    with tempfile.TemporaryDirectory(prefix="pgproxy-", dir="/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        yield Path(name) / "demo"


@pytest.fixture(scope="module")
def demo(folder: Path) -> Iterator[Demo]:
    with running(folder) as demo:
        yield demo


def test_the_dsn_and_the_statements_do_what_is_said(demo: Demo) -> None:
    assert len(WORTH_TRYING) == 3
    refused = 0
    with psycopg.connect(demo.agent, autocommit=True) as connection:
        for sql, look_at in WORTH_TRYING:
            assert f"  {sql};\n      {look_at}\n" in demo.words
            try:
                assert len(connection.execute(sql.encode()).fetchall()) == 5
            except psycopg.errors.InsufficientPrivilege as error:
                assert look_at.startswith("refused")
                assert error.diag.message_hint
                refused += 1
    assert refused == 1


def test_the_command_that_it_prints_explains(demo: Demo) -> None:
    found = re.search(r" (explain -c \S+ --as support-agent) \"(.+)\"", demo.words)
    assert found is not None
    ended = pgproxy(*found[1].split(), found[2])
    assert ended.code == 0
    assert "public.users.email" in ended.out


def test_its_rules_pass_their_tests(demo: Demo) -> None:
    ended = pgproxy("test", "-c", demo.folder / "pgproxy.yaml")
    assert (ended.code, ended.err) == (0, [])
    assert "9 passed, 0 failed" in ended.out


def test_its_configuration_is_clean(demo: Demo) -> None:
    ended = pgproxy("check", "--strict", "-c", demo.folder / "pgproxy.yaml")
    assert (ended.code, ended.err) == (0, [])


def test_a_second_one_in_the_folder_is_refused_and_harms_nothing(demo: Demo) -> None:
    ended = pgproxy("demo", "--port", "0", "--http-port", "0", "--folder", demo.folder)
    assert ended.code == 1
    [line] = ended.err
    assert line.startswith("error: a server runs in ")
    with psycopg.connect(demo.agent) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (10_000,)


def test_a_port_taken_is_one_line_and_the_next_start_is_as_if_nothing_had_been() -> None:
    with tempfile.TemporaryDirectory(prefix="pgproxy-", dir="/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        folder = Path(name) / "demo"
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            ended = pgproxy("demo", "--port", port, "--http-port", "0", "--folder", folder)
        assert ended.code == 1
        [line] = ended.err
        assert line.startswith(f"error: cannot listen on 127.0.0.1:{port}: Address")
        assert not (folder / "server" / "data" / "postmaster.pid").exists()
        with running(folder) as demo, psycopg.connect(demo.agent) as connection:
            assert connection.execute("SELECT count(*) FROM users").fetchone() == (10_000,)
        assert not demo.has_server


def test_check_drives_real_sockets_and_says_what_it_saw() -> None:
    ended = pgproxy("demo", "--check")
    assert (ended.code, ended.err) == (0, [])
    assert "ok   name is masked, of its own type" in ended.out
    assert "FAIL" not in ended.out

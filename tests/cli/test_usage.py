"""What holds for every command: help, `-c`, bad usage; and `keygen`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pgproxy.cli import COMMANDS as TABLE
from pgproxy.cli import main
from pgproxy.config.scalars import parse_masking_key
from tests.cli.command import MODULE, SCRIPT, pgproxy

COMMANDS = sorted(TABLE)


def test_the_list_of_commands_has_the_first_sentence_of_each() -> None:
    context = click.Context(main)
    for name, (_, summary) in TABLE.items():
        command = main.get_command(context, name)
        assert command is not None and command.get_short_help_str(limit=200) == summary


@pytest.mark.parametrize(
    ("arguments", "unneeded"),
    [
        (["--help"], {"aiohttp", "asyncpg", "sqlglot", "sqlalchemy", "pgproxy.attack", "pgproxy.net"}),
        (["keygen"], {"aiohttp", "asyncpg", "sqlglot", "sqlalchemy", "pgproxy.attack", "pgproxy.net"}),
        (
            ["check", "--offline"],
            {"aiohttp", "sqlalchemy", "sqlglot", "pgproxy.attack", "pgproxy.net.proxy"},
        ),
        (["serve", "--help"], {"pgproxy.attack", "pgproxy.demo", "faker", "psycopg"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_imports_what_it_needs(arguments: list[str], unneeded: set[str], tmp_path: Path) -> None:
    script = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); " + (
        "from pgproxy.cli import main; main(sys.argv[1:])"
    )
    ended = subprocess.run([sys.executable, "-c", script, *arguments], cwd=tmp_path, capture_output=True, text=True)
    imported = set(ended.stderr.split())
    assert "pgproxy.cli" in imported
    assert not imported & unneeded


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_an_example_with_its_command_line(name: str) -> None:
    ended = CliRunner().invoke(main, [name, "--help"])
    assert ended.exit_code == 0
    assert f"Example:\n    pgproxy {name}" in ended.output or f"=$(pgproxy {name})" in ended.output
    assert "-c, --config FILE" in ended.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        *([name, "--no-such-option"] for name in COMMANDS),
        *([name, "too", "many", "arguments"] for name in COMMANDS),
        ["serve", "--workers", "0"],
        ["serve", "--workers", "many"],
        ["explain", "select 1"],
        ["explain", "--as", "agent"],
        ["demo", "--port", "65536"],
        ["serve", "-c", "."],
    ],
    ids=" ".join,
)
def test_bad_usage_ends_with_2(arguments: list[str]) -> None:
    ended = CliRunner().invoke(main, arguments)
    assert ended.exit_code == 2
    assert ended.stdout == ""


@pytest.mark.parametrize(
    "command", [("serve",), ("check",), ("explain", "--as", "agent", "select 1")], ids=lambda c: c[0]
)
def test_a_missing_configuration_is_one_line(command: tuple[str, ...], tmp_path: Path) -> None:
    ended = pgproxy(*command, "-c", "none.yaml", folder=tmp_path)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == ["none.yaml:1:1: error: cannot be read: No such file or directory"]


def test_the_default_configuration_is_in_the_working_directory(tmp_path: Path) -> None:
    assert pgproxy("check", folder=tmp_path).err[0].startswith("pgproxy.yaml:1:1: error: cannot be read")


@pytest.mark.parametrize("program", [MODULE, SCRIPT], ids=["python -m pgproxy", "pgproxy"])
def test_keygen_prints_a_key(program: tuple[str, ...], tmp_path: Path) -> None:
    plain = pgproxy("keygen", "-c", "any.yaml", program=program, folder=tmp_path)
    as_json = pgproxy("keygen", "--json", program=program)
    assert plain.code == as_json.code == 0
    keys = [plain.out.removesuffix("\n"), json.loads(as_json.out)["masking_key"]]
    assert [len(parse_masking_key(key)) for key in keys] == [32, 32]
    assert keys[0] != keys[1]

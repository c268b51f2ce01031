"""node-postgres: simple, parameterised, named, binary, and portals by pg-cursor.

Skipped where node or the packages are missing: `npm install -g pg pg-cursor`, or PGPROXY_NODE_MODULES=…/node_modules.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.clients.people import Place
from tests.clients.statements import READS, REFUSED, WRITES

PACKAGES = ("pg", "pg-cursor")
BINARY = tuple("visits age account ratio score active name email code joined seen_at".split())
"""What node-postgres reads in binary format."""

PROGRAM = Path(__file__).with_name("ask_node.js")


def places_of_packages() -> Iterator[Path]:
    if named := os.environ.get("PGPROXY_NODE_MODULES"):
        yield Path(named)
    yield from map(Path, filter(None, os.environ.get("NODE_PATH", "").split(os.pathsep)))
    if npm := shutil.which("npm"):
        yield Path(subprocess.run([npm, "root", "-g"], capture_output=True, text=True, timeout=60).stdout.strip())


@cache
def node_modules() -> Path:
    """The folder with the packages; skips the test where there is none."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    for folder in places_of_packages():
        if all((folder / package / "package.json").exists() for package in PACKAGES):
            return folder
    pytest.skip(f"node has no {' and '.join(PACKAGES)}: npm install -g {' '.join(PACKAGES)}, or PGPROXY_NODE_MODULES")


def ask(dsn: str, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["node", str(PROGRAM)],
        input=json.dumps({"dsn": dsn, "asked": asked}),
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "NODE_PATH": str(node_modules()), "TZ": "UTC"},
    )
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


@pytest.fixture(autouse=True, scope="module")
def packages() -> Path:
    """Asked for before `place`: no proxy is started for tests that are skipped."""
    return node_modules()


def test_rows_are_as_direct(packages: Path, place: Place) -> None:
    asked: list[dict[str, Any]] = [
        {"title": one.title, "sql": one.sql, "parameters": one.parameters, "writes": one in WRITES}
        for one in (*READS, *WRITES)
    ]
    columns = ", ".join(name for column in BINARY for name in (column, f"plain_{column}"))
    asked += [
        {"title": f"row {n}", "sql": f"SELECT {columns} FROM users WHERE id = $1", "parameters": [n], "binary": True}
        for n in range(6)
    ]
    masked, seen = ask(place.masked, asked), ask(place.seen, asked)
    assert len(masked) == len(seen) > 6 * len(asked)
    assert not [answer for answer in seen if "error" in (answer["answer"] or {})]
    for through, direct in zip(masked, seen, strict=True):
        assert through == direct, (through["way"], through["title"])


def test_denial_is_an_error_by_every_way_and_the_connection_stays(packages: Path, place: Place) -> None:
    asked: list[dict[str, Any]] = [
        {"title": "refused", "sql": REFUSED, "parameters": [], "fails": True},
        {"title": "passed", "sql": "SELECT 1", "parameters": []},
    ]
    asked += [{**one, "binary": True} for one in asked]
    answers = ask(place.masked, asked)
    refused = [one for one in answers if one["title"] == "refused"]
    assert len(refused) == 10
    assert {json.dumps(one["answer"]) for one in refused} == {'{"error": "42501"}'}
    assert not [one for one in answers if one["title"] == "passed" and "error" in one["answer"]]
    assert answers[-1]["answer"][0] == {"error": "42501"}
    assert answers[-1]["answer"][1]["rows"] == [{"Object": [["?column?", 1]]}]

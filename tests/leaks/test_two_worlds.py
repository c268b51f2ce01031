"""What a client sees must not depend on a secret: every attack, in two worlds that differ in nothing but secrets.

Under rules that hide everything the answers of both worlds are the same, message by message: rows, their number and
order, command tags, errors and notices. Under the default rules only cells differ, and only those that the strict
rules hide; no cell holds a stored secret.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.leaks.verdicts import FILE, fails_direct, lines_of, verdicts_of, written
from tests.leaks.worlds import DEFAULT, SECRETS, STRICT, Attack, Client, Seen, attacks, make_worlds
from tests.proxies import ProxyProcess
from tests.servers import Server

ATTACKS = attacks()
GROUPS = sorted({attack.group for attack in ATTACKS})

BY_EQUALITY = frozenset((Path(__file__).parent / "by_equality.sql").read_text().splitlines())
"""Attacks that `predicates: equality` lets through on purpose: which rows have a given value, or equal ones."""


@dataclass(frozen=True, slots=True)
class Worlds:
    """One proxy before both."""

    first: Client
    second: Client


@pytest.fixture(scope="module")
def role() -> str:
    return f"leaks_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"


@pytest.fixture(scope="module")
def databases(postgres: Server, role: str) -> tuple[str, str]:
    first, second = make_worlds(postgres, role, role)
    return first.name, second.name


@pytest.fixture(scope="module")
def direct(postgres: Server, databases: tuple[str, str], role: str) -> Iterator[Client]:
    """Past the proxy, to the first world."""
    client = Client(postgres.port, databases[0], role)
    yield client
    client.close()


@pytest.fixture(scope="module")
def strict(
    postgres: Server, databases: tuple[str, str], role: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Worlds]:
    yield from _worlds(postgres, databases, role, tmp_path_factory.mktemp("strict"), STRICT)


@pytest.fixture(scope="module")
def default(
    postgres: Server, databases: tuple[str, str], role: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Worlds]:
    yield from _worlds(postgres, databases, role, tmp_path_factory.mktemp("default"), DEFAULT)


def _worlds(
    server: Server, databases: tuple[str, str], role: str, folder: Path, rules: Mapping[str, Any]
) -> Iterator[Worlds]:
    proxy = ProxyProcess(folder, server.dsn(databases[0]), rules=yaml.safe_dump(dict(rules), sort_keys=False))
    with proxy:
        clients = [Client(proxy.port, database, role) for database in databases]
        yield Worlds(*clients)
        for client in clients:
            client.close()
    assert "Traceback" not in proxy.log


def _of_group(group: str) -> list[Attack]:
    """But for what shows other tests' sessions, which come and go between two looks."""
    return [attack for attack in ATTACKS if attack.group == group and "pg_stat_activity" not in attack.sql]


def test_the_corpus_is_read_completely() -> None:
    assert len(ATTACKS) == 227
    assert "".join(GROUPS) == "ABCDEFGHIJK"
    assert set(written()) == {attack.sql for attack in ATTACKS}


@pytest.mark.parametrize("group", GROUPS)
def test_each_statement_gets_the_verdict_that_is_written_down(
    strict: Worlds, default: Worlds, direct: Client, postgres: Server, group: str
) -> None:
    """Another verdict is no error by itself: write the file anew, read the difference and judge it."""
    known, changed = written(), []
    for attack in _of_group(group):
        if postgres.version < 18 and fails_direct(attack, direct):
            continue  # the file is of 18
        verdicts = {
            name: verdicts_of(attack, worlds.first, direct)
            for name, worlds in (("strict", strict), ("default", default))
        }
        now = lines_of(attack, verdicts)
        if now != known.get(attack.sql):
            changed.append(now)
    assert not changed, f"not as in {FILE.name} (python -m tests.leaks.verdicts):\n\n" + "\n\n".join(changed)


@pytest.mark.parametrize("group", GROUPS)
def test_hidden_columns_show_nothing_in_a_simple_query(strict: Worlds, group: str) -> None:
    told = [a.sql for a in _of_group(group) if strict.first.simple(a.sql) != strict.second.simple(a.sql)]
    assert not told, "\n".join(told)


@pytest.mark.parametrize("group", GROUPS)
def test_hidden_columns_show_nothing_in_the_extended_protocol(strict: Worlds, group: str) -> None:
    told = [
        a.sql
        for a in _of_group(group)
        if strict.first.one_by_one(a.statements) != strict.second.one_by_one(a.statements)
    ]
    assert not told, "\n".join(told)


@pytest.mark.parametrize("group", GROUPS)
def test_only_hidden_cells_differ_under_the_default_rules(strict: Worlds, default: Worlds, group: str) -> None:
    told, raw = [], []
    for attack in _of_group(group):
        statements = attack.statements
        answers = [one.one_by_one(statements) for one in (default.first, default.second, strict.first)]
        if attack.sql not in BY_EQUALITY and not all(_agree(*same) for same in zip(*answers, strict=True)):
            told.append(attack.sql)
        cells = [cell for answer in (*answers[0], *answers[1]) for message in answer for cell in message.cells]
        if any(found[0] not in attack.sql.encode() for cell in cells if cell for found in SECRETS.finditer(cell)):
            raw.append(attack.sql)
    assert not raw, "a stored secret came out:\n" + "\n".join(raw)
    assert not told, "cells differ that the strict rules do not hide:\n" + "\n".join(told)


def _agree(one: Sequence[Seen], other: Sequence[Seen], hidden: Sequence[Seen]) -> bool:
    if one == other:
        return True
    if not len(one) == len(other) == len(hidden):
        return False
    for left, right, cover in zip(one, other, hidden, strict=True):
        if left == right:
            continue
        if not left.tag == right.tag == cover.tag or left.tag not in (b"D", b"d"):
            return False
        if any(
            a != b and c not in (None, b"[redacted]")
            for a, b, c in zip(left.cells, right.cells, cover.cells, strict=True)
        ):
            return False
    return True

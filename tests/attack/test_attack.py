"""`pgproxy attack` on a real server: quiet where the rules hold, loud where they do not, and nothing is changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pgproxy.attack.templates import CATEGORIES, corpus
from pgproxy.cli import main
from tests.proxies import ProxyProcess
from tests.servers import Database

RULES = """\
masks:
  public.people: {ssn: {partial: {keep_last: 4}, predicates: deny}, salary: {round: 10000}}
reveal:
  - {to: [trusted], columns: ["public.people.*"]}
"""
IDENTITIES: dict[str, object] = {"agent": {"password": "x"}, "trusted": {"password": "x"}}


@pytest.fixture(scope="module")
def people(database: Database) -> Database:
    database.server.new_role("attack_app")
    database.sql(
        """
        CREATE TABLE people (id int PRIMARY KEY, ssn text, salary numeric(10, 2));
        INSERT INTO people SELECT g, format('%s-45-67%s', 100 + g, 10 + g), 41234.5 + g * 1111
        FROM generate_series(1, 20) g;
        GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON people TO attack_app
        """
    )
    return database


def run(people: Database, folder: Path, who: str, *options: str) -> tuple[int, dict[str, Any]]:
    path = ProxyProcess(folder, people.dsn("attack_app"), rules=RULES, identities=IDENTITIES).write()
    ended = CliRunner().invoke(main, ["attack", "-c", str(path), "--as", who, "--json", *options])
    assert ended.stderr == ""
    return ended.exit_code, json.loads(ended.stdout)


def test_rules_that_hold_let_nothing_out_and_nothing_is_changed(people: Database, tmp_path: Path) -> None:
    before = people.sql("SELECT *, xmin FROM people ORDER BY id")
    code, report = run(people, tmp_path, "agent", "--category", "rows", "--category", "oracles")
    assert report["got_out"] == []
    assert code == 0
    assert report["columns"] == ["public.people.ssn", "public.people.salary"]
    assert report["attempts"] > 200
    assert report["refused"] + report["masked"] == report["attempts"]
    assert people.sql("SELECT *, xmin FROM people ORDER BY id") == before


def test_a_column_that_no_rule_hides_from_the_identity_is_found(people: Database, tmp_path: Path) -> None:
    code, report = run(
        people,
        tmp_path,
        "trusted",
        "--column",
        "public.people.*a*",
        "--column",
        "public.people.ssn",
        "--category",
        "rows",
        "--category",
        "sequences",
    )
    assert code == 1
    found = {(one["column"], one["category"], one["mode"]) for one in report["got_out"]}
    for mode in ("simple", "extended text", "extended binary"):
        assert ("public.people.ssn", "rows", mode) in found
    ways = {(one["category"], one["statements"][0].split()[0]) for one in report["got_out"]}
    assert ("sequences", "declare") in ways


def test_the_corpus_is_whole() -> None:
    assert {template.category for template in corpus()} == set(CATEGORIES)
    assert len(corpus()) >= 150
    for template in corpus():
        assert template.steps
        for step in template.filled("public.t", "a", "k", "it's"):
            assert "{t}" not in step and "{c}" not in step and "{k}" not in step and "{guess}" not in step


def test_whom_there_is_nothing_to_hide_from_is_an_error(people: Database, tmp_path: Path) -> None:
    path = ProxyProcess(tmp_path, people.dsn("attack_app"), rules=RULES, identities=IDENTITIES).write()
    for who, words in (("trusted", "no column is masked for trusted"), ("nobody", "is no identity with a password")):
        ended = CliRunner().invoke(main, ["attack", "-c", str(path), "--as", who])
        assert ended.exit_code == 1
        assert words in ended.stderr

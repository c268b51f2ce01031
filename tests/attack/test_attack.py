"""`pgproxy attack` on a real server: quiet where the rules hold, loud where they do not, and nothing is changed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from pgproxy.attack.templates import CATEGORIES, corpus
from pgproxy.cli import main
from pgproxy.policy.decision import Action
from tests.proxies import ProxyProcess
from tests.servers import Database

RULES = """\
masks:
  public.people:
    ssn: {partial: {keep_last: 4}, predicates: deny}
    salary: {round: 10000}
    born: {truncate: year}
    level: hash
    is_ill: hash
reveal:
  - {to: [trusted], columns: ["public.people.*"]}
"""
IDENTITIES: dict[str, object] = {"agent": {"password": "x"}, "trusted": {"password": "x"}}
NAMES = ["ssn", "salary", "born", "level", "is_ill"]


@pytest.fixture(scope="module")
def people(database: Database) -> Database:
    database.server.new_role("attack_app")
    database.sql(
        """
        CREATE TABLE people (id int PRIMARY KEY, ssn text, salary numeric(10, 2), born date, level int, is_ill bool);
        INSERT INTO people SELECT g, format('%s-45-67%s', 100 + g, 10 + g), 41234.5 + g * 1111,
            date '1960-02-03' + 97 * g, 7 * g % 31, g % 3 = 0
        FROM generate_series(1, 200) g;
        CREATE SEQUENCE written;
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM nextval('written'); RETURN NULL; END $$;
        CREATE TRIGGER noted BEFORE INSERT OR UPDATE OR DELETE ON people FOR EACH STATEMENT EXECUTE FUNCTION note();
        GRANT USAGE ON SEQUENCE written TO attack_app;
        GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON people TO attack_app
        """
    )
    return database


def write(people: Database, folder: Path, rules: str = RULES) -> Path:
    return ProxyProcess(folder, people.dsn("attack_app"), rules=rules, identities=IDENTITIES).write()


def run(people: Database, folder: Path, who: str, *options: str) -> tuple[int, dict[str, Any]]:
    path = write(people, folder)
    ended = CliRunner().invoke(main, ["attack", "-c", str(path), "--as", who, "--json", *options])
    assert ended.stderr == ""
    return ended.exit_code, json.loads(ended.stdout)


def found(report: dict[str, Any], *keys: str) -> set[tuple[str, ...]]:
    return {tuple(one[key] for key in keys) for one in report["got_out"]}


def every_column(report: dict[str, Any]) -> set[str]:
    return {column.rpartition(".")[2] for (column,) in found(report, "column")}


def test_rules_that_hold_let_nothing_out_and_nothing_is_written(people: Database, tmp_path: Path) -> None:
    before = people.sql("SELECT *, xmin, ctid FROM people ORDER BY id")
    options = [option for name in ("rows", "queries", "commands", "equality") for option in ("--category", name)]
    code, report = run(people, tmp_path, "agent", *options)
    assert report["got_out"] == []
    assert code == 0
    assert report["columns"] == [f"public.people.{name}" for name in ("ssn", "salary", "born", "level", "is_ill")]
    assert report["not_attacked"] == {}
    assert report["attempts"] > 200
    assert report["would_write"] > 0
    assert report["not_tried"] == 0
    ended = ("refused", "masked", "failed", "would_write")
    assert sum(report[name] for name in ended) == report["attempts"]
    assert people.sql("SELECT *, xmin, ctid FROM people ORDER BY id") == before
    assert people.sql("SELECT is_called FROM written") == [(False,)]


def test_writes_are_tried_only_when_asked_for_and_are_rolled_back(people: Database, tmp_path: Path) -> None:
    before = people.sql("SELECT *, xmin FROM people ORDER BY id")
    code, report = run(people, tmp_path, "agent", "--writes", "--category", "commands")
    assert (code, report["got_out"], report["would_write"]) == (0, [], 0)
    assert people.sql("SELECT is_called FROM written") == [(True,)]
    assert people.sql("SELECT *, xmin FROM people ORDER BY id") == before
    people.sql("ALTER SEQUENCE written RESTART")


def test_columns_that_no_rule_hides_from_the_identity_are_found(people: Database, tmp_path: Path) -> None:
    options = ["--column", "public.people.ssn", "--column", "public.people.is_ill"]
    code, report = run(people, tmp_path, "trusted", *options, "--category", "rows", "--category", "sequences")
    assert code == 1
    ways = found(report, "column", "category", "mode")
    for mode in ("simple", "extended text", "extended binary", "described once", "pipelined", "by COPY", "by a cursor"):
        assert ("public.people.ssn", "rows", mode) in ways, mode
    assert ("sequences", "declare") in {(one["category"], one["statements"][0].split()[0]) for one in report["got_out"]}
    assert ("public.people.is_ill", "sequences") in found(report, "column", "category")


def test_without_masks_numbers_dates_and_short_values_are_found(
    people: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgproxy.masking.plan.plan_masks", lambda *_: None)
    monkeypatch.setattr("pgproxy.session.understanding.plan_masks", lambda *_: None)
    code, report = run(people, tmp_path, "agent", "--category", "rows", "--category", "commands")
    assert code == 1
    assert every_column(report) == set(NAMES)
    assert ("extended binary",) in found(report, "mode")
    assert any(one["statements"][0].startswith("copy") for one in report["got_out"])


def test_without_denials_questions_errors_and_orders_are_found(
    people: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pgproxy.session.understanding.not_denied", lambda decision: replace(decision, action=Action.ALLOW)
    )
    options = [option for name in ("oracles", "counts", "equality") for option in ("--category", name)]
    code, report = run(people, tmp_path, "agent", *options)
    assert code == 1
    assert every_column(report) == set(NAMES)
    assert found(report, "category") == {("oracles",), ("counts",), ("equality",)}
    told = {one["statements"][0].split(" from ")[0] for one in report["got_out"]}
    assert "select 1 / (count(*) filter (where" in " ".join(told)


def test_questions_that_the_rules_allow_are_no_findings(people: Database, tmp_path: Path) -> None:
    allowing = "masks: {public.people: {salary: {round: 10000}, level: hash}}\ndefaults: {predicates: allow}\n"
    path = write(people, tmp_path, allowing)
    command = ["attack", "-c", str(path), "--json", "--category", "oracles", "--category", "counts"]
    ended = CliRunner().invoke(main, [*command, "--category", "aggregates"])
    assert [(one["identity"], one["got_out"]) for one in json.loads(ended.stdout)] == [("agent", []), ("trusted", [])]
    assert ended.exit_code == 0


def test_the_report_says_what_was_tried(people: Database, tmp_path: Path) -> None:
    path = write(people, tmp_path)
    ended = CliRunner().invoke(main, ["attack", "-c", str(path), "--as", "agent", "--time", "1s"])
    assert ended.exit_code == 0
    assert "the time was up" in ended.stdout
    assert "agent: 5 columns\n" in ended.stdout
    assert ended.stdout.splitlines()[-1].startswith("nothing got out: ")


def test_the_corpus_is_whole() -> None:
    assert {template.category for template in corpus()} == set(CATEGORIES)
    assert len(corpus()) >= 150
    for template in corpus():
        assert template.steps
        for step in template.filled("public.t", "a", "k", "it's"):
            assert not re.search(r"\{(t|c|k|guess|value)\}", step)


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({}, ["--as", "trusted"], "no column is masked for trusted"),
        ({}, ["--as", "nobody"], "no identity with a password"),
        ({}, ["--as", "agent", "--time", "soon"], "--time"),
        ({}, ["--as", "agent", "--column", "people"], "--column"),
        ({"upstream": {"dsn": "postgresql://attack_app@127.0.0.1:1/shop"}}, [], "cannot be read"),
        ({"upstream": {"dsn": "nonsense"}}, [], "dsn"),
    ],
)
def test_mistakes_exit_2(
    people: Database, tmp_path: Path, change: dict[str, object], options: list[str], words: str
) -> None:
    path = write(people, tmp_path)
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | change))
    ended = CliRunner().invoke(main, ["attack", "-c", str(path), *options])
    assert ended.exit_code == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr

"""`pgproxy test`: the tests of rules files against a real server's analysis."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pgproxy.cli import main
from tests.cli.command import pgproxy
from tests.proxies import ProxyProcess
from tests.servers import Database

MASKS = """\
masks:
  public.people:
    email: {fake: email}
    ssn: {partial: {keep_last: 4}}
    born: {truncate: year}
    notes: null
    mood: hash
reveal:
  - {to: [dba], columns: ["*.*.*"]}
deny:
  - {name: no-ddl, on: [ddl], for: [agent]}
  - {name: no-secrets, columns: ["public.people.secret"], for: [agent]}
tests:
"""
IDENTITIES: dict[str, object] = {"agent": {"password": "x"}, "dba": {"password": "x"}}


@pytest.fixture(scope="module")
def people(database: Database) -> Database:
    database.sql(
        """
        CREATE TYPE mood AS ENUM ('glad', 'sad');
        CREATE TABLE people (id int PRIMARY KEY, email text, ssn text, born date, notes text, "homeCity" text,
            secret text, mood mood, tags text[]);
        CREATE TABLE people_abroad (country text) INHERITS (people);
        CREATE VIEW mails AS SELECT id, email FROM people
        """
    )
    return database


def run(people: Database, folder: Path, tests: str, *options: str) -> Result:
    path = ProxyProcess(folder, people.dsn(), rules=MASKS + tests, identities=IDENTITIES).write()
    return CliRunner().invoke(main, ["test", "-c", str(path), *options])


def outcomes(people: Database, folder: Path, tests: str) -> list[dict[str, Any]]:
    found = json.loads(run(people, folder, tests, "--json").stdout)["tests"]
    assert isinstance(found, list)
    return found


PASSING = """\
  - {as: agent, sql: select email as mail from mails, masks: {mail: {fake: email}}}
  - {as: agent, sql: "select id, notes from people", rule: public.people.notes, masks: {id: none, notes: null}}
  - {as: dba, sql: select ssn from people, masks: {ssn: raw}}
  - {as: agent, sql: create table scratch (), decision: deny, rule: no-ddl}
  - {as: agent, sql: select secret from people, decision: deny, rule: no-secrets}
  - {as: agent, sql: select p from people p, decision: deny}
  - as: agent
    sql: select id, ssn, born, notes, tags from people
    rows: [[1, 123-45-6789, 1984-05-17, secret, '{a,"b c"}'], [2, null, null, null, null]]
    returns: [[1, "*******6789", 1984-01-01, null, '{a,"b c"}'], [2, null, null, null, null]]
  - as: agent
    sql: select * from people
    rows: [{born: 1999-12-31, mood: glad}, {}]
    returns: [{born: 1999-01-01}, {email: null}]
  - {as: dba, sql: select ssn from people, rows: [[123-45-6789]], returns: [[123-45-6789]]}
"""


def test_what_the_rules_do_passes(people: Database, tmp_path: Path) -> None:
    ended = run(people, tmp_path, PASSING)
    lines = ended.stdout.splitlines()
    assert (ended.exit_code, ended.stderr) == (0, ""), ended.stdout
    assert lines[0] == f"{tmp_path}/rules.yaml:14:5: ok agent: select email as mail from mails"
    assert lines[-2] == "9 passed, 0 failed"


@pytest.mark.parametrize(
    ("test", "difference"),
    [
        ("sql: create table scratch (), decision: hold", "decision: expected hold, came deny (no-ddl)"),
        ("sql: create table scratch (), rule: no-secrets", "rule: expected no-secrets, came no-ddl"),
        ("sql: select 1, decision: deny", "decision: expected deny, came allow"),
        ("sql: select email from people, masks: {email: hash}", "mask of email: expected hash, came {fake: email}"),
        ("sql: select email from people, masks: {email: none}", "mask of email: expected none, came {fake: email}"),
        (
            "sql: select id from people, masks: {id: null}",
            "mask of id: expected null, came none (null is a mask; unmasked is none)",
        ),
        ("sql: select id from people, masks: {idd: none}", "the result has no column idd (did you mean id?)"),
        ("sql: create table scratch (), masks: {id: none}", "expected result columns, came deny without any (no-ddl)"),
        (
            "sql: select ssn from people, rows: [[123-45-6789]], returns: [[123-45-6789]]",
            'row 1, ssn: expected "123-45-6789", came "*******6789"',
        ),
        ("sql: select id from people, rows: [[1]], returns: [[null]]", 'row 1, id: expected NULL, came "1"'),
        ("sql: select id from people, rows: [[1, 2]], returns: [[1]]", "a row has 2 columns, and the result id"),
        ("sql: select id from people, rows: [{x: 1}], returns: [{}]", "a row has column x, and the result id"),
        ("sql: select nothing from people, decision: deny", "the server refuses the statement: column"),
        ("sql: selec, decision: deny", "the statement cannot be read: "),
        ("sql: select 1; select 2, decision: allow", "a test needs one statement, this text has 2"),
        ("sql: '--', decision: allow", "a test needs one statement, this text has 0"),
    ],
)
def test_what_they_do_not_do_is_said(people: Database, tmp_path: Path, test: str, difference: str) -> None:
    [outcome] = outcomes(people, tmp_path, f"  - {{as: agent, {test}}}\n")
    assert not outcome["passed"]
    assert any(one.startswith(difference) for one in outcome["differences"]), outcome["differences"]


def test_a_failure_is_one_line_and_exit_1_and_does_not_stop_the_rest(people: Database, tmp_path: Path) -> None:
    tests = '  - {as: agent, sql: "select\\n 1", decision: deny}\n  - {as: agent, sql: select 1, decision: allow}\n'
    path = ProxyProcess(tmp_path, people.dsn(), rules=MASKS + tests, identities=IDENTITIES).write()
    ended = pgproxy("test", "-c", path.name, folder=tmp_path)
    assert (ended.code, ended.err) == (1, [])
    first, second, third, _ = ended.out.splitlines()
    assert first == "rules.yaml:14:5: FAIL agent: select 1: decision: expected deny, came allow"
    assert (second, third) == ("rules.yaml:15:5: ok agent: select 1", "1 passed, 1 failed")


def test_coverage_counts_each_column_once_and_names_what_is_missing(people: Database, tmp_path: Path) -> None:
    """`secret` is decided by a deny; `people_abroad` has one column of its own; views and the reveal do not count."""
    document = json.loads(run(people, tmp_path, "  []\n", "--json").stdout)
    assert document["coverage"] == {
        "columns": 10,
        "decided": 6,
        "undecided": [
            "public.people.homeCity",
            "public.people.id",
            "public.people.tags",
            "public.people_abroad.country",
        ],
        "likely_personal": ["public.people.homeCity"],
    }
    lines = run(people, tmp_path, "  []\n", "--uncovered").stdout.splitlines()
    assert lines[1:3] == [
        "coverage: 6 of 10 columns are decided by a rule; undecided and likely personal: public.people.homeCity",
        "  public.people.homeCity",
    ]


def test_users_whom_the_upstream_knows_are_tested_too(people: Database, tmp_path: Path) -> None:
    rules = (
        "masks: {public.people: {ssn: redact}}\nreveal: [{to: ['role:boss'], columns: [public.people.ssn]}]\ntests:\n"
        "  - {as: 'role:boss', sql: select ssn from people, masks: {ssn: none}}\n"
        "  - {as: 'role:else', sql: select ssn from people, masks: {ssn: redact}}\n"
    )
    path = ProxyProcess(tmp_path, people.dsn(), rules=rules).write()
    ended = CliRunner().invoke(main, ["test", "-c", str(path)])
    assert ended.exit_code == 0, ended.output

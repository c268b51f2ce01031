"""`pgproxy explain`: the decision that a session would make, without running anything."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pgproxy.cli import main
from tests.cli.command import Ended, pgproxy
from tests.proxies import ProxyProcess
from tests.servers import Database

RULES = """\
masks:
  public.people:
    email: {fake: email}
    ssn: {partial: {keep_last: 4}, predicates: deny}
reveal:
  - {to: [dba], columns: ["public.people.*"]}
deny:
  - {name: no-ddl, on: [ddl], for: [agents]}
approvals:
  - {name: wide-update, on: [update], without_where: true, for: [agents]}
"""
IDENTITIES: dict[str, object] = {
    "agent": {"password": "x", "groups": ["agents"]},
    "dba": {"password": "x"},
    "masked": {"password": "x"},
}


@dataclass(frozen=True, slots=True)
class Place:
    folder: Path

    def explain(self, who: str, sql: str, *more: str) -> Ended:
        return pgproxy("explain", "-c", self.folder / "pgproxy.yaml", "--as", who, *more, sql)

    def decision(self, who: str, sql: str) -> dict[str, Any]:
        """In this process: a table of statements would wait for a table of interpreters."""
        arguments = ["explain", "-c", str(self.folder / "pgproxy.yaml"), "--as", who, "--json", sql]
        ended = CliRunner().invoke(main, arguments)
        assert (ended.exit_code, ended.stderr) == (0, "")
        document = json.loads(ended.stdout)
        assert isinstance(document, dict)
        return document


@pytest.fixture(scope="module")
def place(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Place:
    database.sql(
        """
        CREATE TABLE people (id int PRIMARY KEY, email text, ssn text, city text);
        CREATE VIEW mails AS SELECT id, email FROM people;
        CREATE FUNCTION shout(t text) RETURNS text LANGUAGE plpgsql
          AS 'BEGIN EXECUTE $q$SELECT upper($1)$q$ INTO t USING t; RETURN t; END'
        """
    )
    folder = tmp_path_factory.mktemp("explain")
    ProxyProcess(folder, database.dsn(), rules=RULES, identities=IDENTITIES).write()
    return Place(folder)


def test_json_has_the_promised_shape(place: Place) -> None:
    decision = place.decision("agent", "SELECT m.email AS mail, p.city, 1 AS one FROM mails m JOIN people p USING (id)")
    assert decision["action"] == "allow"
    assert decision["rules"] == ["public.people.email"]
    [reason] = decision["reasons"]
    assert reason["where"] == f"{place.folder}/rules.yaml:3"
    assert decision["tables"] == ["public.mails", "public.people"]
    assert decision["columns"] == [
        {"name": "mail", "lineage": ["public.people.email"], "mask": {"fake": "email"}},
        {"name": "city", "lineage": ["public.people.city"], "mask": None},
        {"name": "one", "lineage": [], "mask": None},
    ]
    assert decision["reads"] == ["public.people.city", "public.people.email", "public.people.id"]
    assert decision["writes"] == []


def test_writes_name_their_columns(place: Place) -> None:
    decision = place.decision("agent", "UPDATE people SET city = 'x' WHERE id = 1 RETURNING email")
    assert decision["action"] == "allow"
    assert decision["writes"] == ["public.people.city"]
    assert [column["mask"] for column in decision["columns"]] == [{"fake": "email"}]


@pytest.mark.parametrize(
    ("who", "sql", "action", "rule"),
    [
        ("agent", "SELECT id FROM people WHERE ssn = '1'", "deny", "public.people.ssn"),
        ("agent", "DROP TABLE people", "deny", "no-ddl"),
        ("agent", "UPDATE people SET city = 'x'", "hold", "wide-update"),
        ("agent", "SELECT shout(city) FROM people", "deny", "defaults.opaque"),
        ("agent", "DO 'BEGIN COMMIT; END'", "deny", "builtin.do"),
        ("agent", "DO 'BEGIN PERFORM FROM pg_type; END'", "allow", None),
        ("agent", "COPY people TO '/tmp/people'", "deny", "builtin.copy_to"),
        ("agent", "COPY people (id, city) TO STDOUT", "allow", None),
        ("agent", "COPY (SELECT 1 FROM people ORDER BY ssn) TO STDOUT", "deny", "public.people.ssn"),
        ("agent", "SET debug_print_rewritten = off", "deny", None),
        ("agent", "EXECUTE unknown", "deny", None),
        ("agent", "PREPARE s AS SELECT id FROM people WHERE ssn = '1'", "deny", "public.people.ssn"),
        ("masked", "CREATE TABLE copy AS SELECT id, email FROM people", "deny", "public.people.email"),
        ("masked", "SELECT id, city INTO copy FROM people", "allow", None),
        ("agent", "BEGIN", "allow", None),
        ("agent", "SET search_path = public", "allow", None),
        ("dba", "SELECT shout(email) FROM people", "allow", None),
        ("dba", "DO 'BEGIN END'", "allow", None),
        ("dba", "COPY people TO STDOUT", "allow", None),
        ("dba", "DROP TABLE people", "allow", None),
        ("dba", "SET debug_print_rewritten = off", "allow", None),
    ],
)
def test_action_and_rule(place: Place, who: str, sql: str, action: str, rule: str | None) -> None:
    decision = place.decision(who, sql)
    assert decision["action"] == action
    if rule is not None:
        assert rule in decision["rules"]
    if action == "allow":
        assert decision["rules"] == []


def test_a_temporary_copy_shows_its_masks(place: Place) -> None:
    decision = place.decision("masked", "CREATE TEMP TABLE copy AS SELECT id, email FROM people")
    assert decision["action"] == "allow"
    assert [column["mask"] for column in decision["columns"]] == [None, {"fake": "email"}]


def test_words_for_people(place: Place) -> None:
    ended = place.explain("agent", "SELECT id, email FROM people WHERE city = 'x'")
    assert (ended.code, ended.err) == (0, [])
    assert ended.out == (
        "allow\n"
        f"  public.people.email ({place.folder}/rules.yaml:3): public.people.email is masked: {{fake: email}}\n"
        "\n"
        "tables: public.people\n"
        "\n"
        "column  mask           from\n"
        "------  -------------  -------------------\n"
        "id      -              public.people.id\n"
        "email   {fake: email}  public.people.email\n"
        "\n"
        "also reads: public.people.city\n"
    )


def test_several_statements_are_several_answers(place: Place) -> None:
    ended = place.explain("agent", "SELECT 1; DROP TABLE people", "--json")
    assert [one["action"] for one in json.loads(ended.out)] == ["allow", "deny"]


@pytest.mark.parametrize(
    ("who", "sql", "line"),
    [
        ("agnet", "SELECT 1", "did you mean agent?"),
        ("*", "SELECT 1", 'error: no identity "*"'),
        ("agent", "SELEC 1", "error: syntax error"),
        ("agent", "SELECT nothing FROM people", 'error: column "nothing" does not exist (42703)'),
        ("agent", " ", "error: there is no statement in this text"),
    ],
)
def test_what_cannot_be_explained_is_one_line(place: Place, who: str, sql: str, line: str) -> None:
    ended = place.explain(who, sql)
    assert (ended.code, ended.out) == (1, "")
    [said] = ended.err
    assert line in said


def test_any_user_where_the_upstream_authenticates(database: Database, place: Place, tmp_path: Path) -> None:
    ProxyProcess(tmp_path, database.dsn(), rules='masks: {"*.people": {email: redact}}\n').write()
    decision = Place(tmp_path).decision("whoever", "SELECT email FROM people")
    assert [column["mask"] for column in decision["columns"]] == ["redact"]


def test_an_upstream_that_is_down_is_one_line(tmp_path: Path) -> None:
    ProxyProcess(tmp_path, "postgresql://app@127.0.0.1:1/x", identities=IDENTITIES).write()
    ended = Place(tmp_path).explain("agent", "SELECT 1")
    assert ended.code == 1
    [line] = ended.err
    assert line.startswith("error: ")
    assert "Connection refused" in line

"""`pgproxy check`: everything in one run, each problem where it is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.command import pgproxy
from tests.proxies import MASKING_KEY
from tests.servers import Database

LINE = re.compile(r"(?P<file>[^:]+):(?P<line>\d+):(?P<column>\d+): (?P<severity>error|warning): (?P<message>.+)")
SCHEMA = """
    DROP TABLE IF EXISTS people;
    CREATE TABLE people (id int PRIMARY KEY, email text, joined date, active bool)
"""
NOBODY = "postgresql://app@127.0.0.1:1/shop"


def write(folder: Path, dsn: str, rules: str, more: str = "", key: str = MASKING_KEY) -> Path:
    (folder / "rules").mkdir()
    (folder / "rules" / "people.yaml").write_text(rules)
    path = folder / "pgproxy.yaml"
    path.write_text(f"upstream:\n  dsn: {dsn}\nmasking_key: {key}\nrules: rules/\n{more}")
    return path


@pytest.fixture(scope="module")
def people(database: Database) -> Database:
    database.sql(SCHEMA)
    return database


def quiet_role(people: Database, name: str, level: str = "panic") -> str:
    people.server.new_role(name)
    people.server.sql(f"ALTER ROLE {name} SET log_min_messages = '{level}'")
    return people.dsn(name)


def test_a_clean_configuration_says_so(people: Database, tmp_path: Path) -> None:
    write(tmp_path, quiet_role(people, "cli_check_clean"), "masks: {public.people: {email: redact}}\n")
    ended = pgproxy("check", "--strict", folder=tmp_path)
    assert (ended.code, ended.err) == (0, [])
    as_json = pgproxy("check", "--json", folder=tmp_path)
    assert (as_json.code, json.loads(as_json.out)) == (0, {"problems": []})


BAD_RULES = """\
masks:
  public.people:
    emial: redact
    joined: {fake: emial}
    active: digits
  public.peple: {x: redact}
  "public.nothing*": {x: redact}
  "*.people": {"id": redact, "*d": hash}
reveal:
  - {to: [nobody], columns: ["public.people.*"]}
deny:
  - {name: d, on: [selekt]}
"""


def test_settings_rules_references_and_schema_are_reported_in_one_run(people: Database, tmp_path: Path) -> None:
    dsn = quiet_role(people, "cli_check_all", "warning")
    path = write(tmp_path, dsn, BAD_RULES, "lisen: 127.0.0.1:1\nidentities: {agent: {password: '${NO_SUCH_SECRET}'}}\n")
    ended = pgproxy("check", "-c", path.name, folder=tmp_path)
    assert (ended.code, ended.out) == (1, "")
    found = [LINE.fullmatch(line) for line in ended.err]
    assert all(found), ended.err
    places = [(one["file"], int(one["line"]), one["severity"]) for one in found if one]
    assert places == sorted(places)
    for file, line, severity, words in [
        ("pgproxy.yaml", 2, "warning", "(as a superuser: ALTER ROLE cli_check_all SET log_min_messages = panic)"),
        ("pgproxy.yaml", 5, "error", "lisen"),
        ("pgproxy.yaml", 6, "error", "the environment has no NO_SUCH_SECRET"),
        ("rules/people.yaml", 3, "error", 'public.people has no column "emial" (did you mean email?)'),
        ("rules/people.yaml", 4, "error", "did you mean email?"),
        ("rules/people.yaml", 5, "error", "cannot mask public.people.active"),
        ("rules/people.yaml", 6, "error", "(did you mean public.people?)"),
        ("rules/people.yaml", 7, "warning", "no table fits public.nothing*"),
        ("rules/people.yaml", 10, "error", 'no identity or group "nobody"'),
        ("rules/people.yaml", 12, "error", "did you mean select?"),
    ]:
        [text] = [
            one["message"] for one, place in zip(found, places, strict=True) if one and place == (file, line, severity)
        ]
        assert words in text


def test_a_tie_names_both_entries(people: Database, tmp_path: Path) -> None:
    rules = 'masks:\n  "public.peopl*": {email: redact}\n  "*ublic.people": {email: hash}\n'
    write(tmp_path, quiet_role(people, "cli_check_tie"), rules)
    [line] = pgproxy("check", folder=tmp_path).err
    assert line.startswith("rules/people.yaml:")
    assert "equally well" in line


def test_warnings_fail_only_when_strict(people: Database, tmp_path: Path) -> None:
    write(tmp_path, quiet_role(people, "cli_check_loud", "log"), "masks: {public.people: {email: redact}}\n")
    assert pgproxy("check", folder=tmp_path).code == 0
    strict = pgproxy("check", "--strict", folder=tmp_path)
    assert strict.code == 1
    assert len(strict.err) == 1
    assert strict.err[0].startswith("pgproxy.yaml:2:8: warning: the server writes what role")


def test_the_log_of_each_role_is_looked_at(people: Database, tmp_path: Path) -> None:
    first, second = quiet_role(people, "cli_check_first"), "Cli Check"
    people.server.new_role(second)
    people.server.sql(f"ALTER ROLE \"{second}\" SET log_min_messages = 'error'")
    more = f"identities:\n  agent:\n    password: x\n    upstream: {{user: {second}}}\n"
    write(tmp_path, first, "masks: {public.people: {email: redact}}\n", more)
    [line] = pgproxy("check", folder=tmp_path).err
    assert line.startswith("pgproxy.yaml:8:15: warning: ")
    assert f'ALTER ROLE "{second}" SET' in line


def test_an_upstream_that_is_down_is_one_line_beside_the_rest(tmp_path: Path) -> None:
    write(tmp_path, NOBODY, "masks: {public.people: {email: redcat}}\n")
    ended = pgproxy("check", folder=tmp_path)
    assert ended.code == 1
    down, rule = ended.err
    assert down.startswith("pgproxy.yaml:2:8: error: ")
    assert "127.0.0.1:1: Connection refused" in down
    assert "did you mean redact?" in rule
    offline = pgproxy("check", "--offline", folder=tmp_path)
    assert offline.err == [rule]


def test_an_upstream_that_the_file_does_not_describe_is_not_asked(people: Database, tmp_path: Path) -> None:
    dsn = f"postgresql://app:secret@127.0.0.1:{people.server.port}/x\n  pasword: ${{NO_SUCH_SECRET}}"
    write(tmp_path, dsn, "masks: {public.people: {email: redact}}\n")
    ended = pgproxy("check", folder=tmp_path)
    assert ended.code == 1
    assert all(line.startswith("pgproxy.yaml:3:") for line in ended.err), ended.err


@pytest.mark.parametrize("key", ["c0ffee", "${NO_SUCH_KEY}", "zz" * 32], ids=["short", "missing", "no hex"])
def test_a_bad_masking_key_is_one_line_and_the_rules_are_checked_too(tmp_path: Path, key: str) -> None:
    write(tmp_path, NOBODY, "masks: {public.people: {email: redcat}}\n", key=f'"{key}"')
    for command in (("check", "--offline"), ("serve",)):
        ended = pgproxy(*command, folder=tmp_path)
        assert ended.code == 1
        bad, rule = ended.err
        assert bad.startswith("pgproxy.yaml:3:")
        assert rule.startswith("rules/people.yaml:1:")
        assert "zzzz" not in bad
        assert "c0ffee" not in bad


def test_json_lists_the_problems(tmp_path: Path) -> None:
    write(tmp_path, NOBODY, "masks: {public.people: {email: redcat}}\n")
    ended = pgproxy("check", "--offline", "--json", folder=tmp_path)
    assert ended.code == 1
    [problem] = json.loads(ended.out)["problems"]
    assert problem["file"] == "rules/people.yaml"
    assert (problem["line"], problem["severity"], problem["suggestion"]) == (1, "error", "did you mean redact?")


def test_a_folder_without_rules_is_a_warning(tmp_path: Path) -> None:
    write(tmp_path, NOBODY, "")
    (tmp_path / "rules" / "people.yaml").unlink()
    ended = pgproxy("check", "--offline", folder=tmp_path)
    assert ended.code == 0
    assert "nothing is masked" in ended.err[0]

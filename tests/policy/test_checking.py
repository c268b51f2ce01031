"""Rules against the configuration's names and against a schema."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pgproxy.catalog.model import Type
from pgproxy.config.problems import ProblemsFound
from pgproxy.config.settings import (
    Address,
    Credentials,
    IdentitySettings,
    Reviewer,
    Settings,
    Upstream,
)
from pgproxy.policy.checking import check_references, check_schema
from pgproxy.policy.loading import load_rules
from pgproxy.policy.masks import Mask, Round
from pgproxy.policy.rules import Rules
from tests.policy.shop import CATALOG

SETTINGS = Settings(
    Path("pgproxy.yaml"),
    Address("127.0.0.1", 6543),
    Upstream("h", 5432, "shop", Credentials("app"), ("shop",)),
    bytes(32),
    identities={
        "support-agent": IdentitySettings("support-agent", groups=("agents",)),
        "dba": IdentitySettings("dba"),
        "*": IdentitySettings("*", auth="upstream"),
    },
    reviewers={"ann": Reviewer("ann", groups=("security",)), "bob": Reviewer("bob", groups=("security",))},
)


def load(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Rules:
    monkeypatch.chdir(folder)
    Path("r.yaml").write_text(text)
    return load_rules(Path("r.yaml"))


def fits(mask: Mask, type: Type, types: Mapping[int, Type]) -> str | None:
    assert types is CATALOG.types
    return f"round does not fit type {type.name}" if isinstance(mask, Round) and type.name == "text" else None


REFERENCES = """\
reveal: [{to: [agent, dba, agents, "role:x", "jwt-group:y", "*"], columns: ["public.users.*"]}]
approvals:
  - {name: a, on: [select], for: [agentz], reviewers: [secrity, ann, "role:x"]}
  - {name: b, on: [select], reviewers: [security], quorum: 3}
  - {name: c, on: [select], quorum: 2}
deny: [{name: d, on: [ddl], for: [support_agent]}]
limits: [{name: l, rows: 1, per: hour, for: [nobody]}]
defaults: {opaque: hold, opaque_reviewers: [bobb]}
masks:
  public.users: {email: hash}
  "public.users ": {email: hash}
tests:
  - {as: agents, sql: select 1, rule: dd}
  - {as: "role:reader", sql: select 1, rule: builtin.do}
"""


def test_names_that_the_configuration_does_not_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = load(REFERENCES.replace('"public.users "', '\'"public"."users"\''), tmp_path, monkeypatch)
    assert sorted(str(problem) for problem in check_references(rules, SETTINGS)) == [
        "r.yaml:11:24: error: a second mask for public.users.email (the first is in r.yaml:10)",
        'r.yaml:13:10: error: no identity "agents"',
        'r.yaml:13:5: error: tests: no rule "dd" (did you mean d?)',
        'r.yaml:1:16: error: no identity or group "agent" (did you mean agents?)',
        'r.yaml:1:61: error: no identity or group "*"',
        'r.yaml:3:35: error: no identity or group "agentz" (did you mean agents?)',
        'r.yaml:3:56: error: no reviewer or group of reviewers "secrity" (did you mean security?)',
        'r.yaml:3:70: error: no reviewer or group of reviewers "role:x"',
        "r.yaml:4:5: error: approvals.b: quorum 3, but 2 may decide",
        'r.yaml:6:35: error: no identity or group "support_agent" (did you mean support-agent?)',
        'r.yaml:7:46: error: no identity or group "nobody"',
        'r.yaml:8:45: error: no reviewer or group of reviewers "bobb" (did you mean bob?)',
    ]


SCHEMA = """\
masks:
  public.user: {email: hash}
  public.users: {emial: hash, name: {round: 5}, salary: {round: 5}, "x*": hash}
  "hr.*": {salary: hash}
  public.user_directory: {email: hash}
  public.user_stats: {email: hash}
  "public.prod*": {sku: hash}
  "*.products": {sku: redact}
  "public.*":
    "*_lower": hash
    "mail_*": redact
reveal: [{to: [dba], columns: [public.orders.totl, "public.order.*"]}]
deny: [{name: d, tables: [public.visit, "public.v*"], columns: ["public.users.ssn"]}]
"""


def test_what_the_schema_does_not_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = load(SCHEMA, tmp_path, monkeypatch)
    problems = ProblemsFound(check_schema(rules, [CATALOG], fits)).problems
    assert [str(problem) for problem in problems] == [
        "r.yaml:2:17: error: no table public.user (did you mean public.users?)",
        'r.yaml:3:18: error: public.users has no column "emial" (did you mean email?)',
        "r.yaml:3:31: error: {round: 5} cannot mask public.users.name: round does not fit type text"
        " (every value would be NULL)",
        "r.yaml:3:69: warning: no column fits public.users.x* now",
        "r.yaml:4:12: warning: no table fits hr.* now",
        "r.yaml:5:27: error: public.user_directory is a view: masks on its own columns cannot be kept, statements that"
        " read it are denied (mask the columns of the tables behind it, they stay masked in every view)",
        "r.yaml:11:5: warning: no column fits public.*.mail_* now",
        'r.yaml:12:32: error: public.orders has no column "totl" (did you mean total?)',
        "r.yaml:12:52: error: no table public.order (did you mean public.orders?)",
        "r.yaml:13:27: error: no table public.visit (did you mean public.visits?)",
    ]


def test_ties_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'masks:\n  "public.*": {"*_lower": hash}\n  "*.contacts": {"*": hash}\n  "*ublic.*": {"e*_lower": redact}\n'
    rules = load(text, tmp_path, monkeypatch)
    assert [str(problem) for problem in check_schema(rules, [CATALOG], fits)] == [
        "r.yaml:4:16: error: *ublic.*.e*_lower and public.*.*_lower fit public.contacts.email_lower equally well"
        " (make one more exact; the other is in r.yaml:2)",
    ]

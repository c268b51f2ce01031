"""Statements without a tree: rules by class and by the text's names."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgproxy.login.identity import Identity
from pgproxy.policy.decide import decide_utility
from pgproxy.policy.decision import Action
from pgproxy.policy.loading import load_rules
from pgproxy.statements.model import Facts, Handling, RawStatement, StatementClass

RULES = """\
masks: {public.users: {email: hash}}
reveal: [{to: [dba], columns: ["public.users.email"]}]
deny:
  - {name: no-ddl, on: [ddl], for: [agents]}
  - {name: no-payroll, tables: ["hr.*"], for: [agents]}
  - {name: no-emails, on: [explain], columns: ["public.users.email"], for: [agents]}
  - {name: watch, on: [listen], enforce: observe}
approvals:
  - {name: large, estimated_rows_over: 100}
  - {name: masked, on: [maintenance], touches_masked: true}
"""
AGENT = Identity("agent", ("agents",))
DBA = Identity("dba", ("dba",))


@pytest.mark.parametrize(
    ("class_", "tables", "columns", "identity", "action", "rules"),
    [
        ("transaction", (), (), AGENT, Action.ALLOW, []),
        ("ddl", (), (), AGENT, Action.DENY, ["no-ddl"]),
        ("ddl", (), (), DBA, Action.ALLOW, []),
        ("truncate", ("hr.salaries",), (), AGENT, Action.DENY, ["no-payroll"]),
        ("truncate", ("shop.hr.salaries",), (), AGENT, Action.DENY, ["no-payroll"]),
        ("truncate", ("salaries",), (), AGENT, Action.DENY, ["no-payroll"]),
        ("truncate", ("public.salaries",), (), AGENT, Action.HOLD, ["large"]),
        ("explain", ("public.users",), ("u.email",), AGENT, Action.DENY, ["no-emails"]),
        ("explain", ("public.users",), (), AGENT, Action.DENY, ["no-emails"]),
        ("explain", ("public.users",), ("id",), AGENT, Action.HOLD, ["large"]),
        ("maintenance", ("public.users",), (), AGENT, Action.HOLD, ["large", "masked"]),
        ("maintenance", ("public.users",), (), DBA, Action.HOLD, ["large"]),
        ("maintenance", (), (), AGENT, Action.ALLOW, []),
        ("listen", (), (), AGENT, Action.ALLOW, []),
    ],
)
def test_rules_apply_by_what_the_text_says(
    class_: str,
    tables: tuple[str, ...],
    columns: tuple[str, ...],
    identity: Identity,
    action: Action,
    rules: list[str],
    tmp_path: Path,
) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    # A table whose schema the text leaves open may be any: only what could not be hr's is let through.
    name = StatementClass(class_)
    raw = RawStatement("", 0, name, Handling.PASS, "Stmt")
    decision = decide_utility(raw, Facts(name, tables, columns), identity, load_rules(path))
    assert decision.action is action
    assert [reason.rule for reason in decision.reasons] == rules
    assert [reason.rule for reason in decision.observed] == (["watch"] if class_ == "listen" else [])


@pytest.mark.parametrize(("identity", "action"), [(AGENT, Action.DENY), (DBA, Action.ALLOW)])
def test_what_the_grammar_refuses_is_refused_where_anything_is_masked(
    identity: Identity, action: Action, tmp_path: Path
) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("masks: {public.t: {c: hash}}\nreveal: [{to: [dba], columns: [public.t.c]}]\n")
    raw = RawStatement("", 0, StatementClass.DO, Handling.REFUSE, "DoStmt", refusal="DO runs code", hint="no DO")
    decision = decide_utility(raw, Facts(StatementClass.DO), identity, load_rules(path))
    assert decision.action is action
    assert [(reason.rule, reason.text) for reason in decision.reasons] == (
        [("builtin.do", "DO runs code")] if action is Action.DENY else []
    )


@pytest.mark.parametrize("class_", ["do", "call"])
@pytest.mark.parametrize(
    ("opaque", "identity", "action", "rule"),
    [
        ("deny", AGENT, Action.DENY, "builtin.{}"),
        ("hold", AGENT, Action.HOLD, "defaults.opaque"),
        ("hold", DBA, Action.ALLOW, ""),
    ],
)
def test_code_is_held_where_what_is_opaque_is(
    class_: str, opaque: str, identity: Identity, action: Action, rule: str, tmp_path: Path
) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(f"{RULES.partition('deny:')[0]}defaults: {{opaque: {opaque}}}\n")
    name = StatementClass(class_)
    raw = RawStatement("", 0, name, Handling.REFUSE, "Stmt", refusal="no")
    decision = decide_utility(raw, Facts(name), identity, load_rules(path))
    assert decision.action is action
    assert [reason.rule for reason in decision.reasons] == ([rule.format(class_)] if rule else [])

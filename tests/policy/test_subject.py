"""Whom rules concern: names in `for` and `to`, and which identities are transparent."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgproxy.login.identity import Identity
from pgproxy.policy.loading import load_rules
from pgproxy.policy.matching import is_transparent
from pgproxy.policy.rules import Rules
from pgproxy.policy.subject import names_identity

AGENT = Identity("agent", ("agents",))
ROLE = Identity("agent", source="role")
TOKEN = Identity("agent", ("agents",), source="jwt")


@pytest.mark.parametrize(
    ("word", "identity", "is_meant"),
    [
        ("agent", AGENT, True),
        ("agents", AGENT, True),
        ("other", AGENT, False),
        ("role:agent", AGENT, False),
        ("agent", ROLE, False),
        ("role:agent", ROLE, True),
        ("role:other", ROLE, False),
        ("jwt:agent", ROLE, False),
        ("agent", TOKEN, False),
        ("agents", TOKEN, False),
        ("jwt:agent", TOKEN, True),
        ("jwt-group:agents", TOKEN, True),
        ("jwt-group:agents", AGENT, False),
        ("role:agent", TOKEN, False),
        ("odd:agent", AGENT, False),
    ],
)
def test_names_mean_only_those_vouched_for_in_their_way(word: str, identity: Identity, is_meant: bool) -> None:
    assert names_identity(word, identity) is is_meant


@pytest.mark.parametrize(
    ("rules", "identity", "expected"),
    [
        ("", AGENT, True),
        ("masks: {public.t: {c: hash}}", AGENT, False),
        ("masks: {public.t: {c: {mask: hash, enforce: observe}}}", AGENT, False),
        ("masks: {public.t: {c: hash}}\nreveal: [{to: [agents], columns: [public.t.c]}]", AGENT, True),
        ("masks: {public.t: {c: hash}}\nreveal: [{to: [agents], columns: ['*.*.*']}]", AGENT, True),
        ("masks: {public.t: {c: hash, d: hash}}\nreveal: [{to: [agents], columns: [public.t.c]}]", AGENT, False),
        ("masks: {public.t: {'c*': hash}}\nreveal: [{to: [agents], columns: [public.t.c]}]", AGENT, False),
        ("masks: {'public.*': {'c*': hash}}\nreveal: [{to: [agents], columns: ['pub*.*.*']}]", AGENT, True),
        ("masks: {public.t: {c: hash}}\nreveal: [{to: [other], columns: [public.t.c]}]", AGENT, False),
        ("masks: {public.t: {c: hash}}\nreveal: [{to: [agents], columns: [public.t.c]}]", ROLE, False),
        (
            "masks: {public.t: {c: hash}}\nreveal: [{to: [agents], columns: [public.t.c], enforce: observe}]",
            AGENT,
            False,
        ),
        ("masks: {pg_catalog.pg_proc: {prosrc: hash}}\nreveal: [{to: [agents], columns: ['*.*.*']}]", AGENT, False),
        ("deny: [{name: n, on: [ddl], for: [agents]}]", AGENT, False),
        ("deny: [{name: n, on: [ddl], for: [agents], enforce: observe}]", AGENT, False),
        ("deny: [{name: n, on: [ddl], for: [others]}]", AGENT, True),
        ("deny: [{name: n, on: [ddl]}]", ROLE, False),
        ("approvals: [{name: n, on: [ddl], for: ['role:agent']}]", ROLE, False),
        ("approvals: [{name: n, on: [ddl], for: ['role:agent']}]", AGENT, True),
        ("limits: [{name: n, rows: 1, per: hour, for: [agents]}]", AGENT, False),
        ("limits: [{name: n, rows: 1, per: hour, for: [others]}]", AGENT, True),
        ("defaults: {opaque: hold}\ntests: [{as: agent, sql: select 1, decision: allow}]", AGENT, True),
    ],
)
def test_transparent_is_whom_no_rule_can_concern(
    rules: str, identity: Identity, expected: bool, tmp_path: Path
) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(rules)
    assert is_transparent(identity, load_rules(path)) is expected


def test_no_rules_are_transparent_to_all() -> None:
    assert is_transparent(AGENT, Rules())

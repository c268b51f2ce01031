from __future__ import annotations

import json

from pgproxy.policy.decision import Action, Decision, OutputColumn, Reason
from pgproxy.policy.explain import as_dict, as_text
from pgproxy.policy.masks import Fake, Null, Partial

DECISION = Decision(
    Action.HOLD,
    reasons=(
        Reason("bulk", "held by rule bulk", "rules/a.yaml:3", "Ask for less."),
        Reason("bulk", "and again", hint="Ask for less."),
    ),
    columns=(
        OutputColumn("id", 23, ("public.users.id",)),
        OutputColumn("email", 25, ("public.users.email",), Fake("email")),
        OutputColumn("x", 25, ("public.orders.a", "public.users.ssn"), Partial(keep_last=4)),
        OutputColumn("größe", 25, (), Null()),
    ),
    tables=("public.orders", "public.users"),
    observed=(Reason("watch", "would deny", "rules/a.yaml:9"),),
)


def test_the_dictionary_is_plain_json() -> None:
    document = as_dict(DECISION)
    assert json.loads(json.dumps(document)) == document
    assert document["action"] == "hold"
    assert document["rules"] == ["bulk"]
    assert document["tables"] == ["public.orders", "public.users"]
    assert document["columns"] == [
        {"name": "id", "lineage": ["public.users.id"], "mask": None},
        {"name": "email", "lineage": ["public.users.email"], "mask": {"fake": "email"}},
        {"name": "x", "lineage": ["public.orders.a", "public.users.ssn"], "mask": {"partial": {"keep_last": 4}}},
        {"name": "größe", "lineage": [], "mask": "null"},
    ]


def test_the_text_is_for_people() -> None:
    assert as_text(DECISION).splitlines() == [
        "hold",
        "  bulk (rules/a.yaml:3): held by rule bulk",
        "  bulk: and again",
        "  hint: Ask for less.",
        "  observed: watch (rules/a.yaml:9): would deny",
        "",
        "tables: public.orders, public.users",
        "",
        "column  mask                       from",
        "------  -------------------------  ---------------------------------",
        "id      -                          public.users.id",
        "email   {fake: email}              public.users.email",
        "x       {partial: {keep_last: 4}}  public.orders.a, public.users.ssn",
        "größe   null                       -",
    ]

"""`reviewers` and `notify` of pgproxy.yaml: who decides, and how they hear of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, cast

from pgproxy.config.fields import Fields, as_fields
from pgproxy.config.problems import ProblemList, nearest_or_all
from pgproxy.config.scalars import parse_web_url, parse_webhook_secret
from pgproxy.config.settings import Notify, Reviewer
from pgproxy.config.yaml_nodes import MappingNode, Node, TextNode

KINDS = ("webhook", "slack", "teams")
_SECRET_KEYS = {"webhook": "secret", "slack": "signing_secret"}


def read_reviewers(entries: Iterable[tuple[TextNode, Node]], problems: ProblemList) -> dict[str, Reviewer]:
    reviewers: dict[str, Reviewer] = {}
    tokens: dict[str, str] = {}
    slack_names: dict[str, str] = {}
    for name, node in entries:
        if isinstance(node, TextNode) and node.is_null:
            node = MappingNode(name.at, ())
        fields = as_fields(node, f"reviewers.{name.text}", problems)
        if fields is None:
            continue
        reviewer = Reviewer(
            name.text,
            token=fields.text("token"),
            groups=tuple(group.text for group in fields.texts("groups")),
            slack=fields.text("slack") or "",
        )
        fields.finish()
        for key, value, seen in (("token", reviewer.token, tokens), ("slack", reviewer.slack, slack_names)):
            if value and value in seen:
                problems.error(fields.key_position(key), f"{fields.what} has the {key} of {seen[value]}")
            elif value:
                seen[value] = name.text
        reviewers[name.text] = reviewer
    return reviewers


def read_notify(items: Iterable[Node], reviewers: Mapping[str, Reviewer], problems: ProblemList) -> tuple[Notify, ...]:
    read = (_entry(item, reviewers, problems) for item in items)
    return tuple(entry for entry in read if entry is not None)


def _entry(item: Node, reviewers: Mapping[str, Reviewer], problems: ProblemList) -> Notify | None:
    outer = as_fields(item, "notify", problems)
    if outer is None:
        return None
    given = [kind for kind in KINDS if kind in outer]
    bodies = {kind: outer.fields(kind) for kind in KINDS}
    outer.finish()
    if len(given) != 1:
        if given or (isinstance(item, MappingNode) and not item.entries):
            problems.error(outer.at, "an entry of notify is one of " + ", ".join(KINDS), "begin another with -")
        return None
    kind = given[0]
    fields = bodies[kind]
    return None if fields is None else _target(kind, fields, reviewers, problems)


def _target(kind: str, fields: Fields, reviewers: Mapping[str, Reviewer], problems: ProblemList) -> Notify | None:
    fields.what = f"notify.{kind}"
    fields.require("url")
    url = fields.parsed("url", parse_web_url)
    secret_key = _SECRET_KEYS.get(kind)
    if secret_key is not None:
        # An unsigned request could be sent by anyone.
        fields.require(secret_key)
    parse_secret = parse_webhook_secret if kind == "webhook" else str
    secret = None if secret_key is None else fields.parsed(secret_key, parse_secret)
    reviewer = fields.scalar("reviewer")
    may_decide = fields.texts("may_decide") if kind == "webhook" else ()
    for node in (*may_decide, *([reviewer] if reviewer is not None else [])):
        if node.text not in reviewers:
            problems.error(node.at, f"{fields.what}: no reviewer {node.shown}", nearest_or_all(node.text, reviewers))
    shows_values = fields.boolean("values")
    fields.finish()
    if url is None:
        return None
    return Notify(
        cast('Literal["webhook", "slack", "teams"]', kind),
        url,
        secret=secret,
        reviewer="" if reviewer is None else reviewer.text,
        may_decide=tuple(node.text for node in may_decide) if "may_decide" in fields else None,
        shows_values=shows_values is not False,
    )

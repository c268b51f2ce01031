"""`pgproxy approvals`: the reviewer's work from a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from pgproxy.approvals.documents import document
from pgproxy.approvals.messages.undelivered import undelivered_document
from pgproxy.approvals.model import Approval, CannotDecide, Decision, Status
from pgproxy.cli.options import clear_errors, config_option, fail
from pgproxy.service.approving import decide, newest, one, undelivered
from pgproxy.service.event_loop import run
from pgproxy.service.files import load

_UNDELIVERED_COLUMNS = ("at", "entry", "type", "approval", "attempts", "problem")

_json_option = click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
_as_option = click.option(
    "--as", "reviewer", required=True, metavar="REVIEWER", help="Who decides: a name under `reviewers`."
)
_comment_option = click.option("--comment", default="", metavar="TEXT", help="Kept in the record; a denial shows it.")


@click.group()
@config_option
@click.pass_context
def approvals(context: click.Context, config: Path) -> None:
    """List, show, approve or deny statements that wait for a reviewer.

    \b
    Example:
      pgproxy approvals list -c pgproxy.yaml
      pgproxy approvals approve apr_3f0c9a11d2e4b567 --as security-oncall --comment "ticket 4711" -c pgproxy.yaml
    """
    context.default_map = {name: {"config": config} for name in ("list", "show", "approve", "deny", "undelivered")}


@approvals.command("list")
@config_option
@click.option(
    "--status",
    type=click.Choice([*map(str, Status), "all"]),
    default="pending",
    show_default=True,
    help="Only these.",
)
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many, newest first."
)
@_json_option
def list_(config: Path, status: str, limit: int, as_json: bool) -> None:
    """List approvals, newest first.

    \b
    Example:
      pgproxy approvals list --status all --limit 10 -c pgproxy.yaml
    """
    with clear_errors():
        found = run(newest(load(config).settings, None if status == "all" else Status(status), limit))
    if as_json:
        click.echo(json.dumps({"approvals": [document(approval) for approval in found]}, ensure_ascii=False))
        return
    for approval in found:
        asked = approval.asked
        click.echo(
            f"{approval.id}  {approval.status:9}  {asked.identity}@{asked.database}  {asked.rule}  {_line(approval)}"
        )
    if not found:
        click.echo("nothing waits" if status == "pending" else "none")


@approvals.command()
@config_option
@_json_option
@click.argument("id")
def show(config: Path, as_json: bool, id: str) -> None:
    """Show one approval: who, what, why, the data that it touches, and what was decided.

    \b
    Example:
      pgproxy approvals show apr_3f0c9a11d2e4b567 -c pgproxy.yaml
    """
    with clear_errors():
        found = run(one(load(config).settings, id))
    if found is None:
        fail(f"error: there is no approval {id}")
    _print(found, as_json)


@approvals.command()
@config_option
@_as_option
@_comment_option
@_json_option
@click.argument("id")
def approve(config: Path, reviewer: str, comment: str, as_json: bool, id: str) -> None:
    """Approve a statement that waits; with a quorum this is one vote.

    \b
    Example:
      pgproxy approvals approve apr_3f0c9a11d2e4b567 --as security-oncall -c pgproxy.yaml
    """
    _decide(config, id, reviewer, Decision.APPROVE, comment, as_json)


@approvals.command()
@config_option
@_as_option
@_comment_option
@_json_option
@click.argument("id")
def deny(config: Path, reviewer: str, comment: str, as_json: bool, id: str) -> None:
    """Deny a statement that waits; one denial is enough.

    \b
    Example:
      pgproxy approvals deny apr_3f0c9a11d2e4b567 --as security-oncall --comment "ask for fewer rows" -c pgproxy.yaml
    """
    _decide(config, id, reviewer, Decision.DENY, comment, as_json)


@approvals.command("undelivered")
@config_option
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many, newest first."
)
@_json_option
def undelivered_(config: Path, limit: int, as_json: bool) -> None:
    """List notifications that no receiver took, after all attempts.

    \b
    Example:
      pgproxy approvals undelivered -c pgproxy.yaml
    """
    with clear_errors():
        found = run(undelivered(load(config).settings, limit))
    documents = [undelivered_document(message) for message in found]
    if as_json:
        click.echo(json.dumps({"undelivered": documents}, ensure_ascii=False))
        return
    for one_document in documents:
        click.echo("  ".join(str(one_document[name]) for name in _UNDELIVERED_COLUMNS))
    if not documents:
        click.echo("none")


def _decide(config: Path, id: str, reviewer: str, decision: Decision, comment: str, as_json: bool) -> None:
    try:
        with clear_errors():
            approval = run(decide(load(config).settings, id, reviewer, decision, comment))
    except CannotDecide as error:
        fail(f"error: {error}")
    if as_json:
        click.echo(json.dumps(document(approval), ensure_ascii=False))
    else:
        click.echo(f"{approval.id} is {approval.status}")


def _print(approval: Approval, as_json: bool) -> None:
    found = document(approval)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for name, value in found.items():
        if value not in (None, [], "") and name not in ("statement", "decisions"):
            click.echo(f"{name + ':':16}{_in_words(value)}")
    for one_decision in found["decisions"]:
        who = one_decision["reviewer"] or "a link"
        click.echo(
            f"{'decided:':16}{one_decision['decision']} by {who} at {one_decision['at']} {one_decision['comment']}"
        )
    click.echo("statement:")
    click.echo("\n".join("  " + _printable(line) for line in approval.asked.statement.splitlines()))


def _in_words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join("NULL" if one is None else _printable(str(one)) for one in value)
    return _printable(str(value))


def _line(approval: Approval) -> str:
    text = " ".join(approval.asked.statement.split())
    return _printable(text if len(text) <= 80 else text[:79] + "…")


def _printable(text: str) -> str:
    """What an agent wrote moves no cursor."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)

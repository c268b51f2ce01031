"""`pgproxy explain`: what would become of a statement, without running it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from pgproxy.cli.options import clear_errors, config_option, fail
from pgproxy.net.analysis import Explanation, ServerError, SyntaxProblem
from pgproxy.policy.explain import as_dict, as_text
from pgproxy.service.event_loop import run
from pgproxy.service.explaining import explain as decisions
from pgproxy.service.files import load


@click.command()
@config_option
@click.option(
    "--as",
    "identity",
    required=True,
    metavar="IDENTITY",
    help='Whose rules apply: a name of the file, or any user where it has "*".',
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.argument("sql")
def explain(config: Path, identity: str, as_json: bool, sql: str) -> None:
    """Show the decision on a statement without running it.

    Action, reasons, tables, for each result column where it comes from and how it is masked, and the stored columns
    that are read and written. Exit 0 also for a statement that would be denied. Several statements: one answer each.

    \b
    Example:
      pgproxy explain -c pgproxy.yaml --as support-agent "select name, email from users"
    """
    try:
        with clear_errors():
            explanations = run(decisions(load(config), identity, sql))
    except SyntaxProblem as problem:
        fail(f"error: {problem}")
    except ServerError as error:
        fail(f"error: {error.message} ({error.sqlstate})")
    if not explanations:
        fail("error: there is no statement in this text")
    if as_json:
        documents = [
            {**as_dict(one.decision), "reads": list(one.reads), "writes": list(one.writes)} for one in explanations
        ]
        click.echo(json.dumps(documents[0] if len(documents) == 1 else documents, ensure_ascii=False, indent=2))
    else:
        click.echo("\n\n".join(_in_words(one) for one in explanations))


def _in_words(explanation: Explanation) -> str:
    shown = {name for column in explanation.decision.columns for name in column.lineage}
    columns = (
        ("also reads", [name for name in explanation.reads if name not in shown]),
        ("writes", explanation.writes),
    )
    lines = [f"{what}: {', '.join(names)}" for what, names in columns if names]
    return "\n".join([as_text(explanation.decision), *([""] if lines else []), *lines])

"""`pgproxy check` and `pgproxy explain`: what the files say, without running anything."""

from __future__ import annotations

import json
from pathlib import Path

import click

from pgproxy import service
from pgproxy.cli.options import clear_errors, config_option, fail
from pgproxy.config.problems import ProblemsFound
from pgproxy.net.analysis import ServerError, SyntaxProblem
from pgproxy.policy.explain import as_dict, as_text


@click.command()
@config_option
@click.option("--offline", is_flag=True, help="Do not ask the upstream.")
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def check(config: Path, offline: bool, strict: bool, as_json: bool) -> None:
    """Check configuration and rules, and compare them with the upstream's schema.

    Every problem in one run, each as FILE:LINE:COL: error|warning: message (suggestion). Exit 1 if there are any.

    \b
    Example:
      pgproxy check -c pgproxy.yaml
    """
    try:
        problems = service.run(service.check(service.load(config), offline=offline))
    except ProblemsFound as found:
        problems = list(found.problems)
    errors = [problem for problem in problems if problem.severity == "error" or strict]
    if as_json:
        click.echo(json.dumps({"problems": [problem.as_dict() for problem in problems]}, ensure_ascii=False))
    else:
        for problem in problems:
            click.echo(str(problem), err=True)
        if not problems:
            click.echo("no problems")
    if errors:
        raise SystemExit(1)


@click.command()
@config_option
@click.option("--as", "identity", required=True, metavar="IDENTITY", help="Whose rules apply.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.argument("sql")
def explain(config: Path, identity: str, as_json: bool, sql: str) -> None:
    """Show the decision on a statement without running it.

    Action, reasons, tables, and for each result column where it comes from and how it is masked.

    \b
    Example:
      pgproxy explain -c pgproxy.yaml --as support-agent "select name, email from users"
    """
    try:
        with clear_errors():
            decisions = service.run(service.explain(service.load(config), identity, sql))
    except SyntaxProblem as problem:
        fail(f"error: {problem}")
    except ServerError as error:
        fail(f"error: {error.message} ({error.sqlstate})")
    if not decisions:
        fail("error: there is no statement in this text")
    if as_json:
        documents = [as_dict(decision) for decision in decisions]
        click.echo(json.dumps(documents[0] if len(documents) == 1 else documents, ensure_ascii=False, indent=2))
    else:
        click.echo("\n\n".join(as_text(decision) for decision in decisions))

"""`pgproxy check`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from pgproxy.cli.options import config_option
from pgproxy.service.checking import check as check_files
from pgproxy.service.event_loop import run


@click.command()
@config_option
@click.option("--offline", is_flag=True, help="Do not ask the upstream: the files alone.")
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def check(config: Path, offline: bool, strict: bool, as_json: bool) -> None:
    """Check configuration and rules, and compare them with the upstream's schema.

    Every problem in one run, each on a line of stderr as FILE:LINE:COL: error|warning: message (suggestion). Exit 1 if
    there is an error, with --strict also for a warning.

    \b
    Example:
      pgproxy check -c pgproxy.yaml
      pgproxy check -c pgproxy.yaml --offline --strict
    """
    problems = run(check_files(config, offline=offline))
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

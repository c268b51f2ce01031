"""`pgproxy test`: do the rules do what their authors expect?"""

from __future__ import annotations

import json
from pathlib import Path

import click

from pgproxy.cli.options import clear_errors, config_option
from pgproxy.policy.rule_tests import Outcome
from pgproxy.service.event_loop import run
from pgproxy.service.files import load
from pgproxy.service.rule_testing import run_tests


@click.command()
@config_option
@click.option("--uncovered", is_flag=True, help="List every column that no rule decides.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def test(config: Path, uncovered: bool, as_json: bool) -> None:
    """Run the tests of the rules files: decision, rule, masks, and what becomes of given rows.

    The upstream analyses each statement, nothing is executed. A line for each test as FILE:LINE:COL: ok|FAIL IDENTITY:
    SQL, with what was expected and what came; then how many columns of the database a rule decides. Exit 1 if a
    test failed.

    \b
    Example:
      pgproxy test -c pgproxy.yaml
      pgproxy test -c pgproxy.yaml --uncovered
    """
    with clear_errors():
        tested = run(run_tests(load(config)))
    covered = tested.coverage
    if as_json:
        document = {
            "tests": [outcome.as_dict() for outcome in tested.outcomes],
            "failed": tested.failed,
            "coverage": covered.as_dict(),
        }
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        for outcome in tested.outcomes:
            click.echo(_line(outcome))
        click.echo(f"{len(tested.outcomes) - tested.failed} passed, {tested.failed} failed")
        click.echo(str(covered))
        for name in covered.undecided if uncovered else ():
            click.echo(f"  {name}")
    if tested.failed:
        raise SystemExit(1)


def _line(outcome: Outcome) -> str:
    test = outcome.test
    place = f"{test.at.file}:{test.at.line}:{test.at.column}"
    sql = " ".join(test.sql.split())
    if outcome.passed:
        return f"{place}: ok {test.identity.text}: {sql}"
    return f"{place}: FAIL {test.identity.text}: {sql}: {'; '.join(outcome.differences)}"

"""`pgproxy attack`."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import click

from pgproxy.attack.running import attack as run_attack
from pgproxy.attack.templates import CATEGORIES
from pgproxy.cli.options import clear_errors, config_option, fail, log_to_stderr
from pgproxy.policy.names import ColumnPattern, parse_column
from pgproxy.service.files import load
from pgproxy.service.running import run


@click.command()
@config_option
@click.option("--as", "identity", required=True, metavar="IDENTITY", help="Who attacks: an identity of the file.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="PATTERN",
    help="schema.table.column that must stay hidden too, though no rule masks it. May be repeated.",
)
@click.option(
    "--category",
    "categories",
    multiple=True,
    type=click.Choice(CATEGORIES),
    help="Only these parts of the corpus; may be repeated.  [default: all]",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def attack(config: Path, identity: str, columns: tuple[str, ...], categories: tuple[str, ...], as_json: bool) -> None:
    """Try to get masked values out of this upstream under these rules.

    Starts a proxy of its own on a loopback port with the given configuration, logs in as the identity, and puts every
    attempt of the project's corpus to each column that is masked for it, by the simple and the extended protocol, in
    text and binary. What comes back (rows, COPY data, errors, notices, answers to yes-or-no questions) is compared
    with what is stored, as the login of upstream.dsn reads it. Prints what got out, with the statement, and exits 1; or
    that nothing did, and exits 0.

    Nothing is changed: each attempt runs in a transaction that is rolled back, also those that would write, delete or
    truncate. What has an effect outside transactions all the same may show it: sequences move on, triggers that reach
    out of the database do so, rows and tables are locked for the moment. Statements that need an approval count as
    refused. Do not run it against a database whose load matters just then.

    \b
    Example:
      pgproxy attack -c pgproxy.yaml --as support-agent
    """
    log_to_stderr(logging.ERROR)
    patterns: list[ColumnPattern] = []
    for text in columns:
        try:
            patterns.append(parse_column(text))
        except ValueError as error:
            raise click.UsageError(f"--column: {error.args[0]}") from None
    with clear_errors():
        report = run(run_attack(load(config), identity, patterns, categories or CATEGORIES))
    if not report.columns and not report.without_values:
        fail(f"error: no column is masked for {identity}: there is nothing to attack (--column names one)")
    masked = report.attempts - report.refused - len(report.found)
    if as_json:
        document = {
            "columns": report.columns,
            "columns_without_values": report.without_values,
            "attempts": report.attempts,
            "refused": report.refused,
            "masked": masked,
            "got_out": [one.as_dict() for one in report.found],
        }
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        for one in report.found:
            click.echo(f"GOT OUT {one.column} ({one.category}, {one.mode}): {'; '.join(one.statements)}")
        for name in report.without_values:
            click.echo(f"not attacked: {name} holds no value that could be told from a mask")
        counts = f"{report.attempts} attempts, {report.refused} refused, {masked} masked"
        got = f"{len(report.found)} got out" if report.found else "nothing got out"
        click.echo(f"{got}: {counts} ({len(report.columns)} columns)")
    if report.found:
        raise SystemExit(1)

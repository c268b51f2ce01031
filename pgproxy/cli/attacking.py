"""`pgproxy attack`."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from pgproxy.attack.running import Report, attackers, concerned
from pgproxy.attack.running import attack as run_attack
from pgproxy.attack.templates import CATEGORIES
from pgproxy.cli.options import clear_errors, config_option, log_to_stderr
from pgproxy.config.scalars import parse_duration
from pgproxy.policy.names import ColumnPattern, parse_column
from pgproxy.service.event_loop import run
from pgproxy.service.files import Configuration, load

PROGRESS_SECONDS = 0.2


@click.command()
@config_option
@click.option(
    "--as",
    "identities",
    multiple=True,
    metavar="IDENTITY",
    help="Who attacks: an identity of the file; may be repeated.  [default: each with a password and a mask]",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="PATTERN",
    help="schema.table.column that must stay hidden too, though no rule masks it; may be repeated.",
)
@click.option(
    "--category",
    "categories",
    multiple=True,
    type=click.Choice(CATEGORIES),
    help="Only these parts of the corpus; may be repeated.  [default: all]",
)
@click.option("--time", "duration", default="5m", show_default=True, help="For all attempts together; 0: no limit.")
@click.option("--writes", is_flag=True, help="Also what would write, in transactions that are rolled back.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def attack(
    config: Path,
    identities: tuple[str, ...],
    columns: tuple[str, ...],
    categories: tuple[str, ...],
    duration: str,
    writes: bool,
    as_json: bool,
) -> None:
    """Try to get masked values out of this upstream under these rules.

    Starts a proxy of its own on a loopback port with the given configuration, logs in as the identity, and puts every
    attempt of the project's corpus to each column that is masked for it: by the simple and the extended protocol, in
    text and binary, described once, pipelined, in parts, by cursors, COPY and FunctionCall, and cancelled. What comes
    back is compared with what is stored, as the login of upstream.dsn reads it, and with what the same attempt brings
    without the proxy. Texts of six characters and more are found wherever they stand; numbers, dates and short values
    in columns of results that only the real ones can explain; yes-or-no questions, errors that tell, and counts and
    orders of rows by their answers.

    Prints what got out, with the way and the statement, and exits 1; or that nothing did, and exits 0. Exit 2: nothing
    could be tried. An attempt takes 10 s at most, the server 2 s for a statement and 0.2 s for a lock.

    Nothing is changed: the sessions are read only, and each attempt runs in a transaction that is rolled back. With
    --writes they may write until then, so rows are locked for the moment, sequences move on, and triggers that reach
    out of the database do so. Statements that need an approval count as refused. Not for a database whose load matters
    just then.

    \b
    Example:
      pgproxy attack -c pgproxy.yaml --as support-agent
      pgproxy attack -c pgproxy.yaml --time 30m --writes
    """
    log_to_stderr(logging.CRITICAL)
    patterns = [_pattern(text) for text in columns]
    seconds = _seconds(duration)
    with _exit_2():
        configuration = load(config)
        reports = _run_all(configuration, identities, patterns, categories or CATEGORIES, seconds, writes)
        attacked = [one for one in reports if one.targets.found or one.targets.unread]
        if not attacked:
            who = ", ".join(identities) or "any identity with a password"
            _mistake(f"no column is masked for {who}: there is nothing to attack (--column names one)")
        reports = attacked
    if as_json:
        documents = [_as_dict(one) for one in reports]
        click.echo(json.dumps(documents[0] if len(identities) == 1 else documents, ensure_ascii=False))
    else:
        for one in reports:
            _say(one, writes=writes)
    if any(one.found for one in reports):
        raise SystemExit(1)
    if not any(one.tried for one in reports):
        raise SystemExit(2)


def _run_all(
    configuration: Configuration,
    identities: Sequence[str],
    patterns: Sequence[ColumnPattern],
    categories: Sequence[str],
    seconds: float,
    writes: bool,
) -> list[Report]:
    """The time is shared: what one leaves the next ones have."""
    names = list(dict.fromkeys(identities)) or attackers(configuration.settings)
    if not names:
        _mistake(f"{configuration.settings.path} has no identity with a password")
    names = run(concerned(configuration, names, patterns))
    deadline = time.monotonic() + seconds
    reports: list[Report] = []
    with _progress() as progress:
        for place, name in enumerate(names):
            share = max((deadline - time.monotonic()) / (len(names) - place), 1.0) if seconds else 0.0
            attempts = run_attack(
                configuration, name, patterns, categories, writes=writes, seconds=share, progress=progress
            )
            reports.append(run(attempts))
    return reports


@contextmanager
def _progress() -> Iterator[Callable[[Report], None]]:
    """A line that stays up to date, on a terminal."""
    is_shown = sys.stderr.isatty()
    last = 0.0

    def show(report: Report) -> None:
        nonlocal last
        now = time.monotonic()
        if is_shown and now - last > PROGRESS_SECONDS:
            last = now
            said = f"{report.identity}: {report.tried} of {report.possible} attempts, {len(report.found)} got out"
            click.echo(f"\r\x1b[K{said}, {report.seconds:.0f} s", nl=False, err=True)

    try:
        yield show
    finally:
        if is_shown:
            click.echo("\r\x1b[K", nl=False, err=True)


def _say(report: Report, *, writes: bool) -> None:
    for one in report.found:
        click.echo(f"GOT OUT {one.column} ({one.category}, {one.way}; {one.seen_in}): {'; '.join(one.statements)}")
    for name, why in report.targets.unread:
        click.echo(f"not attacked: {name}: {why}")
    click.echo(f"{report.identity}: {len(report.targets.found)} columns")
    for category in CATEGORIES:
        if tried := report.attempts[category]:
            out = sum(one.category == category for one in report.found)
            passed = tried - report.refused[category] - report.failed[category] - report.would_write[category]
            click.echo(
                f"  {category:12} {tried:5} attempts: {report.refused[category]} refused, {passed} ran,"
                f" {report.failed[category]} no statement of this server" + (f", {out} GOT OUT" if out else "")
            )
    if would_write := report.would_write.total():
        click.echo(f"not tried: {would_write} that would write (--writes tries them and rolls back)")
    if report.not_tried:
        click.echo(f"not tried: {report.not_tried} of {report.possible}: the time was up (--time)")
    got = f"{len(report.found)} got out" if report.found else "nothing got out"
    counts = f"{report.tried} attempts, {report.refused.total()} refused, {report.masked} ran masked"
    click.echo(f"{got}: {counts} ({len(report.targets.found)} columns, {report.seconds:.0f} s)")


def _as_dict(report: Report) -> dict[str, object]:
    return {
        "identity": report.identity,
        "columns": [one.name for one in report.targets.found],
        "not_attacked": dict(report.targets.unread),
        "attempts": report.tried,
        "refused": report.refused.total(),
        "masked": report.masked,
        "failed": report.failed.total(),
        "would_write": report.would_write.total(),
        "not_tried": report.not_tried,
        "got_out": [one.as_dict() for one in report.found],
    }


def _pattern(text: str) -> ColumnPattern:
    try:
        return parse_column(text)
    except ValueError as error:
        raise click.UsageError(f"--column: {error.args[0]}") from None


def _seconds(duration: str) -> float:
    try:
        return 0.0 if duration == "0" else parse_duration(duration)
    except ValueError as error:
        raise click.UsageError(f"--time: {duration} {error.args[0]} ({error.args[1]})") from None


@contextmanager
def _exit_2() -> Iterator[None]:
    """Exit 1 means that something got out, and nothing else."""
    try:
        with clear_errors():
            yield
    except SystemExit as ended:
        raise SystemExit(2 if ended.code else 0) from None


def _mistake(message: str) -> None:
    click.echo(f"error: {message}", err=True)
    raise SystemExit(2)

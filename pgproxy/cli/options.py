"""Options that several commands share, and how a command ends for a user's mistake."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from pgproxy.config.problems import OperatorError, ProblemsFound
from pgproxy.errors import ProxyError

Command = TypeVar("Command", bound=Callable[..., Any])


def config_option(command: Command) -> Command:
    return click.option(
        "-c",
        "--config",
        "config",
        type=click.Path(path_type=Path, dir_okay=False),
        default=Path("pgproxy.yaml"),
        show_default=True,
        metavar="FILE",
        help="The configuration file.",
    )(command)


def unread_config_option(why: str) -> Callable[[Command], Command]:
    """`-c` of a command that needs no configuration: scripts may give it everywhere, and the help says the truth."""
    return click.option(
        "-c",
        "--config",
        type=click.Path(path_type=Path),
        expose_value=False,
        metavar="FILE",
        help=f"Accepted as by every command, not read: {why}.",
    )


def log_to_stderr(level: int = logging.INFO) -> None:
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("aiohttp").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def fail(*lines: str) -> NoReturn:
    """Each line to stderr, exit 1."""
    for line in lines:
        click.echo(line, err=True)
    raise SystemExit(1)


@contextlib.contextmanager
def clear_errors() -> Iterator[None]:
    """Turn what a user can mend into lines on stderr and exit 1."""
    try:
        yield
    except ProblemsFound as found:
        fail(*(str(problem) for problem in found.problems))
    except OperatorError as error:
        fail(f"error: {error}")
    except ProxyError as error:
        fail(f"error: {error.message}" + (f": {error.detail}" if error.detail else ""))

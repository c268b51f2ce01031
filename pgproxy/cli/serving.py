"""`pgproxy serve`."""

from __future__ import annotations

from pathlib import Path

import click

from pgproxy.cli.options import clear_errors, config_option, fail, log_to_stderr
from pgproxy.service.event_loop import run
from pgproxy.service.files import load
from pgproxy.service.running import serve as run_proxy


@click.command()
@config_option
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes that share the port."
)
def serve(config: Path, workers: int) -> None:
    """Run the proxy until SIGTERM.

    Prints one line, `ready listen=HOST:PORT http=HOST:PORT`, when it accepts connections; the log goes to stderr.
    Without an http section HTTP listens on 127.0.0.1:6580, or on any free port where that one is taken.

    SIGTERM drains: running results are completed, then the process ends with 0. SIGHUP reloads the rules; a bad file is
    refused and the old rules stay.

    \b
    Example:
      pgproxy serve -c pgproxy.yaml
    """
    if workers > 1:
        fail("error: --workers: one process is all this version runs; start several behind a TCP balancer instead")
    log_to_stderr()
    with clear_errors():
        run(run_proxy(load(config), lambda line: click.echo(line)))

"""`pgproxy demo`: a server with sample data, the proxy before it, and what to try."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from pgproxy import service
from pgproxy.cli.options import clear_errors, fail, log_to_stderr

WELCOME = """
A shop with 10,000 people runs behind the proxy. In another terminal:

  psql "{agent}"

as an AI agent would, and try:

  SELECT name, email, ssn, salary, birth_date FROM users ORDER BY id LIMIT 5;
      names and addresses are invented, and the same ones every time; the last four digits of the ssn stay
  SELECT u.email, count(*), sum(o.total) FROM orders o JOIN users u ON u.id = o.user_id GROUP BY u.email LIMIT 5;
      ordinary analytics run; the mask follows the column through joins, views and drivers
  SELECT upper(ssn) || salary FROM users LIMIT 3;
      an expression over masked columns gives NULL, not a leak
  SELECT name FROM users WHERE ssn = '123-45-6789';
      refused, with the rule and what would pass

What is stored, as a DBA sees it:

  psql "{dba}"

Where a column comes from:

  {command} explain -c {configuration} --as support-agent "SELECT email FROM user_directory"

Rules: {rules} (kill -HUP {pid} reloads them). Health: http://{http}/healthz   Ctrl-C ends the demo.
"""


@click.command()
@click.option("--check", is_flag=True, help="Drive the demo through real sockets, print what came back, and end.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=6543, show_default=True, help="Port of the proxy; 0: any."
)
@click.option("--http-port", type=click.IntRange(0, 65535), default=6580, show_default=True, help="HTTP port; 0: any.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the demo keeps its server, key and rules.  [default: a folder of the user's cache]",
)
def demo(check: bool, port: int, http_port: int, folder: Path | None) -> None:
    """Try pgproxy: PostgreSQL with sample data, the proxy before it, and statements worth trying.

    \b
    Example:
      pgproxy demo --port 6543 --http-port 6580
    """
    try:
        from pgproxy.demo.cluster import ServerFailed
        from pgproxy.demo.server import usual_directory
    except ImportError:
        fail('error: the demo needs more packages: pip install "pgproxy[demo]"')
    log_to_stderr(logging.WARNING)
    try:
        with clear_errors():
            if check:
                with tempfile.TemporaryDirectory(prefix="pgproxy-demo-", ignore_cleanup_errors=True) as temporary:
                    Path(temporary).chmod(0o711)  # root's server runs as nobody, who has to reach its own folder
                    passed = service.run(_check(folder or Path(temporary)))
                raise SystemExit(0 if passed else 1)
            service.run(_demo(folder or usual_directory(), port, http_port))
    except ServerFailed as error:
        fail(f"error: {error}")


@asynccontextmanager
async def _started(folder: Path, port: int, http_port: int) -> AsyncIterator[tuple[service.Service, Path]]:
    from pgproxy.demo.server import start_demo, write_configuration

    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    server = await start_demo(folder / "server")
    try:
        configuration = write_configuration(server, folder, listen=f"127.0.0.1:{port}", http=f"127.0.0.1:{http_port}")
        async with service.running(service.load(configuration)) as running:
            yield running, configuration
    finally:
        await asyncio.to_thread(server.stop)


async def _demo(folder: Path, port: int, http_port: int) -> None:
    from pgproxy.demo import server as demo

    click.echo("Starting PostgreSQL and loading the shop (some seconds the first time) …")
    async with _started(folder, port, http_port) as (running, configuration):
        address = running.listen
        click.echo(running.ready_line)
        click.echo(
            WELCOME.format(
                agent=f"postgresql://{demo.AGENT}:{demo.AGENT_PASSWORD}@{address}/{demo.DATABASE}",
                dba=f"postgresql://{demo.DBA}:{demo.DBA_PASSWORD}@{address}/{demo.DATABASE}",
                command="pgproxy",
                configuration=configuration,
                rules=configuration.parent / "rules.yaml",
                pid=os.getpid(),
                http=running.http,
            )
        )
        await running.until_stopped()


async def _check(folder: Path) -> bool:
    """The same masked query in both formats, next to what is stored; a denied one. True if all is as it should be."""
    from pgproxy.cli.demo_check import drive

    async with _started(folder, 0, 0) as (running, _):
        return await drive(running.listen, click.echo)

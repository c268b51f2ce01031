"""`pgproxy demo`: a server with sample data, the proxy before it, and what to try."""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from pgproxy.approvals.links import Link, Links
from pgproxy.approvals.model import Approval
from pgproxy.cli.options import clear_errors, fail, log_to_stderr, unread_config_option
from pgproxy.service.event_loop import run
from pgproxy.service.files import load
from pgproxy.service.running import Service

WELCOME = """
A shop with 10,000 people runs behind the proxy. In another terminal:

  psql "{agent}"

as an AI agent would, and try:

{statements}

What is stored, as a DBA sees it:

  psql "{dba}"

What a person decides, as the agent:

  COPY (SELECT name, email FROM users) TO STDOUT;
      waits: the link to decide on it appears here. Every request: http://{http}/ (token: {token})

Where a column comes from:

  {command} explain -c {configuration} --as support-agent "SELECT email FROM user_directory"

Rules: {rules} (kill -HUP {pid} reloads them). Health: http://{http}/healthz   Ctrl-C ends the demo.
"""


@click.command()
@unread_config_option("the demo writes its own, pgproxy.yaml in its folder")
@click.option(
    "--check",
    is_flag=True,
    help="Drive a fresh demo through real sockets on free ports, say what came back, end: 0 if it is right, else 1.",
)
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
      pgproxy demo --check
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
                    passed = run(_check(folder or Path(temporary)))
                raise SystemExit(0 if passed else 1)
            run(_demo(folder or usual_directory(), port, http_port))
    except ServerFailed as error:
        fail(f"error: {'; '.join(str(error).splitlines())}")


@asynccontextmanager
async def _started(folder: Path, port: int, http_port: int) -> AsyncIterator[tuple[Service, Path]]:
    from pgproxy.demo.server import start_demo, write_configuration

    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    server = await start_demo(folder / "server")
    try:
        configuration = write_configuration(server, folder, listen=f"127.0.0.1:{port}", http=f"127.0.0.1:{http_port}")
        async with Service(load(configuration)) as running:
            yield running, configuration
    finally:
        await asyncio.to_thread(server.stop)


async def _demo(folder: Path, port: int, http_port: int) -> None:
    from pgproxy.demo import server as demo
    from pgproxy.demo.shop import WORTH_TRYING

    click.echo("Starting PostgreSQL and loading the shop (some seconds the first time) …")
    async with _started(folder, port, http_port) as (running, configuration):
        address = running.listen
        click.echo(running.ready_line)
        click.echo(
            WELCOME.format(
                agent=f"postgresql://{demo.AGENT}:{demo.AGENT_PASSWORD}@{address}/{demo.DATABASE}",
                dba=f"postgresql://{demo.DBA}:{demo.DBA_PASSWORD}@{address}/{demo.DATABASE}",
                statements="\n".join(f"  {sql};\n      {look_at}" for sql, look_at in WORTH_TRYING),
                command=_this_command(),
                configuration=shlex.quote(str(configuration)),
                rules=configuration.parent / "rules.yaml",
                pid=os.getpid(),
                http=running.http,
                token=demo.reviewer_token_file(configuration.parent).read_text(),
            )
        )
        links = Links(running.settings.masking_key)

        def show_link(approval: Approval) -> None:
            link = links.token(Link(approval.id, demo.REVIEWER, approval.asked.expires_at))
            click.echo(f"{approval.asked.identity} waits: http://{running.http}/approvals/{approval.id}?token={link}")

        running.proxy.desk.watchers.requested.append(show_link)
        await running.until_stopped()


def _this_command() -> str:
    """What to type for this very program: from `make demo` it is not on the PATH."""
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        return shlex.join([sys.executable, "-m", "pgproxy"])
    return "pgproxy" if shutil.which("pgproxy") else shlex.quote(str(program))


async def _check(folder: Path) -> bool:
    """A masked query beside what is stored, a denied one, an export approved and one denied. True if all is right."""
    from pgproxy.cli.demo_check import Reviewer, drive
    from pgproxy.demo import server as demo

    async with _started(folder, 0, 0) as (running, configuration):
        token = demo.reviewer_token_file(configuration.parent).read_text()
        requested: asyncio.Queue[Approval] = asyncio.Queue()
        running.proxy.desk.watchers.requested.append(requested.put_nowait)
        return await drive(running.listen, Reviewer(running.http, token, requested, click.echo), click.echo)

"""The `pgproxy` command. One module a group of commands; errors of a user's making are one line on stderr."""

from __future__ import annotations

import click

from pgproxy import __version__
from pgproxy.cli.attacking import attack
from pgproxy.cli.demonstrating import demo
from pgproxy.cli.granting import grants
from pgproxy.cli.inspecting import check, explain
from pgproxy.cli.keygen import keygen
from pgproxy.cli.rule_tests import test
from pgproxy.cli.serving import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="pgproxy")
def main() -> None:
    """A PostgreSQL proxy that lets AI agents run freely while data stays inside its boundary."""


for command in (demo, serve, check, explain, test, grants, attack, keygen):
    main.add_command(command)

"""The `pgproxy` command. One module a group of commands; errors of a user's making are one line on stderr."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from pgproxy import __version__

COMMANDS: Final = {
    "approvals": ("approving", "List, show, approve or deny statements that wait for a reviewer."),
    "attack": ("attacking", "Try to get masked values out of this upstream under these rules."),
    "check": ("checking", "Check configuration and rules, and compare them with the upstream's schema."),
    "demo": (
        "demonstrating",
        "Try pgproxy: PostgreSQL with sample data, the proxy before it, and statements worth trying.",
    ),
    "explain": ("explaining", "Show the decision on a statement without running it."),
    "grants": ("granting", "Print the GRANT script for the restricted login (role_split)."),
    "keygen": ("keygen", "Print a new masking key: 32 random bytes in hex."),
    "serve": ("serving", "Run the proxy until SIGTERM."),
    "test": ("rule_tests", "Run the tests of the rules files: decision, rule, masks, and what becomes of given rows."),
}
"""Command → its module, which is imported when it is asked for (all that `serve` needs takes a second), and the first
sentence of its help."""


class Commands(click.Group):
    """The commands of the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"pgproxy.cli.{COMMANDS[cmd_name][0]}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="pgproxy")
def main() -> None:
    """A PostgreSQL proxy that lets AI agents run freely while data stays inside its boundary."""

"""`pgproxy keygen`."""

from __future__ import annotations

import json
import secrets

import click

from pgproxy.cli.options import unread_config_option


@click.command()
@unread_config_option("a new key depends on nothing")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def keygen(as_json: bool) -> None:
    """Print a new masking key: 32 random bytes in hex.

    The same value has the same mask only under the same key: keep it, and give it to every proxy of a group.

    \b
    Example:
      export PGPROXY_MASKING_KEY=$(pgproxy keygen)
      pgproxy keygen --json
    """
    key = secrets.token_hex(32)
    click.echo(json.dumps({"masking_key": key}) if as_json else key)

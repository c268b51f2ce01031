"""`pgproxy keygen`."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import click

from pgproxy.cli.options import config_option


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def keygen(config: Path, as_json: bool) -> None:
    """Print a new masking key: 32 random bytes in hex.

    The same value has the same mask only under the same key: keep it, and give it to every proxy of a group.

    \b
    Example:
      export PGPROXY_MASKING_KEY=$(pgproxy keygen)
    """
    key = secrets.token_hex(32)
    click.echo(json.dumps({"masking_key": key}) if as_json else key)

"""`pgproxy grants`: the rights of the restricted login of `role_split`, as a script."""

from __future__ import annotations

import json
from pathlib import Path

import click

from pgproxy.cli.options import clear_errors, config_option
from pgproxy.service.event_loop import run
from pgproxy.service.files import load
from pgproxy.service.granting import grant_scripts


@click.command()
@config_option
@click.option(
    "--clean", metavar="ROLE", help="The restricted login.  [default: upstream.role_split.clean, or LOGIN_clean]"
)
@click.option("--database", metavar="NAME", help="Only for this database.  [default: each of upstream.databases]")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object: database, script.")
def grants(config: Path, clean: str | None, database: str | None, as_json: bool) -> None:
    """Print the GRANT script for the restricted login (role_split).

    It may read every column that no rule masks, as far as the login of upstream.dsn may, and nothing else. What would
    reach past it (SECURITY DEFINER functions, owner-rights views, materialized views) is listed with the statement that
    closes it. Nothing is changed: run the script as a superuser in its database, again whenever rules or tables change.

    \b
    Example:
      pgproxy grants -c pgproxy.yaml
      pgproxy grants -c pgproxy.yaml --database shop | psql -d shop -U postgres
    """
    with clear_errors():
        scripts = run(grant_scripts(load(config), clean, database))
    if as_json:
        documents = [{"database": name, "script": script} for name, script in scripts.items()]
        click.echo(json.dumps({"grants": documents}, ensure_ascii=False))
        return
    for name, script in scripts.items():
        if len(scripts) > 1:
            click.echo(f"\\connect {_in_psql(name)}")
        click.echo(script, nl=False)


def _in_psql(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

"""`python -m tests.leaks.generator`: many generated statements in two worlds, and every difference."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import click

from tests.leaks.generator.running import comparison
from tests.servers import start_server


@click.command()
@click.option("--statements", default=20_000, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--servers", default="18", show_default=True, help="Versions, as 15,16,17,18: each runs its share.")
def main(statements: int, seed: int, servers: str) -> None:
    """Exit 1 if an answer depends on a secret."""
    versions = [int(one) for one in servers.split(",")]
    found = 0
    for version in versions:
        server = start_server(version, owner=os.getpid())
        began = time.monotonic()
        with (
            tempfile.TemporaryDirectory() as folder,
            comparison(server, "generated", f"{seed}-{version}", Path(folder)) as comparing,
        ):
            for _ in range(0, statements // len(versions), 50):
                before = len(comparing.differences)
                comparing.run(50)
                for difference in comparing.differences[before:]:
                    click.echo(str(difference))
        seconds = time.monotonic() - began
        click.echo(f"\nPostgreSQL {version}: {comparing.rates.made['everything']} scripts in {seconds:.0f} s")
        click.echo(f"{comparing.rates}\n{comparing.noise} answers change by themselves")
        click.echo(f"{len(comparing.differences)} differences")
        found += len(comparing.differences)
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main()

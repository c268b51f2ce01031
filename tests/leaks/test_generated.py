"""Generated statements in two worlds: whatever the proxy lets through, no answer depends on a secret.

A bounded set of the same statements every time; `python -m tests.leaks.generator` runs as many others as one likes.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.leaks.generator.running import comparison
from tests.servers import Server

SCRIPTS = 400


def test_generated_statements_tell_nothing(postgres: Server, tmp_path: Path) -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    with comparison(postgres, f"generated_{worker}", "make test", tmp_path) as comparing:
        comparing.run(SCRIPTS)
    assert not comparing.differences, "\n\n".join(map(str, comparing.differences))
    accepted, passed = comparing.rates.share()
    # Statements that are all refused would prove nothing.
    assert accepted > 0.6, comparing.rates
    assert passed > 0.45, comparing.rates
    assert comparing.rates.with_secrets["everything"] > SCRIPTS / 12, comparing.rates
    assert comparing.noise < SCRIPTS / 40

"""A database whose owner plants traps, a proxy before it, and a client that steps into them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import yaml

from tests.attacks.attacker import Target
from tests.leaks.worlds import DEFAULT, make_worlds
from tests.proxies import ProxyProcess
from tests.servers import Server


@pytest.fixture(scope="module")
def target(
    postgres: Server, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    module = request.module.__name__.rpartition(".")[2]
    name = f"{module}_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    database = make_worlds(postgres, name, name)[0]
    rules = yaml.safe_dump(request.module.RULES if hasattr(request.module, "RULES") else DEFAULT, sort_keys=False)
    with ProxyProcess(tmp_path_factory.mktemp("attacked"), database.dsn(), rules=rules) as proxy:
        yield Target(database, proxy, name)
    assert "Traceback" not in proxy.log

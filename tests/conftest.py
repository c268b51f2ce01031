"""Fixtures for everybody: real servers (`tests.servers`).

A test that uses one is marked `server` by itself. It runs once for each version that PGPROXY_TEST_SERVERS lists
("15,16,17,18"; default 18).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.servers import WITH_TLS, Database, NoServer, Server, binaries, shared_server

# These machines are noisy: how long an example takes is no assertion. `make test` draws the same examples every time,
# so that a red run means the change; `make test-all` (PGPROXY_TEST_RANDOM=1) draws new ones.
settings.register_profile("pgproxy", deadline=None, derandomize="PGPROXY_TEST_RANDOM" not in os.environ)
settings.load_profile("pgproxy")

SERVER_FIXTURES = frozenset({"postgres", "postgres_tls"})


def chosen_versions() -> list[int]:
    return [int(version) for version in os.environ.get("PGPROXY_TEST_SERVERS", "18").split(",")]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "postgres" in metafunc.fixturenames:
        metafunc.parametrize(
            "postgres", chosen_versions(), indirect=True, ids=lambda version: f"pg{version}", scope="session"
        )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if SERVER_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.server)


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def run_owner() -> int:
    """The process that lives as long as the run: a worker's parent, or this one."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest, run_folder: Path, run_owner: int) -> Server:
    """A server without TLS, shared by the whole run: use a database and roles of your own (`database`)."""
    try:
        return shared_server(run_folder, run_owner, request.param)
    except NoServer as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def postgres_tls(run_folder: Path, run_owner: int) -> Server:
    """A shared server that offers TLS (`.ca` has signed its certificate), of whatever version can."""
    for version in WITH_TLS:
        try:
            binaries(version)
        except NoServer:
            continue
        return shared_server(run_folder, run_owner, version, tls=True)
    pytest.skip(f"no PostgreSQL with TLS is installed: {WITH_TLS} (make test-all installs 17)")


@pytest.fixture(scope="module")
def database(postgres: Server, request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty database for this module's tests (of this worker)."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    module = re.sub(r"\W+", "_", request.module.__name__)[-40:]
    yield postgres.new_database(f"{module}_{worker}")

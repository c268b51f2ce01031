"""`pgproxy serve`, started as documented: from another folder, by either name, with the one line it promises."""

from __future__ import annotations

import re
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest
import yaml

from tests.cli.command import ENVIRONMENT, MODULE, SCRIPT
from tests.net.raw_client import eventually
from tests.proxies import ProxyProcess
from tests.servers import Database

READY = re.compile(r"ready listen=(127\.0\.0\.1:\d+) http=(127\.0\.0\.1:\d+)\n")


@pytest.mark.parametrize("program", [MODULE, SCRIPT], ids=["python -m pgproxy", "pgproxy"])
def test_ready_is_the_one_line_on_stdout(database: Database, tmp_path: Path, program: tuple[str, ...]) -> None:
    """Also without an http section, from a folder above, and with everything in the file relative to it."""
    path = ProxyProcess(tmp_path / "etc", database.dsn(), rules='masks: {"*.*": {"*x": redact}}\n').write()
    document = yaml.safe_load(path.read_text())
    del document["http"]
    (tmp_path / "etc" / "key").write_text(document["masking_key"])
    document["masking_key"] = "${file:key}"
    path.write_text(yaml.safe_dump(document))
    process = subprocess.Popen(
        [*program, "serve", "-c", "etc/pgproxy.yaml"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        ready = READY.fullmatch(process.stdout.readline())
        assert ready is not None
        with urllib.request.urlopen(f"http://{ready[2]}/readyz", timeout=10) as answer:
            assert answer.status == 200
    finally:
        process.send_signal(signal.SIGTERM)
        out, log = process.communicate(timeout=40)
    assert process.returncode == 0
    assert out == ""
    assert "Traceback" not in log


def test_warnings_of_the_files_are_in_the_log(database: Database, tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    with ProxyProcess(tmp_path, database.dsn(), extra={"rules": "rules/"}) as proxy:
        eventually(lambda: "rules:1:1: warning: the folder has no *.yaml file: nothing is masked" in proxy.log)

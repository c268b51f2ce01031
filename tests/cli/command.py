"""`pgproxy …` in a process of its own, as from a shell."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = {**os.environ, "PYTHONWARNINGS": "default"}
MODULE = (sys.executable, "-m", "pgproxy")
SCRIPT = (str(Path(sys.executable).with_name("pgproxy")),)


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: list[str]
    """Lines of stderr."""


def pgproxy(
    *arguments: object,
    folder: Path | None = None,
    environment: Mapping[str, str] = {},
    program: tuple[str, ...] = MODULE,
) -> Ended:
    """Run it to its end in `folder`; a traceback fails the test."""
    ended = subprocess.run(
        [*program, *map(str, arguments)],
        cwd=folder,
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    return Ended(ended.returncode, ended.stdout, ended.stderr.splitlines())

"""The shape of the package: import order, file names, file lengths, imports without side effects."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "pgproxy"
SOURCES = sorted(PACKAGE.rglob("*.py"))

GRAB_BAGS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "base", "data", "info"}
LINES = 500

IMPORT_EACH_ALONE = """
import importlib, os, sys, traceback, warnings
# Not ours to judge, and loaded once: then a fork is a fresh interpreter for our own modules.
for package in "aiohttp.web asyncpg click cryptography.x509 faker postgast sqlglot uvloop yaml".split():
    importlib.import_module(package)
warnings.simplefilter("error")
failed = []
for name in sys.argv[1:]:
    process = os.fork()
    if not process:
        try:
            importlib.import_module(name)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(process, 0)[1]:
        failed.append(name)
sys.exit("fail alone: " + " ".join(failed) if failed else 0)
"""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def documentation(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text())) or ""


def test_imports_go_only_to_the_right() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_is_a_grab_bag() -> None:
    named = [path.relative_to(ROOT) for path in SOURCES if path.stem in GRAB_BAGS or path.parent.name in GRAB_BAGS]
    assert not named


def test_modules_say_what_they_hold() -> None:
    undocumented = [module_name(path) for path in SOURCES if path.read_text().strip() and not documentation(path)]
    assert not undocumented


def test_long_modules_say_why() -> None:
    long = {module_name(path): documentation(path) for path in SOURCES if path.read_text().count("\n") > LINES}
    assert not [name for name, text in long.items() if not re.search(r"\b(long|in one (file|place))\b", text)]


def test_modules_do_not_name_the_machine_they_were_written_on() -> None:
    assert not [module_name(path) for path in SOURCES if re.search(r"/(work|home|root)/", path.read_text())]


def test_each_module_imports_alone_without_warnings() -> None:
    names = [module_name(path) for path in SOURCES if path.stem != "__main__"]
    done = subprocess.run([sys.executable, "-c", IMPORT_EACH_ALONE, *names], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_only_statements_names_the_parsers() -> None:
    """import-linter sees imports; this sees import_module and the like."""
    named = [
        module_name(path)
        for path in SOURCES
        if path.parent.name != "statements" and re.search(r"['\"](sqlglot|postgast)\b", path.read_text())
    ]
    assert not named

"""Every error a client may see has a standard code and a line in docs/errors.md, and the other way round."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pgproxy
from pgproxy.errors import ProxyError

DOCUMENT = Path(__file__).parents[2] / "docs" / "errors.md"
ROW = re.compile(r"^\| `(?P<sqlstate>[0-9A-Z]{5})` \| (?P<severity>\w+) \| `(?P<kind>\w+)` \|", re.MULTILINE)


def kinds(of: type[ProxyError] = ProxyError) -> Iterator[type[ProxyError]]:
    yield of
    for kind in of.__subclasses__():
        yield from kinds(kind)


def all_kinds() -> list[type[ProxyError]]:
    for module in walk_packages(pgproxy.__path__, "pgproxy."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    return [kind for kind in kinds() if kind.__module__.startswith("pgproxy.")]


def test_every_error_has_a_code_of_five_characters() -> None:
    wrong = [kind.__name__ for kind in all_kinds() if not re.fullmatch(r"[0-9A-Z]{5}", kind.sqlstate)]
    assert not wrong


def test_every_error_is_documented_as_it_is() -> None:
    documented = {(row["kind"], row["sqlstate"], row["severity"]) for row in ROW.finditer(DOCUMENT.read_text())}
    assert documented == {(kind.__name__, kind.sqlstate, kind.severity) for kind in all_kinds()}


def test_every_error_explains_itself() -> None:
    assert not [kind.__name__ for kind in all_kinds() if not kind.__doc__]

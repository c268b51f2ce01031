"""The frozen word lists, `words/PROVIDER.txt`: one entry a line, line breaks escaped. A released list never changes."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

_FOLDER = files("pgproxy.masking") / "words"


@cache
def list_names() -> frozenset[str]:
    return frozenset(entry.name.removesuffix(".txt") for entry in _FOLDER.iterdir() if entry.name.endswith(".txt"))


@cache
def words(name: str) -> tuple[bytes, ...]:
    """The entries of a list as UTF-8, in file order. Raises KeyError for a name that is none."""
    if name not in list_names():
        raise KeyError("no such word list")
    lines = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line.replace("\\n", "\n").replace("\\\\", "\\").encode("utf-8") for line in lines)

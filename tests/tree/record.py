"""Records the fixtures: `python -m tests.tree.record VERSION DSN`, into a database that has schema.sql.

Of corpus.sql it keeps the smallest statements that together have every node, and every kind of range table entry.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.tree.announcing import Announcer, Rejected

HERE = Path(__file__).parent


def statements() -> list[str]:
    lines = (HERE / "corpus.sql").read_text().splitlines()
    return [line for line in lines if line.strip() and not line.startswith("--")]


def shapes(text: bytes) -> set[bytes]:
    """Tags of nodes, and kinds of range table entries."""
    joined = text.replace(b"\n", b" ")
    return {*re.findall(rb"\{([A-Z]+)", joined), *re.findall(rb":rtekind \d", joined)}


def record(version: str, dsn: str) -> None:
    announcer = Announcer(dsn)
    heard: list[tuple[str, bytes]] = []
    for statement in statements():
        try:
            heard.append((statement, announcer.tree(statement)))
        except Rejected:
            continue
    folder = HERE / "fixtures" / version
    folder.mkdir(parents=True, exist_ok=True)
    missing = set[bytes]().union(*(shapes(text) for _, text in heard))
    kept: list[tuple[str, bytes]] = []
    while missing:
        best = max(heard, key=lambda item: len(shapes(item[1]) & missing) / len(item[1]))
        missing -= shapes(best[1])
        kept.append(best)
    for number, (statement, text) in enumerate(sorted(kept), 1):
        (folder / f"{number:02}.txt").write_bytes(statement.encode() + b"\n" + text)


if __name__ == "__main__":
    record(*sys.argv[1:])

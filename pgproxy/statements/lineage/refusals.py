"""How this package says that it does not understand: what kind of thing it was, no value and no name of a client's."""

from __future__ import annotations

from typing import NoReturn

from pgproxy.errors import NotUnderstood

SIMPLER = "Write the statement in a simpler form."


def refuse(why: str, *, hint: str = SIMPLER) -> NoReturn:
    raise NotUnderstood(f"not provably safe: {why}", detail="rule builtin.lineage", hint=hint)

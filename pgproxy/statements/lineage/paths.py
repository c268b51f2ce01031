"""Bodies of SQL functions whose names would be looked up under another search_path than the one they were read under.

A body is read under the session's path, or its function's own, and parsed by the server when it is first called. What
calls it may have changed the path by then: set_config in the same statement, or the SET clause of a function that is
running.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgproxy.statements.tree import reached

if TYPE_CHECKING:
    from pgproxy.statements.lineage.walk import Walk

_PATH = "search_path"


def note_moved_paths(walk: Walk) -> None:
    """Opaque is each function of `walk.bodies` that may be called under another path than it was read under."""
    functions = walk.catalog.functions
    found = set(walk.bodies)
    if _PATH not in walk.settings:
        own = [oid for oid in walk.bodies if functions[oid].search_path is not None]
        found &= {called for oid in own for called in _called(oid, walk)}
    for oid in sorted(found):
        function = functions[oid]
        if function.search_path is None:
            walk.found_opaque(
                f"function {function.schema}.{function.name}, called under another search_path than the session's,"
            )


def _called(oid: int, walk: Walk) -> Iterator[int]:
    """All functions that the body of one calls, in bodies of further ones too."""
    pending, seen = [oid], set[int]()
    while pending:
        for tree in walk.bodies.get(pending.pop(), ()):
            named = reached(tree)
            called = {*named.functions, *(walk.catalog.operators.get(one, 0) for one in named.operators)}
            called |= {part for one in called if one in walk.catalog.functions for part in walk.functions.code_of(one)}
            yield from called - seen
            pending.extend(called - seen)
            seen |= called

"""Functions of users that code runs, by name or behind operators and casts, and that only make a value.

Each names no relation, writes, raises and notifies nothing, and runs built-in functions and such functions alone. So
whoever calls it knows all: what goes in, and that nothing but a result comes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproxy.catalog.model import FIRST_NORMAL_OID, Function
from pgproxy.errors import NotUnderstood
from pgproxy.statements.lineage import builtins, extensions
from pgproxy.statements.lineage.routines import read_code
from pgproxy.statements.trigger_code import TriggerCode

if TYPE_CHECKING:
    from pgproxy.statements.lineage.walk import Walk


class Harmless:
    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._found: dict[int, bool] = {}

    def is_harmless(self, function: Function) -> bool:
        """Whether a function that code names is one; what the catalog query did not bring is none."""
        if extensions.is_known(function):
            return True
        if function.oid not in self._found:
            self._look(function.oid)
        return self._found[function.oid]

    def _look(self, oid: int) -> None:
        """They may call each other: all that it leads to, less what runs others, until none of the rest does."""
        codes = self._codes(oid)
        kept, gone = set(codes), {0}
        while gone:
            gone = {one for one in kept if not self._runs_only(one, codes[one], kept)}
            kept -= gone
        self._found |= dict.fromkeys((oid, *codes), False) | dict.fromkeys(kept, True)

    def _codes(self, oid: int) -> dict[int, TriggerCode]:
        """All functions that it leads to and that by themselves only make a value."""
        pending, seen, found = [oid], set[int](), dict[int, TriggerCode]()
        while pending:
            one = pending.pop()
            function = self._walk.catalog.functions.get(one)
            if one in seen or function is None or function.source is None:
                continue
            seen.add(one)
            try:
                code = _code(function)
            except NotUnderstood:
                continue
            found[one] = code
            pending.extend(called.oid for _, called in function.source.functions)
            pending.extend(called.oid for called in function.source.of_types)
        return found

    def _runs_only(self, oid: int, code: TriggerCode, kept: set[int]) -> bool:
        source = self._walk.catalog.functions[oid].source
        assert source is not None
        try:
            others = self._walk.triggers.check_calls(
                code, source, is_harmless=lambda called: called.oid in kept or extensions.is_known(called)
            )
        except NotUnderstood:
            return False
        return not others


def _code(function: Function) -> TriggerCode:
    """Raises NotUnderstood: by itself it does more, or its arguments and result run what is not seen."""
    source = function.source
    is_plain = function.has_harmless_settings and all(oid < FIRST_NORMAL_OID for oid in function.result_types)
    if source is None or not is_plain or source.takes_any_type or source.runs_for_arguments:
        raise NotUnderstood("a function of other types")
    code = read_code(function.language, source)
    has_effect = any(builtins.has_effect(call.name) for call in code.calls)
    if code.read or code.written or code.emptied or code.tells or code.texts or has_effect:
        raise NotUnderstood("a function that does more")
    return code

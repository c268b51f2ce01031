"""Which functions may run, and which run code that nobody can read from here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn

from pgproxy.catalog.model import ACTIVITY, FIRST_NORMAL_OID, Function
from pgproxy.errors import NotUnderstood, StatementDenied
from pgproxy.statements.lineage import builtins, executed, extensions
from pgproxy.statements.lineage.constants import deciding_text
from pgproxy.statements.lineage.flow import Value, joined_sources
from pgproxy.statements.lineage.refusals import refuse
from pgproxy.statements.lineage.types import expression_type
from pgproxy.statements.model import Constant, Effect, Reached
from pgproxy.statements.session_settings import SettingVerdict, verdict
from pgproxy.statements.tree import Node

if TYPE_CHECKING:
    from pgproxy.statements.lineage.walk import Walk

_EXTERNAL: Final = 0
_INTEGER_CASTS: Final = (313, 480)
"""int4(int2), int4(int8)."""
_ANY_VALUE = ("on", "off", "")
"""Stand for a value that is not known: a setting whose verdict depends on its value is refused."""


class Functions:
    """Checks each function of a statement; what is not built in is reported as opaque, with all that it calls."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._checked: set[int] = set()
        self._signals: set[int] = set()
        """Functions that signal, called as they may."""

    def name(self, oid: int) -> str:
        """The name of a built-in function, else ""."""
        function = self._walk.catalog.functions.get(oid)
        return function.name if function is not None and function.is_builtin else ""

    def code_name(self, oid: int) -> str:
        """As `name`; of another name for built-in code that code's."""
        function = self._walk.catalog.functions.get(oid)
        if function is None or not function.is_alias or function.kind == "a":  # an aggregate is made of several
            return self.name(oid)
        return min((name for name in map(self.name, function.calls) if name), default="")

    def called(self, oid: int) -> str:
        """For people: what a call of it is called."""
        function = self._walk.catalog.functions.get(oid)
        return "a function" if function is None else function.name

    def is_equality(self, operator: int) -> bool:
        function = self._walk.catalog.operators.get(operator, 0)
        return operator < FIRST_NORMAL_OID and self.name(function) in builtins.EQUALITY

    def is_inequality(self, operator: int) -> bool:
        """It says whether the stored values differ, which is no more than whether they are equal."""
        function = self._walk.catalog.operators.get(operator, 0)
        return operator < FIRST_NORMAL_OID and self.name(function) in builtins.INEQUALITY

    def check(
        self, oid: int, *, is_call: bool = False, is_part: bool = False, arguments: Sequence[Any] | None = None
    ) -> None:
        """One function, wherever it stands.

        Args:
            is_call: a call whose arguments `check_setting` sees.
            is_part: of an aggregate, of whose call `check_call` sees the arguments.
            arguments: nodes, of a call that may execute some of them as SQL; None: not known.

        Raises:
            StatementDenied: it is set_config, and no call of it.
            NotUnderstood: it is not in the catalog.
        """
        has_code = self._walk.sql_functions.has_body(oid) or self._walk.routines.has_source(oid)
        executes = self.executes_texts(oid)
        if oid in self._checked and (is_call or not has_code) and not executes:
            return
        if oid == builtins.SET_CONFIG and not is_call:
            _deny("set_config")
        self._checked.add(oid)
        if self._walk.definition_depth:
            # A stored view ran it when it was refreshed; only whether its body can be read matters now.
            if oid >= FIRST_NORMAL_OID:
                self._walk.found_opaque("a materialized view made by functions that are not built in")
            return
        function = self._function(oid)
        if not function.is_builtin and self._walk.sql_functions.has_body(oid):
            if not is_call and not self._walk.sql_functions.is_closed(oid):
                self._walk.found_opaque(f"function {function.schema}.{function.name}, which runs by itself,")
        elif function.is_alias:
            if ACTIVITY.oid in function.calls:  # its columns are told apart only under its own name
                self._walk.found_opaque(f"function {function.schema}.{function.name}")
        elif self.is_extension(oid):
            pass
        elif not function.is_builtin:
            self._check_code(function, is_call=is_call, is_part=is_part, arguments=arguments)
        elif executed.takes_texts(function) and self._runs_known_texts(function, arguments):
            pass
        elif builtins.is_denied(oid, function.name):
            self._walk.denied_functions[f"{function.schema}.{function.name}"] = None
        elif builtins.is_write(function.name):
            self._walk.is_read_only = False
        if not function.is_builtin:
            for called in function.calls:
                self.check(called, is_part=function.kind == "a")

    def executes_texts(self, oid: int) -> bool:
        """Each of its calls may execute another text as SQL."""
        function = self._walk.catalog.functions.get(oid)
        return function is not None and executed.may_execute_texts(function)

    def _runs_known_texts(self, function: Function, arguments: Sequence[Any] | None) -> bool:
        try:
            self._walk.executed_texts.check(function, arguments)
        except NotUnderstood:
            return False
        return True

    def _check_code(self, function: Function, *, is_call: bool, is_part: bool, arguments: Sequence[Any] | None) -> None:
        """One of which no tree says what it does."""
        try:
            if executed.takes_texts(function):
                self._walk.executed_texts.check(function, arguments)
            else:
                self._walk.routines.check(function, is_call=is_call, is_part=is_part, arguments=arguments)
        except NotUnderstood as problem:
            rights = ", with its owner's rights," if function.security_definer else ""
            has_reason = function.source is not None or executed.takes_texts(function)
            why = f" ({problem.message.removeprefix('not provably safe: ')})" if has_reason else ""
            named = f"function {function.schema}.{function.name} in {function.language}"
            self._walk.found_opaque(f"{named}{rights}{why}")

    def check_named(self, named: Reached) -> None:
        """What a tree names in places that have no rule of their own."""
        for oid in named.functions - self._checked - self._signals:
            self.check(oid)
        for oid in named.operators:
            if self._walk.definition_depth or self._of_operator(oid) not in self._checked:
                self.check_operator(oid)

    def is_extension(self, oid: int) -> bool:
        """A function of a well-known extension that only gives a result, or an aggregate of such functions."""
        function = self._walk.catalog.functions.get(oid)
        if function is None or not (function.kind == "a" and not function.is_builtin):
            return function is not None and extensions.is_known(function)
        called = [self._walk.catalog.functions.get(one) for one in function.calls]
        return bool(called) and all(
            one is not None and one.language == "c" and extensions.is_known(one) for one in called
        )

    def is_pure(self, oid: int) -> bool:
        """A built-in function, or one of an extension, that only gives a result."""
        if self.is_extension(oid):
            return True
        name = self.name(oid)
        return not (builtins.is_denied(oid, name) or builtins.has_effect(name) or oid == builtins.SET_CONFIG)

    def code_of(self, oid: int) -> set[int]:
        """The function and, if it is nothing but others, those."""
        pending, found = [oid], set[int]()
        while pending:
            one = pending.pop()
            function = self._walk.catalog.functions.get(one)
            if one not in found and function is not None and function.is_alias:
                pending.extend(function.calls)
            found.add(one)
        return found

    def check_operator(self, oid: int, *, is_call: bool = False) -> None:
        """As `check`."""
        if self._walk.definition_depth:
            self.check(oid)
            return
        self.check(self._of_operator(oid), is_call=is_call)

    def check_call(self, oid: int, nodes: Sequence[Any], arguments: Iterable[Value]) -> None:
        """A call with these arguments; `check` has seen the function."""
        if self._walk.definition_depth:
            return
        code = sorted(self.code_of(oid))
        arguments = list(arguments)
        for one in code:
            if self._walk.routines.has_source(one):
                types = [expression_type(node, self._walk.catalog) for node in nodes]
                self._walk.routines.note_call(one, [*types, *self._state_types(oid)], arguments)
        names = sorted({self.name(one) for one in code} - {""})
        sources = joined_sources([value.sources for value in arguments])
        for name in names:
            if sources and builtins.has_effect(name):
                self._walk.effects.append(Effect(f"pg_catalog.{name}", sources))

    def check_signal(self, oid: int, arguments: Sequence[Node]) -> bool:
        """Whether this is a call that signals a session that the client itself names, which is noted; `check` denies
        all others."""
        if not builtins.is_signal(self.name(oid)) or self._walk.parameters is not None:
            return False
        process = _given_process(arguments[0])
        if process is None:
            return False
        self._walk.signals |= process
        self._walk.is_read_only = False
        self._signals.add(oid)
        return True

    def check_setting(self, arguments: Sequence[Node], values: Sequence[Value]) -> None:
        """A call of set_config: the name is a constant, and SET of it would pass, whatever the value if that is none.

        Raises:
            StatementDenied.
        """
        name = deciding_text(arguments[0]) if arguments[0].tag == "CONST" else None
        setting = deciding_text(arguments[1]) if arguments[1].tag == "CONST" else None
        if name is None:
            _deny("set_config", "with a name that is computed")
        self._walk.settings.add(name.lower())
        sources = joined_sources([value.sources for value in values])
        if sources:
            self._walk.effects.append(Effect("pg_catalog.set_config", sources))
        answers = [verdict(name, setting)] if setting is not None else [verdict(name, text) for text in _ANY_VALUE]
        if any(answer.verdict is not SettingVerdict.PASS for answer in answers):
            _deny("set_config", "for this setting")

    def _state_types(self, oid: int) -> list[int]:
        """The types of an aggregate's states where its definition says them; else they are its arguments'."""
        function, types = self._walk.catalog.functions.get(oid), self._walk.catalog.types
        found = function.state_types if function is not None else ()
        return [one for one in found if one not in types or types[one].kind != "p"]

    def _of_operator(self, oid: int) -> int:
        found = self._walk.catalog.operators.get(oid)
        if found is None:
            refuse("the statement reaches an operator that is not known yet")
        return found

    def _function(self, oid: int) -> Function:
        function = self._walk.catalog.functions.get(oid)
        if function is None:
            refuse("the statement reaches a function that is not known yet")
        return function


def _given_process(node: Node) -> set[Constant] | None:
    """The process id that an argument is; of pg_backend_pid() nothing. None: it is computed."""
    while node.tag == "FUNCEXPR" and node["funcid"] in _INTEGER_CASTS:
        (node,) = node.nodes("args")
    if node.tag == "FUNCEXPR" and node["funcid"] == builtins.BACKEND_PID:
        return set()
    if node.tag == "PARAM" and int(node["paramkind"]) == _EXTERNAL:
        return {Constant("", (node["paramid"],))}
    text = deciding_text(node) if node.tag == "CONST" else None
    return None if text is None else {Constant(text)}


def _deny(name: str, how: str = "") -> NoReturn:
    raise StatementDenied(
        f"function {name} is not allowed here {how}".rstrip(),
        detail=f"rule builtin.function: pg_catalog.{name}",
        hint="Name the setting as a constant, and one that SET may change.",
    )

"""What the source of a function in PL/pgSQL (or SQL) can do, read as text: nothing of it is resolved here.

Only a function whose statements are all written in it, or made of constants and its arguments, passes: none that
changes the session, none that takes the client's cursors or prepared statements.
`lineage.triggers` and `lineage.routines` say what its
names mean. What is not known here is not understood.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final, NamedTuple, NoReturn

from google.protobuf.message import Message

from pgproxy.errors import NotUnderstood
from pgproxy.statements.executed_texts import Text, Variable, Variables
from pgproxy.statements.grammar_parser import SyntaxProblem, parameters, parse_function, parse_tree, tokens

_EXPRESSION, _ASSIGNMENTS = 2, (3, 4, 5)
"""parseMode (parser/parser.h, RawParseMode)."""
_NEW, _OLD = 0, 1
"""Numbers of the variables in the function's list."""
_ROW_NAMES: Final = frozenset(("new", "old"))
_STATEMENTS: Final = frozenset(("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"))
_PARTS: Final = frozenset(
    """
    PLpgSQL_stmt_block PLpgSQL_stmt_assign PLpgSQL_stmt_if PLpgSQL_if_elsif PLpgSQL_stmt_case PLpgSQL_case_when
    PLpgSQL_stmt_loop PLpgSQL_stmt_while PLpgSQL_stmt_fori PLpgSQL_stmt_fors PLpgSQL_stmt_foreach_a PLpgSQL_stmt_exit
    PLpgSQL_stmt_return PLpgSQL_stmt_raise PLpgSQL_raise_option PLpgSQL_stmt_assert PLpgSQL_stmt_execsql
    PLpgSQL_stmt_perform PLpgSQL_stmt_getdiag PLpgSQL_diag_item PLpgSQL_exception_block PLpgSQL_exception
    PLpgSQL_condition
    PLpgSQL_stmt_return_next PLpgSQL_stmt_return_query PLpgSQL_expr PLpgSQL_var PLpgSQL_rec PLpgSQL_recfield
    PLpgSQL_stmt_dynexecute PLpgSQL_stmt_dynfors
    PLpgSQL_row PLpgSQL_type
    """.split()
)
"""What a body may be made of. Not: cursors by name, CALL, COMMIT."""
_SET_BY_ERRORS: Final = ("sqlstate", "sqlerrm")
_EXECUTED: Final = {
    "PLpgSQL_stmt_dynexecute": "query",
    "PLpgSQL_stmt_dynfors": "query",
    "PLpgSQL_stmt_return_query": "dynquery",
}
"""Statements that execute a text, and where they have its expression."""
_TELLING: Final = frozenset(("PLpgSQL_stmt_raise", "PLpgSQL_stmt_assert"))
_WHOLE_AS_JSON: Final = frozenset(("to_json", "to_jsonb", "row_to_json"))
"""They fail for no row."""
_COMPARISONS: Final = frozenset(("=", "<>", "<", ">", "<=", ">="))
_SIMPLE: Final = frozenset(
    "ParseResult RawStmt SelectStmt ResTarget Node ColumnRef A_Const A_Expr BoolExpr NullTest String Integer Boolean "
    "List A_ArrayExpr".split()
)


_TRIGGER_HEADER: Final = "() RETURNS trigger"
BLOCK_HEADER: Final = "() RETURNS void"
"""DO is run as the body of such a function."""


class Name(NamedTuple):
    """Of a relation, as written."""

    schema: str
    """"": none."""
    name: str


@dataclass(frozen=True, slots=True)
class TriggerCode:
    """All that the function names. Columns of the row are those of NEW and OLD."""

    columns: frozenset[str] | None
    """That it reads; None: the whole row."""
    risks: frozenset[str] | None
    """Those that go into what may fail for some values."""
    assigned: frozenset[str] | None
    """Columns of NEW that it may give another value; None: any."""
    names: frozenset[str] | None
    """Of all columns that it reads of whatever relation; None: whole rows."""
    read: frozenset[Name]
    written: frozenset[Name]
    emptied: frozenset[Name]
    """Those of `written` that may lose rows."""
    common_tables: frozenset[str]
    calls: frozenset[Name]
    fields: frozenset[str]
    """Last parts of names with dots: they may be calls in functional notation."""
    tells: bool
    """What it finds may decide whether the client gets an error or a notice."""
    skips: bool
    """Before a row is written it may decide that it is not."""
    texts: tuple[Text, ...] = ()
    """What it executes."""


@dataclass(slots=True)
class _Found:
    columns: set[str] = field(default_factory=set)
    risks: set[str] = field(default_factory=set)
    assigned: set[str] = field(default_factory=set)
    reads_whole: bool = False
    risks_whole: bool = False
    assigns_whole: bool = False
    names: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)
    reads_rows: bool = False
    read: set[Name] = field(default_factory=set)
    written: set[Name] = field(default_factory=set)
    emptied: set[Name] = field(default_factory=set)
    common_tables: set[str] = field(default_factory=set)
    calls: set[Name] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    tells: bool = False
    skips: bool = False
    row_names: set[str] = field(default_factory=lambda: set(_ROW_NAMES))
    """NEW, OLD and other names for them."""
    executed: list[str] = field(default_factory=list)
    """Expressions whose text is executed."""
    given: dict[int, list[str | None]] = field(default_factory=dict)
    """By number of the variable: the expressions that it is given; None: something else."""


@lru_cache(maxsize=256)
def read_trigger_code(source: str) -> TriggerCode:
    """Read the source (pg_proc.prosrc) of a trigger function.

    Raises:
        NotUnderstood: something of it is not known here.
    """
    return _read(source, _TRIGGER_HEADER)


@lru_cache(maxsize=256)
def read_function_code(source: str, header: str) -> TriggerCode:
    """As `read_trigger_code`, for a function with arguments; what is said of NEW and OLD means nothing.

    Args:
        header: its arguments and result as in CREATE FUNCTION.
    """
    return _read(source, header)


@lru_cache(maxsize=256)
def read_sql_code(source: str) -> TriggerCode:
    """As `read_function_code`, for a function in SQL.

    Raises:
        NotUnderstood.
    """
    found = _Found()
    _words(source, found, is_trigger=False)
    _statements(source, found)
    return _code(found)


def read_block(source: str) -> TriggerCode:
    """As `read_function_code`, for DO: it executes no texts."""
    code = read_function_code(source, BLOCK_HEADER)
    if code.texts:
        _unknown("EXECUTE")
    return code


def _read(source: str, header: str) -> TriggerCode:
    function = parse_function(source, header)
    found = _Found()
    datums: list[Mapping[str, Any]] = function["datums"]
    named: set[str] = set()
    _words(source, found, is_trigger=header == _TRIGGER_HEADER)
    for number, datum in enumerate(datums):
        for kind, variable in datum.items():
            if kind not in _PARTS:
                _unknown(kind)
            if number > _OLD and variable.get("refname") in found.row_names:
                _unknown("a variable named as its row")
            if kind == "PLpgSQL_recfield" and variable.get("recparentno", _NEW) in (_NEW, _OLD):
                named.add(variable["fieldname"])
            _parts(variable, datums, found)
    _parts(function["action"], datums, found)
    if not found.row_names.isdisjoint(found.tables):
        _unknown("a table named as its row")
    found.columns |= named - found.assigned
    return replace(_code(found), texts=_texts(source, header, datums, found) if found.executed else ())


def _code(found: _Found) -> TriggerCode:
    return TriggerCode(
        None if found.reads_whole else frozenset(found.columns),
        None if found.risks_whole else frozenset(found.risks),
        None if found.assigns_whole else frozenset(found.assigned),
        None if found.reads_rows or found.names & found.tables else frozenset(found.names),
        frozenset(found.read),
        frozenset(found.written),
        frozenset(found.emptied),
        frozenset(found.common_tables),
        frozenset(found.calls),
        frozenset(found.fields),
        found.tells,
        found.skips,
    )


def _texts(source: str, header: str, datums: list[Mapping[str, Any]], found: _Found) -> tuple[Text, ...]:
    """What the code executes."""
    if header == _TRIGGER_HEADER:
        _unknown("EXECUTE")
    if any(word.lower() == "alias" for word, _, _ in tokens(source)):
        _unknown("EXECUTE and other names for its parameters")
    variables: list[Variable] = []
    for number, datum in enumerate(datums):
        for kind, variable in datum.items():
            is_text = kind == "PLpgSQL_var" and _type_name(variable) in ("text", "pg_catalog.text")
            default = variable.get("default_val")
            if default is not None:
                found.given.setdefault(number, []).append(default["PLpgSQL_expr"]["query"])
            if variable.get("refname") in _SET_BY_ERRORS:
                found.given.setdefault(number, []).append(None)
            variables.append(Variable(variable.get("refname", ""), is_text, default is not None))
    given = parameters(header)
    names = [one.name for one in variables[: len(given)]]
    if names != [name or f"${at}" for at, (name, _) in enumerate(given, 1)] or len(variables) != len(datums):
        _unknown("variables that cannot be told apart")
    known = Variables(given, variables, found.given)
    return tuple(known.text(expression) for expression in found.executed)


def _type_name(variable: Mapping[str, Any]) -> str:
    name: str = variable.get("datatype", {}).get("PLpgSQL_type", {}).get("typname", "")
    return name


def _unknown(what: str) -> NoReturn:
    raise NotUnderstood(f"code with {what}")


def _words(source: str, found: _Found, *, is_trigger: bool) -> None:
    """What the parse does not show: aliases of NEW and OLD, and which row is returned."""
    words = [text.lower() for text, _, _ in tokens(source)]
    if is_trigger:
        for at, word in enumerate(words):
            if word == "alias":
                found.row_names.add(_other_name(words[at - 1 : at + 4] if at else [], found.row_names))
    for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
        if word.startswith("u&"):
            _unknown(word)
        if before == "return" and after == ";":
            if word == "null":
                found.skips = True
            elif word not in found.row_names:
                found.assigns_whole = found.skips = True
        elif before == "return":
            found.assigns_whole = found.skips = True


def _other_name(words: Sequence[str], row_names: Collection[str]) -> str:
    """The name in "name ALIAS FOR NEW;"."""
    match words:
        case [name, _, "for", row, ";"] if row in row_names and name.isidentifier():
            return name
    _unknown("alias")


def _parts(item: Any, datums: list[Mapping[str, Any]], found: _Found) -> None:
    if isinstance(item, list):
        for one in item:
            _parts(one, datums, found)
    elif isinstance(item, dict):
        for name, value in item.items():
            if name.startswith("PLpgSQL_"):
                if name not in _PARTS:
                    _unknown(name.removeprefix("PLpgSQL_stmt_"))
                text = value.get(_EXECUTED.get(name, ""))
                if text is not None:
                    if value.get("params"):
                        _unknown("EXECUTE … USING")
                    found.executed.append(text["PLpgSQL_expr"]["query"])
                if name == "PLpgSQL_expr":
                    _expression(value["query"], value.get("parseMode", 0), found)
                    continue
                found.tells = found.tells or name in _TELLING
                for number in _targets(name, value):
                    _assign(number, datums, found)
                    found.given.setdefault(number, []).append(_given(name, value))
            _parts(value, datums, found)


def _targets(name: str, value: Mapping[str, Any]) -> Iterator[int]:
    """Numbers of the variables that a statement gives a value."""
    match name:
        case "PLpgSQL_stmt_assign" | "PLpgSQL_stmt_foreach_a":
            yield value.get("varno", _NEW)
        case "PLpgSQL_diag_item":
            yield value.get("target", _NEW)
        case "PLpgSQL_stmt_execsql" | "PLpgSQL_stmt_dynexecute" if value.get("into"):
            yield from _variables(value["target"])
        case "PLpgSQL_stmt_fors" | "PLpgSQL_stmt_dynfors":
            yield from _variables(value["var"])


def _given(name: str, value: Mapping[str, Any]) -> str | None:
    """The expression that a plain assignment gives its variable."""
    if name != "PLpgSQL_stmt_assign" or value["expr"]["PLpgSQL_expr"].get("parseMode") != _ASSIGNMENTS[0]:
        return None
    target, text = _sides(value["expr"]["PLpgSQL_expr"]["query"])
    return text if "[" not in target else None


def _variables(target: Mapping[str, Any]) -> Iterator[int]:
    for kind, variable in target.items():
        if kind == "PLpgSQL_row":
            yield from (one.get("varno", _NEW) for one in variable["fields"])
        else:
            yield variable.get("dno", _NEW)


def _assign(number: int, datums: list[Mapping[str, Any]], found: _Found) -> None:
    if number == _NEW:
        found.assigns_whole = True
    part = datums[number].get("PLpgSQL_recfield")
    if part is not None and part.get("recparentno", _NEW) == _NEW:
        found.assigned.add(part["fieldname"])


def _expression(query: str, mode: int, found: _Found) -> None:
    texts = [query]
    if mode == _EXPRESSION:
        texts = [f"SELECT {query}"]
    elif mode in _ASSIGNMENTS:
        target, value = _sides(query)
        texts = [f"SELECT {value}", *([f"SELECT {target}"] if "[" in target else [])]
    elif mode:
        _unknown("an expression of another kind")
    for text in texts:
        _statements(text, found, is_one=True)


def _statements(text: str, found: _Found, *, is_one: bool = False) -> None:
    try:
        tree = parse_tree(text)
    except SyntaxProblem:
        raise NotUnderstood("code with an expression that cannot be read") from None
    if (is_one and len(tree.stmts) != 1) or any(_name(one.stmt) not in _STATEMENTS for one in tree.stmts):
        _unknown("a statement that is no query")
    is_simple = all(_is_simple(message) for message in _messages(tree))
    _Tree(found, is_simple).walk(tree)


def _sides(query: str) -> tuple[str, str]:
    """An assignment's target and value."""
    source, depth = query.encode(), 0
    for text, start, end in tokens(query):
        depth += (text in ("[", "(")) - (text in ("]", ")"))
        if depth == 0 and text in (":=", "="):
            return source[:start].decode(), source[end:].decode()
    raise NotUnderstood("code with an assignment that cannot be read")


def _name(node: Any) -> str:
    which = node.WhichOneof("node")
    return getattr(node, which).DESCRIPTOR.name if which else ""


def _messages(message: Message) -> Iterator[Message]:
    yield message
    for _, value in message.ListFields():
        for one in _inner(value):
            yield from _messages(one)


def _inner(value: Any) -> list[Message]:
    """The messages of a field's value."""
    values = (value,) if isinstance(value, (Message, str, bytes, int, float)) else value
    return [one for one in values if isinstance(one, Message)]


def _is_simple(message: Any) -> bool:
    """Part of an expression that compares and nothing else, which fails for no value."""
    if message.DESCRIPTOR.name == "A_Expr":
        return all(part.string.sval in _COMPARISONS for part in message.name)
    return message.DESCRIPTOR.name in _SIMPLE


class _Tree:
    """One statement or expression inside a function."""

    def __init__(self, found: _Found, is_simple: bool) -> None:
        self._found = found
        self._is_simple = is_simple

    def walk(self, message: Any) -> None:
        pending: list[Any] = [message]
        while pending:
            item = pending.pop()
            name = item.DESCRIPTOR.name
            if name == "ColumnRef":
                self._column(item, is_safe=False)
                continue
            if name.endswith("Stmt") and name not in _STATEMENTS and name != "RawStmt":
                _unknown(name)
            if name in ("CurrentOfExpr", "IntoClause"):
                _unknown(name)
            left_out = self._note(name, item)
            for descriptor, value in item.ListFields():
                if descriptor.name not in left_out:
                    pending.extend(_inner(value))

    def _note(self, name: str, item: Any) -> tuple[str, ...]:
        """What a node says besides its parts; the parts that need no look."""
        found = self._found
        match name:
            case "RangeVar":
                found.read.add(Name(item.schemaname, item.relname))
                found.tables.add(item.relname)
            case "Alias":
                found.tables.add(item.aliasname)
                found.reads_rows = found.reads_rows or bool(item.colnames)
            case "JoinExpr":
                found.reads_rows = found.reads_rows or item.is_natural
                found.names |= {part.string.sval for part in item.using_clause}
            case "A_Indirection":
                found.fields |= {part.string.sval for part in item.indirection if _name(part) == "String"}
            case "CommonTableExpr":
                found.common_tables.add(item.ctename)
            case "FuncCall":
                parts = [part.string.sval for part in item.funcname]
                found.calls.add(Name(".".join(parts[:-1]), parts[-1]))
                first = item.args[0] if len(item.args) == 1 else None
                if parts[-1] in _WHOLE_AS_JSON and first is not None and _name(first) == "ColumnRef":
                    self._column(first.column_ref, is_safe=True)
                    return ("args",)
            case "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt":
                target = Name(item.relation.schemaname, item.relation.relname)
                found.written.add(target)
                if name in ("DeleteStmt", "MergeStmt"):
                    found.emptied.add(target)
                if name == "InsertStmt" and not (
                    item.HasField("returning_clause") or item.HasField("on_conflict_clause")
                ):
                    return ("relation",)
        return ()

    def _column(self, item: Any, *, is_safe: bool) -> None:
        found = self._found
        parts = [part.string.sval if _name(part) == "String" else "*" for part in item.fields]
        rows = [at for at, part in enumerate(parts) if part in found.row_names]
        if len(parts) > 1:
            found.fields.add(parts[-1])
        if not rows:
            found.names.add(parts[-1])
            found.reads_rows = found.reads_rows or parts[-1] == "*"
            return
        after = parts[rows[-1] + 1 :]
        is_risky = not (is_safe or self._is_simple)
        if after and after[0] != "*":
            found.columns.add(after[0])
            if is_risky:
                found.risks.add(after[0])
        else:
            found.reads_whole = True
            found.risks_whole = found.risks_whole or is_risky

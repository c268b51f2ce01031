"""rules/*.yaml → `Rules`, or every problem of all files at once.

Only the files' own form is checked here: names of identities and reviewers against the configuration, and of tables
and columns against a schema, are checked by `policy.checking`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Literal, TypeVar, cast

from pgproxy.config.fields import Fields, as_entries, as_fields
from pgproxy.config.problems import Position, ProblemList, nearest_or_all
from pgproxy.config.scalars import parse_duration
from pgproxy.config.yaml_nodes import ListNode, MappingNode, Node, TextNode, parse_nodes
from pgproxy.policy.mask_reading import MaskReader
from pgproxy.policy.masks import Mask
from pgproxy.policy.names import ColumnPattern, Glob, TablePattern, parse_column, parse_table
from pgproxy.policy.rules import (
    AGGREGATES,
    DERIVED,
    OPAQUE,
    PREDICATES,
    Aggregates,
    Approval,
    Cells,
    Conditions,
    Defaults,
    Denial,
    Derived,
    Limit,
    MaskEntry,
    Opaque,
    Predicates,
    Reveal,
    Rules,
    RuleTest,
    Word,
)
from pgproxy.statements.model import StatementClass

CLASSES = (*(str(name) for name in StatementClass), "all")
WINDOWS = {"minute": 60.0, "hour": 3600.0, "day": 86400.0}
UNMASKED = ("raw", "none")
"""What `tests` say of a column that has no mask: `null` is a mask."""
LIMITED = ("rows", "bytes", "statements", "probes")
SECTIONS = ("masks", "reveal", "approvals", "deny", "limits", "defaults", "tests")

Pattern = TypeVar("Pattern", TablePattern, ColumnPattern)
Choice = TypeVar("Choice", Derived, Aggregates, Predicates, Opaque)


def load_rules(path: Path, providers: Collection[str] | None = None) -> Rules:
    """Read a file, or a folder's *.yaml in name order.

    Args:
        providers: the names that `fake:` may have; None: not checked.

    Raises:
        ProblemsFound: with every problem of all files.
    """
    rules, problems = read_rules(path, providers)
    problems.raise_errors()
    return rules


def read_rules(path: Path, providers: Collection[str] | None = None) -> tuple[Rules, ProblemList]:
    """As `load_rules`, for who wants to look at more before giving up: the rules are what could be understood."""
    problems = ProblemList()
    reader = _Reader(problems, providers)
    content = hashlib.sha256()
    for file in _files(path, problems):
        try:
            data = file.read_bytes()
        except OSError as error:
            problems.error(Position(str(file), 1, 1), f"cannot be read: {error.strerror}")
            continue
        content.update(f"{file.name}\0{len(data)}\0".encode() + data)
        document = parse_nodes(data, str(file), problems)
        if document is not None:
            reader.read(document)
    return reader.rules(version=content.hexdigest()[:16]), problems


def _files(path: Path, problems: ProblemList) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted((*path.glob("*.yaml"), *path.glob("*.yml")), key=lambda file: file.name)
    if not files:
        problems.warning(Position(str(path), 1, 1), "the folder has no *.yaml file: nothing is masked")
    return files


class _Reader:
    """Collects the sections of all files."""

    def __init__(self, problems: ProblemList, providers: Collection[str] | None) -> None:
        self._problems = problems
        self._masks = MaskReader(problems, providers)
        self._entries: list[MaskEntry] = []
        self._reveals: list[Reveal] = []
        self._approvals: list[Approval] = []
        self._denials: list[Denial] = []
        self._limits: list[Limit] = []
        self._defaults: list[tuple[str, str]] = []
        self._opaque_reviewers: list[Word] = []
        self._tests: list[RuleTest] = []
        self._named: dict[str, Position] = {}

    def rules(self, version: str) -> Rules:
        return Rules(
            version=version,
            masks=tuple(self._entries),
            reveals=tuple(self._reveals),
            approvals=tuple(self._approvals),
            denials=tuple(self._denials),
            limits=tuple(self._limits),
            defaults=self._strictest_defaults(),
            tests=tuple(self._tests),
        )

    def read(self, document: Node) -> None:
        if isinstance(document, TextNode) and document.is_null:
            return
        if not isinstance(document, MappingNode):
            self._problems.error(document.at, "a rules file must be a mapping", "begin with masks:")
            return
        top = Fields(document, "", self._problems)
        for table, columns in top.entries("masks"):
            self._table(table, columns)
        for item in top.items("reveal"):
            self._reveal(item)
        for item in top.items("approvals"):
            self._approval(item)
        for item in top.items("deny"):
            self._denial(item)
        for item in top.items("limits"):
            self._limit(item)
        defaults = top.fields("defaults")
        if defaults is not None:
            self._read_defaults(defaults)
        for item in top.items("tests"):
            self._test(item)
        top.what = "rules"
        top.finish()

    # Sections -----------------------------------------------------------------------------------------------------

    def _table(self, key: TextNode, columns: Node) -> None:
        relation = self._pattern(key, parse_table)
        if isinstance(columns, TextNode):
            self._problems.error(
                columns.at, f"{key.text} needs its columns", f'{key.text}: {{"*": {columns.text or "redact"}}}'
            )
            return
        for column, node in as_entries(columns, f"masks.{key.text}", self._problems):
            if not column.text:
                self._problems.error(column.at, f"masks.{key.text}: a column name is empty")
                continue
            read = self._masks.entry(node)
            if read is not None and relation is not None:
                pattern = ColumnPattern(relation, Glob(column.text))
                self._entries.append(MaskEntry(pattern, read.mask, read.predicates, read.is_enforced, column.at))

    def _reveal(self, item: Node) -> None:
        fields = as_fields(item, "reveal", self._problems)
        if fields is None:
            return
        fields.require("to", "to: [dba]")
        fields.require("columns", 'columns: ["public.users.*"]')
        name = fields.text("name") or f"reveal at {fields.at}"
        reveal = Reveal(_words(fields, "to"), self._columns(fields), name, self._is_enforced(fields), fields.at)
        fields.finish()
        if reveal.to and reveal.columns:
            self._reveals.append(reveal)

    def _approval(self, item: Node) -> None:
        fields = as_fields(item, "approvals", self._problems)
        if fields is None:
            return
        name = self._name(fields)
        quorum = fields.whole_number("quorum", least=1)
        expires = fields.parsed("expires", parse_duration)
        self._approvals.append(
            Approval(
                name,
                self._conditions(fields),
                reviewers=_words(fields, "reviewers"),
                quorum=quorum or 1,
                expires_seconds=900.0 if expires is None else expires,
                max_rows=fields.whole_number("max_rows", least=1),
                reveals_on_approval=fields.boolean("reveal_on_approval") or False,
                is_enforced=self._is_enforced(fields),
                at=fields.at,
            )
        )
        fields.finish()

    def _denial(self, item: Node) -> None:
        fields = as_fields(item, "deny", self._problems)
        if fields is None:
            return
        name = self._name(fields)
        self._denials.append(Denial(name, self._conditions(fields), self._is_enforced(fields), fields.at))
        fields.finish()

    def _limit(self, item: Node) -> None:
        fields = as_fields(item, "limits", self._problems)
        if fields is None:
            return
        name = self._name(fields)
        fields.require("per", "per: hour")
        per = fields.choice("per", WINDOWS)
        then = fields.choice("then", ("hold", "deny"))
        amounts = {what: fields.whole_number(what) for what in LIMITED}
        if not any(what in fields for what in LIMITED):
            self._problems.error(fields.at, f"limits: {name} limits nothing", "one of " + ", ".join(LIMITED))
        self._limits.append(
            Limit(
                name,
                WINDOWS.get(per or "", 0.0),
                "hold" if then == "hold" else "deny",
                identities=_words(fields, "for"),
                rows=amounts["rows"],
                bytes=amounts["bytes"],
                statements=amounts["statements"],
                probes=amounts["probes"],
                is_enforced=self._is_enforced(fields),
                at=fields.at,
            )
        )
        fields.finish()

    def _read_defaults(self, fields: Fields) -> None:
        derived = fields.node("derived")
        if isinstance(derived, TextNode) and derived.is_null:
            self._defaults.append(("derived", "null"))
        else:
            self._default(fields, "derived", DERIVED)
        self._default(fields, "aggregates", AGGREGATES)
        self._default(fields, "predicates", PREDICATES)
        self._default(fields, "opaque", OPAQUE)
        self._opaque_reviewers.extend(_words(fields, "opaque_reviewers"))
        fields.finish()

    def _default(self, fields: Fields, key: str, choices: tuple[str, ...]) -> None:
        chosen = fields.choice(key, choices)
        if chosen is not None:
            self._defaults.append((key, chosen))

    def _strictest_defaults(self) -> Defaults:
        """Where files differ, the strictest; what no file says is built in."""

        def strictest(key: str, choices: tuple[Choice, ...], built_in: Choice) -> Choice:
            given = {value for name, value in self._defaults if name == key}
            return next((choice for choice in choices if choice in given), built_in)

        return Defaults(
            derived=strictest("derived", DERIVED, "null"),
            aggregates=strictest("aggregates", AGGREGATES, "mask"),
            predicates=strictest("predicates", PREDICATES, "equality"),
            opaque=strictest("opaque", OPAQUE, "deny"),
            opaque_reviewers=tuple(self._opaque_reviewers),
        )

    def _test(self, item: Node) -> None:
        fields = as_fields(item, "tests", self._problems)
        if fields is None:
            return
        fields.require("as", "as: NAME")
        fields.require("sql")
        identity = _words(fields, "as")
        sql = fields.text("sql")
        decision = fields.choice("decision", ("allow", "deny", "hold"))
        rule = fields.text("rule") or ""
        masks: list[tuple[str, Mask | None]] = []
        for column, node in fields.entries("masks"):
            if isinstance(node, TextNode) and node.text in UNMASKED:
                masks.append((column.text, None))
            elif (mask := self._masks.mask(node)) is not None:
                masks.append((column.text, mask))
        rows, returns = self._rows(fields, "rows"), self._rows(fields, "returns")
        fields.finish()
        if not any(key in fields for key in ("decision", "rule", "masks", "returns")):
            self._problems.error(fields.at, "tests: an entry expects nothing", "decision, rule, masks or returns")
        if ("rows" in fields) != ("returns" in fields) or len(rows) != len(returns):
            at = fields.key_position("returns" if "returns" in fields else "rows")
            self._problems.error(at, f"tests: {len(rows)} rows, and returns has {len(returns)}", "one for each row")
        if identity and sql is not None:
            expected = cast('Literal["allow", "deny", "hold"] | None', decision)
            self._tests.append(
                RuleTest(identity[0], sql, expected, rule, tuple(masks), rows, returns, at=fields.at),
            )

    def _rows(self, fields: Fields, key: str) -> tuple[Cells, ...]:
        return tuple(self._cells(node, fields.name(key)) for node in fields.items(key))

    def _cells(self, node: Node, what: str) -> Cells:
        """A row: [a value for each column] or {column: its value}."""
        values: Sequence[tuple[str | int, Node]]
        match node:
            case MappingNode():
                values = [(name.text, value) for name, value in node.entries]
            case ListNode():
                values = list(enumerate(node.items))
            case _:
                self._problems.error(node.at, f"a row of {what} must be a list or a mapping", '[1, "a@b.example"]')
                return ()
        cells: list[tuple[str | int, str | None]] = []
        for column, value in values:
            if isinstance(value, TextNode):
                cells.append((column, None if value.is_null else value.text))
            else:
                self._problems.error(value.at, f"a value of {what} must be text", "write it as psql prints it: '{a,b}'")
        return tuple(cells)

    # Parts of rules -----------------------------------------------------------------------------------------------

    def _name(self, fields: Fields) -> str:
        fields.require("name")
        node = fields.scalar("name")
        if node is None:
            return f"{fields.what} at {fields.at}"
        if node.text in self._named:
            self._problems.error(node.at, f'the rule name "{node.text}" is taken', f"by {self._named[node.text]}")
        self._named.setdefault(node.text, node.at)
        fields.what = f"{fields.what}.{node.text}"
        return node.text

    def _is_enforced(self, fields: Fields) -> bool:
        return fields.choice("enforce", ("observe",)) is None

    def _conditions(self, fields: Fields) -> Conditions:
        classes = fields.texts("on")
        for node in classes:
            if node.text not in CLASSES:
                self._problems.error(
                    node.at, f"unknown statement class {node.shown}", nearest_or_all(node.text, CLASSES)
                )
        conditions = Conditions(
            classes=frozenset(node.text for node in classes),
            tables=self._tables(fields),
            columns=self._columns(fields),
            identities=_words(fields, "for"),
            without_where=self._flag(fields, "without_where"),
            estimated_rows_over=fields.whole_number("estimated_rows_over"),
            touches_masked=self._flag(fields, "touches_masked"),
        )
        if conditions == Conditions():
            self._problems.error(fields.at, f"{fields.what} has no condition", "for every statement: on: [all]")
        return conditions

    def _flag(self, fields: Fields, key: str) -> bool:
        value = fields.boolean(key)
        if value is False:
            self._problems.error(fields.key_position(key), f"{fields.name(key)}: false is no condition", "leave it out")
        return value is True

    def _tables(self, fields: Fields) -> tuple[tuple[TablePattern, Position], ...]:
        patterns = ((self._pattern(node, parse_table), node.at) for node in fields.texts("tables"))
        return tuple((pattern, at) for pattern, at in patterns if pattern is not None)

    def _columns(self, fields: Fields) -> tuple[tuple[ColumnPattern, Position], ...]:
        patterns = ((self._pattern(node, parse_column), node.at) for node in fields.texts("columns"))
        return tuple((pattern, at) for pattern, at in patterns if pattern is not None)

    def _pattern(self, node: TextNode, parse: Callable[[str], Pattern]) -> Pattern | None:
        try:
            return parse(node.text)
        except ValueError as error:
            message, *suggestion = error.args
            self._problems.error(node.at, message, *suggestion)
            return None


def _words(fields: Fields, key: str) -> tuple[Word, ...]:
    return tuple(Word(node.text, node.at) for node in fields.texts(key))

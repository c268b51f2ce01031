"""Names with `*` in rules: which relations and columns they fit, and which of two is more exact."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

SYSTEM_SCHEMAS = frozenset({"pg_catalog", "information_schema", "pg_toast"})
_SYSTEM_PREFIXES = ("pg_toast_temp_", "pg_temp_")

_PART = re.compile(r'"((?:[^"]|"")+)"|([^."]+)')


def is_system_schema(schema: str) -> bool:
    return schema in SYSTEM_SCHEMAS or schema.startswith(_SYSTEM_PREFIXES)


@dataclass(frozen=True, slots=True)
class Glob:
    """One name; `*` stands for any characters, also none."""

    text: str
    is_quoted: bool = False
    """Its `*` is a character of the name, since the rule has it in double quotes."""

    @property
    def is_exact(self) -> bool:
        return self.is_quoted or "*" not in self.text

    @property
    def literal_characters(self) -> int:
        return len(self.text) if self.is_quoted else len(self.text) - self.text.count("*")

    def fits(self, name: str) -> bool:
        return name == self.text if self.is_exact else _compiled(self.text).fullmatch(name) is not None

    def covers(self, other: Glob) -> bool:
        """Whether this fits every name that `other` fits; its stars count as characters that only a star takes in."""
        if self.is_exact:
            return other.is_exact and other.text == self.text
        return self.fits(other.text if other.is_exact else other.text.replace("*", "\0"))


@lru_cache(maxsize=4096)
def _compiled(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in text.split("*")), re.DOTALL)


@dataclass(frozen=True, slots=True)
class TablePattern:
    """schema.table."""

    schema: Glob
    table: Glob

    @property
    def is_exact(self) -> bool:
        return self.schema.is_exact and self.table.is_exact

    @property
    def literal_characters(self) -> int:
        return self.schema.literal_characters + self.table.literal_characters

    def fits(self, schema: str, table: str) -> bool:
        """System schemas only by their exact name."""
        if is_system_schema(schema) and not self.schema.is_exact:
            return False
        return self.schema.fits(schema) and self.table.fits(table)

    def covers(self, other: TablePattern) -> bool:
        # Under a glob the other fits no system schema either.
        if other.schema.is_exact and is_system_schema(other.schema.text) and not self.schema.is_exact:
            return False
        return self.schema.covers(other.schema) and self.table.covers(other.table)

    def __str__(self) -> str:
        return f"{_written(self.schema)}.{_written(self.table)}"


@dataclass(frozen=True, slots=True)
class ColumnPattern:
    """schema.table.column."""

    relation: TablePattern
    column: Glob

    @property
    def exactness(self) -> tuple[bool, bool, int]:
        """Greater is more exact: exact table, then exact column, then more literal characters."""
        literal = self.relation.literal_characters + self.column.literal_characters
        return self.relation.is_exact, self.column.is_exact, literal

    def fits(self, schema: str, table: str, column: str) -> bool:
        return self.column.fits(column) and self.relation.fits(schema, table)

    def covers(self, other: ColumnPattern) -> bool:
        return self.relation.covers(other.relation) and self.column.covers(other.column)

    def __str__(self) -> str:
        return f"{self.relation}.{_written(self.column)}"


def parse_table(text: str) -> TablePattern:
    """Read `schema.table`. A name with a dot in it is written in double quotes.

    Raises:
        ValueError: (message, suggestion).
    """
    parts = _parts(text)
    if len(parts) == 1:
        raise ValueError(f'"{text}" has no schema', f"public.{text}")
    if len(parts) != 2:
        raise ValueError(f'"{text}" is not schema.table', 'a name with a dot goes in double quotes: public."a.b"')
    return TablePattern(*parts)


def parse_column(text: str) -> ColumnPattern:
    """Read `schema.table.column`, as `parse_table`."""
    parts = _parts(text)
    if len(parts) != 3:
        suggestion = f"{text}.*" if len(parts) == 2 else "public.users.*"
        raise ValueError(f'"{text}" is not schema.table.column', suggestion)
    schema, table, column = parts
    return ColumnPattern(TablePattern(schema, table), column)


def _parts(text: str) -> list[Glob]:
    parts: list[Glob] = []
    at = 0
    while True:
        match = _PART.match(text, at)
        if match is None:
            raise ValueError(f'"{text}" has an empty or unfinished name')
        quoted, plain = match.groups()
        name = plain or quoted.replace('""', '"')
        parts.append(Glob(name, is_quoted=plain is None and "*" in name))
        at = match.end()
        if at == len(text):
            return parts
        if text[at] != ".":
            raise ValueError(f'"{text}" has a double quote within a name')
        at += 1


def _written(glob: Glob) -> str:
    if glob.is_quoted or "." in glob.text or '"' in glob.text:
        return '"' + glob.text.replace('"', '""') + '"'
    return glob.text

"""COPY's three formats: what the options say, and how a value is written between the delimiters.

Rows themselves are taken apart where something is done with them (`masking.copyrewrite`). Source: PostgreSQL manual,
COPY, "File Formats"; `CopyAttributeOutText` and `CopyAttributeOutCSV` in backend/commands/copyto.c.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

BINARY_SIGNATURE = b"PGCOPY\n\xff\r\n\0"

_ESCAPES = {b"\b": b"b", b"\f": b"f", b"\n": b"n", b"\r": b"r", b"\t": b"t", b"\v": b"v"}
_UNESCAPES = {letter: raw for raw, letter in _ESCAPES.items()}
_SPECIAL_LETTERS = (*_UNESCAPES, b"\\")
_ESCAPED = re.compile(rb"\\(.?)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class CopyFormat:
    """The options of a COPY that decide how its rows are written; the server's defaults where nothing is given."""

    name: Literal["text", "csv", "binary"] = "text"
    delimiter: bytes = b"\t"
    null: bytes = b"\\N"
    quote: bytes = b'"'
    escape: bytes = b'"'
    has_header: bool = False
    force_quote: tuple[str, ...] = ()
    """Columns whose values are always quoted; ("*",): all."""

    @property
    def is_binary(self) -> bool:
        return self.name == "binary"

    @property
    def has_readable_null(self) -> bool:
        """The NULL string of the text format does not end in the first half of an escape."""
        return b"" not in _ESCAPED.findall(self.null)

    @property
    def has_distinct_null(self) -> bool:
        """No value is written as NULL is: csv quotes it, in text NULL has an escape that values never have."""
        known = (*_SPECIAL_LETTERS, self.delimiter)
        return self.name != "text" or any(letter not in known for letter in _ESCAPED.findall(self.null))


def text_writer(delimiter: bytes) -> Callable[[bytes], bytes]:
    """Value → field of the text format."""
    pattern = re.compile(b"[\b\f\n\r\t\v\\\\" + re.escape(delimiter) + b"]")

    def escaped(match: re.Match[bytes]) -> bytes:
        byte = match[0]
        return b"\\" + _ESCAPES.get(byte, byte)

    search, substitute = pattern.search, pattern.sub
    return lambda value: substitute(escaped, value) if search(value) else value


def text_reader(delimiter: bytes) -> Callable[[bytes], bytes]:
    """Field of the text format → value. The function raises ValueError for what no server writes."""
    known = (*_SPECIAL_LETTERS, delimiter)

    def unescaped(match: re.Match[bytes]) -> bytes:
        letter = match[1]
        if letter not in known:
            raise ValueError("no escape that a server writes")
        return _UNESCAPES.get(letter, letter)

    return lambda field: _ESCAPED.sub(unescaped, field) if b"\\" in field else field


def csv_writer(form: CopyFormat, *, is_only: bool, is_forced: bool) -> Callable[[bytes], bytes]:
    """Value → field of the csv format, quoted where the server quotes it.

    Args:
        is_only: the row has no other column.
        is_forced: FORCE_QUOTE names the column.
    """
    special = re.compile(b"[\r\n" + re.escape(form.delimiter) + re.escape(form.quote) + b"]").search
    inner = re.compile(b"[" + re.escape(form.quote) + re.escape(form.escape) + b"]").sub
    quote, null, doubled = form.quote, form.null, form.escape.replace(b"\\", b"\\\\") + rb"\g<0>"

    def write(value: bytes) -> bytes:
        if is_forced or value == null or special(value) or (is_only and value == b"\\."):
            return quote + inner(doubled, value) + quote
        return value

    return write


def csv_reader(form: CopyFormat) -> Callable[[bytes], bytes]:
    """Field of the csv format → value."""
    pattern = re.compile(re.escape(form.escape) + b"([" + re.escape(form.quote) + re.escape(form.escape) + b"])")
    quote = form.quote

    def read(field: bytes) -> bytes:
        return pattern.sub(lambda match: match[1], field[1:-1]) if field[:1] == quote else field

    return read

"""CopyData in, CopyData out, the planned columns replaced: text, csv and binary format.

A message usually holds one row, but the protocol does not say so: a row may be cut anywhere, and at most one incomplete
row is kept. Whatever is not exactly what a server writes ends the connection. Values are masked by the same functions
as in DataRow (`masking.plan`), in the text or binary format of their type.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from struct import Struct, error
from typing import Protocol

from pgproxy.errors import MalformedMessage
from pgproxy.masking.plan import MaskPlan
from pgproxy.wire.copyrows import BINARY_SIGNATURE, CopyFormat, csv_reader, csv_writer, text_reader, text_writer
from pgproxy.wire.framing import LARGE_MESSAGE_BYTES

_COUNT = Struct("!h")
_LENGTH = Struct("!i")
_HEADER = Struct("!Ii")
_NULL = b"\xff\xff\xff\xff"


class CopyRewriter(Protocol):
    """The rows of one COPY."""

    def feed(self, data: bytes) -> bytes:
        """What of the stream can be passed on now, masked.

        Raises:
            MalformedMessage (08P01): no row of this COPY.
        """

    def finish(self) -> None:
        """The end of the stream. Raises MalformedMessage where a row is not complete."""


def copy_rewriter(plan: MaskPlan, form: CopyFormat, names: Sequence[str]) -> CopyRewriter:
    """The rewriter of one COPY TO STDOUT.

    Args:
        plan: made for text values, or for binary ones where `form` is binary.
        names: of the columns, for FORCE_QUOTE.
    """
    if form.is_binary:
        return _BinaryRewriter(plan)
    rows = _CsvRows(plan, form, names) if form.name == "csv" else _TextRows(plan, form)
    return _LineRewriter(rows, form.has_header)


class _Rows(Protocol):
    def end(self, data: bytes, start: int) -> int:
        """Behind the row's newline; -1: the row is not complete."""

    def rewritten(self, row: bytes) -> bytes:
        """A whole row without its newline."""


class _LineRewriter:
    """Rows that end in a newline."""

    def __init__(self, rows: _Rows, has_header: bool) -> None:
        self._rows = rows
        self._is_header = has_header
        self._carry = b""

    def feed(self, data: bytes) -> bytes:
        rows = self._rows
        if not self._carry and not self._is_header and rows.end(data, 0) == len(data):
            return self._rewritten(data[:-1]) + b"\n"  # one row, as servers send them
        data = self._carry + data
        out: list[bytes] = []
        start, size = 0, len(data)
        while start < size:
            end = rows.end(data, start)
            if end < 0:
                break
            if self._is_header:
                self._is_header = False
                out.append(data[start:end])
            else:
                out += (self._rewritten(data[start : end - 1]), b"\n")
            start = end
        self._carry = _bounded(data[start:])
        return b"".join(out)

    def _rewritten(self, row: bytes) -> bytes:
        try:
            return self._rows.rewritten(row)
        except ValueError:
            raise _malformed() from None

    def finish(self) -> None:
        if self._carry:
            raise _malformed()


class _TextRows:
    """The text format: a newline always ends a row, and a backslash escapes a delimiter."""

    def __init__(self, plan: MaskPlan, form: CopyFormat) -> None:
        self._width = plan.width
        self._delimiter, self._null = form.delimiter, form.null
        self._escaped_delimiter = b"\\" + form.delimiter
        self._field = re.compile(rb"(?:[^\\" + re.escape(form.delimiter) + rb"]|\\.)*+", re.DOTALL)
        self._read, self._write = text_reader(form.delimiter), text_writer(form.delimiter)
        self._columns = plan.columns

    def end(self, data: bytes, start: int) -> int:
        return data.find(b"\n", start) + 1 or -1

    def rewritten(self, row: bytes) -> bytes:
        fields = self._cut(row) if self._escaped_delimiter in row else row.split(self._delimiter)
        if len(fields) != self._width:
            raise _malformed()
        null = self._null
        for index, mask in self._columns:
            field = fields[index]
            if field != null:
                masked = mask(self._read(field))
                fields[index] = null if masked is None else self._write(masked)
        return self._delimiter.join(fields)

    def _cut(self, row: bytes) -> list[bytes]:
        fields: list[bytes] = []
        at, size = 0, len(row)
        while True:
            found = self._field.match(row, at)
            end = found.end() if found is not None else at
            fields.append(row[at:end])
            if end == size:
                return fields
            if row[end : end + 1] != self._delimiter:
                raise _malformed()
            at = end + 1


class _CsvRows:
    """The csv format: a quoted field may hold anything, also a newline; NULL is never quoted."""

    def __init__(self, plan: MaskPlan, form: CopyFormat, names: Sequence[str]) -> None:
        self._width = plan.width
        self._delimiter, self._null, self._quote = form.delimiter, form.null, form.quote
        quote, escape, delimiter = re.escape(form.quote), re.escape(form.escape), re.escape(form.delimiter)
        within = b"[^" + quote + escape + b"]|" + escape + b"[" + quote + escape + b"]"
        quoted = quote + b"(?:" + within + b")*+" + quote
        self._field = re.compile(b"(?:" + quoted + b"|[^\r\n" + delimiter + quote + b"]*+)", re.DOTALL)
        self._read = csv_reader(form)
        forced = set(range(plan.width)) if form.force_quote == ("*",) else _first_named(names, form.force_quote)
        is_only = plan.width == 1
        self._columns = tuple(
            (index, mask, csv_writer(form, is_only=is_only, is_forced=index in forced)) for index, mask in plan.columns
        )

    def end(self, data: bytes, start: int) -> int:
        end = data.find(b"\n", start) + 1
        if not end:
            return -1
        if data.find(self._quote, start, end) < 0:
            return end
        at = start
        while True:
            found = self._field.match(data, at)
            assert found is not None  # it matches the empty field
            at = found.end()
            follows = data[at : at + 1]
            if follows == b"\n":
                return at + 1
            if follows != self._delimiter:
                if follows and (follows != self._quote or at != found.start()):
                    raise _malformed()
                return -1  # a quoted field that goes on in the next message, or a field behind which nothing came yet
            at += 1

    def rewritten(self, row: bytes) -> bytes:
        fields = row.split(self._delimiter) if self._quote not in row else self._cut(row)
        if len(fields) != self._width:
            raise _malformed()
        null = self._null
        for index, mask, write in self._columns:
            field = fields[index]
            if field != null:
                masked = mask(self._read(field))
                fields[index] = null if masked is None else write(masked)
        return self._delimiter.join(fields)

    def _cut(self, row: bytes) -> list[bytes]:
        fields: list[bytes] = []
        at, size = 0, len(row)
        while True:
            found = self._field.match(row, at)
            assert found is not None
            fields.append(found[0])
            at = found.end()
            if at == size:
                return fields
            at += 1  # `end` has seen the delimiter there


class _BinaryRewriter:
    """The binary format: a header, tuples of counted fields, a trailer."""

    def __init__(self, plan: MaskPlan) -> None:
        self._plan = plan
        self._carry = b""
        self._has_begun = self._has_ended = False

    def feed(self, data: bytes) -> bytes:
        if self._carry:
            data = self._carry + data
        out: list[bytes] = []
        at = 0
        try:
            if not self._has_begun:
                at = self._header(data)
                out.append(data[:at])
                self._has_begun = True
            while at < len(data):
                at = self._tuple(data, at, out)
        except error:
            pass  # cut within a field: what is whole so far is in `out`
        self._carry = _bounded(data[at:])
        return b"".join(out)

    def finish(self) -> None:
        if self._carry or not self._has_ended:
            raise _malformed()

    def _header(self, data: bytes) -> int:
        size = len(BINARY_SIGNATURE)
        if not BINARY_SIGNATURE.startswith(data[:size]):
            raise _malformed()
        flags, extension = _HEADER.unpack_from(data, size)
        if flags or extension:
            raise _malformed()
        return size + _HEADER.size

    def _tuple(self, data: bytes, start: int, out: list[bytes]) -> int:
        """Appends one rewritten tuple, or the trailer. Raises struct.error where it is not complete."""
        (count,) = _COUNT.unpack_from(data, start)
        if self._has_ended or count not in (self._plan.width, -1):
            raise _malformed()
        at = copied = start + 2
        parts: list[bytes] = [data[start:at]]
        if count < 0:
            self._has_ended = True
            out += parts
            return at
        columns = iter(self._plan.columns)
        index, mask = next(columns, (count, _unmasked))
        for column in range(count):
            (length,) = _LENGTH.unpack_from(data, at)
            value_at = at + 4
            end = value_at + max(length, 0)
            if length < -1:
                raise _malformed()
            if end > len(data):
                raise error
            if column == index:
                if length >= 0:
                    masked = mask(data[value_at:end])
                    written = _NULL if masked is None else _LENGTH.pack(len(masked)) + masked
                    parts += (data[copied:at], written)
                    copied = end
                index, mask = next(columns, (count, _unmasked))
            at = end
        parts.append(data[copied:at])
        out += parts
        return at


def _unmasked(value: bytes) -> bytes | None:
    """Stands behind the last planned column; never called."""
    raise AssertionError


def _first_named(names: Sequence[str], wanted: Sequence[str]) -> set[int]:
    """FORCE_QUOTE takes the first column of a name."""
    return {names.index(name) for name in wanted if name in names}


def _bounded(row: bytes) -> bytes:
    """An incomplete row; no server makes one longer than a message can be."""
    if len(row) > LARGE_MESSAGE_BYTES:
        raise _malformed()
    return row


def _malformed() -> MalformedMessage:
    return MalformedMessage("malformed row of a COPY")

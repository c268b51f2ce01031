"""DataRow frames in, DataRow frames out, the planned columns replaced.

The one function that a compiled version replaces. Nothing is decoded but lengths, and nothing after the last masked
column of a row is read. Source: PostgreSQL manual, "Message Formats", DataRow.
"""

from __future__ import annotations

from struct import Struct, error

from pgproxy.errors import MalformedMessage
from pgproxy.masking.plan import MaskPlan

_HEADER = Struct("!cih")
_LENGTH = Struct("!i")
_NULL = b"\xff\xff\xff\xff"


def rewrite_rows(chunk: bytes, plan: MaskPlan) -> bytes:
    """The frames of `chunk` with masked values.

    Args:
        chunk: whole DataRow messages one after the other (tag, length, column count, values); not kept.

    Raises:
        MalformedMessage (08P01): bytes that are no such frames, or a row of another width than the plan's.
    """
    columns = plan.columns
    width = plan.width
    read_header, read_length, write_header, write_length = (
        _HEADER.unpack_from,
        _LENGTH.unpack_from,
        _HEADER.pack,
        _LENGTH.pack,
    )
    size = len(chunk)
    out: list[bytes] = []
    append = out.append
    start = 0
    try:
        while start < size:
            tag, length, count = read_header(chunk, start)
            end = start + 1 + length
            if tag != b"D" or length < 6 or end > size or count != width:
                raise MalformedMessage("malformed DataRow message")
            header_at = len(out)
            append(b"")
            copied = at = start + 7
            column = 0
            grown = 0
            for index, mask in columns:
                while column < index:
                    (value_length,) = read_length(chunk, at)
                    at += 4
                    if value_length > 0:
                        at += value_length
                    elif value_length < -1:
                        raise MalformedMessage("malformed DataRow message")
                    column += 1
                (value_length,) = read_length(chunk, at)
                column += 1
                if value_length < 0:
                    if value_length != -1:
                        raise MalformedMessage("malformed DataRow message")
                    at += 4
                    continue
                value_at = at + 4
                value_end = value_at + value_length
                if value_end > end:
                    raise MalformedMessage("malformed DataRow message")
                masked = mask(chunk[value_at:value_end])
                if copied < at:
                    append(chunk[copied:at])
                if masked is None:
                    append(_NULL)
                    grown -= value_length
                else:
                    masked_length = len(masked)
                    append(write_length(masked_length))
                    append(masked)
                    grown += masked_length - value_length
                copied = at = value_end
            if at > end:
                raise MalformedMessage("malformed DataRow message")
            out[header_at] = write_header(b"D", length + grown, count)
            if copied < end:
                append(chunk[copied:end])
            start = end
    except error:
        raise MalformedMessage("malformed DataRow message") from None
    return b"".join(out)

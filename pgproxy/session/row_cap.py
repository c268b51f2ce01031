"""The rows of an approved execution: counted, and cut where the approval ends (`max_rows`)."""

from __future__ import annotations

from dataclasses import replace
from struct import Struct

from pgproxy.errors import LimitReached
from pgproxy.session.holds import Release
from pgproxy.session.pending import Pending
from pgproxy.wire import results
from pgproxy.wire.framing import HEADER_BYTES, Run

_read_length = Struct("!I").unpack_from
_COPY_TRAILER = b"\xff\xff"
"""Ends a COPY in binary format; no row."""


def within_cap(run: Run, head: Pending, release: Release) -> Run:
    """The messages that the client may still get, each a row; they are counted.

    Args:
        run: whole DataRow or CopyData messages.
    """
    if head.is_cut:
        return replace(run, data=b"", count=0)
    rows = run.count - run.data.endswith(_COPY_TRAILER) * (run.tag == b"d" and _is_trailer(run))
    left = release.rows_left
    if left is not None and rows > left:
        head.is_cut = True
        run = _first(run, left)
        rows = left
    release.rows += rows
    head.counted_rows += rows
    return run


def count_changed(run: Run, head: Pending) -> None:
    """CommandComplete of a statement that changes rows: its tag says how many."""
    if head.release is not None and run.tag == b"C":
        number = results.CommandComplete.decode(run.body).command.rpartition(" ")[2]
        if number.isdigit() and int(number) > head.counted_rows:
            head.release.rows += int(number) - head.counted_rows
        head.counted_rows = 0


def cap_reached(release: Release) -> LimitReached:
    most = release.permit.most_rows
    rule = next((hold.rule for hold in release.permit.holds if hold.max_rows == most), "")
    return LimitReached(
        f"the approval allows {most} rows, and there are more",
        detail=f"rule {rule}: max_rows {most}, approval={release.permit.approval_id}",
        hint="Ask for fewer rows.",
    )


def _is_trailer(run: Run) -> bool:
    """The last message holds nothing else."""
    at = 0
    for _ in range(run.count - 1):
        at += 1 + int(_read_length(run.data, at + 1)[0])
    return run.data[at + HEADER_BYTES :] == _COPY_TRAILER


def _first(run: Run, count: int) -> Run:
    at = 0
    for _ in range(count):
        at += 1 + int(_read_length(run.data, at + 1)[0])
    return replace(run, data=run.data[:at], count=count)

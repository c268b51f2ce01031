"""The rows of one COPY TO STDOUT: held until their meaning is certain, then masked row by row.

A utility statement is analysed anew when it runs, and the server announces that late: the tree of COPY's query comes
before CopyOutResponse. It must be the one that was decided. For a table a tree comes only where row security turns it
into a query.
"""

from __future__ import annotations

from struct import Struct
from typing import Self

from pgproxy.errors import NotUnderstood, UpstreamUnreachable
from pgproxy.masking.copyrewrite import CopyRewriter, copy_rewriter
from pgproxy.masking.plan import MaskPlan
from pgproxy.session.understanding import Understanding
from pgproxy.statements.tree import are_equal, read_tree
from pgproxy.wire.copying import CopyOutResponse
from pgproxy.wire.copyrows import CopyFormat
from pgproxy.wire.framing import HEADER_BYTES, Run

_read_length = Struct("!I").unpack_from
_write_header = Struct("!cI").pack


class CopyOut:
    """One COPY TO STDOUT under way; without arguments rows pass as they are (an identity without masks).

    Args:
        decided: what the decision was made from.
        rewriter: None: rows pass as they are.
        replaced: where, in the text that was decided, literals stood for which the server got other values.
    """

    def __init__(
        self,
        decided: Understanding | None = None,
        rewriter: CopyRewriter | None = None,
        replaced: frozenset[int] = frozenset(),
    ) -> None:
        self._decided = decided
        self._replaced = replaced
        self._rewriter = rewriter
        self._is_announced = False
        self._has_begun = False

    @classmethod
    def of(cls, decided: Understanding, form: CopyFormat, plan: MaskPlan | None, replaced: frozenset[int]) -> Self:
        if plan is None or not plan.columns or decided.row is None:
            return cls(decided, None, replaced)
        names = [field.name for field in decided.row.fields]
        return cls(decided, copy_rewriter(plan, form, names), replaced)

    @property
    def masks_anything(self) -> bool:
        return self._rewriter is not None

    def announce(self, tree: bytes) -> None:
        """A tree came while this was executed. The first one is of the query itself; others are of what it calls.

        Raises:
            NotUnderstood: it is not the tree that was decided.
        """
        decided = self._decided
        if decided is None or decided.tree is None or self._is_announced or self._has_begun:
            return
        if not are_equal(decided.tree, read_tree(tree, decided.catalog.server_version), self._replaced):
            raise _changed("its query was analysed as another one")
        self._is_announced = True

    def begin(self, response: CopyOutResponse) -> None:
        """CopyOutResponse. Raises NotUnderstood: what begins is not what was decided."""
        decided = self._decided
        if decided is not None:
            if not self._is_announced and not decided.raw.is_made:
                raise _changed("its query was not announced")
            width = 0 if decided.row is None else len(decided.row.fields)
            if len(response.column_formats) != width:
                raise _changed(f"{width} columns were analysed, {len(response.column_formats)} come")
        self._has_begun = True

    def rewritten(self, run: Run) -> bytes:
        """CopyData messages as the client gets them, one for each that has something for it."""
        if not self._has_begun:
            raise UpstreamUnreachable("the server sent rows of a COPY that has not begun")
        if self._rewriter is None:
            return run.data
        data, feed = run.data, self._rewriter.feed
        out: list[bytes] = []
        at = 0
        for _ in range(run.count):
            end = at + 1 + _read_length(data, at + 1)[0]
            rows = feed(data[at + HEADER_BYTES : end])
            if rows:
                out += (_write_header(b"d", 4 + len(rows)), rows)
            at = end
        return b"".join(out)

    def end(self) -> None:
        """CopyDone."""
        if not self._has_begun:
            raise UpstreamUnreachable("the server ended a COPY that has not begun")
        if self._rewriter is not None:
            self._rewriter.finish()


def _changed(how: str) -> NotUnderstood:
    return NotUnderstood(
        "not provably safe: COPY does not mean what was analysed just before it ran",
        detail=f"rule builtin.copy_meaning: {how}",
        hint="Run it again.",
    )

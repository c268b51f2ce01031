"""What COPY adds to, or leaves out of, the lineage of the query inside or of the statement that stands for a table."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pgproxy.catalog.model import Catalog
from pgproxy.errors import NotUnderstood
from pgproxy.statements.model import (
    ColumnId,
    Constant,
    Form,
    Lasts,
    Lineage,
    RawStatement,
    StatementClass,
    Use,
    UseKind,
    Write,
)
from pgproxy.statements.tree import Node
from pgproxy.wire.formats import builtin
from pgproxy.wire.formats.codec import Family


@dataclass(frozen=True, slots=True)
class Copied:
    """The lineage of a COPY, and which outputs of the analysed text it has."""

    lineage: Lineage
    outputs: tuple[int, ...]
    """0-based, ascending."""


def with_null_tests(raw: RawStatement, lineage: Lineage) -> Lineage:
    """In text format a value may be written just as NULL is; then the rows tell which values equal the NULL string."""
    form = raw.copy
    if form is None or form.has_distinct_null:
        return lineage
    constants = (Constant(form.null.decode()),)
    tests = {
        Use(source.column, UseKind.LITERAL, "copy_null", constants=constants, json_path=source.json_path)
        for output in lineage.outputs
        if form.null or not _is_never_empty(output.type_oid)
        for source in output.sources
        if source.form in (Form.COPY, Form.WHOLE)
    }
    return replace(lineage, uses=lineage.uses | tests)


def as_copied(raw: RawStatement, tree: Node, lineage: Lineage, catalog: Catalog) -> Copied:
    """The lineage of the COPY that `raw` was made for (`RawStatement.is_made`).

    Raises:
        NotUnderstood: an output of `SELECT *` is no stored column.
    """
    stored = [
        at
        for at, output in enumerate(lineage.outputs)
        if output.origin is None or not _is_generated(output.origin.relation, output.origin.attnum, catalog)
    ]
    if raw.feeds is StatementClass.COPY_FROM:
        # With a list of columns the made INSERT names them; those with a default may be more than the rows have.
        # The list of columns is written as NULLs, and a default is written of its own accord with each row.
        taken = {
            write.target: _in_rows(write.target) if write.is_null else _for_each_row(write) for write in lineage.writes
        }
        for at in stored:
            origin = lineage.outputs[at].origin
            if origin is None:
                raise NotUnderstood("not provably safe: a column that COPY writes is not known")
            taken[origin] = _in_rows(origin)
        return Copied(replace(lineage, outputs=(), writes=tuple(taken.values())), ())
    if _is_secured(tree):  # then the server itself takes a SELECT, with all columns
        stored = list(range(len(lineage.outputs)))
    return Copied(replace(lineage, outputs=tuple(lineage.outputs[at] for at in stored)), tuple(stored))


def _for_each_row(write: Write) -> Write:
    """What a column takes of its own accord. From a sequence it is another value for each row: nobody counts those."""
    is_new = any(constant.lasts is Lasts.ROW for constant in write.constants or ())
    return replace(write, constants=None) if is_new else write


def _in_rows(target: ColumnId) -> Write:
    return Write(target, constants=frozenset(), comes_in_rows=True)


def _is_never_empty(type_oid: int) -> bool:
    """No value of the type is the empty string."""
    codec = builtin.codec(type_oid, {})
    return codec is not None and codec.family not in (Family.TEXT, Family.BYTES)


def _is_generated(relation: int, attnum: int, catalog: Catalog) -> bool:
    known = catalog.relations.get(relation)
    column = None if known is None else known.column(attnum)
    return column is not None and column.generated != ""


def _is_secured(tree: Node) -> bool:
    """Row security is in force for this role."""
    return any(entry.nodes("securityQuals") for query in tree["queries"] for entry in query.nodes("rtable"))

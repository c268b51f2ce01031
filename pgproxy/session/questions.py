"""What the proxy itself asks the server within a client's session: the messages, in order, and what each is for.

All of it is under names with the reserved prefix, and none of its replies reaches the client.
"""

from __future__ import annotations

from pgproxy.catalog.queries import CATALOG_QUERY
from pgproxy.session.formats import FORMATS_QUERY
from pgproxy.session.pending import Request
from pgproxy.session.prepared import RESERVED_PREFIX
from pgproxy.statements.model import Reached
from pgproxy.wire import query

CATALOG = RESERVED_PREFIX + "catalog"
FORMATS = RESERVED_PREFIX + "formats"

Question = tuple[Request, bytes]


def about_catalog(reached: Reached, *, is_prepared: bool) -> list[Question]:
    """The rows of what a tree reaches; the last one is Close, with Flush.

    Args:
        is_prepared: the statement was prepared in this session; it may be gone by DISCARD or DEALLOCATE.
    """
    questions: list[Question] = []
    if not is_prepared:
        questions += [
            (Request.CLOSE, query.Close("S", CATALOG).encode()),
            (Request.PARSE, query.Parse(CATALOG, CATALOG_QUERY, ()).encode()),
        ]
    return [*questions, *_executed(CATALOG, catalog_arguments(reached))]


def catalog_arguments(reached: Reached) -> tuple[bytes, ...]:
    """The parameters of the catalog query as text: four arrays of OIDs."""
    named = (reached.relations, reached.functions, reached.operators, reached.types)
    return tuple(("{" + ",".join(map(str, sorted(oids))) + "}").encode() for oids in named)


def about_formats() -> list[Question]:
    """How the server writes values now; the last one is Close, with Flush."""
    return [
        (Request.CLOSE, query.Close("S", FORMATS).encode()),
        (Request.PARSE, query.Parse(FORMATS, FORMATS_QUERY, ()).encode()),
        *_executed(FORMATS, ()),
    ]


def _executed(name: str, arguments: tuple[bytes, ...]) -> list[Question]:
    return [
        (Request.BIND, query.Bind(name, name, (), arguments, ()).encode()),
        (Request.EXECUTE, query.Execute(name, 0).encode()),
        (Request.CLOSE, query.Close("P", name).encode() + query.Flush().encode()),
    ]

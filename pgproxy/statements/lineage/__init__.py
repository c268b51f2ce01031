"""Column lineage from the server's own analysed tree: which stored columns reach an output, a condition or a write."""

from pgproxy.statements.lineage.executed import Executed, may_execute_texts, texts_in
from pgproxy.statements.lineage.routines import called_by, names_relations
from pgproxy.statements.lineage.trace import trace, trace_block
from pgproxy.statements.lineage.walk import Bodies

__all__ = [
    "Bodies",
    "Executed",
    "called_by",
    "may_execute_texts",
    "names_relations",
    "texts_in",
    "trace",
    "trace_block",
]

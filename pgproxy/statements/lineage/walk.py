"""The state of one trace, and the parts that walk a tree together: range table, expressions, predicates, queries.

What they share is here: the catalog and what was found so far.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from pgproxy.catalog.model import Catalog, Relation
from pgproxy.statements.lineage.bodies import Calls, SqlFunctions
from pgproxy.statements.lineage.entries import Entries
from pgproxy.statements.lineage.executed import NOTHING_EXECUTED, Executed, ExecutedTexts
from pgproxy.statements.lineage.expressions import Expressions
from pgproxy.statements.lineage.failures import Failures
from pgproxy.statements.lineage.flow import Value
from pgproxy.statements.lineage.functions import Functions
from pgproxy.statements.lineage.harmless import Harmless
from pgproxy.statements.lineage.predicates import Predicates
from pgproxy.statements.lineage.queries import Queries
from pgproxy.statements.lineage.refusals import refuse
from pgproxy.statements.lineage.routines import Routines
from pgproxy.statements.lineage.totality import Totality
from pgproxy.statements.lineage.triggers import Triggers
from pgproxy.statements.model import ColumnId, Constant, Effect, Source, Use, Write
from pgproxy.statements.tree import Node

Bodies = Mapping[int, Sequence[Node]]
"""The trees of SQL functions, by function: one for each statement of the body."""
NO_BODIES: Bodies = {}


class Walk:
    """One trace. `uses` is the collection that is open at the moment (`collecting`)."""

    def __init__(
        self,
        catalog: Catalog,
        bodies: Bodies = NO_BODIES,
        executed: Executed = NOTHING_EXECUTED,
        *,
        definition_depth: int = 0,
    ) -> None:
        self.catalog = catalog
        self.bodies = bodies
        self.executed = executed
        self.calls = Calls()
        self.parameters: Mapping[int, Value] | None = None
        """What the parameters of a function stand for; None: those of the statement are the client's own."""
        self.definition_depth = definition_depth
        """How many stored views deep this walk is; 0: a statement of the client, views already expanded."""
        self.uses: set[Use] = set()
        self.compared: dict[int, set[ColumnId]] = {}
        """The equalities of stored columns with what the client gives: id() of the node → the columns."""
        self.writes: list[Write] = []
        self.relations: set[int] = set()
        self.written: set[int] = set()
        self.deleted: set[int] = set()
        self.trigger_relations: set[int] = set()
        self.effects: list[Effect] = []
        self.denied_functions: dict[str, None] = {}
        self.signals: set[Constant] = set()
        """Processes that are signalled, as the client names them."""
        self.settings: set[str] = set()
        """Names of settings that set_config sets."""
        self.opaque: dict[str, None] = {}
        self.materialized: dict[ColumnId, frozenset[Source]] = {}
        self.views: dict[ColumnId, frozenset[Source]] = {}
        self.is_read_only = True
        self.looks_up_names = False
        self.functions = Functions(self)
        self.sql_functions = SqlFunctions(self)
        self.totality = Totality(self)
        self.failures = Failures(self)
        self.entries = Entries(self)
        self.expressions = Expressions(self)
        self.predicates = Predicates(self)
        self.queries = Queries(self)
        self.triggers = Triggers(self)
        self.routines = Routines(self)
        self.executed_texts = ExecutedTexts(self)
        self.harmless = Harmless(self)

    def location(self, node: Node) -> int:
        """Where a node's text begins in that of the client; -1: it stands in that of a view or a function."""
        return node["location"] if self.parameters is None and not self.definition_depth else -1

    def for_definition(self) -> Walk:
        """A walk over a stored view's tree: what it finds counts here only where it says so."""
        inner = Walk(self.catalog, definition_depth=self.definition_depth + 1)
        inner.opaque = self.opaque
        inner.materialized = self.materialized
        return inner

    def for_function(self, parameters: Mapping[int, Value]) -> Walk:
        """A walk over a function's body: all that it finds counts here, its uses when it is done."""
        inner = Walk(self.catalog, self.bodies)
        inner.parameters, inner.calls = parameters, self.calls
        inner.writes, inner.written = self.writes, self.written
        inner.trigger_relations, inner.deleted = self.trigger_relations, self.deleted
        inner.effects, inner.denied_functions = self.effects, self.denied_functions
        inner.opaque, inner.materialized, inner.settings = self.opaque, self.materialized, self.settings
        inner.views = self.views
        return inner

    def relation(self, oid: int) -> Relation:
        found = self.catalog.relations.get(oid)
        if found is None:
            refuse("the statement reaches a relation that is not known yet")
        return found

    def found_opaque(self, phrase: str) -> None:
        self.opaque[phrase] = None

    @contextmanager
    def collecting(self) -> Iterator[set[Use]]:
        """A collection of the uses found inside; they count for the whole as well, at its end."""
        with self.collecting_apart() as inner:
            yield inner
        self.uses |= inner

    @contextmanager
    def collecting_apart(self) -> Iterator[set[Use]]:
        """As `collecting`, but the uses count for nothing yet."""
        outer, self.uses = self.uses, set()
        try:
            yield self.uses
        finally:
            self.uses = outer

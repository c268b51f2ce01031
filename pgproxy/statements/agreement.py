"""The three readings of a statement must agree: libpg_query's, sqlglot's and the server's own tree.

Each check is one-directional where the readings may differ in form, and complete in the direction that matters:
nothing that the grammar sees may be missing from what another witness saw. What differs is a `Differential`: the
statement is not provably safe, and both sides go to the log by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from pgproxy.catalog.model import Catalog
from pgproxy.errors import NotUnderstood
from pgproxy.statements.facts import Witness, read_witness
from pgproxy.statements.grammar_facts import GrammarFacts, grammar_facts
from pgproxy.statements.model import Facts, Lineage, RawStatement

OUTPUTS: Final = "number of outputs"
_KEEPS_VIEWS: Final = 16
"""From this version on a view that was expanded keeps its OID in the tree."""


class Differential(NotUnderstood):
    """Two readings of one statement differ. Names only: no text, no values."""

    def __init__(self, what: str, grammar: Iterable[object], other: Iterable[object], witness: str) -> None:
        super().__init__(
            f"not provably safe: two readings of the statement differ in its {what}",
            detail="rule builtin.agreement",
            hint="Write it in a plainer form: list columns, give tables aliases, avoid operators without spaces.",
        )
        self.what = what
        self.witness = witness
        self.grammar = tuple(sorted(str(name) for name in grammar))
        self.other = tuple(sorted(str(name) for name in other))

    @property
    def sides(self) -> tuple[tuple[str, str], ...]:
        """Both sides for the log. Names that only sqlglot reads are counted: it may take a constant for a name."""
        other, more = self.other, 0
        if self.witness == "sqlglot" and self.what != OUTPUTS:
            other = tuple(name for name in self.other if name in self.grammar)
            more = len(self.other) - len(other)
        also = f" and {more} more" if more else ""
        return (("what", self.what), ("grammar", ", ".join(self.grammar)), (self.witness, ", ".join(other) + also))


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Who was heard; the tree and the grammar always are."""

    sqlglot: Literal["agreed", "unparsed"]


def agree(raw: RawStatement, facts: Facts, lineage: Lineage, catalog: Catalog) -> Witnesses:
    """Compare what was read from the statement's text with each other and with its analysed tree.

    Raises:
        Differential (42501): they differ.
    """
    grammar = grammar_facts(raw)
    _agree_with_tree(grammar, facts, lineage, catalog)
    witness = read_witness(raw)
    if witness is None:
        return Witnesses(sqlglot="unparsed")
    agree_with_witness(grammar, witness)
    return Witnesses(sqlglot="agreed")


def agree_with_witness(grammar: GrammarFacts, witness: Witness) -> None:
    """libpg_query's and sqlglot's readings: the same relations, every column, as many outputs.

    Raises:
        Differential.
    """
    relations = {name.parts for name in (*grammar.relations, *grammar.cte_references)}
    seen = set(witness.tables)
    locked = {(name,) for name in grammar.locked}
    if not relations <= seen or not seen <= relations | locked:
        raise Differential("relations", _dotted(relations), _dotted(seen), "sqlglot")
    columns = Counter(name.parts for name in grammar.columns if name.parts != ("*",))
    hidden = columns - Counter(witness.columns)
    if hidden:
        raise Differential("columns", _dotted(hidden), _dotted(witness.columns), "sqlglot")
    if None not in (grammar.output_count, witness.output_count) and grammar.output_count != witness.output_count:
        raise Differential(OUTPUTS, [grammar.output_count], [witness.output_count], "sqlglot")


def _agree_with_tree(grammar: GrammarFacts, facts: Facts, lineage: Lineage, catalog: Catalog) -> None:
    """Every relation in the text is one the tree reached, by its last name: search_path is the server's business."""
    reached = lineage.relations | lineage.written_relations
    names = {catalog.relations[oid].name for oid in reached if oid in catalog.relations}
    missing = {name.parts[-1] for name in grammar.relations} - names
    if missing and catalog.server_version < _KEEPS_VIEWS:
        known = {relation.name: relation.kind for relation in catalog.relations.values() if relation.name in missing}
        # A view leaves no trace there; one that this session made may not be in the catalog yet.
        missing = {name for name in missing if known.get(name, "v") != "v"}
    if missing:
        raise Differential("relations", facts.tables, names, "server")
    if grammar.output_count is not None and grammar.output_count != len(lineage.outputs):
        raise Differential(OUTPUTS, [grammar.output_count], [len(lineage.outputs)], "server")


def _dotted(names: Iterable[tuple[str, ...]]) -> list[str]:
    return [".".join(parts) for parts in names]

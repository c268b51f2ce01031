"""A session whose statements are analysed as the proxy does it, and lineage as lines of text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pgproxy.catalog.model import FIRST_NORMAL_OID, Catalog
from pgproxy.errors import ProxyError
from pgproxy.session.known_trees import Readings
from pgproxy.session.reading import unread, with_body
from pgproxy.session.understanding import announced
from pgproxy.statements.lineage import trace
from pgproxy.statements.model import ColumnId, Lineage, Source, Use
from tests.tree.announcing import Announcer

_SYSTEM = {0: "*", -6: "tableoid"}


class Analysis:
    """Analyses statements in one session of a role that may read no table."""

    def __init__(self, announcer: Announcer) -> None:
        self.announcer = announcer
        self.catalog = Catalog()
        """After `lineage`: what the last statement reached."""

    def lineage(self, statement: str) -> Lineage:
        """Raises what the analysis raises, and `Rejected` where the server does not accept the statement."""
        text = self.announcer.tree(statement)
        announcement = announced([text], (), None, self.announcer.version, Readings())
        while True:
            self.catalog = self.announcer.catalog(announcement.needed)
            when = {oid for one in self.catalog.relations.values() for t in one.triggers for oid in t.functions}
            if when:  # built in: the proxy's shared catalog has them
                self.catalog = self.announcer.catalog(
                    replace(announcement.needed, functions=announcement.needed.functions | when)
                )
            own = [oid for oid in self.catalog.functions if oid >= FIRST_NORMAL_OID]
            functions = unread(announcement, self.catalog, own)
            if not functions:
                return trace(announcement.tree(), self.catalog, announcement.bodies)
            for function in functions:
                trees = self.announcer.body(function)
                announcement = with_body(announcement, function, trees, self.announcer.version)

    def name(self, column: ColumnId) -> str:
        """ "users.ssn", the schema named if it is not public; "users.*" for the whole row."""
        relation = self.catalog.relations[column.relation]
        stored = relation.column(column.attnum)
        schema = "" if relation.schema == "public" else f"{relation.schema}."
        return f"{schema}{relation.name}.{stored.name if stored else _SYSTEM[column.attnum]}"

    def lines(self, statement: str) -> list[str]:
        """The lineage of a statement, or its refusal: a line for each output, use, write, effect and opaque thing."""
        try:
            lineage = self.lineage(statement)
        except ProxyError as error:
            return [f"# {error.detail}: {error}"]
        columns = [f"= {output.name}{self._sources(output.sources)}" for output in lineage.outputs]
        uses = sorted(
            f"? {self.name(use.column)}{_path(use.json_path)} {use.kind} {use.context}"
            + (f" {self.name(use.other)}" if use.other else "")
            + (f": {use.expression}" if use.expression else "")
            + "".join(f" '{constant}'" for constant in use.constants if not constant.text.startswith("\0"))
            for use in {_anywhere(use) for use in lineage.uses}
        )
        writes = [f"> {self.name(write.target)}{self._sources(write.sources)}" for write in lineage.writes]
        made = sorted(f"@ {self.name(column)}{self._sources(of)}" for column, of in lineage.materialized.items())
        effects = [f"* {effect.function}{self._sources(effect.sources)}" for effect in lineage.effects]
        unreadable = [f"! {phrase}" for phrase in (*lineage.denied_functions, *lineage.opaque)]
        return [*columns, *uses, *writes, *made, *effects, *unreadable]

    def _sources(self, sources: Iterable[Source]) -> str:
        shown = sorted(f"{self.name(one.column)}{_path(one.json_path)} {one.form.value}" for one in sources)
        return f": {', '.join(shown)}" if shown else ""


def _path(steps: tuple[str, ...] | None) -> str:
    return "" if steps is None else "".join(f"[{step}]" for step in steps)


def _anywhere(use: Use) -> Use:
    """The use, wherever its literals stand in the text."""
    return replace(use, constants=tuple(constant._replace(location=-1) for constant in use.constants))

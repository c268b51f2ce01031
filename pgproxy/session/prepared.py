"""What a session remembers of its prepared statements and portals, by the client's own names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pgproxy.masking.keys import MaskingKeys
from pgproxy.masking.plan import MaskPlan
from pgproxy.policy.decision import Decision
from pgproxy.session.understanding import Understanding, plan_for
from pgproxy.statements.model import Handling, RawStatement
from pgproxy.wire.results import RowDescription

RESERVED_PREFIX = "_pgproxy_"
"""Names of prepared statements and portals that are ours."""


@dataclass(slots=True)
class Prepared:
    """One prepared statement that may be bound."""

    name: str
    raw: RawStatement | None
    """None: an empty query string."""
    parameter_type_oids: tuple[int, ...] = ()
    """As the client declared them in Parse."""
    understanding: Understanding | None = None
    """None: a utility statement, which has no tree."""
    decision: Decision | None = None
    row: RowDescription | None = None
    """Of an analysed statement; None where it returns no rows."""
    rules_version: str = ""
    passes_rows: bool = False
    """Without a tree: SHOW, or anything of an identity that has no masks."""
    kept_level: str | None = None
    """SET client_min_messages, kept by the proxy: the level that its execution sets."""
    renames: str | None = None
    """SHOW client_min_messages, asked under the proxy's own name: what its column is called."""
    is_stale: bool = False
    """The server analysed it anew outside Bind: its next Bind decides again."""
    plans: dict[tuple[object, ...], MaskPlan | None] = field(default_factory=dict)

    @property
    def is_analysed(self) -> bool:
        return self.understanding is not None

    @property
    def redacts(self) -> bool:
        return self.decision is not None and self.decision.redacts_errors

    @property
    def may_return_rows(self) -> bool:
        return self.row is not None if self.is_analysed else self.passes_rows

    @property
    def may_copy(self) -> bool:
        """COPY of an identity that has no masks."""
        return self.passes_rows and self.raw is not None and self.raw.handling is Handling.REFUSE

    def plan(
        self, result_formats: tuple[int, ...], keys: MaskingKeys, parameters: Mapping[str, str]
    ) -> MaskPlan | None:
        """The mask plan for rows in these formats, made once; None where they pass as they are."""
        if self.decision is None or self.understanding is None:
            return None
        key = (result_formats, *(parameters.get(name) for name in ("DateStyle", "IntervalStyle", "TimeZone")))
        if key not in self.plans:
            catalog = self.understanding.catalog
            self.plans[key] = plan_for(self.decision, self.row, result_formats, catalog, keys, parameters)
        return self.plans[key]


@dataclass(slots=True)
class Portal:
    """One bound statement."""

    name: str
    prepared: Prepared
    result_formats: tuple[int, ...] = ()
    plan: MaskPlan | None = None
    """None: its rows pass as they are."""
    trees: list[bytes] = field(default_factory=list)
    """Trees that the server announced before BindComplete."""

"""What a session remembers of its prepared statements and portals, by the client's own names.

A `Verdict` is frozen and belongs to one meaning of one statement. A prepared statement has its newest; a portal keeps
the one it was bound under, for the server executes what was bound, whatever the name means by now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from pgproxy.catalog.model import FIRST_NORMAL_OID
from pgproxy.catalog.versions import Objects, Snapshot, fingerprint
from pgproxy.errors import NotUnderstood
from pgproxy.login.identity import Identity
from pgproxy.masking.keys import MaskingKeys
from pgproxy.masking.plan import MaskPlan
from pgproxy.policy.decision import Action, Decision
from pgproxy.policy.matching import ColumnMask, Pins
from pgproxy.policy.rules import Rules
from pgproxy.policy.subject import subject_of
from pgproxy.session.holds import Release
from pgproxy.session.understanding import Understanding, decision_for, decision_for_utility, plan_for
from pgproxy.statements.model import Handling, RawStatement, Reached
from pgproxy.wire.query import Bind
from pgproxy.wire.results import RowDescription

RESERVED_PREFIX = "_pgproxy_"
"""Names of prepared statements and portals that are ours."""

FORMAT_SETTINGS = ("DateStyle", "IntervalStyle", "TimeZone")
"""Reported settings that decide how text values are written."""

PlanKey = tuple[object, ...]
PLANS: Final = 16
"""Of one verdict: a client may set any number of time zones."""


@dataclass(frozen=True, slots=True)
class Watched:
    """Objects whose changes leave the server's plan of a statement alone, and so are not announced at Bind.

    It announces what happens to a relation or a function that the tree names, by a new tree. Not what happens to those
    further on: ancestors and descendants, ends of foreign keys, what materialized views were made from, types, what the
    source of a function names.
    """

    objects: Objects
    fingerprint: str

    @classmethod
    def of(cls, snapshot: Snapshot, reached: Reached) -> Watched | None:
        known = snapshot.catalog.functions
        named = frozenset(oid for oid in reached.functions if oid not in known or known[oid].source is None)
        objects = snapshot.without(reached.relations, named)
        return cls(objects, fingerprint(snapshot.catalog, objects)) if objects else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A statement that may run, and all that its results depend on."""

    raw: RawStatement | None
    """None: an empty query string."""
    decision: Decision | None = None
    rules_version: str = ""
    understanding: Understanding | None = None
    """None: a utility statement, or one that only its text decided; it has no tree."""
    row: RowDescription | None = None
    """Of an analysed statement; None where it returns no rows."""
    parameter_types: tuple[int, ...] = ()
    """Of an analysed statement, as the server settled on them."""
    watched: Watched | None = None
    """What it was made from and the server does not announce; None: it announces all."""
    tree: bytes = b""
    """Of an analysed statement: `meaning_of` its tree."""
    passes_rows: bool = False
    """Without a tree: SHOW, or anything of an identity that has no masks."""
    kept_level: str | None = None
    """SET client_min_messages, kept by the proxy: the level that its execution sets."""
    before_release: Decision | None = None
    """What was decided, where an approval or the planner's estimate made it milder."""
    release: Release | None = None
    """An approval lets this one execution run, and what is fetched of the cursor that it opens."""
    renames: str | None = None
    """SHOW client_min_messages, asked under the proxy's own name: what its column is called."""
    plans: dict[PlanKey, MaskPlan | None] = field(default_factory=dict, compare=False)

    @property
    def is_analysed(self) -> bool:
        return self.understanding is not None

    @property
    def reads_bodies(self) -> bool:
        """It stands on what functions do inside, and the server does not announce when that changes."""
        return self.understanding is not None and self.understanding.lineage.reads_bodies

    @property
    def looks_up_names(self) -> bool:
        """What it means may change until it has run: see `Lineage.looks_up_names`."""
        return self.understanding is not None and self.understanding.lineage.looks_up_names

    @property
    def names_watched(self) -> Watched | None:
        """What tells whether names in functions mean what they did; None: only an analysis of now does, since bodies in
        SQL go by the search_path."""
        return None if self.reads_bodies else self.watched

    @property
    def is_wrapper(self) -> bool:
        """EXPLAIN, DECLARE or CREATE TABLE AS: the statement inside is analysed for each execution."""
        return self.raw is not None and self.raw.handling is Handling.WRAP

    @property
    def reads_by_name(self) -> bool:
        """FETCH, MOVE and EXECUTE: what they bring was decided under a name, which is looked up when they run."""
        return self.raw is not None and self.raw.handling in (Handling.FETCH, Handling.EXECUTE)

    @property
    def runs_quietly(self) -> bool:
        """EXECUTE of a query that changes nothing and runs only built-in functions: a tree while it runs can only be a
        new meaning."""
        if self.raw is None or self.raw.handling is not Handling.EXECUTE or self.understanding is None:
            return False
        lineage = self.understanding.lineage
        return lineage.is_read_only and not lineage.opaque and max(lineage.functions, default=0) < FIRST_NORMAL_OID

    @property
    def declares_cursor(self) -> bool:
        return self.raw is not None and self.raw.cursor != "" and self.raw.handling is Handling.WRAP

    @property
    def is_copy_by_text(self) -> bool:
        """COPY of an identity that has no masks, in a form that is not analysed; in either direction."""
        raw = self.raw
        return raw is not None and self.passes_rows and raw.handling is Handling.REFUSE and raw.node == "CopyStmt"

    @property
    def takes_data(self) -> bool:
        """Its execution may take the data of a COPY FROM STDIN."""
        return self.is_copy_by_text or (self.raw is not None and self.raw.handling is Handling.COPY_IN)

    def around(self, inner: Verdict) -> Verdict:
        """This EXPLAIN, DECLARE or CREATE TABLE AS for one execution: its result is no data, its errors are those of
        what is inside."""
        decision = self.decision
        if inner.decision is not None:
            decision = inner.decision.also_held(decision)
            decision = replace(decision, columns=())
        return replace(self, decision=decision, passes_rows=True)

    def copying(self, inner: Verdict) -> Verdict:
        """This COPY for one execution, decided as the query or table inside."""
        return replace(self, decision=inner.decision)

    def reading(self, cursor: Verdict) -> Verdict:
        """This FETCH, MOVE or EXECUTE of what was declared, bound or prepared under that verdict."""
        return replace(cursor, raw=self.raw, plans={})

    @property
    def is_held(self) -> bool:
        """A rule holds it, and no approval lets it run."""
        return self.decision is not None and self.decision.action is not Action.ALLOW and self.release is None

    @property
    def as_decided(self) -> Decision | None:
        return self.before_release or self.decision

    def settled(self) -> Verdict:
        """With the planner's estimate no rule holds this one execution."""
        if self.decision is None:
            return self
        milder = replace(self.decision, action=Action.ALLOW, holds=(), asks_estimate=False)
        return replace(self, decision=milder, before_release=self.as_decided)

    def released(self, release: Release) -> Verdict:
        """For the one execution that was approved."""
        decision = self.decision
        if decision is not None and release.permit.reveals:
            decision = replace(decision, columns=tuple(replace(column, mask=None) for column in decision.columns))
        return replace(self, decision=decision, before_release=self.as_decided, release=release, plans={})

    @property
    def redacts(self) -> bool:
        return self.decision is not None and self.decision.redacts_errors

    @property
    def may_return_rows(self) -> bool:
        return self.row is not None if self.is_analysed else self.passes_rows

    def without_session(self) -> Verdict:
        """For other sessions too: it reaches no temporary relation."""
        understanding = self.understanding
        return self if understanding is None else replace(self, understanding=replace(understanding, temporary={}))

    def under(self, rules: Rules, identity: Identity, pins: Pins) -> Verdict:
        """The same statement under the rules of this moment.

        Raises:
            ProxyError: they deny it.
        """
        if self.raw is None or self.rules_version == rules.version:
            return self
        understanding = self.understanding
        if understanding is not None:
            understanding = understanding.own(self.parameter_types, self.row)
            decision = decision_for(understanding, identity, rules, pins)
            before = () if self.decision is None else self.decision.tokens
            if [one for one in before if one.is_literal] != [one for one in decision.tokens if one.is_literal]:
                raise NotUnderstood(
                    "this statement was prepared under other rules, by which other literals are tokens",
                    detail="rule builtin.rules_changed",
                    hint="Prepare it again.",
                )
        else:
            decision = decision_for_utility(self.raw, identity, rules)
            is_show = self.raw.handling is Handling.SHOW
            if self.passes_rows and not is_show and subject_of(identity, rules).masks:
                raise NotUnderstood(
                    "this statement was prepared under other rules and was not analysed",
                    detail="rule builtin.rules_changed",
                    hint="Prepare it again.",
                )
        return replace(self, decision=decision, rules_version=rules.version, understanding=understanding, plans={})

    def plan(
        self, result_formats: tuple[int, ...], keys: MaskingKeys, parameters: Mapping[str, str]
    ) -> MaskPlan | None:
        """The mask plan for rows in these formats, made once; None where they pass as they are."""
        if self.decision is None or self.understanding is None:
            return None
        key = (result_formats, *(parameters.get(name) for name in FORMAT_SETTINGS))
        if key not in self.plans:
            if len(self.plans) == PLANS:
                self.plans.clear()
            catalog = self.understanding.catalog
            self.plans[key] = plan_for(self.decision, self.row, result_formats, catalog, keys, parameters)
        return self.plans[key]


@dataclass(slots=True)
class Prepared:
    """One prepared statement that may be bound."""

    name: str
    verdict: Verdict
    announced: set[bytes] = field(default_factory=set)
    """Digests of the trees that came since the last decision."""
    is_stale: bool = False
    """The server analysed it anew and that has not been decided yet: its next Bind decides again first."""


@dataclass(slots=True)
class Portal:
    """One bound statement."""

    name: str
    prepared: Prepared
    verdict: Verdict
    result_formats: tuple[int, ...] = ()
    plan: MaskPlan | None = None
    """None: its rows pass as they are."""
    is_started: bool = False
    """It was executed: the rest of its rows comes under the same decision."""
    decided_at: int = 0
    """`SessionState.moment` when it was last certain what it means."""
    inner: Verdict | None = None
    """EXPLAIN, DECLARE, CREATE TABLE AS and COPY: of the statement inside, for this execution."""
    decide_target: Callable[[float | None], Decision] | None = None
    """CREATE TABLE AS: decides, with the planner's estimate, on the table that it makes."""
    bind: Bind | None = None
    """What the client bound it by; None: a simple Query's."""
    is_held_back: bool = False
    """The answer to its Execute, and all that follows, waits for what the session has to learn of it."""
    feeds: tuple[ColumnMask | None, ...] = ()
    """The masks that the columns of the temporary table it makes will carry."""

    @property
    def is_awaited(self) -> bool:
        """Nothing behind its Execute is sent before that completed."""
        release = self.verdict.release
        return self.is_held_back or (release is not None and release.rows_left is not None)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A cursor that SQL declared."""

    verdict: Verdict
    """Of the query it was declared for."""
    is_held: bool
    is_binary: bool
    """A FETCH by simple Query brings binary values."""

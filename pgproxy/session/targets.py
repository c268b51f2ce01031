"""What CREATE TABLE AS, SELECT INTO and CREATE MATERIALIZED VIEW put their rows into.

A temporary relation keeps the masks of what fed it, for as long as the session lives; a permanent one is decided about
as a write of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from pgproxy.errors import NotUnderstood, ProxyError, StatementDenied
from pgproxy.policy.matching import ColumnMask
from pgproxy.session.prepared import Portal, Verdict
from pgproxy.session.probing import is_charged
from pgproxy.session.questions import about_creation_schema, about_temporary_relation
from pgproxy.session.refusing import refuse_here
from pgproxy.session.state import SessionState
from pgproxy.session.understanding import check_making, masks_to_hand_on, without_parameters
from pgproxy.statements.model import ColumnId, Handling, RawStatement
from pgproxy.wire import results

MAX_TEMPORARY_COLUMNS = 50_000
"""Columns that carry masks, of all temporary relations that one session ever made."""


class Targets:
    """Checks them before the statement runs, and notes what it made."""

    def __init__(self, state: SessionState) -> None:
        self._state = state

    def check(self, portal: Portal, raw: RawStatement, inner: Verdict, then: Callable[[], None]) -> None:
        """What the rows go into keeps the masks of what fed it, or may not be made."""
        state, target, understanding = self._state, raw.target, inner.understanding
        if target is None or understanding is None:
            then()
            return
        rules = state.context.rules()
        masks = masks_to_hand_on(understanding, state.context.identity, rules, state.context.pins.under(rules))
        if target.is_temporary:
            if any(masks):
                self._feed(portal, masks, then)
            else:
                then()
        elif target.schema:
            self._check_making(portal, raw, inner, target.schema, masks, then)
        else:
            rows: list[bytes] = []

            def answered() -> None:
                (schema,) = results.DataRow.decode(rows[-1][5:]).values()
                self._check_making(portal, raw, inner, (schema or b"").decode(), masks, then)

            unknown = NotUnderstood("not provably safe: where the relation will be is not known")
            state.ask_ourselves(about_creation_schema(), unknown, rows, answered)

    def _check_making(
        self,
        portal: Portal,
        raw: RawStatement,
        inner: Verdict,
        schema: str,
        masks: Sequence[ColumnMask | None],
        then: Callable[[], None],
    ) -> None:
        state, understanding = self._state, inner.understanding
        assert raw.target is not None and understanding is not None
        if schema.startswith("pg_temp"):  # search_path says so
            if any(masks):
                self._feed(portal, masks, then)
            else:
                then()
            return
        rules = state.context.rules()
        pins = state.context.pins.under(rules)
        try:
            understanding = understanding.own(inner.parameter_types, inner.row)
            if raw.inner is not None and raw.inner.handling is Handling.EXECUTE:
                understanding = without_parameters(understanding)  # they are the arguments of EXECUTE
            judged = partial(check_making, raw.target, schema, understanding, state.context.identity, rules, pins)
            decision = judged(None)
        except ProxyError as error:
            refuse_here(state, error)
            return
        portal.decide_target = judged
        if portal.verdict.decision is not None:
            portal.verdict = replace(portal.verdict, decision=portal.verdict.decision.also_held(decision))
        if is_charged(state, replace(inner, decision=decision), portal.bind):
            then()

    def _feed(self, portal: Portal, masks: Sequence[ColumnMask | None], then: Callable[[], None]) -> None:
        if len(self._state.temporary) + len(masks) > MAX_TEMPORARY_COLUMNS:
            error = StatementDenied(
                "this session made too many temporary tables of masked columns",
                detail="rule builtin.temporary",
                hint="Connect again.",
            )
            refuse_here(self._state, error)
            return
        portal.feeds = tuple(masks)
        portal.is_held_back = True
        then()

    def find_made(self, portal: Portal, raw: RawStatement, answer: bytes, then: Callable[[], None]) -> None:
        """A temporary relation was made: its columns carry masks from now on."""
        state, target = self._state, raw.target
        assert target is not None
        is_made = results.CommandComplete.decode(answer[5:]).command.startswith("SELECT")
        if not is_made and target.has_data:  # IF NOT EXISTS: it was there before
            then()
            return
        rows: list[bytes] = []

        def answered() -> None:
            if not rows:
                refuse_here(state, unknown)
                return
            oid = int(results.only_value(rows[-1]))
            if not any(column.relation == oid for column in state.temporary):
                found = {ColumnId(oid, at): mask for at, mask in enumerate(portal.feeds, 1) if mask is not None}
                state.temporary.update(found)
            then()

        unknown = NotUnderstood("not provably safe: the relation that was made is not found")
        state.ask_ourselves(about_temporary_relation(target.name), unknown, rows, answered)

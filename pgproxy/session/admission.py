"""What the grammar alone can decide of a statement, before anything of it goes upstream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pgproxy.errors import NotUnderstood, StatementDenied
from pgproxy.policy.decide import decide_by_grammar
from pgproxy.policy.decision import Action, Decision
from pgproxy.policy.subject import subject_of
from pgproxy.session.context import SessionContext
from pgproxy.session.notices import KeptLevel
from pgproxy.session.opening import LEVEL_SETTING, is_for_analysis
from pgproxy.session.prepared import RESERVED_PREFIX, Verdict
from pgproxy.session.understanding import decision_for_utility
from pgproxy.statements.facts import read_facts
from pgproxy.statements.grammar import check_identifiers
from pgproxy.statements.model import Handling, RawStatement
from pgproxy.statements.session_settings import KEPT, SettingVerdict, verdict

DECIDED_WHEN_RUN = frozenset(
    {
        Handling.WRAP,
        Handling.REFRESH,
        Handling.FETCH,
        Handling.PREPARE,
        Handling.EXECUTE,
        Handling.COPY_OUT,
        Handling.COPY_IN,
        Handling.CODE,
    }
)
"""What is inside, or what a name stands for by then, decides."""

_WIDENS = StatementDenied(
    "what could let another login read more is not allowed beside a clean login",
    detail="rule builtin.role_split: code may be running there that waits for it",
    hint="An owner of the database can run it outside the proxy; CREATE TABLE without a parent would pass.",
)

_SHOWN_BY_TEXT = frozenset((Handling.WRAP, Handling.COPY_OUT, Handling.COPY_IN, Handling.CODE))

MAX_NAME_BYTES = 63
"""NAMEDATALEN - 1: the server compares no more of a name."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A statement that the grammar lets through, and the text that goes upstream for it."""

    raw: RawStatement
    sql: str
    decision: Decision | None = None
    """Of a statement without a tree."""
    passes_rows: bool = False
    kept_level: str | None = None
    renames: str | None = None

    @property
    def is_analysed(self) -> bool:
        """The server's tree decides; else the text has decided."""
        return self.decision is None

    @property
    def is_plain(self) -> bool:
        """May be forwarded as it stands in the client's text: the text alone has decided."""
        asks = self.raw.handling in DECIDED_WHEN_RUN or self.raw.sets_code_off
        return not asks and not self.is_analysed and self.sql == self.raw.text

    def verdict(self, rules_version: str) -> Verdict:
        """Of a statement without a tree."""
        return Verdict(
            self.raw,
            self.decision,
            rules_version,
            passes_rows=self.passes_rows,
            kept_level=self.kept_level,
            renames=self.renames,
        )


def has_masks(context: SessionContext) -> bool:
    """Whether this identity may have masked columns; if not, only the conditions of rules can refuse."""
    return bool(subject_of(context.identity, context.rules()).masks)


def admit(raw: RawStatement, context: SessionContext) -> Admitted:
    """Raises ProxyError: the statement may not run."""
    is_masked = has_masks(context)
    is_readable = True
    try:
        check_identifiers(raw)
    except NotUnderstood:
        if is_masked:
            raise
        is_readable = False  # its tree could be misread: only its text counts
    if raw.forgets is not None:
        check_name(raw.forgets)
    if raw.widens and is_masked and context.guards_clean_login:
        raise _WIDENS
    if raw.handling is Handling.ANALYSE and is_readable:
        return Admitted(raw, raw.text)
    if raw.is_definition and not is_masked:
        raw = replace(raw, handling=Handling.PASS, inner=None)  # nothing to ask
    raw = with_code_handled(raw, context)
    if raw.handling in (Handling.PREPARE, Handling.EXECUTE):
        check_name(raw.prepared)
    if raw.handling is Handling.EXECUTE:  # its text says nothing: what was prepared decides
        return Admitted(raw, raw.text, Decision(Action.ALLOW))
    decision = decision_for_utility(raw, context.identity, context.rules())
    if raw.handling is Handling.PREPARE:  # nothing of it runs: each EXECUTE needs the approval
        decision = replace(decision, action=Action.ALLOW, holds=())
    setting = raw.setting
    if raw.handling is Handling.SETTING and setting is not None:
        answer = verdict(setting.name, setting.value)
        if is_masked or is_for_analysis(setting.name):
            answer.require()
        if answer.verdict is SettingVerdict.KEEP:
            level = KeptLevel.checked(setting.value or context.client_min_messages)
            scope = "LOCAL " if setting.is_local else ""
            return Admitted(raw, f"SET {scope}{LEVEL_SETTING} = '{level}'", decision, kept_level=level)
    if raw.handling is Handling.SHOW and setting is not None and setting.name == KEPT:
        return Admitted(raw, f"SHOW {LEVEL_SETTING}", decision, passes_rows=True, renames=KEPT)
    passes_rows = raw.handling is Handling.SHOW or (not is_masked and raw.handling not in DECIDED_WHEN_RUN)
    passes_rows = passes_rows or raw.handling is Handling.REFUSE  # `opaque: hold`: approved, it comes back as it is
    return Admitted(raw, raw.text, decision, passes_rows=passes_rows)


def with_code_handled(raw: RawStatement, context: SessionContext) -> RawStatement:
    """DO, as this identity may run it: by its text, or where there is a clean login only there, whatever it names."""
    if raw.handling is not Handling.CODE:
        return raw
    if not has_masks(context):
        return replace(raw, handling=Handling.PASS)
    return replace(raw, handling=Handling.REFUSE) if context.has_clean_login else raw


def admit_by_text(raw: RawStatement, context: SessionContext) -> Admitted:
    """A statement of an identity without masks that could not be understood: only the conditions of rules refuse it.

    Raises:
        ProxyError.
    """
    return Admitted(raw, raw.text, decision_for_utility(raw, context.identity, context.rules()), passes_rows=True)


def whole_decision(script: Sequence[Admitted], context: SessionContext) -> Decision:
    """Of a string of statements as far as the text shows it: what holds one of them holds the string.

    Raises:
        ProxyError: denied.
    """
    decision = Decision(Action.ALLOW)
    for item in script:
        own = item.decision
        if own is None or item.raw.handling in _SHOWN_BY_TEXT:
            own = decide_by_grammar(read_facts(item.raw), context.identity, context.rules())
        tables = tuple(sorted({*decision.tables, *own.tables}))
        decision = replace(decision.also_held(own), tables=tables)
    return decision


def check_name(name: str) -> None:
    """Raises StatementDenied for a name of a statement or portal that the server would take for another one."""
    if name.startswith(RESERVED_PREFIX):
        raise StatementDenied(
            f"names that begin with {RESERVED_PREFIX} are the proxy's own",
            detail="rule builtin.reserved_name",
            hint="Use another name.",
        )
    if len(name.encode("utf-8", "surrogateescape")) > MAX_NAME_BYTES:
        raise StatementDenied(
            f"a name of a prepared statement or portal is longer than {MAX_NAME_BYTES} bytes",
            detail="rule builtin.long_name: the server tells such names apart only by their first bytes",
            hint="Use a shorter name.",
        )

"""One statement on its way to a decision: Parse and Describe, the tree, the catalog's rows, the verdict.

    analyse ─▶ described ─▶ (versions) ─▶ (catalog query, bodies) ─▶ decide ─▶ resume with the verdict, or refused

The steps themselves are `understanding`'s, which is pure; here is when each happens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pgproxy.catalog.decoding import read_document
from pgproxy.catalog.model import Catalog, Function
from pgproxy.catalog.versions import Objects, Snapshot, fingerprint
from pgproxy.errors import ChangedMeanwhile, NotAnalysable, NotUnderstood, ProxyError
from pgproxy.session.actions import Log
from pgproxy.session.admission import admit_by_text, has_masks
from pgproxy.session.memory import Asked
from pgproxy.session.pending import Pending, Request
from pgproxy.session.phases import Phase
from pgproxy.session.prepared import RESERVED_PREFIX, Verdict, Watched
from pgproxy.session.questions import Versions, about_body, about_catalog, about_versions
from pgproxy.session.reading import unread, with_body, with_called
from pgproxy.session.reading_texts import UNREADABLE_TEXT, statement_in, unread_texts, with_text
from pgproxy.session.refusing import refuse_parsed
from pgproxy.session.state import Gate, OfTokens, SessionState
from pgproxy.session.tokens import check_no_tokens, check_same_tree, literal_tokens, with_real_literals
from pgproxy.session.understanding import announced, check_origins, decision_for, needs_constants, understand
from pgproxy.statements.agreement import Differential
from pgproxy.statements.model import RawStatement, Reached
from pgproxy.wire import query, results

CHECK_STATEMENT = RESERVED_PREFIX + "check"
TEXT_STATEMENT = RESERVED_PREFIX + "text"
UNREADABLE = NotUnderstood("not provably safe: the catalog could not be read", detail="rule builtin.catalog")

CHANGED = ChangedMeanwhile(
    "could not serialize access: what the statement reaches was altered since the transaction's snapshot was taken",
    detail="rule builtin.snapshot",
    hint="Run the transaction again; alter and read in separate transactions.",
)


class Analysis:
    """Decides statements, one at a time."""

    def __init__(self, state: SessionState) -> None:
        self._state = state

    def analyse(
        self,
        raw: RawStatement,
        name: str,
        parse: bytes,
        resume: Callable[[Verdict], None],
        tokens: OfTokens = OfTokens.TURN_BACK,
        divert: Callable[[NotAnalysable], None] | None = None,
    ) -> Gate:
        """Send Parse and Describe; `resume` is called with the verdict once the statement is allowed.

        Args:
            name: what `parse` prepares the statement as.
            tokens: what becomes of those among its constants.
            divert: called instead, where only the clean login may run it.
        """
        state = self._state
        state.enter(Phase.ANALYSING)
        gate = state.gate = Gate(raw, name, resume, tokens, divert)
        offset = self._position_offset(gate)

        def parsed() -> None:
            gate.is_parsed = True

        guess = state.memory.shared.guess(raw.text)
        pending = Pending(Request.PARSE, visible=False, position_offset=offset, trees=gate.trees, then=parsed)
        state.ask(pending, parse)
        if guess is None:
            self.describe(gate)
        else:  # in the same flight: most statements come again
            self._ask_description(gate)
            self._ask_versions(gate, guess)
        return gate

    def _position_offset(self, gate: Gate) -> int | None:
        # Its text is a slice of the client's, or the whole.
        is_slice = self._state.script is not None or gate.name == CHECK_STATEMENT
        return None if gate.raw.is_made else gate.raw.character_offset if is_slice else 0

    def describe(self, gate: Gate) -> None:
        """Decide what the server has under the gate's name."""
        self._ask_description(gate)
        self._state.send_upstream(query.Flush().encode())

    def _ask_description(self, gate: Gate) -> None:
        described = Pending(Request.DESCRIBE_STATEMENT, visible=False, trees=gate.trees)
        described.then = lambda: self._described(gate)
        self._state.ask(described, query.Describe("S", gate.name).encode())

    def analyse_ourselves(
        self,
        raw: RawStatement,
        parameter_types: tuple[int, ...],
        resume: Callable[[Verdict], None],
        tokens: OfTokens = OfTokens.REFUSE,
    ) -> Gate:
        """As `analyse`, under a name of ours: the meaning of this text now, in the transaction that runs it.

        Args:
            parameter_types: as the server settled on them at first: it keeps them when it analyses anew.
        """
        self._state.close_silently(CHECK_STATEMENT)
        parse = query.Parse(CHECK_STATEMENT, raw.text, parameter_types).encode()
        return self.analyse(raw, CHECK_STATEMENT, parse, resume, tokens)

    def confirm(self, gate: Gate, parameter_types: tuple[int, ...], then: Callable[[], None]) -> None:
        """`then` is called if what was decided at `gate` means the same by now; else it is refused."""
        state = self._state
        state.enter(Phase.ANALYSING)
        trees: list[bytes] = []

        def parsed() -> None:
            if trees == gate.trees:
                then()
                return
            changed = NotUnderstood(
                "not provably safe: the statement changed its meaning while it was analysed",
                detail="rule builtin.changed",
                hint="Send it again.",
            )
            refuse_parsed(state, CHECK_STATEMENT, changed)

        parse = query.Parse(CHECK_STATEMENT, gate.raw.text, parameter_types).encode()
        state.close_silently(CHECK_STATEMENT)
        state.ask(Pending(Request.PARSE, visible=False, trees=trees, then=parsed), parse + query.Flush().encode())

    def _described(self, gate: Gate) -> None:
        catalog = self._state.context.catalog()
        try:
            gate.announcement = announced(
                gate.trees,
                gate.parameter_types,
                gate.row,
                catalog.server_version,
                self._state.memory.shared.readings,
            )
        except ProxyError as error:
            self._decide_by_text(gate, error)
            return
        if gate.asked is None or not gate.announcement.unknown(catalog):
            self._find_catalog(gate)

    def _find_catalog(self, gate: Gate) -> None:
        """The catalog as the statement's own transaction sees it: a remembered one if its versions are those of now."""
        state, shared = self._state, self._state.context.catalog()
        if state.gate is not gate:  # decided, or refused, before the answer to a guess came
            return
        assert gate.announcement is not None
        unknown = gate.announcement.unknown(shared)
        if not unknown:
            self._read_texts(gate, shared)
            return
        snapshot = state.memory.snapshot(unknown)
        if snapshot is None:
            self._read_catalog(gate, unknown)
        elif gate.asked != snapshot.objects:
            state.enter(Phase.READING_CATALOG)
            self._ask_versions(gate, snapshot.objects)
        else:
            versions = Versions.decode(gate.answers[-1])
            if versions.fingerprint == snapshot.fingerprint:
                self._settle(gate, snapshot, sees_the_present=versions.sees_the_present)
            else:
                self._read_catalog(gate, unknown)

    def _ask_versions(self, gate: Gate, objects: Objects) -> None:
        gate.asked = objects
        questions = about_versions(objects, self._state.prepared_ourselves)
        self._state.ask_ourselves(questions, UNREADABLE, gate.answers, lambda: self._find_catalog(gate))

    def _read_catalog(self, gate: Gate, unknown: Reached) -> None:
        state = self._state
        state.enter(Phase.READING_CATALOG)
        gate.asked = None  # the answer is a document: who looks again, for a body, asks again

        def answered() -> None:
            read = read_document(results.only_value(gate.answers[-1]).decode())
            snapshot = Snapshot.of(state.context.catalog(), read.catalog)
            # Else the server knows what this cannot see.
            if all(oid in snapshot.catalog.relations for oid in unknown.relations):
                is_common, size = read.is_common and snapshot.is_lasting, len(gate.answers[-1])
                state.memory.keep(unknown, snapshot, size, is_common=is_common)
                state.memory.shared.note(gate.raw.text, snapshot.objects)
            self._settle(gate, snapshot, sees_the_present=read.sees_the_present)

        state.ask_ourselves(about_catalog(unknown, state.prepared_ourselves), UNREADABLE, gate.answers, answered)

    def _settle(self, gate: Gate, snapshot: Snapshot, *, sees_the_present: bool) -> None:
        """The transaction sees this catalog. The server's parser sees the present one, whatever the isolation level."""
        if sees_the_present:
            self._read_bodies(gate, snapshot)
            return
        objects = snapshot.lasting
        expected = fingerprint(snapshot.catalog, objects)

        def known(present: str | None) -> None:
            if present == expected:
                self._read_bodies(gate, snapshot)
            elif present is None:
                refuse_parsed(self._state, gate.name, UNREADABLE)
            else:
                refuse_parsed(self._state, gate.name, CHANGED)

        self._state.enter(Phase.READING_CATALOG)
        self._state.ask_present(objects, known)

    def _read_bodies(self, gate: Gate, snapshot: Snapshot) -> None:
        """Read the bodies of SQL functions, and look again for the catalog of all that is reached then; else decide."""
        state, announcement, catalog = self._state, gate.announcement, snapshot.catalog
        assert announcement is not None
        gate.announcement = with_called(announcement, catalog, snapshot.objects.functions)
        if gate.announcement is not announcement:
            self._find_catalog(gate)
            return
        functions = unread(announcement, catalog, snapshot.objects.functions)
        if not functions:
            self._read_texts(gate, catalog, snapshot)
            return
        state.enter(Phase.READING_CATALOG)
        for function in functions:
            self._read_body(gate, catalog, function, is_last=function is functions[-1])

    def _read_body(self, gate: Gate, catalog: Catalog, function: Function, *, is_last: bool) -> None:
        trees: list[bytes] = []

        def answered() -> None:
            assert gate.announcement is not None
            gate.announcement = with_body(gate.announcement, function, trees, catalog.server_version)
            if is_last:
                self._find_catalog(gate)

        unreadable = NotUnderstood(
            f"not provably safe: the body of function {function.schema}.{function.name} cannot be analysed",
            detail="rule builtin.function",
            hint="Leave the function out. A body that names its tables with their schemas, or one written as BEGIN "
            "ATOMIC, can be analysed from every session.",
        )
        questions = about_body(function, self._state.prepared_ourselves)
        self._state.ask_ourselves(questions, unreadable, [], answered, trees)

    def _read_texts(self, gate: Gate, catalog: Catalog, snapshot: Snapshot | None = None) -> None:
        """Have the texts analysed that functions execute, and look again for all that is reached then; else decide."""
        state, announcement, version = self._state, gate.announcement, catalog.server_version
        assert announcement is not None
        readable: list[tuple[str, RawStatement]] = []
        for text in unread_texts(announcement, catalog, state.context.parameters.get("server_encoding", "")):
            found = statement_in(text)
            if found is None:
                gate.announcement = announcement = with_text(announcement, text, (), version)
            else:
                readable.append((text, found[1]))
        if not readable:
            self._decide(gate, catalog, snapshot)
            return
        state.enter(Phase.READING_CATALOG)
        for text, raw in readable:
            self._read_text(gate, version, text, raw, is_last=text == readable[-1][0])
        state.send_upstream(query.Flush().encode())

    def _read_text(self, gate: Gate, version: int, text: str, raw: RawStatement, *, is_last: bool) -> None:
        trees: list[bytes] = []

        def parsed() -> None:
            assert gate.announcement is not None
            try:
                gate.announcement = with_text(gate.announcement, text, trees, version)
            except ProxyError as error:
                refuse_parsed(self._state, gate.name, error)
                return
            if is_last:
                self._find_catalog(gate)

        self._state.close_silently(TEXT_STATEMENT)
        pending = Pending(Request.PARSE, visible=False, trees=trees, then=parsed, error=UNREADABLE_TEXT)
        pending.position_offset = None
        self._state.ask(pending, query.Parse(TEXT_STATEMENT, raw.text, ()).encode())

    def _decide(self, gate: Gate, catalog: Catalog, snapshot: Snapshot | None = None) -> None:
        """Over the catalog that the statement's own transaction sees."""
        assert gate.announcement is not None
        state, context = self._state, self._state.context
        rules, remembered = context.rules(), state.memory.shared.verdicts
        asked = Asked(
            gate.raw,
            gate.announcement,
            gate.parameter_types,
            gate.row,
            snapshot.fingerprint if snapshot is not None else "",
            context.identity,
            rules.version,
            context.pins.under(rules),
        )
        # What stands for a COPY, calls functions whose bodies were read, or reaches temporary tables is nobody else's.
        is_ordinary = not (gate.raw.is_made or gate.raw.feeds or gate.announcement.tried or gate.announcement.texts)
        is_ordinary = is_ordinary and (snapshot is None or snapshot.is_lasting)
        verdict = remembered.find(asked) if is_ordinary else None
        if verdict is None:
            try:
                understanding = understand(
                    gate.raw, gate.announcement, gate.parameter_types, gate.row, catalog, state.temporary
                )
            except ProxyError as error:
                if isinstance(error, Differential):
                    state.memory.shared.differentials[error.what, error.witness] += 1
                    state.act(Log("differential", error.sides))
                self._decide_by_text(gate, error)
                return
            try:
                pins = context.pins.having_seen(understanding.stored_relations, understanding.catalog, rules)
                decision = decision_for(understanding, context.identity, rules, pins)
                if understanding.row is not None:
                    check_origins(decision, understanding.row, understanding, context.identity, rules, pins)
                is_bound = needs_constants(understanding, context.identity, rules, pins)
            except NotAnalysable as error:
                if gate.divert is None:
                    refuse_parsed(state, gate.name, error)
                else:
                    state.gate = None
                    state.close_silently(gate.name)
                    gate.divert(error)
                return
            except ProxyError as error:
                refuse_parsed(state, gate.name, error)
                return
            watched = Watched.of(snapshot, gate.announcement.reached) if snapshot is not None else None
            row, types = understanding.row, gate.parameter_types
            meaning = gate.announcement.reading.shape.meaning
            verdict = Verdict(gate.raw, decision, rules.version, understanding, row, types, watched, meaning)
            if is_ordinary:
                remembered.keep(replace(asked, pins=pins), verdict.without_session(), needs_constants=is_bound)
        try:
            if gate.tokens is OfTokens.REFUSE:
                check_no_tokens(verdict)
            elif gate.tokens is OfTokens.TURN_BACK and literal_tokens(verdict.decision):
                self._turn_back(gate, verdict)
                return
        except ProxyError as error:
            refuse_parsed(state, gate.name, error)
            return
        state.gate = None
        gate.resume(verdict)

    def _turn_back(self, gate: Gate, verdict: Verdict) -> None:
        """Parse the text with the real values of its tokens in place of the client's.

        Raises:
            ProxyError.
        """
        state, announcement = self._state, gate.announcement
        assert announcement is not None
        real = with_real_literals(state, verdict, gate.raw.text)
        trees: list[bytes] = []

        def parsed() -> None:
            try:
                check_same_tree(verdict, announcement.text, trees, announcement.version)
            except ProxyError as error:
                refuse_parsed(state, gate.name, error)
                return
            gate.resume(verdict)

        state.gate = None
        state.enter(Phase.ANALYSING)
        if gate.name:
            state.close_silently(gate.name)
        pending = Pending(Request.PARSE, visible=False, trees=trees, then=parsed, is_redacted=True)
        pending.position_offset = self._position_offset(gate) if real.keeps_places else None
        parse = query.Parse(gate.name, real.text, verdict.parameter_types).encode()
        state.ask(pending, parse + query.Flush().encode())

    def _decide_by_text(self, gate: Gate, error: ProxyError) -> None:
        """What could not be understood is refused under masks; without any, only what the text says can refuse it."""
        state = self._state
        try:
            if has_masks(state.context):
                raise error
            admitted = admit_by_text(gate.raw, state.context)
        except ProxyError as refusal:
            refuse_parsed(state, gate.name, refusal)
            return
        state.gate = None
        gate.resume(admitted.verdict(state.context.rules().version))

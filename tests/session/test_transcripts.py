"""The analysed session without a socket: what came at the margin, what must follow indented, exactly.

`client` and `server` feed bytes; the lines after them are all that the session does in answer, by message names.
The server's words are replayed from a recorded tree and catalog of PostgreSQL 18 (`record.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pgproxy.catalog.decoding import read_document
from pgproxy.catalog.model import Catalog
from pgproxy.catalog.versions import Snapshot
from pgproxy.login.identity import Identity
from pgproxy.masking.keys import MaskingKeys
from pgproxy.policy.loading import load_rules
from pgproxy.policy.rules import Rules
from pgproxy.session.actions import Action, Log, SendClient, SendUpstream
from pgproxy.session.analysed import AnalysedSession
from pgproxy.session.context import SessionContext
from pgproxy.session.memory import AnalysisMemory
from pgproxy.session.phases import Phase
from pgproxy.wire import asynchronous, copying, framing, query, results, trace

FIXTURES = Path(__file__).parent / "fixtures"
TREE = (FIXTURES / "users.tree.txt").read_bytes()
DOCUMENT = (FIXTURES / "users.catalog.json").read_bytes()
USERS = int((FIXTURES / "users.oid.txt").read_text())
SQL = "SELECT id, ssn FROM users"
RULES = "masks:\n  public.users: {ssn: redact}\n"

ROW = results.RowDescription(
    (
        results.FieldDescription("id", USERS, 1, 23, 4, -1),
        results.FieldDescription("ssn", USERS, 2, 25, -1, -1),
    )
)
PARSE, BIND, EXECUTE, SYNC = query.Parse("", SQL), query.Bind("", ""), query.Execute(""), query.Sync()
IDLE, FAILED = results.ReadyForQuery("I"), results.ReadyForQuery("E")


def tree(text: bytes = TREE) -> asynchronous.NoticeResponse:
    fields = {"S": "LOG", "V": "LOG", "C": "00000", "M": "rewritten parse tree:", "D": text.decode()}
    return asynchronous.NoticeResponse({**fields, "R": "elog_node_display"})


def refusal() -> asynchronous.ErrorResponse:
    """What the server says to the Describe that stands for a denial."""
    return asynchronous.ErrorResponse.of("ERROR", "26000", 'prepared statement "_pgproxy_refused" does not exist')


DESCRIBED: tuple[trace.Message, ...] = (tree(), results.ParseComplete(), results.ParameterDescription(()), ROW)
PREPARED: tuple[trace.Message, ...] = (results.CloseComplete(), results.ParseComplete())


def executed(*values: bytes) -> tuple[trace.Message, ...]:
    """What the server says to a question of ours."""
    row = results.DataRow.of(values)
    return results.BindComplete(), row, results.CommandComplete("SELECT 1"), results.CloseComplete()


CATALOG = (*PREPARED, *PREPARED, *executed(b""), *executed(DOCUMENT))
FINGERPRINT = Snapshot.of(Catalog(), read_document(DOCUMENT.decode()).catalog).fingerprint.encode()
VERSIONS = (*PREPARED, *executed(b""), *executed(FINGERPRINT, b"read committed", b"t"))
OTHER_VERSIONS = (*PREPARED, *executed(b""), *executed(b"0", b"read committed", b"t"))


@pytest.fixture
def rules(tmp_path: Path) -> Rules:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    return load_rules(file)


class Transcript:
    """Feeds a session and names what it does."""

    def __init__(self, rules: Rules) -> None:
        catalog = Catalog(server_version=18)
        self.memory = AnalysisMemory()
        keys = MaskingKeys(bytes(32))
        context = SessionContext(Identity("agent"), lambda: rules, lambda: catalog, keys, memory=self.memory)
        self.session = AnalysedSession(context)

    def client(self, *messages: trace.Message) -> list[str]:
        return named(self.session.client_bytes(b"".join(message.encode() for message in messages)))

    def server(self, *messages: trace.Message) -> list[str]:
        return named(self.session.upstream_bytes(b"".join(message.encode() for message in messages)))


def named(actions: Sequence[Action]) -> list[str]:
    """ "→ Parse" upstream, "← ErrorResponse 42501" to the client; log lines are left out."""
    lines: list[str] = []
    for action in actions:
        match action:
            case SendUpstream(data):
                frames = framing.FrontendScanner().feed(data)
                lines += [f"→ {type(trace.decode('F', frame.data)).__name__}" for frame in frames]
            case SendClient(data):
                runs = framing.BackendScanner().feed(data)
                lines += [f"← {said(frame.data)}" for run in runs for frame in run.frames()]
            case Log():
                pass
            case _:
                lines.append(type(action).__name__)
    return lines


def said(frame: bytes) -> str:
    message = trace.decode("B", frame)
    match message:
        case asynchronous.ErrorResponse():
            return f"{message.severity} {message.sqlstate}"
        case results.DataRow():
            return f"DataRow {b'|'.join(value or b'NULL' for value in message.values()).decode()}"
        case results.ReadyForQuery():
            return f"ReadyForQuery {message.status}"
        case _:
            return type(message).__name__


PREPARE = ["→ Close", "→ Parse"]
EXECUTE_OURS = ["→ Bind", "→ Execute", "→ Close"]
ASKED_CATALOG = [*PREPARE, *PREPARE, *EXECUTE_OURS, *EXECUTE_OURS, "→ Flush"]
ASKED_VERSIONS = [*PREPARE, *EXECUTE_OURS, *EXECUTE_OURS, "→ Flush"]
"""The statement that carries the arguments is prepared by then."""


def allowed(transcript: Transcript) -> None:
    """The statement of the fixtures, as far as its decision."""
    assert transcript.client(PARSE, BIND, EXECUTE, SYNC) == ["→ Parse", "→ Describe", "→ Flush"]
    assert transcript.server(*DESCRIBED) == ASKED_CATALOG
    assert transcript.server(*CATALOG) == ["← ParseComplete", "→ Bind", "→ Flush"]


def test_nothing_is_bound_before_the_decision_and_rows_come_masked(rules: Rules) -> None:
    transcript = Transcript(rules)
    allowed(transcript)
    assert transcript.server(results.BindComplete()) == ["← BindComplete", "→ Execute", "→ Sync"]
    assert transcript.server(results.DataRow.of([b"1", b"123-45-6789"]), results.DataRow.of([b"2", None])) == [
        "← DataRow 1|[redacted]",
        "← DataRow 2|NULL",
    ]
    assert transcript.server(results.CommandComplete("SELECT 2"), IDLE) == ["← CommandComplete", "← ReadyForQuery I"]


def test_a_simple_query_takes_the_same_steps(rules: Rules) -> None:
    transcript = Transcript(rules)
    assert transcript.client(query.Query(SQL)) == ["→ Parse", "→ Describe", "→ Flush"]
    assert transcript.server(*DESCRIBED) == ASKED_CATALOG
    assert transcript.server(*CATALOG) == ["→ Bind", "→ Flush"]
    assert transcript.server(results.BindComplete()) == ["← RowDescription", "→ Execute", "→ Sync"]
    assert transcript.server(results.DataRow.of([b"1", b"x"]), results.CommandComplete("SELECT 1"), IDLE) == [
        "← DataRow 1|[redacted]",
        "← CommandComplete",
        "← ReadyForQuery I",
    ]


@pytest.mark.parametrize("trees", [(), (tree(), tree())], ids=["none", "two"])
def test_exactly_one_tree_is_believed(rules: Rules, trees: tuple[trace.Message, ...]) -> None:
    transcript = Transcript(rules)
    transcript.client(PARSE, BIND, EXECUTE, SYNC)
    answer = (*trees, results.ParseComplete(), results.ParameterDescription(()), ROW)
    # The statement goes, the server is made to refuse, and what waited behind is dropped up to Sync.
    assert transcript.server(*answer) == ["→ Close", "→ Describe", "→ Flush", "→ Sync", "→ Close"]
    assert transcript.server(results.CloseComplete(), refusal(), IDLE) == ["← ERROR 42501", "← ReadyForQuery I"]


def test_a_tree_that_comes_by_another_routine_is_a_notice(rules: Rules) -> None:
    transcript = Transcript(rules)
    transcript.client(PARSE, BIND, EXECUTE, SYNC)
    forged = asynchronous.NoticeResponse({**tree().fields, "R": "exec_stmt_raise"})
    answer = (forged, results.ParseComplete(), results.ParameterDescription(()), ROW)
    assert transcript.server(*answer)[:2] == ["→ Close", "→ Describe"]


def test_a_denial_goes_through_the_server(rules: Rules) -> None:
    transcript = Transcript(rules)
    assert transcript.client(query.Parse("", "COPY users TO '/x'"), BIND, SYNC) == ["→ Describe", "→ Flush", "→ Sync"]
    assert transcript.server(refusal(), FAILED) == ["← ERROR 42501", "← ReadyForQuery E"]


def test_a_tree_before_bind_complete_is_decided_again(rules: Rules) -> None:
    transcript = Transcript(rules)
    allowed(transcript)
    again = ["→ Close", "→ Parse", "→ Describe", *ASKED_VERSIONS]
    assert transcript.server(tree(), results.BindComplete()) == again
    assert transcript.server(results.CloseComplete(), *DESCRIBED) == []
    assert transcript.server(*VERSIONS) == ["← BindComplete", "→ Execute", "→ Sync"]


def test_what_is_inside_explain_must_mean_the_same_behind_its_own_parse(rules: Rules) -> None:
    """H5. Names of the statement itself are resolved between the two: what another session does there would show."""
    ran = ["→ Describe", "→ Execute", "→ Sync"]
    refused = ["→ Close", "→ Describe", "→ Flush", "→ Sync", "→ Close"]
    for again, then in ((TREE, ran), (TREE + b" ", refused)):
        transcript = Transcript(rules)
        assert transcript.client(query.Query(f"EXPLAIN {SQL}")) == ["→ Close", "→ Parse", "→ Describe", "→ Flush"]
        assert transcript.server(results.CloseComplete(), *DESCRIBED) == ASKED_CATALOG
        renewed = [*("→ Close", "→ Close", "→ Parse", "→ Bind"), "→ Close", "→ Parse", "→ Flush"]
        assert transcript.server(*CATALOG) == renewed
        closed = (results.CloseComplete(), results.CloseComplete(), results.ParseComplete(), results.BindComplete())
        assert transcript.server(*closed, results.CloseComplete(), tree(again), results.ParseComplete()) == then


def test_a_catalog_that_changed_is_read_again(rules: Rules) -> None:
    transcript = Transcript(rules)
    allowed(transcript)
    transcript.server(tree(), results.BindComplete(), results.CloseComplete(), *DESCRIBED)
    assert transcript.server(*OTHER_VERSIONS) == [*EXECUTE_OURS, *EXECUTE_OURS, "→ Flush"]
    assert transcript.server(*executed(b""), *executed(DOCUMENT)) == ["← BindComplete", "→ Execute", "→ Sync"]


def test_a_repeated_statement_takes_one_flight_to_its_decision(rules: Rules) -> None:
    transcript = Transcript(rules)
    allowed(transcript)
    transcript.server(results.BindComplete())
    transcript.server(results.CommandComplete("SELECT 0"), IDLE)
    assert transcript.client(PARSE, BIND, EXECUTE, SYNC) == ["→ Parse", "→ Describe", *ASKED_VERSIONS]
    assert transcript.server(*DESCRIBED, *VERSIONS) == ["← ParseComplete", "→ Bind", "→ Flush"]


def test_a_parse_that_fails_takes_the_question_behind_it_along(rules: Rules) -> None:
    transcript = Transcript(rules)
    allowed(transcript)
    transcript.server(results.BindComplete())
    transcript.server(results.CommandComplete("SELECT 0"), IDLE)
    transcript.client(PARSE, SYNC)
    error = asynchronous.ErrorResponse.of("ERROR", "42P01", "no such table")
    assert transcript.server(error) == ["← ERROR 42P01", "→ Sync"]
    assert transcript.server(IDLE) == ["← ReadyForQuery I"]
    # What was to be prepared behind it was not: it is prepared now.
    assert transcript.client(PARSE) == ["→ Parse", "→ Describe", *ASKED_VERSIONS]


def test_the_tripwire_stops_a_masked_column_that_the_lineage_does_not_name(rules: Rules) -> None:
    transcript = Transcript(rules)
    transcript.client(PARSE, BIND, EXECUTE, SYNC)
    swapped = results.RowDescription((ROW.fields[1], ROW.fields[0]))
    transcript.server(tree(), results.ParseComplete(), results.ParameterDescription(()), swapped)
    assert transcript.server(*CATALOG)[:2] == ["→ Close", "→ Describe"]


@pytest.mark.parametrize(
    ("parameters", "row"),
    [((987654,), ROW), ((), results.RowDescription((*ROW.fields, ROW.fields[0]))), ((), None)],
    ids=["unknown parameter type", "more outputs than traced", "fewer outputs than traced"],
)
def test_what_the_server_describes_must_fit_what_its_tree_says(
    rules: Rules, parameters: tuple[int, ...], row: results.RowDescription | None
) -> None:
    transcript = Transcript(rules)
    transcript.client(PARSE, BIND, EXECUTE, SYNC)
    described: trace.Message = results.NoData() if row is None else row
    transcript.server(tree(), results.ParseComplete(), results.ParameterDescription(parameters), described)
    assert transcript.server(*CATALOG) == ["→ Close", "→ Describe", "→ Flush", "→ Sync", "→ Close"]
    assert transcript.server(results.CloseComplete(), refusal(), IDLE) == ["← ERROR 42501", "← ReadyForQuery I"]


def test_a_commit_pipelined_behind_a_redacted_query_is_redacted(rules: Rules) -> None:
    """Deferred constraints speak at COMMIT; a ReadyForQuery of before does not end the redaction."""
    transcript = Transcript(rules)
    write = query.Query("BEGIN; ANALYZE users")
    transcript.client(query.Query("SHOW work_mem"), write, query.Query("COMMIT"))
    transcript.server(results.CommandComplete("SHOW"), IDLE)
    begun = (results.CommandComplete("BEGIN"), results.CommandComplete("ANALYZE"), results.ReadyForQuery("T"))
    transcript.server(*begun)
    error = asynchronous.ErrorResponse.of("ERROR", "23505", "secret", detail="secret")
    actions = transcript.session.upstream_bytes(error.encode() + IDLE.encode())
    sent = b"".join(action.data for action in actions if isinstance(action, SendClient))
    assert b"unique violation" in sent and b"secret" not in sent


def test_an_error_discards_up_to_sync(rules: Rules) -> None:
    transcript = Transcript(rules)
    transcript.client(PARSE)
    error = asynchronous.ErrorResponse.of("ERROR", "42P01", 'relation "users" does not exist')
    assert transcript.server(error) == ["← ERROR 42P01"]
    assert transcript.client(BIND, EXECUTE, query.Describe("P", "")) == []
    assert transcript.client(SYNC) == ["→ Sync"]
    assert transcript.server(IDLE) == ["← ReadyForQuery I"]


def test_a_statement_whose_analysis_was_cut_off_does_not_stay_under_its_name(rules: Rules) -> None:
    transcript = Transcript(rules)
    transcript.client(query.Parse("s", SQL))
    cancelled = asynchronous.ErrorResponse.of("ERROR", "57014", "canceling statement due to statement timeout")
    assert transcript.server(tree(), results.ParseComplete(), cancelled) == ["← ERROR 57014"]
    assert transcript.client(SYNC) == ["→ Sync", "→ Close"]
    assert transcript.server(IDLE, results.CloseComplete()) == ["← ReadyForQuery I"]
    assert transcript.client(query.Bind("", "s"), SYNC) == ["→ Describe", "→ Flush", "→ Sync"]
    assert transcript.server(refusal(), IDLE) == ["← ERROR 26000", "← ReadyForQuery I"]


def test_errors_of_a_statement_over_masked_columns_lose_their_text(rules: Rules) -> None:
    transcript = Transcript(rules)
    allowed(transcript)
    transcript.server(results.BindComplete())
    error = asynchronous.ErrorResponse.of("ERROR", "22P02", 'invalid input syntax for type integer: "123-45-6789"')
    actions = transcript.session.upstream_bytes(error.encode() + FAILED.encode())
    sent = b"".join(action.data for action in actions if isinstance(action, SendClient))
    assert b"22P02" in sent and b"invalid text representation" in sent and b"123-45" not in sent


def test_a_ready_before_it_does_not_end_the_redaction_of_a_pipelined_query(rules: Rules) -> None:
    transcript = Transcript(rules)
    transcript.client(query.Query("SHOW work_mem"), query.Query("ALTER TABLE users ALTER ssn DROP NOT NULL"))
    transcript.server(results.CommandComplete("SHOW"), IDLE)
    error = asynchronous.ErrorResponse.of("ERROR", "23502", "secret", detail="secret")
    actions = transcript.session.upstream_bytes(error.encode() + IDLE.encode())
    sent = b"".join(action.data for action in actions if isinstance(action, SendClient))
    assert b"not null violation" in sent and b"secret" not in sent


def test_rows_that_nothing_asked_for_end_the_connection(rules: Rules) -> None:
    transcript = Transcript(rules)
    assert transcript.server(results.DataRow.of([b"123-45-6789"])) == ["← FATAL 08006", "Close"]
    assert transcript.session.phase is Phase.CLOSED


@pytest.mark.parametrize("garbage", [b"!\0\0\0\4", b"Q\0\0\0\3", b"p\0\0\0\5x"], ids=["type", "length", "password"])
def test_malformed_messages_end_the_connection(rules: Rules, garbage: bytes) -> None:
    transcript = Transcript(rules)
    assert named(transcript.session.client_bytes(garbage)) == ["← FATAL 08P01", "Close"]
    assert transcript.client(SYNC) == []


def test_bytes_may_be_cut_anywhere(rules: Rules) -> None:
    whole, cut = Transcript(rules), Transcript(rules)
    asked = b"".join(message.encode() for message in (PARSE, BIND, EXECUTE, SYNC))
    expected = named(whole.session.client_bytes(asked))
    assert [line for byte in asked for line in named(cut.session.client_bytes(bytes((byte,))))] == expected
    answer = b"".join(message.encode() for message in DESCRIBED)
    expected = named(whole.session.upstream_bytes(answer))
    assert [line for byte in answer for line in named(cut.session.upstream_bytes(bytes((byte,))))] == expected


def test_a_drained_session_ends_when_nothing_runs(rules: Rules) -> None:
    idle = Transcript(rules)
    assert named(idle.session.drain()) == ["← FATAL 57P01", "Close"]
    busy = Transcript(rules)
    busy.client(query.Query("SHOW work_mem"))
    assert named(busy.session.drain()) == []
    assert busy.server(results.CommandComplete("SHOW"), IDLE) == [
        "← CommandComplete",
        "← ReadyForQuery I",
        "← FATAL 57P01",
        "Close",
    ]


def test_what_was_asked_before_goodbye_is_answered(rules: Rules) -> None:
    transcript = Transcript(rules)
    assert transcript.client(query.Query("SHOW work_mem"), query.Terminate()) == ["→ Query", "→ Terminate"]
    assert transcript.server(results.CommandComplete("SHOW"), IDLE) == ["← CommandComplete", "← ReadyForQuery I"]
    assert named(transcript.session.upstream_gone()) == ["Close"]


UNREAD = "CREATE TABLE parts (a int) PARTITION BY nonsense (a)"
"""PostgreSQL 15 parses it; ours, of a newer version, does not."""


def test_a_query_that_only_the_server_can_parse_is_refused_and_the_session_goes_on(rules: Rules) -> None:
    transcript = Transcript(rules)
    assert transcript.client(query.Query(UNREAD)) == ["→ Parse", "→ Flush"]
    assert transcript.server(results.ParseComplete()) == ["→ Close", "→ Describe", "→ Flush", "→ Sync", "→ Close"]
    assert transcript.server(results.CloseComplete(), refusal()) == ["← ERROR 42501"]
    assert transcript.server(IDLE, results.CloseComplete()) == ["← ReadyForQuery I"]
    assert transcript.client(query.Query(SQL)) == ["→ Parse", "→ Describe", "→ Flush"]


def test_a_query_that_the_server_cannot_parse_either_is_told_in_its_words(rules: Rules) -> None:
    transcript = Transcript(rules)
    assert transcript.client(query.Query("SELEKT")) == ["→ Parse", "→ Flush"]
    error = asynchronous.ErrorResponse.of("ERROR", "42601", 'syntax error at or near "SELEKT"')
    assert transcript.server(error) == ["← ERROR 42601", "→ Sync"]
    assert transcript.server(IDLE) == ["← ReadyForQuery I"]


def test_a_parse_that_only_the_server_can_parse_keeps_no_name(rules: Rules) -> None:
    transcript = Transcript(rules)
    assert transcript.client(query.Parse("s", UNREAD), query.Bind("", "s"), SYNC) == ["→ Parse", "→ Flush"]
    assert transcript.server(results.ParseComplete()) == ["→ Close", "→ Describe", "→ Flush", "→ Sync", "→ Close"]
    assert transcript.server(results.CloseComplete(), refusal()) == ["← ERROR 42501"]
    assert transcript.server(IDLE, results.CloseComplete()) == ["← ReadyForQuery I"]
    assert transcript.client(query.Bind("", "s")) == ["→ Describe", "→ Flush"]
    assert transcript.server(refusal()) == ["← ERROR 26000"]


@pytest.fixture
def rules_without_masks(tmp_path: Path) -> Rules:
    file = tmp_path / "rules.yaml"
    file.write_text("deny: [{name: no-replication, on: [replication]}]\n")
    return load_rules(file)


def test_row_security_is_free_where_nothing_is_masked(rules_without_masks: Rules) -> None:
    transcript = Transcript(rules_without_masks)
    assert transcript.client(query.Query("SET row_security = off")) == ["→ Query"]


def test_row_security_stays_on_where_something_is_masked(rules: Rules) -> None:
    transcript = Transcript(rules)
    assert transcript.client(query.Query("SET row_security = off")) == ["→ Describe", "→ Flush", "→ Sync"]
    assert transcript.server(refusal()) == ["← ERROR 42501"]


def test_a_cursor_of_declare_is_described_where_nothing_is_masked(rules_without_masks: Rules) -> None:
    transcript = Transcript(rules_without_masks)
    assert transcript.client(query.Describe("P", "declared"), SYNC) == ["→ Describe", "→ Sync"]
    assert transcript.server(ROW, IDLE) == ["← RowDescription", "← ReadyForQuery I"]


def test_a_cursor_of_declare_is_unknown_where_something_is(rules: Rules) -> None:
    transcript = Transcript(rules)
    assert transcript.client(query.Describe("P", "declared")) == ["→ Describe", "→ Flush"]
    assert transcript.server(refusal()) == ["← ERROR 34000"]


COPYING = copying.CopyInResponse(0, ())
COPY_STEPS = ["→ Parse", "→ Bind", "→ Flush"]
COPY_ANALYSIS = ["→ Close", "→ Parse", "→ Describe", "→ Flush"]


def begin_copy(transcript: Transcript, sql: str) -> None:
    """The client's string as far as its COPY FROM STDIN, which follows one statement that was analysed."""
    transcript.client(query.Query(sql))
    transcript.server(*DESCRIBED)
    assert transcript.server(*CATALOG) == ["→ Bind", "→ Flush"]
    assert transcript.server(results.BindComplete())[-2:] == ["→ Execute", "→ Flush"]
    assert transcript.server(results.CommandComplete("SELECT 0")) == ["← CommandComplete", *COPY_STEPS]
    assert transcript.server(results.ParseComplete(), results.BindComplete()) == COPY_ANALYSIS
    assert transcript.server(results.CloseComplete(), *DESCRIBED) == ASKED_VERSIONS
    assert transcript.server(*VERSIONS) == ["→ Describe", "→ Execute", "→ Flush"]
    assert transcript.server(results.NoData(), COPYING) == ["← CopyInResponse"]


def test_a_copy_at_the_end_of_a_string_is_synced_behind_its_data(rules_without_masks: Rules) -> None:
    transcript = Transcript(rules_without_masks)
    begin_copy(transcript, f"{SQL}; COPY users FROM STDIN")
    assert transcript.client(copying.CopyData(b"1\n"), copying.CopyDone()) == ["→ CopyData", "→ CopyDone", "→ Flush"]
    assert transcript.server(results.CommandComplete("COPY 1")) == ["← CommandComplete", "→ Sync"]
    assert transcript.server(IDLE) == ["← ReadyForQuery I"]


def test_a_copy_within_a_string_is_followed_by_the_rest(rules_without_masks: Rules) -> None:
    transcript = Transcript(rules_without_masks)
    begin_copy(transcript, f"{SQL}; COPY users FROM STDIN; {SQL}")
    assert transcript.client(copying.CopyDone()) == ["→ CopyDone", "→ Flush"]
    assert transcript.server(results.CommandComplete("COPY 0")) == [
        "← CommandComplete", "→ Parse", "→ Describe", *EXECUTE_OURS, *EXECUTE_OURS, "→ Flush",
    ]  # fmt: skip


def test_a_copy_in_a_string_that_fails_ends_the_string(rules_without_masks: Rules) -> None:
    transcript = Transcript(rules_without_masks)
    begin_copy(transcript, f"{SQL}; COPY users FROM STDIN")
    assert transcript.client(copying.CopyFail("no more")) == ["→ CopyFail", "→ Flush"]
    error = asynchronous.ErrorResponse.of("ERROR", "57014", "COPY from stdin failed: no more")
    assert transcript.server(error) == ["← ERROR 57014", "→ Sync"]
    assert transcript.server(IDLE) == ["← ReadyForQuery I"]


def test_copy_data_behind_an_error_of_the_server_is_dropped(rules_without_masks: Rules) -> None:
    transcript = Transcript(rules_without_masks)
    begin_copy(transcript, f"{SQL}; COPY users FROM STDIN")
    assert transcript.server(asynchronous.ErrorResponse.of("ERROR", "22P02", "")) == ["← ERROR 22P02", "→ Sync"]
    assert transcript.client(copying.CopyData(b"2\n"), copying.CopyDone()) == []
    assert transcript.server(IDLE) == ["← ReadyForQuery I"]


COPIED = (copying.CopyOutResponse(0, (0, 0)), copying.CopyData(b"1\t123-45-6789\n"), copying.CopyDone())
COPY_ENDS = (results.CommandComplete("COPY 1"), IDLE)


def copy_out(rules: Rules) -> Transcript:
    """A COPY of the client's as far as its Execute."""
    transcript = Transcript(rules)
    assert transcript.client(query.Query(f"COPY ({SQL}) TO STDOUT")) == COPY_STEPS
    assert transcript.server(results.ParseComplete(), results.BindComplete()) == COPY_ANALYSIS
    transcript.server(results.CloseComplete(), *DESCRIBED)
    assert transcript.server(*CATALOG) == ["→ Describe", "→ Execute", "→ Sync"]
    assert transcript.server(results.NoData()) == []
    return transcript


def test_rows_of_a_copy_are_masked_behind_the_tree_that_was_decided(rules: Rules) -> None:
    transcript = copy_out(rules)
    actions = transcript.session.upstream_bytes(b"".join(one.encode() for one in (tree(), *COPIED, *COPY_ENDS)))
    assert named(actions) == ["← CopyOutResponse", "← CopyData", "← CopyDone", "← CommandComplete", "← ReadyForQuery I"]
    sent = b"".join(action.data for action in actions if isinstance(action, SendClient))
    assert copying.CopyData(b"1\t[redacted]\n").encode() in sent


MOVED = TREE.replace(b":stmt_len 0", b":stmt_len 9").replace(b"location 11", b"location 17")
OTHER = TREE.replace(b":varattno 2", b":varattno 1")


def test_the_tree_of_a_copy_may_differ_in_places_of_the_text_only(rules: Rules) -> None:
    assert MOVED != TREE != OTHER
    assert copy_out(rules).server(tree(MOVED), *COPIED)[0] == "← CopyOutResponse"
    assert copy_out(rules).server(tree(OTHER), *COPIED) == ["← FATAL 42501", "Close"]


@pytest.mark.parametrize(
    "said",
    [
        COPIED,
        (tree(), copying.CopyOutResponse(0, (0,)), *COPIED[1:]),
        (tree(), copying.CopyOutResponse(0, (0, 0, 0)), *COPIED[1:]),
        (tree(), COPIED[1]),
        (tree(), *COPIED[2:]),
        (tree(), COPYING),
        (results.DataRow.of([b"1", b"123-45-6789"]),),
        (tree(), COPIED[0], copying.CopyData(b"123-45-6789\n")),
        (tree(), COPIED[0], copying.CopyData(b"1\t123-45-6789"), copying.CopyDone()),
    ],
    ids=["no tree", "narrow", "wide", "not begun", "never begun", "in", "rows", "malformed", "cut"],
)
def test_a_copy_that_is_not_the_one_decided_ends_the_connection(rules: Rules, said: Sequence[trace.Message]) -> None:
    transcript = copy_out(rules)
    actions = transcript.session.upstream_bytes(b"".join(message.encode() for message in said))
    assert named(actions)[-1] == "Close"
    assert b"123-45-6789" not in b"".join(action.data for action in actions if isinstance(action, SendClient))


def test_a_long_row_of_a_copy_is_masked_whole(rules: Rules) -> None:
    transcript = copy_out(rules)
    transcript.server(tree(), COPIED[0])
    row = copying.CopyData(b"1\t" + b"123-45-6789" * 10_000 + b"\n").encode()
    assert transcript.session.upstream_bytes(row[:70_000]) == []
    (sent,) = transcript.session.upstream_bytes(row[70_000:])
    assert sent == SendClient(copying.CopyData(b"1\t[redacted]\n").encode())


def test_rows_of_a_copy_may_be_cut_between_messages(rules: Rules) -> None:
    transcript = copy_out(rules)
    pieces = (copying.CopyData(b"1\t123-4"), copying.CopyData(b"5-6789\n2\t"), copying.CopyData(b"\\N\n"))
    actions = transcript.session.upstream_bytes(b"".join(m.encode() for m in (tree(), COPIED[0], *pieces)))
    sent = b"".join(action.data for action in actions if isinstance(action, SendClient))
    assert sent.endswith(copying.CopyData(b"1\t[redacted]\n").encode() + copying.CopyData(b"2\t\\N\n").encode())


def test_a_query_within_an_open_batch_leaves_its_transaction_open(rules: Rules) -> None:
    """The server says T behind it: a Sync of ours would commit what the client has not synced."""
    transcript = Transcript(rules)
    transcript.client(PARSE, BIND, EXECUTE)
    transcript.server(*DESCRIBED)
    transcript.server(*CATALOG)
    assert transcript.server(results.BindComplete()) == ["← BindComplete", "→ Execute"]
    assert transcript.client(query.Query(SQL)) == ["→ Flush"]  # whether the server skips it is not known yet
    asked = ["← CommandComplete", "→ Parse", "→ Describe", *ASKED_VERSIONS]
    assert transcript.server(results.CommandComplete("SELECT 0")) == asked
    transcript.server(*DESCRIBED, *VERSIONS)
    assert transcript.server(results.BindComplete()) == ["← RowDescription", "→ Execute", "→ Flush"]
    assert transcript.server(results.CommandComplete("SELECT 0")) == ["← CommandComplete", "→ Query"]
    assert transcript.server(results.EmptyQueryResponse(), results.ReadyForQuery("T")) == ["← ReadyForQuery T"]
    assert transcript.client(SYNC) == ["→ Sync"]


def test_a_differential_is_refused_logged_and_counted(rules: Rules) -> None:
    transcript = Transcript(rules)
    statement = 'SELECT id, U&"ss\\006e" FROM users'  # to the server the statement of the fixtures
    transcript.client(query.Parse("", statement), SYNC)
    transcript.server(*DESCRIBED)
    actions = transcript.session.upstream_bytes(b"".join(message.encode() for message in CATALOG))
    (logged,) = [action for action in actions if isinstance(action, Log) and action.event == "differential"]
    assert logged.fields[:2] == (("what", "columns"), ("grammar", "ssn"))
    assert transcript.memory.differentials == {("columns", "sqlglot"): 1}

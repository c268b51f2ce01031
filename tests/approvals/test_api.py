"""The JSON API for reviewers, over real HTTP."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from psycopg import errors

from pgproxy.approvals.documents import document
from pgproxy.approvals.model import Status
from tests.approvals.http_calls import api, call, decide
from tests.approvals.reviewing import Reviewing, held
from tests.proxies import ProxyProcess
from tests.servers import Database


def test_a_pending_approval_is_listed_and_shown(
    holding: ProxyProcess, database: Database, reviewing: Reviewing
) -> None:
    with held(holding, database, reviewing, "COPY users TO STDOUT") as (approval, _):
        answer = api(holding, "/approvals?status=pending")
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["Cache-Control"] == "no-store"
        first = answer.json["approvals"][0]
        assert first == document(approval) == api(holding, f"/approvals/{approval.id}").json
        assert first["statement"] == "COPY users TO STDOUT"
        assert (first["status"], first["masked_columns"]) == ("pending", ["public.users.ssn"])
        assert "token" not in answer.text
        assert approval.id not in {one["id"] for one in api(holding, "/approvals?status=denied").json["approvals"]}


def test_lists_are_newest_first(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    with (
        held(holding, database, reviewing, "DELETE FROM notes") as (first, _),
        held(holding, database, reviewing, "UPDATE notes SET body = ''") as (second, _),
    ):
        listed = [one["id"] for one in api(holding, "/approvals").json["approvals"]]
        assert listed[:2] == [second.id, first.id]
        times = [one["requested_at"] for one in api(holding, "/approvals").json["approvals"]]
        assert times == sorted(times, reverse=True)


def test_an_approval_lets_it_run(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    with held(holding, database, reviewing, "COPY users TO STDOUT") as (approval, running):
        answer = decide(holding, approval.id, "approve", comment=" fine ")
        assert answer.status == 200
        made = answer.json["decisions"]
        assert [(one["reviewer"], one["decision"], one["comment"]) for one in made] == [
            ("security-oncall", "approve", "fine")
        ]
        rows = running.result()
        assert isinstance(rows, bytes) and len(rows.splitlines()) == 50
        reviewing.became(approval.id, Status.EXECUTED)
        shown = api(holding, f"/approvals/{approval.id}").json
        assert (shown["status"], shown["rows"]) == ("executed", 50)
        assert [one.via for one in reviewing.one(approval.id).votes] == ["api"]
        assert decide(holding, approval.id, "deny").status == 409


def test_a_denial_ends_it(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    with held(holding, database, reviewing, "DELETE FROM notes") as (approval, running):
        answer = decide(holding, approval.id, "deny", comment="not → today <b>")
        assert (answer.status, answer.json["status"]) == (200, "denied")
        with pytest.raises(errors.InsufficientPrivilege) as caught:
            running.result()
        assert caught.value.diag.message_detail == f"approval={approval.id}: not → today <b>"


@pytest.mark.parametrize("token", ["lead-is-the-owner", "agent-itself", "outsider"])
def test_who_may_not_decide(holding: ProxyProcess, database: Database, reviewing: Reviewing, token: str) -> None:
    token = {"lead-is-the-owner": "reviewer-token-3", "agent-itself": "reviewer-token-5"}.get(token, "reviewer-token-4")
    with held(holding, database, reviewing, "COPY users TO STDOUT") as (approval, _):
        answer = decide(holding, approval.id, "approve", token)
        assert answer.status == 403
        assert set(answer.json) == {"error"}
        assert reviewing.one(approval.id).events == ()


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer"},
        {"Authorization": "reviewer-token-1"},
        {"Authorization": "Basic reviewer-token-1"},
        {"Authorization": "Bearer reviewer-token-1x"},
        {"Authorization": "Bearer reviewer-token-"},
        {"Authorization": "Bearer reviewer-token-\xe9"},
        {"Cookie": "token=reviewer-token-1"},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/approvals"),
        ("GET", "/api/v1/approvals/apr_none"),
        ("POST", "/api/v1/approvals/apr_none/decision"),
    ],
)
def test_without_a_token_there_is_nothing(proxy: ProxyProcess, header: dict[str, str], method: str, path: str) -> None:
    answer = call(proxy, method, path, b"{}" if method == "POST" else None, header)
    assert answer.status == 401
    assert set(answer.json) == {"error"}
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"approve"',
        b"{}",
        b'{"decision": "maybe"}',
        b'{"decision": true}',
        b'{"decision": ["approve"]}',
        b'{"decision": "approve", "comment": 7}',
        b'{"decision": "approve", "comment": "\\u0000"}',
        b'{"decision": "approve", "comment": "\\ud800"}',
        b'{"decision": "approve", "comment": "' + b"x" * 4001 + b'"}',
        b'{"decision": "approve", "reviewer": "second"}',
        b"\xff\xfe",
        b"[" * 60_000,
    ],
)
def test_a_bad_body_is_400(holding: ProxyProcess, database: Database, reviewing: Reviewing, body: bytes) -> None:
    with held(holding, database, reviewing, "DELETE FROM notes") as (approval, _):
        path = f"/api/v1/approvals/{approval.id}/decision"
        answer = call(holding, "POST", path, body, {"Authorization": "Bearer reviewer-token-1"})
        assert answer.status == 400
        assert set(answer.json) == {"error"}
        assert reviewing.one(approval.id).events == ()


def test_it_describes_itself(proxy: ProxyProcess) -> None:
    assert call(proxy, "GET", "/api/v1/openapi.json").status == 401
    answer = api(proxy, "/openapi.json")
    assert (answer.status, answer.json["openapi"]) == (200, "3.1.0")


def test_errors_are_json(proxy: ProxyProcess) -> None:
    assert api(proxy, "/approvals/apr_none").status == 404
    assert set(api(proxy, "/approvals/apr_none").json) == {"error"}
    assert decide(proxy, "apr_none", "approve").status == 404
    assert api(proxy, "/approvals?status=maybe").status == 400
    assert set(api(proxy, "/nothing").json) == {"error"}
    wrong_method = api(proxy, "/approvals/apr_none/decision")
    assert (wrong_method.status, wrong_method.headers["Allow"]) == (405, "POST")
    assert "error" in wrong_method.json
    large = call(proxy, "POST", "/api/v1/approvals/apr_none/decision", b"x" * 100_000, {"Authorization": "Bearer x"})
    assert large.status in (401, 413)
    assert api(proxy, "/approvals/apr_none/decision", method="POST", body={"x": "x" * 100_000}).status == 413


def test_what_was_cancelled_or_has_expired(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    with held(holding, database, reviewing, "DELETE FROM notes") as (approval, _):
        pass
    reviewing.became(approval.id, Status.CANCELLED)
    assert decide(holding, approval.id, "approve").status == 409
    reviewing.reload(holding.rules.replace("name: schema,", "name: schema, expires: 1s,"))
    try:
        with held(holding, database, reviewing, "TRUNCATE notes") as (approval, running):
            with pytest.raises(errors.QueryCanceled):
                running.result()
            assert decide(holding, approval.id, "approve").status == 410
    finally:
        reviewing.reload(holding.rules)


def test_a_quorum_counts_people(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    reviewing.reload(holding.rules.replace("name: schema,", "name: schema, quorum: 2,"))
    try:
        with held(holding, database, reviewing, "TRUNCATE notes") as (approval, running):
            for _ in range(2):
                answer = decide(holding, approval.id, "approve")
                assert (answer.status, answer.json["status"]) == (200, "pending")
                assert len(answer.json["decisions"]) == 1
            answer = decide(holding, approval.id, "approve", "reviewer-token-2")
            assert (answer.status, answer.json["status"]) == (200, "approved")
            running.result()
    finally:
        reviewing.reload(holding.rules)


def test_of_racing_decisions_one_wins(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    with held(holding, database, reviewing, "COPY users TO STDOUT") as (approval, _):
        start = threading.Barrier(8)
        statuses: Counter[int] = Counter()

        def race(number: int) -> None:
            start.wait()
            token = f"reviewer-token-{1 + number % 2}"
            statuses[decide(holding, approval.id, ("approve", "deny")[number // 2 % 2], token).status] += 1

        racers = [threading.Thread(target=race, args=(number,)) for number in range(8)]
        for one in racers:
            one.start()
        for one in racers:
            one.join()
        assert statuses == {200: 1, 409: 7}
        assert len(reviewing.one(approval.id).votes) == 1


def test_every_reviewer_sees_the_same_list(proxy: ProxyProcess) -> None:
    lists = [api(proxy, "/approvals", f"reviewer-token-{number}").json["approvals"] for number in (1, 2, 3, 4, 5)]
    assert len({tuple(one["id"] for one in listed) for listed in lists}) == 1

"""The reviewers' pages over real HTTP: what is shown to whom, and what decides."""

from __future__ import annotations

import http.client
import socket
import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from psycopg import errors

from pgproxy.approvals.links import Link, Links
from pgproxy.approvals.model import Approval, Status
from tests.approvals.http_calls import Answer, Browser, Forms, call
from tests.approvals.reviewing import Held, Reviewing, held
from tests.proxies import MASKING_KEY, ProxyProcess
from tests.servers import Database

LINKS = Links(bytes.fromhex(MASKING_KEY))
EXPORT = "COPY users TO STDOUT"
DELETE = "DELETE FROM notes"


def link(approval: Approval, reviewer: str = "", ends_at: float | None = None) -> str:
    return LINKS.token(Link(approval.id, reviewer, approval.asked.expires_at if ends_at is None else ends_at))


def page_of(approval: Approval, token: str) -> str:
    return f"/approvals/{approval.id}?token={token}"


@pytest.fixture
def export(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> Iterator[Held]:
    """An export by `agent`, whose owner is `lead`; the rule asks for `security`."""
    with held(holding, database, reviewing, EXPORT) as found:
        yield found


@pytest.fixture
def deletion(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> Iterator[Held]:
    """By `other`, who has no owner; any reviewer, so an unnamed link decides too."""
    with held(holding, database, reviewing, DELETE, user="other") as found:
        yield found


@pytest.fixture
def browser(proxy: ProxyProcess) -> Browser:
    return Browser(proxy)


# Who sees what -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_without_a_login_nothing_is_shown(export: Held, browser: Browser, method: str) -> None:
    for path in ("/", f"/approvals/{export.approval.id}", "/approvals/apr_none"):
        answer = browser.get(path, method)
        assert answer.status == 303
        assert answer.headers["Location"].startswith("/login")
        assert "users" not in answer.text and export.approval.id not in answer.text
    page = browser.get("/login")
    assert (page.status, Forms(page.text).found["/login"]) == (200, {"next": "/", "token": ""})


def test_every_page_carries_the_headers(export: Held, browser: Browser) -> None:
    answers = [browser.get(path) for path in ("/", "/login", page_of(export.approval, "x"))]
    answers.append(browser.get(page_of(export.approval, link(export.approval, "second"))))
    answers.append(browser.log_in("wrong"))
    answers.append(browser.log_in())
    answers += [browser.get(path) for path in ("/", f"/approvals/{export.approval.id}", "/approvals/apr_none")]
    answers.append(browser.post(f"/approvals/{export.approval.id}/deny", {"token": "wrong"}))
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'") and "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "<script" not in answer.text and "style=" not in answer.text and "http" not in answer.text


def test_the_queue_and_the_card(export: Held, browser: Browser) -> None:
    browser.log_in()
    queue = browser.get("/")
    assert queue.status == 200
    assert f'href="/approvals/{export.approval.id}"' in queue.text and EXPORT in queue.text
    page = browser.get(f"/approvals/{export.approval.id}")
    for text in ("agents", "lead", "public.users.ssn", "masked", "export", "security", ">50, by", export.approval.id):
        assert text in page.text, text
    assert set(Forms(page.text).found) >= {
        f"/approvals/{export.approval.id}/approve",
        f"/approvals/{export.approval.id}/deny",
    }
    assert browser.get("/approvals/apr_none").status == 404


def test_styles_are_our_own(browser: Browser) -> None:
    page = browser.get("/login").text
    path = page.partition('<link rel="stylesheet" href="')[2].partition('"')[0]
    answer = browser.get(path)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/css")
    assert "immutable" in answer.headers["Cache-Control"]
    assert "url(" not in answer.text and "@import" not in answer.text


def test_opening_changes_nothing(deletion: Held, browser: Browser, reviewing: Reviewing) -> None:
    approval = deletion.approval
    for token in (link(approval), link(approval, "second")):
        for method in ("GET", "HEAD"):
            assert browser.get(page_of(approval, token), method).status == 200
        for action in ("approve", "deny"):
            for method in ("GET", "HEAD"):
                assert browser.get(f"/approvals/{approval.id}/{action}?token={token}", method).status == 405
    browser.log_in()
    assert browser.get(f"/approvals/{approval.id}").status == 200
    assert reviewing.one(approval.id).events == ()


# Login -------------------------------------------------------------------------------------------------------------


def test_a_login_gives_a_cookie_that_is_not_the_token(browser: Browser) -> None:
    answer = browser.log_in(next="/approvals/apr_1")
    assert (answer.status, answer.headers["Location"]) == (303, "/approvals/apr_1")
    cookie = answer.headers["Set-Cookie"]
    for part in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="):
        assert part in cookie
    assert "Secure" not in cookie  # public_url is http
    assert "reviewer-token" not in cookie


@pytest.mark.parametrize(
    "following",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/%0d%0aX:y", "/a\n"],
)
def test_a_login_leads_to_own_pages_only(browser: Browser, following: str) -> None:
    assert browser.log_in(next=following).headers["Location"] == "/"
    assert browser.get("/login?" + "next=" + following.replace("\n", "%0a")).headers["Location"] == "/"


def test_wrong_tokens_and_foreign_cookies(export: Held, browser: Browser) -> None:
    answer = browser.log_in("no such token")
    assert answer.status == 401 and "Set-Cookie" not in answer.headers
    assert browser.log_in("").status == 401
    browser.log_in()
    name, value = next(iter(browser.cookies.items()))
    for changed in (value[:-1] + ("0" if value[-1] != "0" else "1"), "A" + value[1:], value.partition(".")[0], "", "é"):
        other = Browser(browser.proxy, {name: changed})
        assert other.get("/").status == 303
    assert Browser(browser.proxy, {name: value}).get("/").status == 200


def test_a_logout_ends_the_login(browser: Browser) -> None:
    browser.log_in()
    kept = dict(browser.cookies)
    page = browser.get("/")
    assert browser.post("/logout", {"token": "wrong"}).status == 403
    assert browser.send(page, "/logout").headers["Location"] == "/login"
    assert not browser.cookies
    assert Browser(browser.proxy, kept).get("/").status == 303


def test_after_ten_wrong_tokens_an_address_waits(database: Database, tmp_path_factory: pytest.TempPathFactory) -> None:
    extra: dict[str, object] = {
        "reviewers": {"ada": {"token": "ada-token"}},
        "http": {"listen": "127.0.0.1:0", "public_url": "https://review.example"},
    }
    folder = tmp_path_factory.mktemp("guessing")
    with ProxyProcess(folder, database.dsn(), "masks: {}\n", {"agent": {"password": "agent-secret"}}, extra) as proxy:
        browser = Browser(proxy)
        cookie = browser.log_in("ada-token").headers["Set-Cookie"]
        assert cookie.startswith("__Host-") and "Secure" in cookie
        assert [browser.log_in("wrong").status for _ in range(12)] == [401] * 10 + [429] * 2
        late = browser.log_in("ada-token")
        assert late.status == 429 and "Set-Cookie" not in late.headers
        assert 0 < int(late.headers["Retry-After"]) <= 60
        assert "ada-token" not in proxy.log


# Deciding ----------------------------------------------------------------------------------------------------------


def test_a_reviewer_approves_on_the_page(export: Held, browser: Browser, reviewing: Reviewing) -> None:
    browser.log_in()
    path = f"/approvals/{export.approval.id}"
    answer = browser.send(browser.get(path), f"{path}/approve", comment="line one\r\nline two")
    assert answer.status == 200 and "Approved." in answer.text
    rows = export.running.result()
    assert isinstance(rows, bytes) and rows.startswith(b"1\tuser 1\t*****0001")
    done = reviewing.became(export.approval.id, Status.EXECUTED)
    assert [(one.reviewer, one.comment, one.via) for one in done.votes] == [
        ("security-oncall", "line one\nline two", "page")
    ]
    later = browser.get(path)
    assert "executed" in later.text and f"{path}/approve" not in later.text
    assert browser.send(browser.get("/"), "/logout").status == 303


def test_a_reviewer_denies_on_the_page(export: Held, browser: Browser) -> None:
    browser.log_in()
    path = f"/approvals/{export.approval.id}"
    page = browser.get(path)
    assert browser.send(page, f"{path}/deny", comment="not today").status == 200
    with pytest.raises(errors.InsufficientPrivilege) as caught:
        export.running.result()
    assert caught.value.diag.message_detail == f"approval={export.approval.id}: not today"
    assert browser.send(page, f"{path}/approve").status == 409
    assert browser.send(page, f"{path}/deny").status == 409


@pytest.mark.parametrize(
    ("token", "reason"),
    [("reviewer-token-3", "owns"), ("reviewer-token-5", "their own"), ("reviewer-token-4", "no reviewer of rule")],
)
def test_who_may_not_decide(export: Held, browser: Browser, reviewing: Reviewing, token: str, reason: str) -> None:
    browser.log_in(token)
    path = f"/approvals/{export.approval.id}"
    page = browser.get(path)
    assert page.status == 200 and reason in page.text
    assert f"{path}/approve" not in Forms(page.text).found
    form_token = Forms(page.text).found["/logout"]["token"]
    answer = browser.post(f"{path}/approve", {"token": form_token})
    assert answer.status == 403 and reason in answer.text
    assert reviewing.one(export.approval.id).events == ()


def test_with_neither_login_nor_link_it_is_403(export: Held, browser: Browser, reviewing: Reviewing) -> None:
    path = f"/approvals/{export.approval.id}"
    for action in ("approve", "deny"):
        for fields in ({}, {"token": ""}, {"token": "x"}, {"token": "reviewer-token-1"}, {"token": "é"}):
            answer = browser.post(f"{path}/{action}", fields)
            assert answer.status == 403
            assert "users" not in answer.text
    assert reviewing.one(export.approval.id).events == ()


def test_forms_of_others_do_not_count(export: Held, browser: Browser, reviewing: Reviewing) -> None:
    """A page of another site, or another port of this host, that has the browser send a form along with its cookie."""
    browser.log_in()
    other = Browser(browser.proxy)
    other.log_in("reviewer-token-2")
    path = f"/approvals/{export.approval.id}"
    of_other = Forms(other.get(path).text).found[f"{path}/approve"]["token"]
    own = Forms(browser.get(path).text).found[f"{path}/approve"]["token"]
    assert own != of_other
    for fields, headers in (
        ({"token": of_other}, {}),
        ({"token": "wrong"}, {}),
        ({}, {"Origin": "http://evil.example"}),
        ({}, {"Origin": "null"}),
        ({}, {"Sec-Fetch-Site": "same-origin"}),
        ({"token": own}, {"Sec-Fetch-Site": "cross-site"}),
        ({"token": own}, {"Sec-Fetch-Site": "same-site"}),
        ({"token": own}, {"Content-Type": "text/plain", "Origin": "null"}),
    ):
        assert browser.post(f"{path}/approve", fields, **headers).status == 403
    assert browser.post("/login", {"token": "reviewer-token-1"}, **{"Sec-Fetch-Site": "cross-site"}).status == 403
    assert reviewing.one(export.approval.id).events == ()
    assert browser.post(f"{path}/approve", {"comment": "from a program"}).status == 200


def test_bad_forms(export: Held, browser: Browser, reviewing: Reviewing) -> None:
    browser.log_in()
    path = f"/approvals/{export.approval.id}"
    page = browser.get(path)
    assert browser.send(page, f"{path}/approve", comment="x" * 4001).status == 400
    assert browser.send(page, f"{path}/approve", comment="\0").status == 400
    assert browser.post(f"{path}/approve", {f"f{number}": "" for number in range(99)}).status == 400
    assert browser.post(f"{path}/approve", {"comment": "x" * 100_000}).status == 413
    assert browser.post("/approvals/apr_none/approve", {}).status == 404
    assert reviewing.one(export.approval.id).events == ()


def test_of_racing_forms_one_wins(export: Held, proxy: ProxyProcess, reviewing: Reviewing) -> None:
    approval = export.approval
    start = threading.Barrier(6)
    statuses: Counter[int] = Counter()

    def race(number: int) -> None:
        token = link(approval, ("security-oncall", "second")[number % 2])
        browser = Browser(proxy)
        start.wait()
        action = ("approve", "deny")[number // 2 % 2]
        statuses[browser.post(f"/approvals/{approval.id}/{action}", {"token": token}).status] += 1

    racers = [threading.Thread(target=race, args=(number,)) for number in range(6)]
    for one in racers:
        one.start()
    for one in racers:
        one.join()
    assert statuses == {200: 1, 409: 5}
    assert len(reviewing.one(approval.id).votes) == 1


# Links -------------------------------------------------------------------------------------------------------------


def test_a_link_decides_as_the_reviewer_that_it_names(export: Held, browser: Browser, reviewing: Reviewing) -> None:
    approval = export.approval
    page = browser.get(page_of(approval, link(approval, "second")))
    assert page.status == 200 and "second" in page.text and EXPORT in page.text
    assert browser.send(page, f"/approvals/{approval.id}/approve").status == 200
    export.running.result()
    done = reviewing.became(approval.id, Status.EXECUTED)
    assert [(one.reviewer, one.via) for one in done.votes] == [("second", "link")]
    assert not browser.cookies
    assert browser.get("/").status == 303  # a link is no login


def test_an_unnamed_link_decides_where_anybody_may(deletion: Held, browser: Browser, reviewing: Reviewing) -> None:
    approval = deletion.approval
    page = browser.get(page_of(approval, link(approval)))
    assert page.status == 200 and DELETE in page.text
    assert browser.send(page, f"/approvals/{approval.id}/approve").status == 200
    assert deletion.running.result() == 2000
    assert [(one.reviewer, one.via) for one in reviewing.one(approval.id).votes] == [("", "link")]
    assert browser.send(page, f"/approvals/{approval.id}/deny").status == 409


def test_an_unnamed_link_asks_for_a_login_elsewhere(export: Held, browser: Browser, reviewing: Reviewing) -> None:
    approval = export.approval
    page = browser.get(page_of(approval, link(approval)))
    assert "/login" in Forms(page.text).found and EXPORT not in page.text and "users" not in page.text
    assert browser.post(f"/approvals/{approval.id}/approve", {"token": link(approval)}).status == 403
    assert reviewing.one(approval.id).events == ()
    answer = browser.send(page, "/login", token="reviewer-token-1")
    assert answer.headers["Location"] == f"/approvals/{approval.id}"


def test_a_link_shows_no_text_of_other_requests(
    deletion: Held, holding: ProxyProcess, database: Database, reviewing: Reviewing
) -> None:
    with held(holding, database, reviewing, "UPDATE notes SET body = 'of another'", user="other") as (other, _):
        browser = Browser(holding)
        page = browser.get(page_of(deletion.approval, link(deletion.approval, "second")))
        assert "Recent requests of other" in page.text and "update · wide-update" in page.text
        assert "of another" not in page.text and other.id not in page.text
        browser.log_in()
        assert "of another" in browser.get(f"/approvals/{deletion.approval.id}").text


@pytest.mark.parametrize("name", ["lead", "agent", "outsider"])
def test_a_link_gives_no_rights_that_its_reviewer_lacks(
    export: Held, browser: Browser, reviewing: Reviewing, name: str
) -> None:
    approval = export.approval
    assert browser.get(page_of(approval, link(approval, name))).status == 200
    assert browser.post(f"/approvals/{approval.id}/approve", {"token": link(approval, name)}).status == 403
    assert reviewing.one(approval.id).events == ()


def test_links_that_are_none(export: Held, deletion: Held, browser: Browser, reviewing: Reviewing) -> None:
    approval = export.approval
    good = link(approval, "second")
    content, _, signature = good.partition(".")
    of_other_key = Links(b"0" * 32).token(Link(approval.id, "second", approval.asked.expires_at))
    bad = {
        "changed": content[:-2] + "AA." + signature,
        "cut": good[:-4],
        "longer": good + "A",
        "unsigned": content + ".",
        "of another approval": link(deletion.approval, "second"),
        "of another key": of_other_key,
        "of nobody": link(approval, "nobody"),
        "no token": "reviewer-token-1",
    }
    for what, token in bad.items():
        page = browser.get(page_of(approval, token))
        assert (page.status, what) == (403, what)
        assert "/login" in Forms(page.text).found and "users" not in page.text
        answer = browser.post(f"/approvals/{approval.id}/approve", {"token": token})
        assert (answer.status, what) == (403, what)
    ended = link(approval, "second", ends_at=1.0)
    assert browser.get(page_of(approval, ended)).status == 410
    assert browser.post(f"/approvals/{approval.id}/approve", {"token": ended}).status == 410
    assert reviewing.one(approval.id).events == () == reviewing.one(deletion.approval.id).events


def test_a_link_decides_once(holding: ProxyProcess, database: Database, reviewing: Reviewing) -> None:
    reviewing.reload(holding.rules.replace("name: schema,", "name: schema, quorum: 2,"))
    try:
        with held(holding, database, reviewing, "TRUNCATE notes", user="other") as (approval, running):
            browser = Browser(holding)
            path = f"/approvals/{approval.id}"
            answer = browser.post(f"{path}/approve", {"token": link(approval, "second")})
            assert answer.status == 200 and "others are still needed" in answer.text
            for action in ("approve", "deny"):
                assert browser.post(f"{path}/{action}", {"token": link(approval, "second")}).status == 409
            assert browser.post(f"{path}/approve", {"token": link(approval)}).status == 403
            assert reviewing.one(approval.id).status is Status.PENDING
            assert browser.post(f"{path}/approve", {"token": link(approval, "outsider")}).status == 200
            running.result()
    finally:
        reviewing.reload(holding.rules)


def test_no_token_is_kept_anywhere(deletion: Held, browser: Browser, proxy: ProxyProcess) -> None:
    token = link(deletion.approval, "second")
    browser.get(page_of(deletion.approval, token))
    browser.post(f"/approvals/{deletion.approval.id}/approve", {"token": token, "comment": "kept"})
    deletion.running.result()
    for file in proxy.folder.iterdir():
        content = file.read_bytes() if file.is_file() else b""
        assert token.encode() not in content
        assert token.partition(".")[2].encode() not in content


# What others wrote -------------------------------------------------------------------------------------------------

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><b>&amp;\u202egnp.exe\u200b"


def test_what_agents_and_reviewers_write_is_text(
    holding: ProxyProcess, database: Database, reviewing: Reviewing
) -> None:
    sql = f"/* {ATTACK} */ DELETE FROM notes /* <i onclick=x> */"
    reviewing.reload(holding.rules.replace("name: wide-update,", "name: wide-update, quorum: 2,"))
    try:
        with held(holding, database, reviewing, sql, user="other", reason=ATTACK) as (approval, _):
            browser = Browser(holding)
            browser.log_in()
            path = f"/approvals/{approval.id}"
            done = browser.send(browser.get(path), f"{path}/approve", comment=ATTACK)
            assert done.status == 200
            for answer in (done, browser.get(path), browser.get("/")):
                assert_harmless(answer)
                assert "U+202E" in answer.text and "U+200B" in answer.text
            assert_harmless(browser.get("/login?next=%3Cscript%3E"))
            assert_harmless(browser.get(f"{path}?token=%22%3E%3Cscript%3E"))
    finally:
        reviewing.reload(holding.rules)


def assert_harmless(answer: Answer) -> None:
    for part in ("<script", "<img", "<i ", 'onerror=alert(2)>"', "\u202e", "\u200b"):
        assert part not in answer.text


def test_a_broken_request_is_no_traceback(proxy: ProxyProcess) -> None:
    browser = Browser(proxy)
    for path in (
        "/approvals/",
        "/approvals/%00",
        "/approvals/" + "x" * 5000,
        "/approvals/a%2fb?token=%ff",
        "/?token=%",
    ):
        assert browser.get(path).status < 500
    browser.log_in()
    for path in ("/approvals/%00", "/approvals/" + "x" * 5000, "/approvals/%ed%a0%80", "/approvals/%ff"):
        assert browser.get(path).status == 404
    answer = call(proxy, "POST", "/login", b"\xff", {"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status == 400
    connection = http.client.HTTPConnection(proxy.http, timeout=10)
    connection.request("GET", "/", headers={"Cookie": "pgproxy=\xe9; ="})
    assert connection.getresponse().status == 303
    connection.close()


def test_no_protocol_error_is_a_traceback(proxy: ProxyProcess) -> None:
    host, _, port = proxy.http.rpartition(":")
    for data in (
        b"GET /approvals/a?token=secret-of-a-link HTTP/9.9\r\n\r\n",
        b"GET /approvals/a?token=secret-of-a-link \x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ):
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
    assert "secret-of-a-link" not in proxy.log and "Traceback" not in proxy.log

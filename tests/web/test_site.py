"""The one HTTP listener: the routes of all modules, a store that is away, who guesses tokens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import aiohttp

from pgproxy.config.settings import Address, Http, Reviewer
from pgproxy.net.desk import ApprovalDesk
from pgproxy.web.api import FAILURES_A_MINUTE
from pgproxy.web.site import Site
from tests.approvals.http_calls import api, call
from tests.approvals.office import SETTINGS
from tests.proxies import ProxyProcess


def test_every_module_is_served(tmp_path: Path) -> None:
    slack = {"url": "https://hooks.slack.example/x", "signing_secret": "signing secret"}
    extra: dict[str, object] = {"reviewers": {"ada": {"token": "ada-token"}}, "notify": [{"slack": slack}]}
    with ProxyProcess(tmp_path, "postgresql://app@127.0.0.1:1/x", extra=extra) as proxy:
        for method, path, status in (
            ("GET", "/healthz", 200),
            ("GET", "/api/v1/approvals", 401),
            ("GET", "/login", 200),
            ("POST", "/integrations/slack", 401),
            ("GET", "/integrations/slack", 405),
            ("GET", "/nothing", 404),
        ):
            answer = call(proxy, method, path)
            assert (path, answer.status) == (path, status)
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


async def test_while_the_store_is_away_it_says_so() -> None:
    settings = replace(SETTINGS, reviewers={"ada": Reviewer("ada", "ada-token")})
    site = Site(Http(Address("127.0.0.1", 0)), {}, ApprovalDesk(settings), settings)  # its store is not open
    url = f"http://{await site.start()}"
    jar = aiohttp.CookieJar(unsafe=True)
    try:
        async with aiohttp.ClientSession(url, cookie_jar=jar) as session:
            headers = {"Authorization": "Bearer ada-token"}
            async with session.get("/api/v1/approvals", headers=headers) as answer:
                assert answer.status == 503 and (await answer.json()).keys() == {"error"}
            body = {"decision": "approve"}
            async with session.post("/api/v1/approvals/a/decision", json=body, headers=headers) as answer:
                assert answer.status == 503 and (await answer.json()).keys() == {"error"}
            async with session.post("/login", data={"token": "ada-token"}) as answer:  # goes on to the queue
                assert answer.status == 503 and "at the moment" in await answer.text()
            async with session.post("/approvals/a/approve", data={}) as answer:
                assert answer.status == 503
    finally:
        await site.stop()


def test_who_guesses_at_the_api_has_to_wait(tmp_path: Path) -> None:
    extra: dict[str, object] = {"reviewers": {"ada": {"token": "ada-token"}}}
    with ProxyProcess(tmp_path, "postgresql://app@127.0.0.1:1/x", extra=extra) as proxy:
        statuses = [api(proxy, "/approvals", f"guess-{number}").status for number in range(FAILURES_A_MINUTE)]
        assert set(statuses) == {401}
        late = api(proxy, "/approvals", "ada-token")
        assert late.status == 429 and late.json.keys() == {"error"}
        assert 0 < int(late.headers["Retry-After"]) <= 60

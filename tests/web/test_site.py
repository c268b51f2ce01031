"""The one HTTP listener has the routes of all modules."""

from __future__ import annotations

from pathlib import Path

from tests.approvals.http_calls import call
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

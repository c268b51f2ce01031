"""The reviewers' pages in a real browser, scripts switched off: desktop and phone, light and dark, keyboard only."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pgproxy.approvals.links import Link, Links
from pgproxy.approvals.model import Status
from tests.approvals import chromium
from tests.approvals.chromium import Tab
from tests.approvals.http_calls import TOKEN
from tests.approvals.reviewing import Reviewing, held
from tests.proxies import MASKING_KEY, ProxyProcess
from tests.servers import Database

pytestmark = pytest.mark.skipif(chromium.PROGRAM is None, reason="no Chromium is installed (Debian: chromium)")

SCREENSHOTS = os.environ.get("PGPROXY_TEST_SCREENSHOTS")
"""A folder to keep them in, for people to look at."""

LOOKS = [
    pytest.param(1280, 900, "light", id="desktop-light"),
    pytest.param(1280, 900, "dark", id="desktop-dark"),
    pytest.param(390, 844, "light", id="phone-light"),
    pytest.param(390, 844, "dark", id="phone-dark"),
]

LONG = (
    "WITH old AS (SELECT u.id, u.ssn, u.name FROM users u WHERE u.id > 5) "
    "SELECT n.id, old.ssn, 'a \u202ereversed\u202c text', \"Mixed Name\".x, $$quoted$$, 1.5e3 /* why \u200b not */ "
    'FROM notes n LEFT JOIN old ON old.id = n.id, LATERAL (SELECT 7 AS x) AS "Mixed Name" '
    "WHERE n.body LIKE '%averyveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryverylongword%' OR n.id < 4 "
    "ORDER BY n.id LIMIT 10"
)

CONTRASTS = """
(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = color => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = color => {
    const [r, g, b] = color.map(c => c / 255).map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return rgba(getComputedStyle(document.documentElement).colorScheme === 'dark' ? '#000' : '#fff');
  };
  const poor = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !element.checkVisibility()) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) poor.push(walk.currentNode.data.trim().slice(0, 30) + ' ' + ratio.toFixed(2));
  }
  return poor;
})()
"""

TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


def drive(folder: Path, work: Callable[[Tab], Awaitable[None]]) -> None:
    async def run() -> None:
        async with chromium.tab(folder / "profile") as tab:
            await work(tab)
            assert tab.complaints == []

    asyncio.run(run())


async def looks_good(tab: Tab, name: str) -> None:
    picture = await tab.screenshot()
    if SCREENSHOTS:
        await asyncio.to_thread(Path(SCREENSHOTS, f"{name}.png").write_bytes, picture)
    assert await tab.ask(CONTRASTS) == []
    assert not await tab.ask(TOO_WIDE)


@pytest.mark.parametrize(("width", "height", "scheme"), LOOKS)
def test_pages_look_good(
    holding: ProxyProcess,
    database: Database,
    reviewing: Reviewing,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    width: int,
    height: int,
    scheme: str,
) -> None:
    look = f"{'phone' if width < 600 else 'desktop'}-{scheme}"
    reviewing.reload(holding.rules.replace("name: raw-ssn,", "name: raw-ssn, quorum: 2,"))
    request.addfinalizer(lambda: reviewing.reload(holding.rules))

    async def work(tab: Tab) -> None:
        await tab.look(width, height, scheme)
        await tab.open(f"http://{holding.http}/login?next=/approvals/{approval.id}")
        await looks_good(tab, f"login-{look}")
        assert ("textbox", "Your reviewer's token") in await tab.names()
        await tab.type("wrong")
        await tab.enter()
        await looks_good(tab, f"login-wrong-{look}")
        assert ("alert", "") in await tab.names()
        await tab.type(TOKEN)
        await tab.enter()
        assert await tab.ask("location.pathname") == f"/approvals/{approval.id}"
        await looks_good(tab, f"card-{look}")
        names = await tab.names()
        assert {("button", "Approve"), ("button", "Deny"), ("main", ""), ("region", "Statement")} <= names
        assert ("textbox", "Comment (the client sees it after a denial)") in names
        await tab.tab_to("textarea")
        await tab.type("first of two")
        await tab.tab_to("button.approve")
        await tab.enter()
        await looks_good(tab, f"approved-once-{look}")
        await tab.open(f"http://{holding.http}/")
        await looks_good(tab, f"queue-{look}")
        assert await tab.ask("document.cookie") == ""

    with held(holding, database, reviewing, LONG, reason="ticket 4711: quarterly check") as (approval, _):
        drive(tmp_path, work)
        assert len(reviewing.one(approval.id).votes) == 1
    reviewing.became(approval.id, Status.CANCELLED)


def test_a_link_is_opened_read_and_decided_by_keyboard(
    holding: ProxyProcess, database: Database, reviewing: Reviewing, tmp_path: Path
) -> None:
    async def work(tab: Tab) -> None:
        await tab.look(390, 844, "light")
        await tab.open(f"http://{holding.http}/approvals/{approval.id}?token={token}")
        assert (await asyncio.to_thread(reviewing.one, approval.id)).events == ()
        await tab.tab_to("textarea")
        await tab.type("by keyboard\nin two lines")
        await tab.tab_to("button.deny")
        await tab.enter()
        assert ("status", "") in await tab.names()
        await looks_good(tab, "denied")

    with held(holding, database, reviewing, "COPY users TO STDOUT") as (approval, _):
        token = Links(bytes.fromhex(MASKING_KEY)).token(Link(approval.id, "second", approval.asked.expires_at))
        drive(tmp_path, work)
        decided = reviewing.one(approval.id)
        assert [(one.reviewer, one.comment) for one in decided.votes] == [("second", "by keyboard\nin two lines")]
        assert decided.status is Status.DENIED

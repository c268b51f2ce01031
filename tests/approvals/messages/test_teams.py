"""Adaptive Cards: a link, no decision, and text that stays text."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pgproxy.approvals.links import Links
from pgproxy.approvals.messages import teams
from pgproxy.approvals.messages.notice import NoticeType, notice
from pgproxy.approvals.model import Approval, Event, Kind
from pgproxy.config.settings import Notify
from tests.approvals.requests import approval

ENTRY = Notify("teams", "https://teams.example/x")
HOSTILE = "[click](https://evil.example) **bold** <at>everyone</at> {{DATE(2017-02-14T06:08:39Z,SHORT)}} \u202e\x00"


def card(found: Approval, kind: NoticeType = NoticeType.REQUESTED) -> dict[str, Any]:
    message = teams.card(notice(kind, found, ENTRY, Links(bytes(32)), "https://p.example"))
    (attachment,) = message["attachments"]
    assert (message["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    content = attachment["content"]
    assert content["type"] == "AdaptiveCard"
    return dict(content)


def said(text: str) -> Approval:
    found = approval()
    changed = replace(found.asked, statement=text, reason=text, identity=text, tables=(text,), masked_columns=(text,))
    return replace(found, asked=changed)


def test_it_links_and_decides_nothing() -> None:
    (action,) = card(approval())["actions"]
    assert action["type"] == "Action.OpenUrl"
    assert action["url"].startswith("https://p.example/approvals/apr_1?token=")
    ended = card(approval().with_events(Event(Kind.EXPIRED, 900.0)), NoticeType.RESOLVED)
    assert "actions" not in ended and "token=" not in json.dumps(ended)
    assert ended["body"][0]["text"] == "Approval expired"


@pytest.mark.parametrize("kind", list(NoticeType))
def test_markup_of_an_agent_stands_in_text_runs_only(kind: NoticeType) -> None:
    blocks = card(said(HOSTILE), kind)["body"]
    marked = json.dumps([block for block in blocks if block["type"] == "TextBlock"])
    assert "evil" not in marked and "bold" not in marked
    runs = [run for block in blocks if block["type"] == "RichTextBlock" for run in block["inlines"]]
    assert {run["type"] for run in runs} == {"TextRun"}
    assert sum("evil" in run["text"] for run in runs) >= 5
    assert not any("\u202e" in run["text"] or "\x00" in run["text"] for run in runs)


@pytest.mark.parametrize("letter", ["x", "é", "\N{GRINNING FACE}", "\n", '"', "\x00"])
def test_a_message_has_its_size(letter: str) -> None:
    content = card(said(letter * 50_000))
    assert len(json.dumps(content)) < 24_000
    assert any("more characters" in block.get("text", "") for block in content["body"])

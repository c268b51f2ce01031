"""Microsoft Teams: an Adaptive Card for a workflow's webhook. Nobody can tell who reads it, so it only links.

All that comes from outside stands in text runs: these know no markup, so there is nothing to escape in them.
"""

from __future__ import annotations

import json
from typing import Any, Final

from pgproxy.approvals.documents import moment
from pgproxy.approvals.messages.notice import Notice, NoticeType, outcome_words
from pgproxy.approvals.messages.showing import cut, one_line, some, visible
from pgproxy.approvals.model import Approval

STATEMENT_LETTERS: Final = 12_000
"""A message has at most 28 KB; counted as JSON that is all ASCII."""
_FACT_LETTERS: Final = 400

Json = dict[str, Any]


def card(notice: Notice) -> Json:
    """What the workflow "When a Teams webhook request is received" takes."""
    is_open = notice.type is NoticeType.REQUESTED
    content: Json = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [
            {
                "type": "TextBlock",
                "size": "Medium",
                "weight": "Bolder",
                "text": "Approval needed" if is_open else f"Approval {notice.approval.status}",
                "wrap": True,
            },
            *(_fact(name, value) for name, value in _facts(notice.approval, is_open=is_open).items() if value),
            *_statement(notice.statement),
        ],
    }
    if is_open:
        content["actions"] = [{"type": "Action.OpenUrl", "title": "Open", "url": notice.review_url}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}


def _facts(approval: Approval, *, is_open: bool) -> dict[str, str]:
    asked = approval.asked
    return {
        "Approval": asked.id,
        "Outcome": "" if is_open else outcome_words(approval),
        "Who": f"{asked.identity} on {asked.database}",
        "Rule": asked.rule,
        "Class": asked.statement_class,
        "Reason": asked.reason,
        "Tables": some(asked.tables),
        "Masked columns": some(asked.masked_columns),
        "Rows": "" if asked.estimated_rows is None else f"about {round(asked.estimated_rows)}",
        "In a transaction": "yes, it keeps its locks" if asked.in_transaction else "",
        "Until": moment(asked.expires_at) if is_open else "",
    }


def _fact(name: str, value: str) -> Json:
    line = one_line(value)
    left_out = cut(line, _FACT_LETTERS, _as_sent).left_out
    text = line[: len(line) - left_out] + ("…" if left_out else "")
    runs = [{"type": "TextRun", "text": f"{name}: ", "weight": "Bolder"}, {"type": "TextRun", "text": text}]
    return {"type": "RichTextBlock", "spacing": "Small", "inlines": runs}


def _statement(statement: str) -> list[Json]:
    left_out = cut(statement, STATEMENT_LETTERS, _as_sent).left_out
    text = "".join(map(visible, statement[: len(statement) - left_out]))
    run = {"type": "TextRun", "text": text, "fontType": "Monospace"}
    blocks: list[Json] = [{"type": "RichTextBlock", "inlines": [run]}]
    if left_out:
        note = f"The statement is longer: {left_out} more characters are on its page. Open it before you decide."
        blocks.append({"type": "TextBlock", "text": note, "wrap": True, "isSubtle": True})
    return blocks


def _as_sent(letter: str) -> str:
    return json.dumps(visible(letter))[1:-1]

"""Approvals as a reviewer reads them: the queue, and the card of one. No request is read here, nothing is decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pgproxy.approvals.documents import moment
from pgproxy.approvals.model import Approval, Asked, Decision, Event, Status
from pgproxy.policy.holds import Hold, most_rows, reveals
from pgproxy.web.layout import hidden
from pgproxy.web.markup import Child, Html, joined, tag
from pgproxy.web.refusing import COMMENT_CHARACTERS
from pgproxy.web.sql_text import highlighted

EXCERPT_CHARACTERS: Final = 160

_LOOKS: Final = {
    Status.PENDING: "warn",
    Status.APPROVED: "good",
    Status.EXECUTED: "good",
    Status.DENIED: "bad",
    Status.FAILED: "bad",
}
_WAIT: Final = "wait: the client waits for the decision"
_TICKET: Final = "ticket: an approval lets the same statement pass once"
_PROVEN: Final = {"file": "by its password or token", "role": "by the database", "jwt": "by a JWT"}


@dataclass(frozen=True, slots=True)
class View:
    """Who looks at a card."""

    now: float
    """Seconds since 1970."""
    token: str
    """What makes a form of this page count."""
    reviewer: str
    """"": whoever holds an unnamed link."""
    why_not: str = ""
    """Why this viewer may not decide; "": may."""
    is_logged_in: bool = True
    """Sees other approvals too."""


def queue(pending: Sequence[Approval], recent: Sequence[Approval], now: float) -> Html:
    waiting = [
        tag(
            "li",
            tag("h2", tag("a", f"{one.asked.statement_class} by {one.asked.identity}", href=f"/approvals/{one.id}")),
            tag("pre", excerpt(one.asked.statement)),
            tag("p", tag("span", "Reason: ", class_="soft"), one.asked.reason or "none given"),
            tag("p", f"Rule {one.asked.rule} · asked ", when(one.asked.requested_at), " · ", _expiry(one, now)),
            class_="card",
        )
        for one in pending
    ]
    return joined(
        tag("ul", *waiting, class_="plain") if waiting else tag("p", "Nothing waits for a decision."),
        tag("h2", "Recent"),
        _history(recent, is_logged_in=True) if recent else tag("p", "Nothing yet.", class_="soft"),
    )


def card(approval: Approval, recent: Sequence[Approval], view: View) -> Html:
    asked = approval.asked
    return joined(
        tag("p", _mark(approval.status), " ", *_standing(approval, view.now)),
        _section("Statement", *_statement(asked)),
        _section("Request", _request(approval)),
        _section("Data it touches", *_data(asked)),
        _section("Decide", *_form(approval, view)) if _is_open(approval) else None,
        _section("Decisions", _decisions(approval)),
        _section(f"Recent requests of {asked.identity}", _history(recent, view.is_logged_in)) if recent else None,
    )


def title(asked: Asked) -> str:
    return f"{asked.statement_class} by {asked.identity}"


def excerpt(sql: str) -> str:
    """Its beginning, on one line."""
    start = " ".join(sql[: 4 * EXCERPT_CHARACTERS].split())
    is_cut = len(start) > EXCERPT_CHARACTERS or len(sql) > 4 * EXCERPT_CHARACTERS
    return start[:EXCERPT_CHARACTERS] + "…" * is_cut


def when(at: float) -> Html:
    text = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return tag("time", text, datetime=moment(at))


# Parts -----------------------------------------------------------------------------------------------------------


def _section(heading: str, *content: Child) -> Html:
    name = "s-" + "".join(letter for letter in heading.lower().split()[0] if letter.isalnum())
    return tag("section", tag("h2", heading, id=name), *content, class_="card", aria_labelledby=name)


def _statement(asked: Asked) -> list[Html]:
    sql = asked.statement
    as_sent = tag("details", tag("summary", "Exactly as sent"), _code("Statement exactly as sent", joined(sql)))
    parts = [_code("Statement", highlighted(sql)), as_sent]
    if asked.parameters:
        values = (
            (f"${number}", tag("em", "NULL") if value is None else joined(value))
            for number, value in enumerate(asked.parameters, 1)
        )
        parts += [tag("h3", "Parameters"), _facts(*values)]
    return parts


def _code(label: str, content: Html) -> Html:
    return tag("pre", tag("code", content), tabindex="0", role="region", aria_label=label)


def _request(approval: Approval) -> Html:
    asked = approval.asked
    estimate = "unknown" if asked.estimated_rows is None else f"{asked.estimated_rows:,.0f}, by the planner"
    return _facts(
        ("Identity", f"{asked.identity}, proven {_PROVEN.get(asked.source, asked.source)}"),
        ("Groups", ", ".join(asked.groups) or "none"),
        ("Owner", asked.owner or "none"),
        ("Database", asked.database),
        ("Reason", asked.reason or "none given"),
        (
            "Rules" if len(asked.holds) > 1 else "Rule",
            tag("ul", *(tag("li", _rule(one)) for one in asked.holds), class_="plain"),
        ),
        ("Estimated rows", estimate),
        ("Open transaction", _warning("yes", "it keeps its locks while it waits") if asked.in_transaction else "no"),
        ("Hold mode", _TICKET if asked.is_ticket else _WAIT),
        ("Asked", when(asked.requested_at)),
        ("Expires", when(approval.usable_until)),
        ("Approval", asked.id),
    )


def _rule(hold: Hold) -> str:
    parts = [hold.rule]
    if hold.quorum > 1:
        parts.append(f"{hold.quorum} reviewers have to approve")
    if hold.reviewers:
        parts.append(f"reviewers: {', '.join(hold.reviewers)}")
    if hold.max_rows is not None:
        parts.append(f"cut after {hold.max_rows:,} rows")
    if hold.reveals:
        parts.append("comes back unmasked once approved")
    return " · ".join(parts)


def _data(asked: Asked) -> list[Child]:
    parts: list[Child] = []
    if asked.is_opaque:
        text = "It cannot be analysed: what it returns comes back as it is, nothing is masked."
        parts.append(tag("p", text, class_="notice bad"))
    is_revealed = reveals(asked.holds)
    if is_revealed and asked.masked_columns:
        text = "An approval lifts the masks: what is marked revealed comes back raw."
        parts.append(tag("p", text, class_="notice bad"))
    cap = most_rows(asked.holds)
    if cap is not None:
        parts.append(tag("p", f"An approved result is cut after {cap:,} rows."))
    parts.append(tag("h3", "Tables"))
    parts.append(_list(*asked.tables))
    parts.append(tag("h3", "Columns"))
    masked = set(asked.masked_columns)
    columns = (*asked.columns, *(one for one in asked.masked_columns if one not in asked.columns))
    shown = []
    for column in columns:
        look, word = ("bad", "revealed") if is_revealed or asked.is_opaque else ("good", "masked")
        mark = tag("span", word, class_=f"mark {look}") if column in masked else tag("span", "raw", class_="mark none")
        shown.append(joined(column, " ", mark))
    parts.append(_list(*shown))
    return parts


def _form(approval: Approval, view: View) -> list[Child]:
    if view.why_not:
        return [tag("p", f"You cannot decide on this: {view.why_not}.", class_="notice warn")]
    path = f"/approvals/{approval.id}"
    already = next((one for one in approval.votes if one.reviewer == view.reviewer), None)
    if already is not None and already.via == "link" and not view.is_logged_in:
        return [tag("p", f"This link approved it {_at(already)}; others are needed too.", class_="notice warn")]
    approve = tag("button", "Approve", class_="approve", formaction=f"{path}/approve")
    deny = tag("button", "Deny", class_="deny", formaction=f"{path}/deny")
    return [
        tag("p", f"You approved it {_at(already)}; others are needed too.", class_="notice warn") if already else None,
        tag("p", "You decide as ", tag("strong", view.reviewer or "whoever holds this link"), "."),
        tag(
            "form",
            hidden("token", view.token),
            tag("label", "Comment", tag("span", " (the client sees it after a denial)", class_="soft"), for_="comment"),
            tag("textarea", id="comment", name="comment", rows="3", maxlength=str(COMMENT_CHARACTERS)),
            tag("div", None if already else approve, deny, class_="buttons"),
            method="post",
            action=f"{path}/deny",
        ),
    ]


def _decisions(approval: Approval) -> Html:
    if not approval.votes:
        return tag("p", "None so far.", class_="soft")
    return tag("ul", *(_vote(one) for one in approval.votes), class_="plain")


def _vote(vote: Event) -> Html:
    look, word = ("good", "approved") if vote.decision is Decision.APPROVE else ("bad", "denied")
    comment = tag("p", vote.comment, class_="comment") if vote.comment else None
    who = vote.reviewer or "whoever held the link"
    return tag("li", tag("span", word, class_=f"mark {look}"), " by ", tag("strong", who), ", ", when(vote.at), comment)


def _history(approvals: Sequence[Approval], is_logged_in: bool) -> Html:
    """Whoever came by a link sees of others what kind they were, and no text."""
    return tag("ul", *(_past(one, is_logged_in) for one in approvals), class_="plain")


def _past(approval: Approval, is_logged_in: bool) -> Html:
    asked = approval.asked
    start = [_mark(approval.status), " ", when(asked.requested_at), " · "]
    if not is_logged_in:
        return tag("li", tag("p", *start, f"{asked.statement_class} · {asked.rule}"))
    link = tag("a", title(asked), href=f"/approvals/{approval.id}")
    return tag("li", tag("p", *start, link, " ", tag("code", excerpt(asked.statement), class_="soft")))


def _is_open(approval: Approval) -> bool:
    return approval.status is Status.PENDING


def _standing(approval: Approval, now: float) -> tuple[Child, ...]:
    if not _is_open(approval):
        return (_end(approval),)
    return (_expiry(approval, now), " · ", tag("a", "To the decision", href="#s-decide"))


def _end(approval: Approval) -> Html:
    finished = approval.finished
    if finished is None:
        return joined("not executed yet")
    rows = next((one.rows for one in approval.events if one.rows is not None), None)
    parts: list[Child] = [when(finished.at)]
    if rows is not None:
        parts.append(f" · {rows:,} rows")
    if finished.text:
        parts.append(f" · {finished.text}")
    return joined(*parts)


def _expiry(approval: Approval, now: float) -> Html:
    left = approval.asked.expires_at - now
    if left <= 0:
        return joined("expired ", when(approval.asked.expires_at))
    return joined(f"expires in {_duration(left)}, ", when(approval.asked.expires_at))


def _duration(seconds: float) -> str:
    for unit, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _at(vote: Event) -> str:
    return datetime.fromtimestamp(vote.at, UTC).strftime("at %H:%M:%S UTC")


def _mark(status: Status) -> Html:
    return tag("span", str(status), class_=f"mark {_LOOKS.get(status, 'none')}")


def _warning(word: str, text: str) -> Html:
    return joined(tag("span", word, class_="mark warn"), f" {text}")


def _facts(*facts: tuple[str, Child]) -> Html:
    return tag("dl", *(joined(tag("dt", name), tag("dd", value)) for name, value in facts))


def _list(*items: str) -> Html:
    return tag("ul", *(tag("li", one) for one in items), class_="chips") if items else tag("p", "none", class_="soft")

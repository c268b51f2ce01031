"""A reviewer's pages: login, queue, one approval, and the forms that decide. What they look like is in `cards`.

Nothing is shown without a login or a link to that approval, and only a POST decides. A link's token is as good as a
signature and needs no login; a login's forms carry a token of that login, since a cookie goes along with any form of a
site on the same host.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote

from aiohttp import web
from aiohttp.typedefs import Handler

from pgproxy.approvals.links import Link, Links
from pgproxy.approvals.model import (
    Approval,
    ApprovalId,
    CannotDecide,
    Decision,
    Event,
    Expired,
    Kind,
    NotAllowed,
    Person,
    Status,
    Unknown,
    check_may_decide,
    check_open,
)
from pgproxy.config.settings import Settings
from pgproxy.storage.store import StoreUnavailable
from pgproxy.web import cards, layout
from pgproxy.web.desk import Desk, opened
from pgproxy.web.markup import Child, tag
from pgproxy.web.refusing import APPROVAL, Refused, checked_comment
from pgproxy.web.reviewers import Failures, reviewer_of
from pgproxy.web.sessions import SESSION_SECONDS, Session, Sessions

log = logging.getLogger("pgproxy.web")

LOGIN_FAILURES_A_MINUTE: Final = 10
QUEUE_LENGTH: Final = 200
RECENT: Final = 30
RECENT_OF_IDENTITY: Final = 6
LARGE_CHARACTERS: Final = 5_000
"""A longer statement is laid out beside the event loop."""
FIELDS: Final = 10

_OWN_PATH: Final = re.compile(r"/(?:[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*)?")


def routes(desk: Desk, settings: Settings, *, is_https: bool) -> list[web.RouteDef]:
    pages = Pages(desk, settings, is_https)
    return [
        *layout.routes(),
        web.get("/", pages.queue),
        web.get("/login", pages.login_form),
        web.post("/login", pages.log_in),
        web.post("/logout", pages.log_out),
        web.get(f"/approvals/{APPROVAL}", pages.approval),
        web.post(f"/approvals/{APPROVAL}/approve", pages.approve),
        web.post(f"/approvals/{APPROVAL}/deny", pages.deny),
    ]


@web.middleware
async def errors_as_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as error:
        return _message("This does not go", str(error), error.status, **error.headers)
    except CannotDecide as error:
        return _message("This does not go", str(error), error.status)
    except StoreUnavailable as error:
        log.error("%s", error)
        return _message("Not now", "approvals cannot be read or kept at the moment", 503)


@dataclass(frozen=True, slots=True)
class Voter:
    """Who decides, and what makes their forms count."""

    person: Person | None
    """None: whoever holds an unnamed link."""
    token: str
    via: str


class Pages:
    def __init__(self, desk: Desk, settings: Settings, is_https: bool) -> None:
        self._desk = desk
        self._reviewers = settings.reviewers
        self._links = Links(settings.masking_key)
        self._sessions = Sessions(settings.masking_key, settings.reviewers)
        self._failures = Failures(LOGIN_FAILURES_A_MINUTE)
        self._is_https = is_https
        self._cookie = "__Host-pgproxy" if is_https else "pgproxy"

    # Login -----------------------------------------------------------------------------------------------------

    async def login_form(self, request: web.Request) -> web.Response:
        following = _own_path(request.query.get("next", ""))
        if self._session(request) is not None:
            raise web.HTTPSeeOther(following)
        return _login(following)

    async def log_in(self, request: web.Request) -> web.Response:
        _refuse_foreign(request)
        form = await _form(request)
        following = _own_path(form.get("next", ""))
        address, now = request.remote or "", time.monotonic()
        wait = self._failures.wait_seconds(address, now)
        if wait:
            seconds = str(math.ceil(wait))
            error = f"Too many wrong tokens from this address. Try again in {seconds} seconds."
            return _login(following, error, 429, **{"Retry-After": seconds})
        person = reviewer_of(form.get("token", "").strip(), self._reviewers)
        if person is None:
            self._failures.add(address, now)
            log.warning("a wrong reviewer's token from %s", address)
            return _login(following, "This is no reviewer's token.", 401)
        log.info("reviewer %s logged in from %s", person.name, address)
        answer = web.Response(status=303, headers={"Location": following})
        answer.set_cookie(
            self._cookie,
            self._sessions.begin(person, time.time()),
            max_age=int(SESSION_SECONDS),
            path="/",
            httponly=True,
            samesite="Strict",
            secure=self._is_https,
        )
        return answer

    async def log_out(self, request: web.Request) -> web.Response:
        _refuse_foreign(request)
        form = await _form(request)
        session = self._session(request)
        if session is not None:
            if not _is_own_form(request, session, form.get("token", "")):
                raise Refused(403, "this form belongs to another login")
            self._sessions.end(session, time.time())
        answer = web.Response(status=303, headers={"Location": "/login"})
        answer.del_cookie(self._cookie, path="/", secure=self._is_https, httponly=True, samesite="Strict")
        return answer

    def _session(self, request: web.Request) -> Session | None:
        return self._sessions.read(request.cookies.get(self._cookie, ""), time.time())

    # Reading ---------------------------------------------------------------------------------------------------

    async def queue(self, request: web.Request) -> web.Response:
        session = self._session(request)
        if session is None:
            raise web.HTTPSeeOther("/login")
        store = opened(self._desk)
        pending = await store.newest(Status.PENDING, limit=QUEUE_LENGTH)
        newest = await store.newest(limit=QUEUE_LENGTH + RECENT)
        recent = [one for one in newest if one.status is not Status.PENDING][:RECENT]
        heading = f"Approvals ({len(pending)} pending)"
        return layout.page(heading, cards.queue(pending, recent, time.time()), session=session)

    async def approval(self, request: web.Request) -> web.Response:
        """Changes nothing, whoever opens it and how often."""
        approval_id, token = request.match_info["id"], request.query.get("token", "")
        session = self._session(request)
        if session is None and not token:
            raise web.HTTPSeeOther(f"/login?next={quote(_own_path(request.path))}")
        try:
            voter = self._by_session(session) if session is not None else self._by_link(token, approval_id)
        except (NotAllowed, Expired) as error:
            return _login(_own_path(request.path), f"{error}.", error.status)
        approval = await self._get(approval_id)
        if voter.person is None:
            try:
                check_may_decide(approval.asked, None)
            except NotAllowed:
                return _login(_own_path(request.path), "This approval needs a reviewer who has logged in.", 200)
        return await self._card(approval, voter, session)

    async def _get(self, approval_id: ApprovalId) -> Approval:
        approval = await opened(self._desk).get(approval_id)
        if approval is None:
            raise Unknown("there is no such approval")
        return approval

    async def _card(
        self,
        approval: Approval,
        voter: Voter,
        session: Session | None,
        notice: Child = None,
        status: int = 200,
    ) -> web.Response:
        asked = approval.asked
        equal = await opened(self._desk).newest(identity=asked.identity, limit=RECENT_OF_IDENTITY)
        recent = [one for one in equal if one.id != approval.id]
        view = cards.View(
            now=time.time(),
            token=voter.token,
            reviewer="" if voter.person is None else voter.person.name,
            why_not=_why_not(approval, voter.person, time.time()),
            is_logged_in=session is not None,
        )
        if len(asked.statement) + sum(len(one or "") for one in asked.parameters) > LARGE_CHARACTERS:
            content = await asyncio.to_thread(cards.card, approval, recent, view)
        else:
            content = cards.card(approval, recent, view)
        return layout.page(cards.title(asked), notice, content, session=session, status=status)

    # Deciding --------------------------------------------------------------------------------------------------

    async def approve(self, request: web.Request) -> web.Response:
        return await self._decide(request, Decision.APPROVE)

    async def deny(self, request: web.Request) -> web.Response:
        return await self._decide(request, Decision.DENY)

    async def _decide(self, request: web.Request, decision: Decision) -> web.Response:
        _refuse_foreign(request)
        approval_id, session = request.match_info["id"], self._session(request)
        form = await _form(request)
        token = form.get("token", "")
        if session is not None and _is_own_form(request, session, token):
            voter = self._by_session(session)
        else:
            voter = self._by_link(token, approval_id)
        comment = checked_comment(form.get("comment", "").replace("\r\n", "\n"))
        event = Event(Kind.VOTED, time.time(), decision=decision, comment=comment, via=voter.via)
        try:
            approval = await self._desk.decide(approval_id, voter.person, event)
        except Unknown:
            raise
        except CannotDecide as error:
            if voter.person is None and isinstance(error, NotAllowed):
                return _login(f"/approvals/{approval_id}", f"{error}.", error.status)
            notice = tag("p", f"Not counted: {error}.", class_="notice bad", role="alert")
            return await self._card(await self._get(approval_id), voter, session, notice, error.status)
        notice = tag("p", _said(approval, decision), class_="notice good", role="status")
        return await self._card(approval, voter, session, notice)

    def _by_session(self, session: Session) -> Voter:
        return Voter(session.person, session.form_token, "page")

    def _by_link(self, token: str, approval_id: ApprovalId) -> Voter:
        """Raises NotAllowed, Expired."""
        link = self._links.made(token, approval_id)
        if link is None:
            raise NotAllowed("this needs a link to this approval, or a reviewer's login")
        if time.time() >= link.ends_at:
            raise Expired("this link has expired")
        return Voter(self._named(link), token, "link")

    def _named(self, link: Link) -> Person | None:
        """Raises NotAllowed."""
        if not link.reviewer:
            return None
        reviewer = self._reviewers.get(link.reviewer)
        if reviewer is None:
            raise NotAllowed("whom this link stands for is no reviewer any more")
        return Person(reviewer.name, reviewer.groups)


def _why_not(approval: Approval, person: Person | None, now: float) -> str:
    try:
        check_open(approval, now)
        check_may_decide(approval.asked, person)
    except CannotDecide as error:
        return str(error)
    return ""


def _said(approval: Approval, decision: Decision) -> str:
    if decision is Decision.DENY:
        return "Denied."
    return "Your approval is kept; others are still needed." if approval.status is Status.PENDING else "Approved."


# Requests --------------------------------------------------------------------------------------------------------


def _refuse_foreign(request: web.Request) -> None:
    """A form of another site. Raises Refused."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Refused(403, "this form belongs to another site")


def _is_own_form(request: web.Request, session: Session, token: str) -> bool:
    """Whether it was made for this login. A program that keeps cookies may do without: only browsers are led astray,
    and these say with every form where it comes from."""
    if token:
        return hmac.compare_digest(token.encode("utf-8", "surrogatepass"), session.form_token.encode())
    return not any(name in request.headers for name in ("Origin", "Sec-Fetch-Site", "Referer"))


async def _form(request: web.Request) -> dict[str, str]:
    """Raises Refused."""
    if request.content_type != "application/x-www-form-urlencoded":
        return {}
    try:
        return dict(parse_qsl((await request.read()).decode(), keep_blank_values=True, max_num_fields=FIELDS))
    except ValueError:
        raise Refused(400, "this is no form") from None


def _own_path(path: str) -> str:
    """A page of this site; whatever is none becomes the queue."""
    return path if _OWN_PATH.fullmatch(path) else "/"


# Small pages -----------------------------------------------------------------------------------------------------


def _login(following: str, error: str = "", status: int = 200, **headers: str) -> web.Response:
    form = tag(
        "form",
        layout.hidden("next", following),
        tag("label", "Your reviewer's token", for_="token"),
        tag(
            "input",
            type="password",
            id="token",
            name="token",
            autocomplete="current-password",
            required=True,
            autofocus=True,
            aria_describedby="error" if error else None,
        ),
        tag("div", tag("button", "Log in"), class_="buttons"),
        method="post",
        action="/login",
        class_="card",
    )
    # A cookie that is SameSite=Strict does not come along from a chat; a step inside this site brings it.
    here = tag("p", tag("a", "Logged in already? Go on to the approval", href=following)) if following != "/" else None
    notice = tag("p", error, class_="notice bad", id="error", role="alert") if error else None
    return layout.page("Log in", notice, form, here, session=None, status=status, **headers)


def _message(heading: str, text: str, status: int, **headers: str) -> web.Response:
    content: Sequence[Child] = (tag("p", f"{text}."), tag("p", tag("a", "To the queue", href="/")))
    return layout.page(heading, *content, session=None, status=status, **headers)

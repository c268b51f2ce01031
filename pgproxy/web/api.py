"""The JSON API under /api/v1: approvals, read and decided with a reviewer's token. Pages are in `pages`.

Every answer under /api is JSON, errors too: `{"error": "…"}`.
"""

from __future__ import annotations

import json
import logging
import math
import time
from dataclasses import dataclass, field
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

from pgproxy.approvals.documents import document, status_of
from pgproxy.approvals.model import CannotDecide, Decision, Event, Kind, Person, Unknown
from pgproxy.config.settings import Settings
from pgproxy.storage.store import StoreUnavailable
from pgproxy.web import openapi
from pgproxy.web.desk import Desk, opened
from pgproxy.web.refusing import APPROVAL, Refused, checked_comment
from pgproxy.web.reviewers import Failures, reviewer_of

log = logging.getLogger("pgproxy.web")

PREFIX = "/api/"
FAILURES_A_MINUTE = 100
LIST_LENGTH = 1000


def routes(desk: Desk, settings: Settings) -> list[web.RouteDef]:
    api = _Api(desk, settings)
    return [
        web.get(openapi.PATH, api.describe),
        web.get("/api/v1/approvals", api.list),
        web.get(f"/api/v1/approvals/{APPROVAL}", api.show),
        web.post(f"/api/v1/approvals/{APPROVAL}/decision", api.decide),
    ]


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Under /api whatever goes wrong is JSON."""
    if not request.path.startswith(PREFIX):
        return await handler(request)
    try:
        return await handler(request)
    except Refused as error:
        return _error(error.status, str(error), error.headers)
    except CannotDecide as error:
        return _error(error.status, str(error))
    except StoreUnavailable as error:
        log.error("%s", error)
        return _error(503, "approvals cannot be read or kept at the moment")
    except web.HTTPException as error:
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return _error(error.status, HTTPStatus(error.status).phrase.lower(), headers)


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": message}, status=status, headers=headers)


@dataclass(slots=True)
class _Api:
    desk: Desk
    settings: Settings
    failures: Failures = field(default_factory=lambda: Failures(FAILURES_A_MINUTE))

    async def describe(self, request: web.Request) -> web.Response:
        self._reviewer(request)
        return web.json_response(openapi.description())

    async def list(self, request: web.Request) -> web.Response:
        self._reviewer(request)
        status = None
        if "status" in request.query:
            status = status_of(request.query["status"])
            if status is None:
                raise Refused(400, "there is no such status")
        found = await opened(self.desk).newest(status, limit=LIST_LENGTH)
        return web.json_response({"approvals": [document(one) for one in found]})

    async def show(self, request: web.Request) -> web.Response:
        self._reviewer(request)
        approval = await opened(self.desk).get(request.match_info["id"])
        if approval is None:
            raise Unknown("there is no such approval")
        return web.json_response(document(approval))

    async def decide(self, request: web.Request) -> web.Response:
        person = self._reviewer(request)
        decision, comment = _decision(await request.read())
        event = Event(Kind.VOTED, time.time(), decision=decision, comment=comment, via="api")
        return web.json_response(document(await self.desk.decide(request.match_info["id"], person, event)))

    def _reviewer(self, request: web.Request) -> Person:
        """Raises Refused."""
        address, now = request.remote or "", time.monotonic()
        wait = self.failures.wait_seconds(address, now)
        if wait:
            raise Refused(429, "too many wrong tokens", **{"Retry-After": str(math.ceil(wait))})
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            person = reviewer_of(token.strip(), self.settings.reviewers)
            if person is not None:
                return person
            self.failures.add(address, now)
        challenge = {"WWW-Authenticate": 'Bearer realm="pgproxy"'}
        raise Refused(401, "a reviewer's token is needed: Authorization: Bearer TOKEN", **challenge)


def _decision(body: bytes) -> tuple[Decision, str]:
    """Raises Refused."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is no JSON") from None
    if not isinstance(given, dict):
        raise Refused(400, 'the body has to be an object: {"decision": "approve"|"deny", "comment": "…"}')
    unknown = given.keys() - {"decision", "comment"}
    if unknown:
        raise Refused(400, "the body has keys besides decision and comment")
    decision, comment = given.get("decision"), given.get("comment")
    if decision not in list(Decision):
        raise Refused(400, "decision has to be approve or deny")
    return Decision(decision), checked_comment(comment or "")

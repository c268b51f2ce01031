"""Liveness and readiness.

`/healthz`: the process answers. `/readyz`: upstream and store take connections (asked at most once a second).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

FRESH_SECONDS = 1.0

Reachable = Mapping[str, Callable[[], Awaitable[bool]]]
"""By name, what this process needs; each asks it, within a few seconds."""


def routes(reachable: Reachable) -> list[web.RouteDef]:
    health = _Health(reachable)
    return [web.get("/healthz", health.healthz), web.get("/readyz", health.readyz)]


class _Health:
    def __init__(self, reachable: Reachable) -> None:
        self._reachable = reachable
        self._checked_at = float("-inf")
        self._reached: Mapping[str, bool] = {}

    async def healthz(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(self, request: web.Request) -> web.Response:
        now = time.monotonic()
        if now - self._checked_at > FRESH_SECONDS:
            answers = await asyncio.gather(*(ask() for ask in self._reachable.values()))
            self._reached = dict(zip(self._reachable, answers, strict=True))
            self._checked_at = now
        document = {name: "reachable" if answer else "unreachable" for name, answer in self._reached.items()}
        return web.json_response(document, status=200 if all(self._reached.values()) else 503)

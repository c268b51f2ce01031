"""The HTTP listener: liveness and readiness. Reviewer pages and the API join it later.

`/healthz`: the process answers. `/readyz`: upstream and store take connections (asked at most once a second).
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from pgproxy.config.settings import Address, Http

FRESH_SECONDS = 1.0

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'",
}


class HealthSite:
    """Args:
    is_reachable: by name, what this process needs; each asks it, within a few seconds.
    """

    def __init__(self, http: Http, is_reachable: Mapping[str, Callable[[], Awaitable[bool]]]) -> None:
        self._http = http
        self._is_reachable = is_reachable
        self._checked_at = float("-inf")
        self._reached: Mapping[str, bool] = {}
        self._runner: web.AppRunner | None = None

    async def start(self) -> Address:
        """Listen; the address with the real port. Raises OSError, ssl.SSLError."""
        application = web.Application()
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/readyz", self._readyz)
        application.on_response_prepare.append(_add_headers)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        context = None
        if self._http.tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._http.tls.cert, self._http.tls.key)
        address = self._http.listen
        await web.TCPSite(runner, address.host, address.port, ssl_context=context).start()
        self._runner = runner
        return Address(address.host, runner.addresses[0][1])

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _readyz(self, request: web.Request) -> web.Response:
        now = time.monotonic()
        if now - self._checked_at > FRESH_SECONDS:
            answers = await asyncio.gather(*(ask() for ask in self._is_reachable.values()))
            self._reached = dict(zip(self._is_reachable, answers, strict=True))
            self._checked_at = now
        document = {name: "reachable" if answer else "unreachable" for name, answer in self._reached.items()}
        return web.json_response(document, status=200 if all(self._reached.values()) else 503)


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)

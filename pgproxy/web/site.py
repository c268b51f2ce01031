"""The HTTP listener: one application of the routes that other modules here have. It knows no route itself."""

from __future__ import annotations

import logging
import ssl

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from pgproxy.config.settings import Address, Http, Settings
from pgproxy.web import api, health, pages, slack
from pgproxy.web.desk import Desk

BODY_BYTES = 64 * 1024
"""Forms and decisions are small."""

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'",
}
"""Of every answer that says nothing else."""


class Site:
    def __init__(self, http: Http, reachable: health.Reachable, desk: Desk, settings: Settings) -> None:
        self._http = http
        is_https = http.tls is not None or http.public_url.startswith("https://")
        self._routes = [
            *health.routes(reachable),
            *api.routes(desk, settings),
            *pages.routes(desk, settings, is_https=is_https),
            *slack.routes(desk, settings),
        ]
        self._runner: web.AppRunner | None = None

    async def start(self) -> Address:
        """Listen; the address with the real port. Raises OSError, ssl.SSLError."""
        application = web.Application(
            middlewares=[pages.errors_as_pages, api.errors_as_json], client_max_size=BODY_BYTES
        )
        application.add_routes(self._routes)
        application.on_response_prepare.append(_add_headers)
        # Addresses carry tokens of links: they are not logged, nor requests that are none, which hold them.
        runner = web.AppRunner(application, access_log=None, logger=_server_log())
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


def _server_log() -> logging.Logger:
    log = logging.getLogger("pgproxy.web.server")
    if not log.filters:
        log.addFilter(_is_no_bad_request)
    return log


def _is_no_bad_request(record: logging.LogRecord) -> bool:
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)

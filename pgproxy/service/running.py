"""A proxy that runs until it is told to stop, and reads its rules again when told to."""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TypeVar

from pgproxy.config.problems import ProblemsFound
from pgproxy.config.settings import Address, Http
from pgproxy.errors import UpstreamUnreachable
from pgproxy.masking.check import mask_fits
from pgproxy.net.analysis import read_catalog
from pgproxy.net.proxy import Proxy
from pgproxy.policy.checking import check_schema
from pgproxy.service.files import Configuration, load_all_rules
from pgproxy.web.health import HealthSite

log = logging.getLogger("pgproxy")

Result = TypeVar("Result")


DEFAULT_HTTP = Http(Address("127.0.0.1", 6580))
"""Without an `http` section. Nobody asked for this very port: where it is taken, any free one will do."""


class CannotStart(Exception):
    """One clear line for the operator."""


def run(work: Coroutine[object, object, Result]) -> Result:
    """Run on uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


async def serve(configuration: Configuration, announce: Callable[[str], None]) -> None:
    """Until SIGTERM or SIGINT; SIGHUP reloads the rules.

    Args:
        announce: gets the one ready line.

    Raises:
        CannotStart: a port taken, a certificate that cannot be read.
    """
    async with Service(configuration) as service:
        for problem in configuration.warnings:
            log.warning("%s", problem)
        await _warn_of_schema(configuration)
        announce(service.ready_line)
        await service.until_stopped()


class Service:
    """A proxy with its HTTP site and its signals."""

    def __init__(self, configuration: Configuration) -> None:
        self._settings = configuration.settings
        try:
            self.proxy = Proxy(configuration.settings, configuration.rules)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise CannotStart(f"tls or login settings cannot be used: {error}") from None
        self._site = HealthSite(self._settings.http or DEFAULT_HTTP, self.proxy.is_upstream_reachable)
        self._stop = asyncio.Event()
        self.listen: Address = self._settings.listen
        self.http: Address = (self._settings.http or DEFAULT_HTTP).listen

    @property
    def ready_line(self) -> str:
        return f"ready listen={self.listen} http={self.http}"

    async def __aenter__(self) -> Service:
        try:
            self.listen = self.proxy.listen()
        except OSError as error:
            raise CannotStart(f"cannot listen on {self._settings.listen}: {_reason(error)}") from None
        try:
            self.http = await self._start_site()
        except (OSError, ssl.SSLError) as error:
            self.proxy.close()
            raise CannotStart(f"cannot listen on {self.http} (http): {_reason(error)}") from None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.proxy.drain()
        await self._site.stop()

    async def _start_site(self) -> Address:
        try:
            return await self._site.start()
        except OSError:
            if self._settings.http is not None:
                raise
        log.warning("%s is taken and there is no http section: HTTP listens on any free port", DEFAULT_HTTP.listen)
        self._site = HealthSite(Http(replace(DEFAULT_HTTP.listen, port=0)), self.proxy.is_upstream_reachable)
        return await self._site.start()

    async def until_stopped(self) -> None:
        await self._stop.wait()

    def reload(self) -> None:
        """Read the rules again; a bad file is refused and logged, and the old rules stay."""
        try:
            rules = load_all_rules(self._settings)
        except ProblemsFound as found:
            for problem in found.problems:
                log.error("rules not reloaded: %s", problem)
            return
        self.proxy.replace_rules(rules)
        log.info("rules reloaded version=%s", rules.version)


async def _warn_of_schema(configuration: Configuration) -> None:
    """At start: what the rules name and the database does not have is a warning; the upstream may also be down."""
    settings = configuration.settings
    quick = replace(settings.upstream, connect_timeout_seconds=min(3.0, settings.upstream.connect_timeout_seconds))
    try:
        catalog = await read_catalog(quick, quick.database)
    except UpstreamUnreachable as error:
        log.warning("upstream not reachable yet: %s: %s", error.message, error.detail)
        return
    for problem in check_schema(configuration.rules, catalog, mask_fits):
        log.warning("%s", problem)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__

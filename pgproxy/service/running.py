"""A proxy that runs until it is told to stop, and reads its rules again when told to."""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
from collections.abc import Callable
from dataclasses import replace

from pgproxy.config.problems import OperatorError, ProblemsFound
from pgproxy.config.settings import Address, Http
from pgproxy.net.notifying import Notifier
from pgproxy.net.proxy import Proxy
from pgproxy.net.stored import StoredState
from pgproxy.service.checking import check_databases, read_databases
from pgproxy.service.event_loop import collect_seldom
from pgproxy.service.files import Configuration, Places, load_all_rules
from pgproxy.storage.approvals import ApprovalStore
from pgproxy.storage.store import Store, StoreUnavailable, open_store
from pgproxy.web.site import Site

log = logging.getLogger("pgproxy")

DEFAULT_HTTP = Http(Address("127.0.0.1", 6580))
"""Without an `http` section. Nobody asked for this very port: where it is taken, any free one will do."""


STORE_SECONDS = 3.0
"""/readyz has to know within 5 s."""


class CannotStart(OperatorError):
    """A port, a certificate or a store that is not to be had."""


async def serve(configuration: Configuration, announce: Callable[[str], None]) -> None:
    """Until SIGTERM or SIGINT; SIGHUP reloads the rules.

    Args:
        announce: gets the one ready line.

    Raises:
        CannotStart: a port taken, a certificate that cannot be read, a store that is away.
    """
    async with Service(configuration) as service:
        for problem in configuration.warnings:
            log.warning("%s", problem)
        await _warn_of_upstream(configuration, service.stored)
        collect_seldom()
        announce(service.ready_line)
        await service.until_stopped()


class Service:
    """A proxy with its HTTP site and its signals."""

    def __init__(self, configuration: Configuration) -> None:
        self.settings = configuration.settings
        self.stored = StoredState()
        self._store: Store | None = None
        self._keeping: list[asyncio.Task[None]] = []
        try:
            self.proxy = Proxy(configuration.settings, configuration.rules, self.stored)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise CannotStart(f"tls or login settings cannot be used: {error}") from None
        self._notifier = Notifier(configuration.settings, self.proxy.desk)
        self._site = self._new_site(self.settings.http or DEFAULT_HTTP)
        self._stop = asyncio.Event()
        self.listen: Address = self.settings.listen
        self.http: Address = (self.settings.http or DEFAULT_HTTP).listen

    @property
    def ready_line(self) -> str:
        return f"ready listen={self.listen} http={self.http}"

    async def __aenter__(self) -> Service:
        await self._open_store()
        try:
            await self._start()
        except BaseException:
            await self._close_store()
            raise
        return self

    async def _open_store(self) -> None:
        try:
            self._store = await open_store(self.settings.store)
            await self.stored.load(self._store)
            await self.proxy.desk.open(ApprovalStore(self._store))
        except StoreUnavailable as error:
            await self._close_store()
            raise CannotStart(str(error)) from None
        self._keeping = [asyncio.create_task(self.stored.keep()), asyncio.create_task(self.proxy.desk.run())]

    async def _close_store(self) -> None:
        if self._keeping:
            for task in self._keeping:
                task.cancel()
            await asyncio.wait(self._keeping)
            await self.stored.flush()
            await self.proxy.desk.close()
            await self._notifier.close()
        if self._store is not None:
            await self._store.close()

    async def _start(self) -> None:
        try:
            self.listen = self.proxy.listen()
        except OSError as error:
            raise CannotStart(f"cannot listen on {self.settings.listen}: {_reason(error)}") from None
        try:
            self.http = await self._start_site()
        except (OSError, ssl.SSLError) as error:
            self.proxy.close()
            raise CannotStart(f"cannot listen on {self.http} (http): {_reason(error)}") from None
        self._notifier.start(self._public_url)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self.reload)

    async def __aexit__(self, *_: object) -> None:
        await self.proxy.drain()
        await self._site.stop()
        await self._close_store()

    async def _start_site(self) -> Address:
        try:
            return await self._site.start()
        except OSError:
            if self.settings.http is not None:
                raise
        log.warning("%s is taken and there is no http section: HTTP listens on any free port", DEFAULT_HTTP.listen)
        self._site = self._new_site(Http(replace(DEFAULT_HTTP.listen, port=0)))
        return await self._site.start()

    def _new_site(self, http: Http) -> Site:
        reachable = {"upstream": self.proxy.is_upstream_reachable, "store": self._is_store_reachable}
        return Site(http, reachable, self.proxy.desk, self.settings)

    async def _is_store_reachable(self) -> bool:
        try:
            async with asyncio.timeout(STORE_SECONDS):
                if self._store is not None:
                    await self._store.check()
        except (StoreUnavailable, TimeoutError):
            return False
        return self._store is not None

    @property
    def _public_url(self) -> str:
        """Where reviewers reach the site; the port of `listen` may have been any."""
        http = self.settings.http or DEFAULT_HTTP
        scheme = "https" if http.tls else "http"
        return f"{scheme}://{self.http}" if http.public_url in ("", f"{scheme}://{http.listen}") else http.public_url

    async def until_stopped(self) -> None:
        await self._stop.wait()

    def reload(self) -> None:
        """Read the rules again; a bad file is refused and logged, and the old rules stay."""
        try:
            rules = load_all_rules(self.settings)
        except ProblemsFound as found:
            for problem in found.problems:
                log.error("rules not reloaded: %s", problem)
            return
        self.proxy.replace_rules(rules)
        log.info("rules reloaded version=%s", rules.version)


async def _warn_of_upstream(configuration: Configuration, stored: StoredState) -> None:
    """At start whatever `check` would say of the upstream is a warning; it may also be down.

    What the rules cover is pinned now: from here on a rename takes no mask away.
    """
    settings, rules = configuration.settings, configuration.rules
    upstream = settings.upstream
    quick = replace(
        settings,
        upstream=replace(upstream, connect_timeout_seconds=min(3.0, upstream.connect_timeout_seconds)),
    )
    places = Places(settings.path)
    databases, problems = await read_databases(quick, rules, places, stored.pins)
    if not databases:
        for problem in problems:
            log.warning("upstream not reachable yet: %s", problem.message)
        return
    for one in databases:
        stored.see_database(one.name, one.catalog, rules)
    for problem in [*problems, *await check_databases(quick, rules, places, databases)]:
        log.warning("%s", problem)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__

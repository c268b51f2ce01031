"""Composition: from a configuration file to a running proxy, a checked configuration, an explained statement."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import ssl
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pgproxy.catalog.model import Catalog
from pgproxy.config.loading import load_settings
from pgproxy.config.problems import Problem, ProblemsFound
from pgproxy.config.settings import Address, Settings
from pgproxy.errors import UpstreamUnreachable
from pgproxy.login.identity import Identity
from pgproxy.masking.check import mask_fits
from pgproxy.masking.functions import known_providers
from pgproxy.net.analysis import Explainer, read_catalog
from pgproxy.net.proxy import Proxy
from pgproxy.policy.checking import check_references, check_schema
from pgproxy.policy.decision import Decision
from pgproxy.policy.loading import load_rules
from pgproxy.policy.rules import Rules
from pgproxy.web.health import HealthSite

log = logging.getLogger("pgproxy")

Result = TypeVar("Result")


class CannotStart(Exception):
    """One clear line for the operator."""


@dataclass(frozen=True, slots=True)
class Configuration:
    settings: Settings
    rules: Rules


def load(path: Path, environment: Mapping[str, str] | None = None) -> Configuration:
    """Settings and rules.

    Raises:
        ProblemsFound: every error of both, at once.
    """
    settings = load_settings(path, os.environ if environment is None else environment)
    return Configuration(settings, load_all_rules(settings))


def load_all_rules(settings: Settings) -> Rules:
    """The rules that the settings name; none is no rules.

    Raises:
        ProblemsFound.
    """
    rules = Rules() if settings.rules is None else load_rules(settings.rules, providers=known_providers())
    errors = [problem for problem in check_references(rules, settings) if problem.severity == "error"]
    if errors:
        raise ProblemsFound(errors)
    return rules


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
    async with running(configuration) as service:
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
        self._site = (
            None if self._settings.http is None else HealthSite(self._settings.http, self.proxy.is_upstream_reachable)
        )
        self._stop = asyncio.Event()
        self.listen: Address = self._settings.listen
        self.http: Address | None = None

    @property
    def ready_line(self) -> str:
        http = f" http={self.http}" if self.http is not None else ""
        return f"ready listen={self.listen}{http}"

    async def __aenter__(self) -> Service:
        try:
            self.listen = self.proxy.listen()
        except OSError as error:
            raise CannotStart(f"cannot listen on {self._settings.listen}: {_reason(error)}") from None
        try:
            if self._site is not None:
                self.http = await self._site.start()
        except (OSError, ssl.SSLError) as error:
            self.proxy.close()
            assert self._settings.http is not None
            raise CannotStart(f"cannot listen on {self._settings.http.listen} (http): {_reason(error)}") from None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.proxy.drain()
        if self._site is not None:
            await self._site.stop()

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


def running(configuration: Configuration) -> Service:
    """`async with running(…) as service`."""
    return Service(configuration)


async def check(configuration: Configuration, *, offline: bool) -> list[Problem]:
    """Everything that can be said about rules and upstream beyond the files' own form."""
    settings, rules = configuration.settings, configuration.rules
    problems = list(check_references(rules, settings))
    if offline:
        return problems
    try:
        catalog = await _rules_catalog(settings)
    except UpstreamUnreachable as error:
        text = f"{error.message}: {error.detail}" if error.detail else error.message
        return [*problems, Problem(str(settings.path), 1, 1, "error", text, "start it, or use --offline")]
    return problems + check_schema(rules, catalog, mask_fits)


async def explain(configuration: Configuration, identity_name: str, sql: str) -> list[Decision]:
    """The decision on each statement of the text, for this identity. Nothing is executed.

    Raises:
        UpstreamUnreachable, SyntaxProblem, analysis.ServerError.
    """
    settings = configuration.settings
    entry = settings.identities.get(identity_name)
    database = settings.upstream.database
    if entry is None:
        identity = Identity(identity_name, source="role", database=database)
    else:
        identity = Identity(identity_name, entry.groups, entry.owner, database=database)
    role = settings.upstream.credentials
    if entry is not None and entry.upstream is not None:
        role = entry.upstream
    catalog = await read_catalog(settings.upstream, database)
    async with Explainer(settings.upstream, role, identity, configuration.rules, catalog) as explainer:
        return await explainer.explain(sql)


async def _rules_catalog(settings: Settings) -> Catalog:
    upstream = settings.upstream
    return await read_catalog(upstream, upstream.database)


async def _warn_of_schema(configuration: Configuration) -> None:
    """At start: what the rules name and the database does not have is a warning; the upstream may also be down."""
    settings = configuration.settings
    quick = replace(settings.upstream, connect_timeout_seconds=min(3.0, settings.upstream.connect_timeout_seconds))
    try:
        catalog = await _rules_catalog(replace(settings, upstream=quick))
    except UpstreamUnreachable as error:
        log.warning("upstream not reachable yet: %s", error.message)
        return
    for problem in check_schema(configuration.rules, catalog, mask_fits):
        log.warning("%s", problem)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__

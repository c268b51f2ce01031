"""Composition: from a configuration file to a running proxy, a checked configuration, an explained statement."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import ssl
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pgproxy.config.loading import Reading, read_settings
from pgproxy.config.problems import Position, Problem, ProblemList, ProblemsFound, nearest_or_all
from pgproxy.config.settings import Address, Credentials, Http, Settings
from pgproxy.config.yaml_nodes import MappingNode, load_nodes
from pgproxy.errors import UpstreamUnreachable
from pgproxy.login.identity import Identity
from pgproxy.masking.check import mask_fits
from pgproxy.masking.functions import known_providers
from pgproxy.masking.keys import MaskingKeys
from pgproxy.net.analysis import Explainer, Explanation, read_catalog, read_log_level
from pgproxy.net.proxy import Proxy
from pgproxy.policy.checking import check_references, check_schema
from pgproxy.policy.loading import load_rules, read_rules
from pgproxy.policy.rules import Rules
from pgproxy.session.context import SessionContext
from pgproxy.web.health import HealthSite

log = logging.getLogger("pgproxy")

Result = TypeVar("Result")


DEFAULT_HTTP = Http(Address("127.0.0.1", 6580))
"""Without an `http` section. Nobody asked for this very port: where it is taken, any free one will do."""


class CannotStart(Exception):
    """One clear line for the operator."""


class UnknownIdentity(Exception):
    """Nobody whom the configuration lets in; the message says whom it does."""


@dataclass(frozen=True, slots=True)
class Configuration:
    settings: Settings
    rules: Rules
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Files:
    """What the files say, as far as they could be understood."""

    reading: Reading
    rules: Rules
    problems: tuple[Problem, ...]
    """Of settings, rules, and what the rules name of the settings."""

    @property
    def has_errors(self) -> bool:
        return any(problem.severity == "error" for problem in self.problems)


def _read(path: Path, environment: Mapping[str, str] | None) -> _Files:
    reading = read_settings(path, os.environ if environment is None else environment)
    rules, problems = Rules(), list(reading.problems)
    if reading.rules is not None and reading.rules.exists():
        rules, found = read_rules(reading.rules, known_providers())
        problems += found
    if reading.partial is not None:
        problems += check_references(rules, reading.partial)
    return _Files(reading, rules, ProblemsFound(problems).problems)


def load(path: Path, environment: Mapping[str, str] | None = None) -> Configuration:
    """Settings and rules.

    Raises:
        ProblemsFound: every error of both, at once.
    """
    files = _read(path, environment)
    if files.has_errors or files.reading.settings is None:
        raise ProblemsFound(files.problems)
    return Configuration(files.reading.settings, files.rules, files.problems)


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


def running(configuration: Configuration) -> Service:
    """`async with running(…) as service`."""
    return Service(configuration)


async def check(path: Path, *, offline: bool, environment: Mapping[str, str] | None = None) -> list[Problem]:
    """Everything that can be said about settings, rules and upstream in one run, in order of place."""
    files = _read(path, environment)
    settings = files.reading.partial
    places = _Places(path)
    # An upstream that the file does not describe is not asked: what it says would only repeat the file's error.
    is_described = not any(problem.severity == "error" and places.is_upstream(problem) for problem in files.problems)
    if offline or settings is None or not settings.upstream.host or not is_described:
        return list(files.problems)
    found = await _ask_upstream(settings, files.rules, places)
    return list(ProblemsFound([*files.problems, *found]).problems)


async def _ask_upstream(settings: Settings, rules: Rules, places: _Places) -> list[Problem]:
    upstream = settings.upstream
    problems = ProblemList()
    at = places.of("upstream", "dsn")
    try:
        catalog = await read_catalog(upstream, upstream.database)
        roles = {upstream.credentials: at}
        for name, identity in settings.identities.items():
            if identity.upstream is not None:
                roles.setdefault(identity.upstream, places.of("identities", name, "upstream"))
    except UpstreamUnreachable as error:
        problems.error(at, f"{error.message}: {error.detail}", "start it, or use --offline")
        return list(problems)
    for role, place in roles.items():
        try:
            log_level = await read_log_level(upstream, role, upstream.database)
        except UpstreamUnreachable as error:
            problems.error(place, f"{error.message}: {error.detail}")
            continue
        if not log_level.is_quiet:
            problems.warning(
                place,
                f'the server writes what role "{role.user}" asks into its log: log_min_messages is {log_level.level}',
                f"as a superuser: ALTER ROLE {log_level.role} SET log_min_messages = panic",
            )
    return [*problems, *check_schema(rules, catalog, mask_fits)]


class _Places:
    """Where the keys of pgproxy.yaml are."""

    def __init__(self, path: Path) -> None:
        self._start = Position(str(path), 1, 1)
        self._document = load_nodes(path, ProblemList())

    def of(self, *keys: str) -> Position:
        """The value of this key, or of the last one on the way that is there."""
        node, at = self._document, self._start
        for key in keys:
            entries = node.entries if isinstance(node, MappingNode) else ()
            node = next((value for name, value in entries if name.text == key), None)
            at = at if node is None else node.at
        return at

    def is_upstream(self, problem: Problem) -> bool:
        """Whether it is in the lines of `upstream`."""
        entries = self._document.entries if isinstance(self._document, MappingNode) else ()
        begin = next((key.at.line for key, _ in entries if key.text == "upstream"), None)
        if begin is None or problem.file != self._start.file:
            return False
        end = min((key.at.line for key, _ in entries if key.at.line > begin), default=sys.maxsize)
        return begin <= problem.line < max(end, begin + 1)


async def explain(configuration: Configuration, identity_name: str, sql: str) -> list[Explanation]:
    """The decision on each statement of the text, for this identity. Nothing is executed.

    Raises:
        UnknownIdentity, UpstreamUnreachable, SyntaxProblem, analysis.ServerError.
    """
    settings = configuration.settings
    upstream = settings.upstream
    identity, role = _identity(settings, identity_name)
    catalog = await read_catalog(upstream, upstream.database)
    keys = MaskingKeys(settings.masking_key)
    context = SessionContext(identity, lambda: configuration.rules, lambda: catalog, keys)
    async with Explainer(upstream, role, context) as explainer:
        return await explainer.explain(sql)


def _identity(settings: Settings, name: str) -> tuple[Identity, Credentials]:
    """Who that is in the rules, and the role that its statements would run as (of a "*" user: the proxy's own)."""
    upstream = settings.upstream
    entry = settings.identities.get(name) if name != "*" else None
    if entry is not None:
        identity = Identity(name, entry.groups, entry.owner, database=upstream.database)
        return identity, entry.upstream or upstream.credentials
    anyone = settings.identities.get("*")
    if anyone is None or name in ("", "*"):
        named = [one for one in settings.identities if one != "*"]
        hint = nearest_or_all(name, named) or "the file has no identities"
        raise UnknownIdentity(f'no identity "{name}" in {settings.path} ({hint})')
    source = "jwt" if anyone.auth == "jwt" else "role"
    return Identity(name, source=source, database=upstream.database), upstream.credentials


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

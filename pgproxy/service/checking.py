"""Whether configuration, rules and upstream fit together: every problem in one run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pgproxy.config.problems import Problem, ProblemList, ProblemsFound
from pgproxy.config.settings import Settings
from pgproxy.errors import UpstreamUnreachable
from pgproxy.masking.check import mask_fits
from pgproxy.net.analysis import read_catalog, read_log_level
from pgproxy.policy.checking import check_schema
from pgproxy.policy.pins import PinBook, check_pins
from pgproxy.policy.rules import Rules
from pgproxy.service.files import Places, read_files
from pgproxy.service.pinned import pins_of
from pgproxy.storage.store import StoreUnavailable


async def check(path: Path, *, offline: bool, environment: Mapping[str, str] | None = None) -> list[Problem]:
    """Everything that can be said about settings, rules and upstream in one run, in order of place."""
    files = read_files(path, environment)
    settings = files.reading.partial
    places = Places(path)
    # An upstream that the file does not describe is not asked: what it says would only repeat the file's error.
    is_described = not any(problem.severity == "error" and places.is_upstream(problem) for problem in files.problems)
    if offline or settings is None or not settings.upstream.host or not is_described:
        return list(files.problems)
    found = await _ask_upstream(settings, files.rules, places)
    return list(ProblemsFound([*files.problems, *found]).problems)


async def _ask_upstream(settings: Settings, rules: Rules, places: Places) -> list[Problem]:
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
    book = PinBook(upstream.database)
    try:
        book = await pins_of(settings)
    except StoreUnavailable as error:
        problems.error(places.of("store"), str(error))
    return [*problems, *check_schema(rules, catalog, mask_fits), *check_pins(book, rules, catalog)]

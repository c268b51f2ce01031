"""Whether configuration, rules and upstream fit together: every problem in one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pgproxy.catalog.model import Catalog
from pgproxy.config.problems import OperatorError, Position, Problem, ProblemList, ProblemsFound
from pgproxy.config.settings import Credentials, Settings, Upstream
from pgproxy.errors import UpstreamUnreachable
from pgproxy.masking.check import mask_fits
from pgproxy.net.reading import read_catalog, read_log_level, read_rights, try_login
from pgproxy.policy.checking import check_schema
from pgproxy.policy.masked_columns import MaskedColumn, masked_columns
from pgproxy.policy.pins import PinBook, check_pins
from pgproxy.policy.rights_check import check_clean_login, check_login, check_types
from pgproxy.policy.rules import Rules
from pgproxy.service.files import Places, read_files


async def check(path: Path, *, offline: bool, environment: Mapping[str, str] | None = None) -> list[Problem]:
    """Everything that can be said about settings, rules and upstream in one run, in order of place."""
    files = read_files(path, environment)
    settings = files.reading.partial
    places = Places(path)
    # An upstream that the file does not describe is not asked: what it says would only repeat the file's error.
    is_described = not any(problem.severity == "error" and places.is_upstream(problem) for problem in files.problems)
    if offline or settings is None or not settings.upstream.host or not is_described:
        return list(files.problems)
    books: dict[str, PinBook] = {}
    problems = ProblemList()
    problems.extend(files.problems)
    from pgproxy.service.pinned import pins_of  # the files alone need none of what the store does

    for name in databases_of(settings.upstream):
        try:
            books[name] = await pins_of(settings, name)
        except OperatorError as error:
            books[name] = PinBook(name)
            problems.error(places.of("store"), str(error))
    databases, found = await read_databases(settings, files.rules, places, books.__getitem__)
    problems.extend(found)
    problems.extend(await check_databases(settings, files.rules, places, databases))
    return list(ProblemsFound(problems).problems)


async def read_databases(
    settings: Settings, rules: Rules, places: Places, pins: Callable[[str], PinBook]
) -> tuple[list[Database], list[Problem]]:
    """The databases that clients may ask for; one that cannot be read is a problem."""
    upstream = settings.upstream
    problems = ProblemList()
    databases: list[Database] = []
    for name in databases_of(upstream):
        try:
            catalog = await read_catalog(upstream, name)
        except UpstreamUnreachable as error:
            is_main = name == upstream.database
            place = places.of("upstream", "dsn" if is_main else "databases")
            problems.error(place, f"{error.message}: {error.detail}", "start it, or use --offline" if is_main else "")
            if is_main:
                return [], list(problems)
            continue
        book = pins(name)
        databases.append(Database(name, catalog, book, masked_columns(rules, catalog, book.under(rules))))
    return databases, list(problems)


async def check_databases(
    settings: Settings, rules: Rules, places: Places, databases: Sequence[Database]
) -> list[Problem]:
    """What the upstream has to say: its schemas against the rules, its log, and ways past the rules."""
    upstream = settings.upstream
    problems = ProblemList()
    if not databases:
        return []
    at = places.of("upstream", "dsn")
    logins = {upstream.credentials: at}
    for name, identity in settings.identities.items():
        if identity.upstream is not None:
            logins.setdefault(identity.upstream, places.of("identities", name, "upstream"))
    try:
        for login, place in logins.items():
            problems.extend(await _check_log(upstream, login, place))
            for one in databases:
                rights = await read_rights(upstream, one.name, login.user, one.masked_ids)
                problems.extend(check_login(rights, one.masked, place, one.where(upstream)))
    except UpstreamUnreachable as error:
        problems.error(at, f"{error.message}: {error.detail}")
    for one in databases:
        problems.extend(check_types(one.catalog, at, one.where(upstream)))
        problems.extend(check_pins(one.pins, rules, one.catalog))
    problems.extend(await check_clean(upstream, databases, places.of("upstream", "role_split", "clean")))
    return [*problems, *check_schema(rules, [one.catalog for one in databases], mask_fits)]


@dataclass(frozen=True, slots=True)
class Database:
    """One that clients may ask for, and its columns that a rule masks."""

    name: str
    catalog: Catalog
    pins: PinBook
    masked: list[MaskedColumn]

    @property
    def masked_ids(self) -> set[tuple[int, int]]:
        return {column.id for column in self.masked}

    def where(self, upstream: Upstream) -> str:
        """Behind a message: not the database that everybody thinks of."""
        return "" if self.name == upstream.database else f" (database {self.name})"


async def check_clean(upstream: Upstream, databases: Sequence[Database], at: Position) -> list[Problem]:
    """Whether the clean login of `role_split` is one."""
    problems = ProblemList()
    if (clean := upstream.clean) is None:
        return []
    for one in databases:
        try:
            rights = await read_rights(upstream, one.name, clean.user, one.masked_ids)
            found = check_clean_login(rights, one.masked, at, one.where(upstream))
            problems.extend(found)
            if rights.login.exists:
                await try_login(upstream, clean, one.name)
        except UpstreamUnreachable as error:
            problems.error(at, f"{error.message}: {error.detail}")
    return list(problems)


def databases_of(upstream: Upstream) -> list[str]:
    """The dsn's first; of "*" nothing more is known."""
    more = [name for name in upstream.databases if name != "*"]
    return list(dict.fromkeys([upstream.database, *more]))


async def _check_log(upstream: Upstream, login: Credentials, at: Position) -> list[Problem]:
    problems = ProblemList()
    try:
        level = await read_log_level(upstream, login, upstream.database)
    except UpstreamUnreachable as error:
        problems.error(at, f"{error.message}: {error.detail}")
        return list(problems)
    if not level.is_quiet:
        problems.warning(
            at,
            f'the server writes what role "{login.user}" asks into its log: log_min_messages is {level.level}',
            f"as a superuser: ALTER ROLE {level.role} SET log_min_messages = panic",
        )
    return list(problems)

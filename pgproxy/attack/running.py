"""Runs the corpus through a proxy of its own, in this process, on a loopback port."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from pgproxy.attack.client import READ_ONLY, SAME_ORDER, Answer, Attacker
from pgproxy.attack.judging import Beside, computed, copied, counted, found_in, is_told_apart
from pgproxy.attack.targets import Target, Targets, read_targets
from pgproxy.attack.templates import CATEGORIES, Template, corpus
from pgproxy.attack.ways import BEHIND, BINARY, Way
from pgproxy.config.settings import Address, Credentials, Holds, IdentitySettings, Settings, Upstream
from pgproxy.masking.keys import MaskingKeys
from pgproxy.net.proxy import Proxy
from pgproxy.net.reading import read_catalog, reading_texts
from pgproxy.net.stored import StoredState
from pgproxy.policy.masked_columns import masked_columns
from pgproxy.policy.names import ColumnPattern
from pgproxy.policy.pins import PinBook
from pgproxy.service.explaining import UnknownIdentity, identity_named
from pgproxy.service.files import Configuration
from pgproxy.service.pinned import pins_of

NOWHERE = "~ no such value ~"
NOT_HERE = "25006"
"""read_only_sql_transaction: the attempt would write."""
REFUSED = ("42501", "53400")
DESCRIBED_KEPT = 8
FEW = 3
"""So many columns are tried in every way; more of them take turns."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An attempt that brought something out."""

    column: str
    category: str
    way: str
    statements: tuple[str, ...]
    seen_in: str
    """What of the answer tells."""

    def as_dict(self) -> dict[str, object]:
        return {
            "column": self.column,
            "category": self.category,
            "mode": self.way,
            "statements": list(self.statements),
            "seen_in": self.seen_in,
        }


@dataclass(slots=True)
class Report:
    identity: str
    targets: Targets
    possible: int = 0
    """Attempts that there are."""
    attempts: Counter[str] = field(default_factory=Counter)
    """By category, as the three that follow: how they ended."""
    refused: Counter[str] = field(default_factory=Counter)
    """By the proxy."""
    failed: Counter[str] = field(default_factory=Counter)
    """By the server: no statement of this database."""
    would_write: Counter[str] = field(default_factory=Counter)
    """Allowed by the proxy, but a read-only transaction does not run it."""
    found: list[Finding] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def tried(self) -> int:
        return self.attempts.total()

    @property
    def masked(self) -> int:
        """Attempts that ran, and brought nothing out."""
        leaking = len({(one.statements, one.way) for one in self.found})
        others = self.refused.total() + self.failed.total() + self.would_write.total()
        return max(self.tried - others - leaking, 0)

    @property
    def not_tried(self) -> int:
        """The time was up."""
        return self.possible - self.tried


def attackers(settings: Settings) -> list[str]:
    """Identities that can attack: the proxy can be given a password for them."""
    return [name for name, entry in settings.identities.items() if entry.auth == "scram" and name != "*"]


async def concerned(
    configuration: Configuration, names: Sequence[str], also: Sequence[ColumnPattern] = ()
) -> list[str]:
    """Those of the identities from whom something must stay hidden.

    Raises:
        UnknownIdentity, UpstreamUnreachable, StoreUnavailable.
    """
    settings, rules = configuration.settings, configuration.rules
    known = attackers(settings)
    for name in names:
        if name not in known:
            there_are = ", ".join(known) or "none"
            raise UnknownIdentity(
                f'"{name}" is no identity with a password in {settings.path} (there are: {there_are})'
            )
    if also:
        return list(names)
    identities = [identity_named(settings, name)[0] for name in names]
    catalog = await read_catalog(settings.upstream, settings.upstream.database)
    pins = (await pins_of(settings)).under(rules)
    return [
        name for name, identity in zip(names, identities, strict=True) if masked_columns(rules, catalog, pins, identity)
    ]


async def attack(
    configuration: Configuration,
    identity_name: str,
    also: Sequence[ColumnPattern] = (),
    categories: Sequence[str] = CATEGORIES,
    *,
    writes: bool = False,
    seconds: float = 0.0,
    progress: Callable[[Report], None] = lambda report: None,
) -> Report:
    """
    Args:
        identity_name: of the file, with a password (`attackers`).
        also: columns that must stay hidden though no rule masks them for this identity.
        categories: of the corpus, which.
        writes: try what would write too, in transactions that are rolled back; else they are read only.
        seconds: for all attempts; 0: as long as it takes.
        progress: is called after each attempt.

    Raises:
        UpstreamUnreachable, StoreUnavailable.
    """
    settings, rules = configuration.settings, configuration.rules
    upstream = settings.upstream
    identity, role = identity_named(settings, identity_name)
    catalog = await read_catalog(upstream, upstream.database)
    pins = await pins_of(settings)
    keys = MaskingKeys(settings.masking_key)
    targets = await read_targets(upstream, rules, catalog, pins.under(rules), identity, keys, also)
    report = Report(identity_name, targets)
    if not targets.found:
        return report
    attempts = list(_attempts([one for one in corpus() if one.category in categories], targets.found, writes=writes))
    report.possible = len(attempts)
    session = {} if writes else READ_ONLY
    run = await _Run.begin(configuration, settings.identities[identity_name], role, pins, session)
    began = time.monotonic()
    try:
        for template, target, way in attempts:
            if seconds and time.monotonic() - began > seconds:
                break
            await run.attempt(template, target, way, report)
            report.seconds = time.monotonic() - began
            progress(report)
    finally:
        await run.end()
    return report


def _attempts(
    templates: Sequence[Template], targets: Sequence[Target], *, writes: bool
) -> Iterator[tuple[Template, Target, Way]]:
    """Each template on each column, so that all templates were tried once before one is tried twice."""
    done: set[tuple[tuple[str, ...], Way]] = set()
    for turn in range(len(targets)):
        for number, template in enumerate(templates):
            target = targets[(turn + number) % len(targets)]
            if target.allows(template.category):
                continue
            ways = tuple(way for way in template.ways if way != "alone" or not writes)  # it is not rolled back
            for way in ways if len(targets) <= FEW else (ways[(turn + number) % len(ways)],):
                asked = (_filled(template, target), way)
                if asked not in done:
                    done.add(asked)
                    yield template, target, way


def _filled(template: Template, target: Target, guess: str | None = None, value: str = "") -> tuple[str, ...]:
    return template.filled(
        target.table, target.column, target.key, target.guess if guess is None else guess, value or target.ends[0]
    )


class _Run:
    """One identity's connection to the proxy under attack, and one past it."""

    def __init__(self, proxy: Proxy, attacker: Attacker, direct: Attacker, functions: dict[str, int]) -> None:
        self._proxy, self._attacker, self._direct, self._functions = proxy, attacker, direct, functions
        self._described: dict[tuple[str, ...], Answer] = {}

    @classmethod
    async def begin(
        cls,
        configuration: Configuration,
        entry: IdentitySettings,
        role: Credentials,
        pins: PinBook,
        session: dict[str, str],
    ) -> _Run:
        upstream = configuration.settings.upstream
        async with reading_texts(upstream, upstream.database) as connection:
            functions: dict[str, int] = {}
            for template in corpus():
                if template.category == "calls":
                    name = template.steps[0].split("\t")[0]
                    functions[name] = await connection.fetchval("SELECT to_regprocedure($1)::oid::int8", name) or 0
        password = secrets.token_urlsafe(24)
        own = _own_settings(configuration.settings, entry, password)
        proxy = Proxy(own, configuration.rules, StoredState(pins))
        address = proxy.listen()
        database = upstream.database
        there = Upstream(
            address.host, address.port, database, Credentials(entry.name, password), (database,), sslmode="disable"
        )
        direct = Attacker(replace(upstream, credentials=role), {**session, **SAME_ORDER})
        return cls(proxy, Attacker(there, session), direct, functions)

    async def end(self) -> None:
        self._attacker.close()
        self._direct.close()
        await self._proxy.drain()

    async def attempt(self, template: Template, target: Target, way: Way, report: Report) -> None:
        category = template.category
        steps = _filled(template, target)
        answer = await self._answer(template, steps, way)
        report.attempts[category] += 1
        if answer.sqlstate in REFUSED:
            report.refused[category] += 1
        elif answer.sqlstate == NOT_HERE:
            report.would_write[category] += 1
        elif answer.sqlstate and not template.is_oracle:
            report.failed[category] += 1
        if template.is_oracle:
            seen = await self._asked_apart(template, target, way, answer)
            found = [(target, seen)] if seen else []
        else:
            found = await self._judged(template, target, way, answer, report.targets.found)
        report.found += [Finding(one.name, category, way, steps, seen) for one, seen in found]

    async def _answer(self, template: Template, steps: Sequence[str], way: Way) -> Answer:
        if template.category != "calls":
            return await self._attacker.attempt(steps, way)
        function, *arguments = steps[0].split("\t")
        return await self._attacker.call(self._functions[function], arguments)

    async def _asked_apart(self, template: Template, target: Target, way: Way, answer: Answer) -> str:
        """Asked twice each: what others change meanwhile is no answer."""
        asked = _filled(template, target)
        other = _filled(template, target, NOWHERE, target.ends[1])
        for steps in (other, asked, other):
            again = await self._attacker.attempt(steps, way)
            if is_told_apart(answer, again) is (steps == asked):
                return ""
        return "a yes or no about a stored value"

    async def _judged(
        self, template: Template, target: Target, way: Way, answer: Answer, targets: Sequence[Target]
    ) -> list[tuple[Target, str]]:
        """The columns of which something got out: of the whole table, where the attempt names no column."""
        concerned = [target]
        if not template.is_of_column:
            concerned = [one for one in targets if not template.is_of_table or one.table == target.table]
        if template.category == "calls":
            return [(one, "its values in the answer") for one in concerned if found_in(answer, one.secrets, None)]
        if answer.sqlstate and not answer.rows:  # only words
            concerned = [one for one in concerned if found_in(answer, one.secrets, answer)]
        found: list[tuple[Target, str]] = []
        beside: Beside | None = None
        for one in concerned:
            beside = await self._beside(template, one, way) if beside is None else replace(beside, ids=one.ids)
            if seen := _seen(template, answer, beside, one):
                found.append((one, seen))
        return found

    async def _beside(self, template: Template, target: Target, way: Way) -> Beside:
        steps, query = _filled(template, target), template.as_query()
        direct = await self._direct.attempt(steps, way)
        text = await self._described_answer(_filled(query, target))
        control = None
        if template.is_of_column:
            control = await self._described_answer(_filled(query, replace(target, column=target.key)))
        is_binary = way in BINARY or "binary" in steps[-1]
        return Beside(direct, text, control, target.ids, is_binary, BEHIND.get(way, 0))

    async def _described_answer(self, steps: tuple[str, ...]) -> Answer:
        """Without the proxy, in text format; one column is often tried in several ways, one after the other."""
        if steps not in self._described:
            while len(self._described) >= DESCRIBED_KEPT:
                del self._described[next(iter(self._described))]
            self._described[steps] = await self._direct.attempt(steps, "extended text")
        return self._described[steps]


def _seen(template: Template, answer: Answer, beside: Beside, target: Target) -> str:
    """Where in the answer something of the column is; "" nowhere."""
    if template.category == "counts":
        return "which rows came, or in which order" if counted(answer, beside) else ""
    if found_in(answer, target.secrets, beside.direct):
        return "its values in the answer"
    if copied(answer, beside, target.change, target.secrets):
        return "a column of the result"
    is_aggregate = template.category == "aggregates"
    if computed(answer, beside, target.change, target.secrets, is_aggregate=is_aggregate):
        return "a result computed from it"
    return ""


def _own_settings(settings: Settings, entry: IdentitySettings, password: str) -> Settings:
    """As configured, but that nobody else gets in, nothing waits for a reviewer, and nothing is kept."""
    return replace(
        settings,
        listen=Address("127.0.0.1", 0),
        tls=None,
        audit=None,
        drain_seconds=0.0,
        identities={entry.name: replace(entry, password=password, holds=None)},
        holds=Holds("deny", "deny"),
    )

"""Runs the corpus through a proxy of its own, in this process, on a loopback port."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pgproxy.attack.client import MODES, Attacker, Mode
from pgproxy.attack.judging import Secrets, is_out, is_told_apart
from pgproxy.attack.templates import CATEGORIES, Template, corpus
from pgproxy.catalog.model import Catalog, Column, Relation
from pgproxy.config.settings import Address, Credentials, Holds, Settings
from pgproxy.masking.functions import mask_function
from pgproxy.masking.keys import MaskingKeys
from pgproxy.net.analysis import PLAIN_PARAMETERS
from pgproxy.net.proxy import Proxy
from pgproxy.net.reading import read_catalog, read_texts
from pgproxy.policy.masked_columns import masked_columns, stored_relations
from pgproxy.policy.matching import ColumnMask
from pgproxy.policy.names import ColumnPattern
from pgproxy.policy.sql_names import quoted
from pgproxy.service.explaining import UnknownIdentity, identity_named
from pgproxy.service.files import Configuration
from pgproxy.service.pinned import pins_of
from pgproxy.wire.formats import builtin
from pgproxy.wire.formats.codec import BINARY_FORMAT, UNPARSEABLE, Family

VALUES_READ = 2000
NOWHERE = "~ no such value ~"
_NUMBERS = (Family.INTEGER, Family.NUMERIC, Family.FLOAT)


@dataclass(frozen=True, slots=True)
class Target:
    """A column that the identity must not read, with what is stored in it."""

    name: str
    """schema.table.column."""
    table: str
    """As SQL writes it, as the two that follow."""
    column: str
    key: str
    """Another column of the table, masked or not."""
    secrets: Secrets
    guess: str
    """A stored value; empty: none is long enough, or the rules allow questions about it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An attempt that brought something out."""

    column: str
    category: str
    mode: Mode
    statements: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        return {
            "column": self.column,
            "category": self.category,
            "mode": self.mode,
            "statements": list(self.statements),
        }


@dataclass(slots=True)
class Report:
    columns: list[str] = field(default_factory=list)
    """Those that were attacked."""
    without_values: list[str] = field(default_factory=list)
    """Those that hold nothing by which a real value could be told."""
    attempts: int = 0
    refused: int = 0
    found: list[Finding] = field(default_factory=list)


async def attack(
    configuration: Configuration,
    identity_name: str,
    also: Sequence[ColumnPattern] = (),
    categories: Sequence[str] = CATEGORIES,
) -> Report:
    """
    Args:
        also: columns that must stay hidden though no rule masks them for this identity.
        categories: of the corpus, which.

    Raises:
        UnknownIdentity: not one of the file with a password. UpstreamUnreachable, StoreUnavailable.
    """
    settings = configuration.settings
    entry = settings.identities.get(identity_name)
    if entry is None or entry.auth != "scram" or identity_name == "*":
        raise UnknownIdentity(f'"{identity_name}" is no identity with a password in {settings.path}')
    targets = await _targets(configuration, identity_name, also)
    report = Report(
        [one.name for one in targets if _has_values(one)], [one.name for one in targets if not _has_values(one)]
    )
    password = secrets.token_urlsafe(24)
    proxy = Proxy(_own_settings(settings, identity_name, password), configuration.rules)
    attacker = Attacker(proxy.listen(), settings.upstream.database, Credentials(identity_name, password))
    templates = [template for template in corpus() if template.category in categories]
    try:
        for target in targets:
            if _has_values(target):
                await _attack_column(target, templates, attacker, report, every_mode=len(targets) <= len(MODES))
    finally:
        attacker.close()
        await proxy.drain()
    return report


def _own_settings(settings: Settings, name: str, password: str) -> Settings:
    """As configured, but that nobody else gets in, nothing waits for a reviewer, and nothing is kept."""
    entry = replace(settings.identities[name], password=password, holds=None)
    return replace(
        settings,
        listen=Address("127.0.0.1", 0),
        tls=None,
        audit=None,
        drain_seconds=0.0,
        identities={name: entry},
        holds=Holds("deny", "deny"),
    )


async def _attack_column(
    target: Target, templates: Sequence[Template], attacker: Attacker, report: Report, *, every_mode: bool
) -> None:
    for number, template in enumerate(templates):
        if template.is_oracle and not target.guess:
            continue
        modes = MODES if every_mode else (MODES[(number + len(report.found) + report.attempts) % len(MODES)],)
        for mode in modes:
            await _attempt(template, target, mode, attacker, report)


async def _attempt(template: Template, target: Target, mode: Mode, attacker: Attacker, report: Report) -> None:
    steps = template.filled(target.table, target.column, target.key, target.guess)
    answer = await attacker.attempt(steps, mode)
    report.attempts += 1
    report.refused += answer.is_refused
    if template.is_oracle:
        other = template.filled(target.table, target.column, target.key, NOWHERE)
        out = is_told_apart(answer, await attacker.attempt(other, mode))
    else:
        out = is_out(answer, target.secrets)
    if out:
        report.found.append(Finding(target.name, template.category, mode, steps))


def _has_values(target: Target) -> bool:
    return bool(target.secrets.searched or target.secrets.whole)


async def _targets(configuration: Configuration, who: str, also: Sequence[ColumnPattern]) -> list[Target]:
    settings, rules = configuration.settings, configuration.rules
    upstream = settings.upstream
    identity, _ = identity_named(settings, who)
    catalog = await read_catalog(upstream, upstream.database)
    pins = (await pins_of(settings)).under(rules)
    chosen: dict[tuple[int, int], tuple[Relation, Column, ColumnMask | None]] = {
        one.id: (one.relation, one.column, one.mask) for one in masked_columns(rules, catalog, pins, identity)
    }
    for relation in stored_relations(catalog):
        for column in relation.columns:
            if any(pattern.fits(relation.schema, relation.name, column.name) for pattern in also):
                chosen.setdefault((relation.oid, column.attnum), (relation, column, None))
    keys = MaskingKeys(settings.masking_key)
    targets: list[Target] = []
    for relation, column, mask in chosen.values():
        table = f"{quoted(relation.schema)}.{quoted(relation.name)}"
        name = quoted(column.name)
        values = await read_texts(
            upstream,
            upstream.database,
            f"SELECT {name}::text FROM {table} WHERE {name} IS NOT NULL LIMIT {VALUES_READ}",  # noqa: S608
        )
        hidden = {attnum for oid, attnum in chosen if oid == relation.oid}
        others = [one for one in relation.columns if one.attnum != column.attnum]
        key = next((one for one in others if one.attnum not in hidden), (others or [column])[0])
        found = _secrets(column, mask, values, catalog, keys)
        allows = mask is None or mask.predicates == "allow"
        guess = next((value.decode() for value in found.searched), "")
        targets.append(
            Target(
                f"{relation.qualified_name}.{column.name}",
                table,
                quoted(column.name),
                quoted(key.name),
                found,
                "" if allows else guess,
            )
        )
    return targets


def _secrets(
    column: Column, mask: ColumnMask | None, values: Sequence[str], catalog: Catalog, keys: MaskingKeys
) -> Secrets:
    masks: frozenset[str] = frozenset()
    if mask is not None:
        change = mask_function(mask.mask, column.type_oid, -1, 0, catalog.types, keys, PLAIN_PARAMETERS)
        masks = frozenset(masked.decode() for value in values if (masked := change(value.encode())) is not None)
    codec = builtin.codec(column.type_oid, PLAIN_PARAMETERS)
    is_text = codec is None or codec.family in (Family.TEXT, Family.JSON)
    binary: list[bytes] = []
    if codec is not None and not is_text:
        encode = codec.encoder(BINARY_FORMAT)
        for value in values:
            if value not in masks and len(value) >= 4:
                try:
                    binary.append(encode(codec.from_text(value.encode())))
                except UNPARSEABLE:
                    continue
    return Secrets.of(values, masks, is_text=is_text, binary=binary)

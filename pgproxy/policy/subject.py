"""The rules as they concern one identity; decided by their text alone, whatever the schema is now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from pgproxy.login.identity import Identity
from pgproxy.policy.rules import Approval, Denial, Limit, MaskEntry, Reveal, Rules, Word


def names_identity(word: str, identity: Identity) -> bool:
    """Whether a name in `for` or `to` means this identity.

    A plain name means an identity or group of the configuration file; whoever the upstream or a token vouched for
    is named with a prefix, so that nobody becomes `dba` by being called so elsewhere.
    """
    prefix, colon, name = word.partition(":")
    match prefix if colon else "":
        case "role":
            return identity.source == "role" and name == identity.name
        case "jwt":
            return identity.source == "jwt" and name == identity.name
        case "jwt-group":
            return identity.source == "jwt" and name in identity.groups
        case _:
            return identity.source == "file" and (word == identity.name or word in identity.groups)


def _names_any(words: Iterable[Word], identity: Identity) -> bool:
    return any(names_identity(word.text, identity) for word in words)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Subject:
    """What of the rules can concern an identity. Compared by identity of the object, as `Rules` are."""

    rules: Rules
    masks: tuple[MaskEntry, ...]
    """Enforced entries that no reveal covers completely."""
    observed_masks: tuple[MaskEntry, ...]
    """Entries that only observe."""
    reveals: tuple[Reveal, ...]
    approvals: tuple[Approval, ...]
    denials: tuple[Denial, ...]
    limits: tuple[Limit, ...]

    @property
    def is_transparent(self) -> bool:
        return not (self.masks or self.observed_masks or self.approvals or self.denials or self.limits)

    def reveals_entry(self, entry: MaskEntry) -> bool:
        return any(p.covers(entry.columns) for reveal in self.reveals for p, _ in reveal.columns)

    def reveals_name(self, schema: str, table: str, column: str) -> bool:
        return any(p.fits(schema, table, column) for reveal in self.reveals for p, _ in reveal.columns)


@lru_cache(maxsize=4096)
def subject_of(identity: Identity, rules: Rules) -> Subject:
    reveals = tuple(r for r in rules.reveals if r.is_enforced and _names_any(r.to, identity))

    def is_revealed(entry: MaskEntry) -> bool:
        return any(pattern.covers(entry.columns) for reveal in reveals for pattern, _ in reveal.columns)

    hidden = [entry for entry in rules.masks if not is_revealed(entry)]
    return Subject(
        rules=rules,
        masks=tuple(entry for entry in hidden if entry.is_enforced),
        observed_masks=tuple(entry for entry in hidden if not entry.is_enforced),
        reveals=reveals,
        approvals=tuple(rule for rule in rules.approvals if _concerns(rule.conditions.identities, identity)),
        denials=tuple(rule for rule in rules.denials if _concerns(rule.conditions.identities, identity)),
        limits=tuple(rule for rule in rules.limits if _concerns(rule.identities, identity)),
    )


def _concerns(words: tuple[Word, ...], identity: Identity) -> bool:
    return not words or _names_any(words, identity)


def is_transparent(identity: Identity, rules: Rules) -> bool:
    """Whether no mask, approval, deny or limit can concern this identity: whatever PostgreSQL accepts passes."""
    return subject_of(identity, rules).is_transparent

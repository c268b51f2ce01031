"""The decision on a statement for an identity of the configuration, without running anything."""

from __future__ import annotations

from dataclasses import replace

from pgproxy.config.problems import OperatorError, nearest_or_all
from pgproxy.config.settings import Credentials, Settings, Upstream
from pgproxy.login.identity import Identity
from pgproxy.masking.keys import MaskingKeys
from pgproxy.net.analysis import Explainer, Explanation
from pgproxy.net.clean_proof import CleanProof
from pgproxy.net.reading import read_catalog
from pgproxy.policy.decide import decide_elsewhere
from pgproxy.policy.decision import Action
from pgproxy.service.files import Configuration
from pgproxy.service.pinned import pins_of
from pgproxy.session.context import SessionContext
from pgproxy.session.elsewhere import WRITES
from pgproxy.statements.facts import read_facts
from pgproxy.statements.grammar import split
from pgproxy.statements.model import Handling, RawStatement


class UnknownIdentity(OperatorError):
    """Nobody whom the configuration lets in; the message says whom it does."""


async def explain(configuration: Configuration, identity_name: str, sql: str) -> list[Explanation]:
    """The decision on each statement of the text, for this identity. Nothing is executed.

    Raises:
        UnknownIdentity, UpstreamUnreachable, StoreUnavailable, SyntaxProblem, analysis.ServerError.
    """
    settings = configuration.settings
    upstream = settings.upstream
    identity, role = identity_named(settings, identity_name)
    catalog = await read_catalog(upstream, upstream.database)
    keys = MaskingKeys(settings.masking_key)
    pins = await pins_of(settings)
    context = SessionContext(
        identity,
        lambda: configuration.rules,
        lambda: catalog,
        keys,
        pins=pins,
        has_clean_login=upstream.clean is not None and role == upstream.credentials,
        guards_clean_login=upstream.clean is not None,
    )
    async with Explainer(upstream, role, context) as explainer:
        explanations = await explainer.explain(sql)
    statements = split(sql)
    if upstream.clean is None or role != upstream.credentials or len(statements) != 1:
        return explanations
    return [await _elsewhere(explanations[0], statements[0], context, upstream, upstream.clean)]


async def _elsewhere(
    explanation: Explanation, raw: RawStatement, context: SessionContext, upstream: Upstream, clean: Credentials
) -> Explanation:
    """The decision for the clean login of role_split, if the statement would run there when sent alone."""
    decision = explanation.decision
    is_whole = raw.handling in (
        Handling.ANALYSE,
        Handling.CODE,
        Handling.REFUSE,
    )  # else something holds what cannot be analysed
    if not (is_whole and decision.is_only_opaque and decision.action is Action.DENY):
        return explanation
    rules = context.rules()
    proof = CleanProof(upstream, clean, upstream.database, context.pins)
    try:
        found = await proof.find(rules)
    finally:
        proof.close()
    facts = read_facts(raw)
    if found is None or (facts.classes & WRITES and not found.may_write):
        return explanation
    return replace(explanation, decision=decide_elsewhere(facts, context.identity, rules, may_write=found.may_write))


def identity_named(settings: Settings, name: str) -> tuple[Identity, Credentials]:
    """Who that is in the rules, and the role that its statements would run as (of a "*" user: the proxy's own).

    Args:
        name: of the file, or where it has "*" any user, also as rules write it ("role:NAME", "jwt:NAME").

    Raises:
        UnknownIdentity.
    """
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
    return Identity(name.removeprefix(f"{source}:"), source=source, database=upstream.database), upstream.credentials

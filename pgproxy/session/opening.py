"""From a StartupMessage to the one that goes upstream: which session it will be, and under which settings.

A transparent identity's parameters go through as they are. For others each setting is checked as SET would be, and the
settings that make the server announce what statements mean are added: in the StartupMessage, so that RESET ALL, DISCARD
ALL and a rolled-back SET return to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pgproxy.errors import SettingRefused
from pgproxy.login.identity import Identity
from pgproxy.policy.matching import is_transparent
from pgproxy.policy.rules import Rules
from pgproxy.policy.subject import subject_of
from pgproxy.session.notices import KeptLevel
from pgproxy.statements.session_settings import SettingVerdict, parse_options, verdict

ANALYSIS_SETTINGS: Mapping[str, str] = {
    "debug_print_rewritten": "on",
    "debug_print_parse": "off",
    "debug_print_plan": "off",
    "debug_pretty_print": "off",
    "client_min_messages": "log",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "row_security": "on",
}
"""What makes the server send its analysed trees, and what the reading of statements rests on."""

LEVEL_SETTING = "pgproxy.client_min_messages"
"""Carries the client's own client_min_messages upstream, so that the server keeps its transactional behaviour."""

NOT_SETTINGS = frozenset(("user", "database", "options", "replication"))


@dataclass(frozen=True, slots=True)
class Opening:
    """How a session begins."""

    identity: Identity
    parameters: Mapping[str, str]
    """Of the StartupMessage that goes upstream."""
    is_transparent: bool
    client_min_messages: str = "notice"


def clean_parameters(opening: Opening) -> Mapping[str, str]:
    """What the session's connection of the clean login begins with, but for whose it is."""
    chosen = {
        name: value
        for name, value in opening.parameters.items()
        if name not in ANALYSIS_SETTINGS and name not in ("user", LEVEL_SETTING)
    }
    return {**chosen, "client_encoding": ANALYSIS_SETTINGS["client_encoding"]}


def is_for_analysis(name: str) -> bool:
    """A setting that no analysed session may change, masked columns or not.

    Without masks row_security is free (pg_dump turns it off): the server then refuses where a policy would filter.
    """
    name = name.lower()
    return name != "row_security" and (name in ANALYSIS_SETTINGS or name.startswith("debug_p"))


def open_session(
    requested: Mapping[str, str], identity: Identity, role: str, database: str, rules: Callable[[], Rules]
) -> Opening:
    """Args:
        requested: the client's startup parameters.
        role: the upstream role.

    Raises:
        SettingRefused (42501): a setting that this identity may not choose, or replication.
    """
    identity = replace(identity, database=database)
    parameters = {"user": role, "database": database}
    others = {name: value for name, value in requested.items() if not name.startswith("_pq_.")}
    if is_transparent(identity, rules()):
        return Opening(identity, {**others, **parameters}, True)
    has_masks = bool(subject_of(identity, rules()).masks)
    if has_masks and others.get("replication", "false").lower() not in ("", "false", "off", "no", "0"):
        raise SettingRefused("a replication connection shows every value", detail="rule builtin.replication")
    chosen = dict(parse_options(others.get("options", "")))
    chosen.update((name, value) for name, value in others.items() if name not in NOT_SETTINGS)
    level = "notice"
    for name, value in chosen.items():
        answer = verdict(name, value)
        if has_masks or is_for_analysis(name):
            answer.require()
        if answer.verdict is SettingVerdict.KEEP:
            level = KeptLevel.checked(value)
        else:
            parameters[name] = value
    parameters.update(ANALYSIS_SETTINGS)
    parameters[LEVEL_SETTING] = level
    return Opening(identity, parameters, False, level)

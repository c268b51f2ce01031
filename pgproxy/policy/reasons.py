"""Why a decision is as it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """One sentence for a reviewer, a developer and the client alike."""

    rule: str
    """Name of the rule, the mask's key ("public.users.ssn"), or "builtin.NAME"."""
    text: str
    where: str = ""
    """"rules/pii.yaml:14", or "" for built-in rules."""
    hint: str = ""
    """What would pass."""

"""Masks as rules write them: for `explain`, reasons and JSON. The way back is `policy.mask_reading`."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import assert_never

from pgproxy.policy.masks import (
    Constant,
    Digits,
    Fake,
    Hash,
    Json,
    Mask,
    Null,
    Partial,
    Redact,
    Round,
    Scrub,
    ShiftDays,
    Tokenize,
    Truncate,
)

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_YAML_WORDS = frozenset({"null", "true", "false"})


def mask_value(mask: Mask) -> object:
    """The value that a YAML or JSON reader would give for the rule's text."""
    match mask:
        case Null():
            return "null"
        case Redact():
            return "redact"
        case Hash():
            return "hash"
        case Digits():
            return "digits"
        case Constant(value):
            return {"constant": value}
        case Partial(first, last, char):
            kept = {"keep_first": first, "keep_last": last}
            return {"partial": {k: v for k, v in kept.items() if v} | ({"char": char} if char != "*" else {})}
        case Fake(provider):
            return {"fake": provider}
        case Tokenize(alphabet):
            return {"tokenize": alphabet}
        case Round(unit):
            return {"round": float(unit) if "." in unit else int(unit)}
        case Truncate(unit):
            return {"truncate": unit}
        case ShiftDays(days):
            return {"shift_days": days}
        case Scrub(kinds):
            return {"scrub": list(kinds)}
        case Json(paths):
            return {"json": {path: mask_value(inner) for path, inner in paths}}
        case _:
            assert_never(mask)


@lru_cache(maxsize=1024)
def mask_text(mask: Mask) -> str:
    """One line of YAML, e.g. "{partial: {keep_last: 4}}"."""
    return "null" if isinstance(mask, Null) else _flow(mask_value(mask))


def _flow(value: object) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{_flow(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(_flow(item) for item in value) + "]"
        case str() if not _PLAIN.fullmatch(value) or value.lower() in _YAML_WORDS:
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)

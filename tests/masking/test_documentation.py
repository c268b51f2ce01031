"""docs/masks.md shows what the masks really give, and leaves none out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from pgproxy.masking.fakes import known_providers
from pgproxy.masking.functions import mask_function
from pgproxy.masking.scrubbing import KINDS
from pgproxy.policy.masks import Constant, Fake, Mask, Partial
from pgproxy.wire.formats import oids
from tests.masking.every_mask import KEYS
from tests.masking.vector_file import mask_of

TEXT = (Path(__file__).parents[2] / "docs" / "masks.md").read_text(encoding="utf-8")
TYPE_OIDS = {
    "text": oids.TEXT,
    "int4": oids.INT4,
    "numeric": oids.NUMERIC,
    "date": oids.DATE,
    "timestamptz": oids.TIMESTAMPTZ,
    "uuid": oids.UUID,
    "inet": oids.INET,
    "jsonb": oids.JSONB,
    "text[]": 1009,
}
EXAMPLES = re.findall(r"^\| `([^|]+)` \| (\S+) \| `([^|]*)` \| (`[^|]*`|NULL) \|$", TEXT, re.MULTILINE)


def documented_mask(rule: str) -> Mask:
    parsed = yaml.safe_load(rule)
    if isinstance(parsed, dict):
        ((name, value),) = parsed.items()
        match name:
            case "partial":
                return Partial(value.get("keep_first", 0), value.get("keep_last", 0), value.get("char", "*"))
            case "round":
                return mask_of({"round": str(value)})
            case "constant":
                return Constant(str(value))
            case "fake":
                return Fake(value)
    return mask_of(parsed or "null")


@pytest.mark.parametrize(("rule", "type_name", "value", "masked"), EXAMPLES)
def test_examples_are_real(rule: str, type_name: str, value: str, masked: str) -> None:
    result = mask_function(documented_mask(rule), TYPE_OIDS[type_name], -1, 0, {}, KEYS, {})(value.encode())
    assert ("NULL" if result is None else f"`{result.decode()}`") == masked


def test_every_mask_has_an_example() -> None:
    masks = {re.split(r"\W+", rule.lstrip("{"))[0] for rule, *_ in EXAMPLES}
    assert masks == {
        "null", "redact", "constant", "hash", "partial", "fake", "digits", "tokenize", "round", "truncate",
        "shift_days",
        "scrub", "json",
    }  # fmt: skip


def test_every_provider_and_kind_is_named() -> None:
    named = set(re.findall(r"`([a-z0-9_]+)`", TEXT))
    assert set(known_providers()) <= named
    assert set(KINDS) <= named

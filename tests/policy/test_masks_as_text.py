"""A mask written out is read as the same mask: `mask_text` as YAML, `mask_value` as JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgproxy.config.problems import ProblemList
from pgproxy.config.yaml_nodes import parse_nodes
from pgproxy.policy import masks
from pgproxy.policy.mask_reading import SCRUB_KINDS, MaskReader
from pgproxy.policy.mask_text import mask_text, mask_value
from pgproxy.policy.masks import Mask

PRINTABLE = st.characters(min_codepoint=32, max_codepoint=0x17F, exclude_categories=["Cc"])
SIMPLE: st.SearchStrategy[Mask] = st.one_of(
    st.sampled_from([masks.Null(), masks.Redact(), masks.Hash(), masks.Digits()]),
    st.builds(masks.Constant, st.text(PRINTABLE, max_size=8)),
    st.builds(masks.Partial, st.integers(0, 9), st.integers(0, 9), PRINTABLE.filter(str.isprintable)),
    st.builds(masks.Fake, st.sampled_from(["name", "email"])),
    st.builds(masks.Tokenize, st.sampled_from(["digits", "alnum"])),
    st.builds(masks.Round, st.sampled_from(["1", "10000", "0.5", "2.25"])),
    st.builds(masks.Truncate, st.sampled_from(["year", "month", "day", "hour"])),
    st.builds(masks.ShiftDays, st.integers(1, 36500)),
    st.builds(masks.Scrub, st.lists(st.sampled_from(SCRUB_KINDS), min_size=1, unique=True).map(tuple)),
)
PATHS = st.sampled_from(["$.a", "$.b[*].c", '$."a key"', "$..d"])
MASKS = st.one_of(
    SIMPLE,
    st.dictionaries(PATHS, SIMPLE, min_size=1).map(lambda paths: masks.Json(tuple(paths.items()))),
)


def read(text: str) -> Mask | None:
    problems = ProblemList()
    node = parse_nodes(text.encode(), "text", problems)
    assert node is not None
    mask = MaskReader(problems, None).mask(node)
    assert not list(problems), [str(problem) for problem in problems]
    return mask


@settings(deadline=None)
@given(MASKS)
def test_a_mask_survives_being_written(mask: Mask) -> None:
    assert read(mask_text(mask)) == mask
    assert read(json.dumps(mask_value(mask))) == mask


@pytest.mark.parametrize(
    ("mask", "text"),
    [
        (masks.Null(), "null"),
        (masks.Partial(keep_last=4), "{partial: {keep_last: 4}}"),
        (masks.Constant("true"), '{constant: "true"}'),
        (masks.Constant("NULL"), '{constant: "NULL"}'),
        (masks.Scrub(("email", "ssn")), "{scrub: [email, ssn]}"),
        (masks.Json((("$.a", masks.Null()),)), '{json: {"$.a": "null"}}'),
    ],
)
def test_masks_are_written_as_in_rules(mask: Mask, text: str) -> None:
    assert mask_text(mask) == text

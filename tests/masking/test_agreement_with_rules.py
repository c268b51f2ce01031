"""What rules accept is what masks can do: the two sides read the same names and the same JSON paths."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pgproxy.masking import scrubbing, timemasks, tokens
from pgproxy.masking.jsonpaths import Anywhere, BadPath, Key, parse_path
from pgproxy.policy import mask_reading
from pgproxy.policy.json_paths import Wild, parse_key_path

PIECES = ("$", ".", "..", "a", "é-1", "*", "[", "]", "[0]", "[*]", '"', '"a b"', '["k"]', "[-1]", " ", "?", "@", "\\")


def test_names_of_kinds_units_and_alphabets_are_the_same() -> None:
    assert set(mask_reading.SCRUB_KINDS) == set(scrubbing.KINDS)
    assert set(mask_reading.TIME_UNITS) == set(timemasks.UNITS)
    assert set(mask_reading.ALPHABETS) < set(tokens.ALPHABETS)


def keys_of(text: str) -> tuple[object, ...] | None:
    """The keys of a path as rules see them, read by the masks' parser; None: refused."""
    try:
        steps = parse_path(text)
    except BadPath:
        return None
    keys: list[object] = []
    for step in steps:
        match step:
            case Key(name):
                keys.append(Wild.ANY if name is None else name)
            case Anywhere():
                keys.append(Wild.ANYWHERE)
    return tuple(keys)


@given(st.lists(st.sampled_from(PIECES), max_size=7).map(lambda pieces: "$" + "".join(pieces)))
@example("$..[0].a")
@example('$.."a"')
@settings(max_examples=500)
def test_paths_are_read_alike(text: str) -> None:
    try:
        expected: tuple[object, ...] | None = parse_key_path(text)
    except ValueError:
        expected = None
    assert keys_of(text) == expected


@pytest.mark.parametrize("text", ("$.a", "$..a", "$[*]", '$."a"'))
def test_paths_that_both_know(text: str) -> None:
    assert keys_of(text) is not None

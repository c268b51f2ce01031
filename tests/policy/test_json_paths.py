from __future__ import annotations

import pytest

from pgproxy.masking import jsonpaths
from pgproxy.policy.json_paths import Wild, may_meet, parse_key_path

ANY, ANYWHERE = Wild.ANY, Wild.ANYWHERE
BAD = ["", "address", "$address", "$.", "$.a.", "$.a b", "$[x]", "$[-1]", '$."open', "$..", "$.a[", "$?(@)"]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("$", ()),
        ("$.address", ("address",)),
        ("$.contacts[*].email", ("contacts", "email")),
        ("$.items[0][1].x", ("items", "x")),
        ('$."a key".b', ("a key", "b")),
        ('$["a key"]["b.c"]', ("a key", "b.c")),
        (r'$."say \"x\""', ('say "x"',)),
        ("$.*", (ANY,)),
        ("$..email", (ANYWHERE, "email")),
        ("$.a..*", ("a", ANYWHERE, ANY)),
        ("$..[0].x", (ANYWHERE, "x")),
        ("$.größe-1", ("größe-1",)),
    ],
)
def test_paths_are_read_as_masking_reads_them(text: str, keys: tuple[object, ...]) -> None:
    assert parse_key_path(text) == keys
    jsonpaths.parse_path(text)


@pytest.mark.parametrize("text", BAD)
def test_bad_paths_are_refused_as_masking_refuses_them(text: str) -> None:
    with pytest.raises(ValueError, match="JSON path"):
        parse_key_path(text)
    with pytest.raises(jsonpaths.BadPath):
        jsonpaths.parse_path(text)


@pytest.mark.parametrize(
    ("steps", "path", "meets"),
    [
        ("city", "$.address", False),
        ("address", "$.address", True),
        ("address street", "$.address", True),
        ("address", "$.address.street", True),
        ("address city", "$.address.street", False),
        ("", "$.address", True),
        ("contacts 0 email", "$.contacts[*].email", True),
        ("contacts email", "$.contacts[*].email", True),
        ("contacts 0 phone", "$.contacts[*].email", False),
        ("contacts -1", "$.contacts[*].email", True),
        ("0 contacts", "$.contacts", True),
        ("1 contacts", "$.2.contacts", False),
        ("2 x", "$.2.y", False),
        ("2 0 y", "$.2.y", True),
        ("a b", "$.*.b", True),
        ("a c", "$.*.b", False),
        ("a", "$..b", True),
        ("a", "$", True),
    ],
)
def test_constant_steps_meet_a_masked_path_unless_a_key_differs(steps: str, path: str, meets: bool) -> None:
    assert may_meet(tuple(steps.split()), parse_key_path(path)) is meets


@pytest.mark.parametrize("place", ["0", "-1", "+0", " 0", "\t1", "\n+2", "0 "])
def test_a_step_is_an_array_place_wherever_the_server_reads_one(place: str) -> None:
    """The server reads places with strtol: white space and a sign may stand before the digits."""
    assert may_meet(("contacts", place, "email"), parse_key_path("$.contacts[*].email"))


@pytest.mark.parametrize("key", ["x0", "0x", "", "+", "one"])
def test_other_steps_are_keys(key: str) -> None:
    assert not may_meet(("contacts", key, "email"), parse_key_path("$.contacts[*].email"))

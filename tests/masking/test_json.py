from __future__ import annotations

import json

import pytest

from pgproxy.masking.functions import mask_function
from pgproxy.masking.jsonpaths import Anywhere, BadPath, Index, Key, parse_path
from pgproxy.policy.masks import Constant, Digits, Hash, Json, Mask, Null, Partial, Redact, Round, ShiftDays, Truncate
from pgproxy.wire.formats import oids
from tests.masking.every_mask import KEYS

Paths = dict[str, Mask]


def masked(text: str, paths: Paths, type_oid: int = oids.JSON, format: int = 0) -> str | None:
    mask = mask_function(Json(tuple(paths.items())), type_oid, -1, format, {}, KEYS, {})
    prefix = b"\x01" if type_oid == oids.JSONB and format == 1 else b""
    result = mask(prefix + text.encode("utf-8", "surrogatepass"))
    if result is None:
        return None
    assert result.startswith(prefix)
    return result[len(prefix) :].decode()


R: Mask = Redact()
CASES: tuple[tuple[Paths, str, str | None], ...] = (
    ({"$.a": R}, '{"a": "x", "b": "y"}', '{"a": "[redacted]", "b": "y"}'),
    ({"$.a": R}, '{ "b" :1.50, "a":"x","a":5 }', '{ "b" :1.50, "a":"[redacted]","a":null }'),
    ({"$.a": R}, '{"a": {"deep": 1}}', '{"a": null}'),
    ({"$.a": R}, '{"a": ["x", ["y", {"z": 1}], null, true]}',
     '{"a": ["[redacted]", ["[redacted]", null], null, null]}'),
    ({"$.a.b": R}, '{"a": {"b": "x", "c": "y"}, "b": "z"}', '{"a": {"b": "[redacted]", "c": "y"}, "b": "z"}'),
    ({"$.a[*].b": R}, '{"a": [{"b": "x"}, {"c": 1}, 5]}', '{"a": [{"b": "[redacted]"}, {"c": 1}, 5]}'),
    ({"$.a[1]": R}, '{"a": ["x", "y", "z"]}', '{"a": ["x", "[redacted]", "z"]}'),
    ({'$."a b".c': R}, '{"a b": {"c": "x"}}', '{"a b": {"c": "[redacted]"}}'),
    ({'$["a.b"]': R}, '{"a.b": "x", "a": {"b": "y"}}', '{"a.b": "[redacted]", "a": {"b": "y"}}'),
    ({"$.*": R}, '{"a": "x", "b": 2}', '{"a": "[redacted]", "b": null}'),
    ({"$..e": R}, '{"e": "1", "a": [{"b": {"e": "2"}}], "f": "3"}',
     '{"e": "[redacted]", "a": [{"b": {"e": "[redacted]"}}], "f": "3"}'),
    ({"$": R}, '"x"', '"[redacted]"'),
    ({"$": R}, '{"a": 1}', "null"),
    ({"$.a": R}, '"x"', '"x"'),
    # Keys are compared as they are meant, not as they are spelled.
    ({"$.é": R}, '{"\\u00e9": "x"}', '{"\\u00e9": "[redacted]"}'),
    # Lax: a document that is shaped otherwise is masked all the same.
    ({"$.a.b": R}, '{"a": [{"b": "x"}, [{"b": "y"}]]}', '{"a": [{"b": "[redacted]"}, [{"b": "[redacted]"}]]}'),
    ({"$.a[*]": R}, '{"a": "x"}', '{"a": "[redacted]"}'),
    ({"$.a[*].b": R}, '{"a": {"b": "x"}}', '{"a": {"b": "[redacted]"}}'),
    ({"$.a[0]": R}, '{"a": "x"}', '{"a": "[redacted]"}'),
    # The first of several; an outer mask covers inner ones.
    ({"$.a": Constant("1"), "$.*": R}, '{"a": "x", "b": "y"}', '{"a": "1", "b": "[redacted]"}'),
    ({"$.a.b": Null(), "$.a": R}, '{"a": {"b": "x"}}', '{"a": null}'),
    ({"$.a": Round("1000")}, '{"a": 1500, "b": 1500}', '{"a": 2000, "b": 1500}'),
    ({"$.a": Round("10")}, '{"a": 15.5e0}', '{"a": 20.0}'),
    ({"$.a": Round("10")}, '{"a": "15"}', '{"a": null}'),
    ({"$.a": Constant("n/a")}, '{"a": "x", "b": 1}', '{"a": "n/a", "b": 1}'),
    ({"$.a": Constant("7")}, '{"a": 5}', '{"a": 7}'),
    ({"$.a": Partial(0, 2, "#")}, '{"a": "secret"}', '{"a": "####et"}'),
    ({"$.a": Truncate("year")}, '{"a": "1980-05-17"}', '{"a": "1980-01-01"}'),
    ({"$.a": Truncate("hour")}, '{"a": "1980-05-17T10:20:30Z"}', '{"a": "1980-05-17T10:00:00+00"}'),
    ({"$.a": Truncate("year")}, '{"a": "17 May"}', '{"a": null}'),
    ({"$.a": ShiftDays(3)}, '{"a": 5}', '{"a": null}'),
    ({"$.a": R}, "not json", None),
    ({"$.a": R}, '{"a": "x"', None),
    ({"$.a": R}, '{"a": "x"} trailing', None),
    ({"$.a": R}, "", None),
    ({"$.a": R}, '{"a": "\\ud800"}', '{"a": "[redacted]"}'),
    ({"$.a": Digits()}, '{"a": 1e999999999}', '{"a": null}'),
)  # fmt: skip


@pytest.mark.parametrize(("paths", "text", "expected"), CASES)
def test_values_at_the_paths_are_masked_and_all_else_stays(paths: Paths, text: str, expected: str | None) -> None:
    if "ud800" in text:
        expected = '{"a": null}'  # half a surrogate pair has no UTF-8
    assert masked(text, paths) == expected
    assert masked(text, paths, oids.JSONB, 1) == expected
    assert masked(text, paths, oids.TEXT) == expected


def test_deeply_nested_documents_become_null_not_an_error() -> None:
    assert masked("[" * 100_000 + "]" * 100_000, {"$.a": R}) is None
    assert masked('{"b":' * 5_000 + "1" + "}" * 5_000, {"$..a": R}) is None
    assert masked('{"b":' + "[" * 100_000 + "]" * 100_000 + "}", {"$.a": R}) is None


def test_unknown_jsonb_version_is_null() -> None:
    mask = mask_function(Json((("$.a", R),)), oids.JSONB, -1, 1, {}, KEYS, {})
    assert mask(b'\x02{"a": 1}') is None


def test_hash_of_equal_strings_and_numbers_agrees_with_columns() -> None:
    text_hash = mask_function(Hash(), oids.TEXT, -1, 0, {}, KEYS, {})(b"x")
    number_hash = mask_function(Hash(), oids.INT4, -1, 0, {}, KEYS, {})(b"5")
    result = masked('{"a": "x", "b": 5.0}', {"$.*": Hash()})
    assert result is not None and text_hash is not None and number_hash is not None
    assert json.loads(result) == {"a": text_hash.decode(), "b": int(number_hash)}


PARSED = (
    ("$", ()),
    ("$.a", (Key("a"),)),
    ("$.a-b.c_d", (Key("a-b"), Key("c_d"))),
    ("$.a[*][2]", (Key("a"), Index(None), Index(2))),
    ('$."a.b"["c\\"d"]', (Key("a.b"), Key('c"d'))),
    ("$..e", (Anywhere(), Key("e"))),
    ("$..[*]", (Anywhere(), Index(None))),
    ("$.*", (Key(None),)),
)


@pytest.mark.parametrize(("text", "steps"), PARSED)
def test_paths_are_read(text: str, steps: tuple[object, ...]) -> None:
    assert parse_path(text) == steps


@pytest.mark.parametrize(
    "text", ("", "a", "$a", "$.", "$..", "$.a.", "$[", "$[a]", "$[-1]", "$.a b", '$."a', "$.a..", "$.a ? (@ > 1)")
)
def test_bad_paths_say_so(text: str) -> None:
    with pytest.raises(BadPath):
        parse_path(text)

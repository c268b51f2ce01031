from __future__ import annotations

import pytest

from pgproxy.catalog.model import Type
from pgproxy.masking.check import mask_fits, mask_problem
from pgproxy.masking.functions import mask_function
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
from pgproxy.wire.formats import oids
from tests.masking.every_mask import KEYS

TYPES = {
    type_.oid: type_
    for type_ in (
        Type(oids.TEXT, "pg_catalog", "text", "b"),
        Type(oids.INT4, "pg_catalog", "int4", "b"),
        Type(oids.NUMERIC, "pg_catalog", "numeric", "b"),
        Type(oids.DATE, "pg_catalog", "date", "b"),
        Type(oids.JSONB, "pg_catalog", "jsonb", "b"),
        Type(oids.UUID, "pg_catalog", "uuid", "b"),
        Type(oids.FLOAT8, "pg_catalog", "float8", "b"),
        Type(1009, "pg_catalog", "_text", "b", element=oids.TEXT),
        Type(600, "pg_catalog", "point", "b"),
        Type(90_001, "public", "mood", "e", labels=("sad", "ok")),
        Type(90_003, "public", "age", "d", base=oids.INT4),
        Type(90_004, "public", "ages", "b", element=90_003),
        Type(90_005, "public", "citext", "b"),
        Type(90_006, "public", "pair", "c"),
        Type(90_007, "public", "loop", "d", base=90_007),
        Type(90_008, "public", "_semicolons", "b", element=90_005, delimiter=";"),
    )
}
FITTING: tuple[tuple[Mask, int], ...] = (
    (Null(), 600),
    (Redact(), 600),
    (Hash(), oids.INT4),
    (Hash(), 90_001),
    (Hash(), 1009),
    (Digits(), 90_003),
    (Digits(), 90_004),
    (Fake("name"), 90_005),
    (Fake("date_of_birth"), oids.DATE),
    (Constant("sad"), 90_001),
    (Constant("2000-01-01"), oids.DATE),
    (Round("0.5"), oids.NUMERIC),
    (Tokenize("digits"), oids.UUID),
    (Json((("$.a", Round("5")),)), oids.JSONB),
    (Scrub(("email",)), oids.TEXT),
)
NOT_FITTING: tuple[tuple[Mask, int, str], ...] = (
    (Hash(), 600, "values of type point cannot be masked with hash: only with null"),
    (Hash(), 90_006, "only with null"),
    (Hash(), 90_007, "only with null"),
    (Digits(), oids.DATE, "digits does not fit type date: digits gives no date"),
    (Partial(1, 1), oids.INT4, "partial gives no integer"),
    (Fake("name"), oids.INT4, "fake: name gives text"),
    (Fake("nmae"), oids.TEXT, "unknown Faker provider 'nmae'; did you mean 'name'?"),
    (Constant("happy"), 90_001, "the constant is no enum"),
    (Constant("n/a"), oids.INT4, "the constant is no integer"),
    (Round("0.5"), oids.INT4, "round needs a whole number on an integer column"),
    (Round("-1"), oids.NUMERIC, "greater than zero"),
    (Round("10"), oids.TEXT, "round does not work on text"),
    (Truncate("week"), oids.DATE, "truncate knows year, month, day, hour"),
    (Truncate("year"), 1009, "truncate does not work on text"),
    (ShiftDays(0), oids.DATE, "greater than zero"),
    (ShiftDays(5), oids.INT4, "shift_days gives no integer"),
    (Tokenize("digits"), oids.FLOAT8, "tokenize gives no float"),
    (Tokenize("hex"), oids.TEXT, "tokenize knows digits and alnum"),
    (Scrub(("emails",)), oids.TEXT, "scrub finds url, email"),
    (Scrub(("email",)), oids.JSONB, "scrub gives no json"),
    (Json((("a", Hash()),)), oids.JSONB, "a JSON path begins with $"),
    (Json((("$.a", Fake("x")),)), oids.JSONB, "unknown Faker provider"),
    (Json((("$.a", Json((("$.b", Hash()),))),)), oids.JSONB, "json does not nest"),
    (Partial(1, 1, "**"), oids.TEXT, "covers with exactly one"),
)


@pytest.mark.parametrize(("mask", "type_oid"), FITTING)
def test_masks_that_fit(mask: Mask, type_oid: int) -> None:
    assert mask_fits(mask, TYPES[type_oid], TYPES) is None


@pytest.mark.parametrize(("mask", "type_oid", "reason"), NOT_FITTING)
def test_masks_that_do_not_fit_say_why_and_give_null(mask: Mask, type_oid: int, reason: str) -> None:
    said = mask_fits(mask, TYPES[type_oid], TYPES)
    assert said is not None and reason in said
    assert mask_function(mask, type_oid, -1, 0, TYPES, KEYS, {})(b"5") is None


ALONE: tuple[tuple[Mask, str | None], ...] = (
    (Fake("email"), None),
    (Fake("emial"), "did you mean 'email'"),
    (Tokenize("alnum"), None),
    (Tokenize("letters"), "digits and alnum"),
    (Round("x"), "needs a number"),
    (Truncate("day"), None),
    (ShiftDays(-1), "greater than zero"),
    (Scrub(()), "at least one kind"),
    (Json(()), "at least one path"),
    (Json((("$.a", Hash()),)), None),
    (Hash(), None),
)


@pytest.mark.parametrize(("mask", "reason"), ALONE)
def test_masks_that_work_nowhere(mask: Mask, reason: str | None) -> None:
    said = mask_problem(mask)
    assert said is None if reason is None else said is not None and reason in said


def test_arrays_of_users_types_use_the_types_delimiter() -> None:
    mask = mask_function(Constant("x;y"), 90_008, -1, 0, TYPES, KEYS, {})
    assert mask(b'{a;"b;c";NULL}') == b'{"x;y";"x;y";NULL}'

"""One of every mask, with parameters, for tests that run over all of them."""

from __future__ import annotations

from pgproxy.masking.keys import MaskingKeys
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

KEYS = MaskingKeys(bytes(range(32)))

EVERY_MASK: dict[str, Mask] = {
    "null": Null(),
    "redact": Redact(),
    "constant-number": Constant("7"),
    "constant-date": Constant("2001-02-03"),
    "constant-text": Constant("n/a"),
    "constant-json": Constant('{"a": null}'),
    "constant-uuid": Constant("00000000-0000-4000-8000-000000000000"),
    "constant-inet": Constant("10.0.0.0/8"),
    "constant-interval": Constant("1 day 02:00:00"),
    "constant-bytes": Constant("\\x00ff"),
    "constant-bool": Constant("true"),
    "constant-time": Constant("12:30:00+02"),
    "hash": Hash(),
    "partial": Partial(1, 2, "*"),
    "fake-name": Fake("name"),
    "fake-email": Fake("email"),
    "fake-address": Fake("address"),
    "fake-date": Fake("date_of_birth"),
    "fake-ipv4": Fake("ipv4"),
    "fake-int": Fake("random_int"),
    "fake-uuid": Fake("uuid4"),
    "fake-mac": Fake("mac_address"),
    "fake-bool": Fake("boolean"),
    "fake-time": Fake("time"),
    "digits": Digits(),
    "tokenize-digits": Tokenize("digits"),
    "tokenize-alnum": Tokenize("alnum"),
    "round-100": Round("100"),
    "round-0.05": Round("0.05"),
    "truncate-year": Truncate("year"),
    "truncate-month": Truncate("month"),
    "truncate-day": Truncate("day"),
    "truncate-hour": Truncate("hour"),
    "shift_days": ShiftDays(30),
    "scrub": Scrub(("email", "phone", "ssn", "credit_card", "iban", "ip", "url", "mac")),
    "json": Json((("$.a", Hash()), ("$..e", Fake("email")), ("$.b", Redact()))),
}

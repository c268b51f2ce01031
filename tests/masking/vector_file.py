"""`vectors.json`: masks and what they give, frozen. Later releases may be faster, never different.

`python -m tests.masking.vector_file` adds what is missing (new masks, types or inputs) and refuses to change anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgproxy.catalog.model import Type
from pgproxy.masking.functions import mask_function
from pgproxy.masking.keys import MaskingKeys
from pgproxy.policy import masks
from pgproxy.policy.masks import Mask
from pgproxy.wire.formats import arrays, builtin, oids

FILE = Path(__file__).with_name("vectors.json")

MOOD, MOODS = 90_001, 90_002
TYPES = {
    MOOD: Type(MOOD, "public", "mood", "e", labels=("sad", "ok", "happy")),
    MOODS: Type(MOODS, "public", "_mood", "b", element=MOOD),
}
NUMERIC_10_2 = (10 << 16 | 2) + 4


@dataclass(frozen=True, slots=True)
class Vector:
    key: bytes
    mask: Any
    """As a rule writes it."""
    type_oid: int
    typmod: int
    text: bytes
    """The value in text format, under the default settings."""
    binary: bytes
    masked_text: bytes | None
    masked_binary: bytes | None


WITHOUT_PARAMETERS: dict[str, Mask] = {
    "null": masks.Null(),
    "redact": masks.Redact(),
    "hash": masks.Hash(),
    "digits": masks.Digits(),
}


def mask_of(rule: Any) -> Mask:
    """A mask as JSON has it → the value."""
    if isinstance(rule, str):
        return WITHOUT_PARAMETERS[rule]
    ((name, value),) = rule.items()
    match name:
        case "constant":
            return masks.Constant(value)
        case "partial":
            return masks.Partial(*value)
        case "fake":
            return masks.Fake(value)
        case "tokenize":
            return masks.Tokenize(value)
        case "round":
            return masks.Round(value)
        case "truncate":
            return masks.Truncate(value)
        case "shift_days":
            return masks.ShiftDays(value)
        case "scrub":
            return masks.Scrub(tuple(value))
    return masks.Json(tuple((path, mask_of(inner)) for path, inner in value.items()))


def load() -> tuple[Vector, ...]:
    return tuple(_vector(row) for row in json.loads(FILE.read_text()))


def _vector(row: Any) -> Vector:
    key, mask, type_oid, typmod, text, binary, masked_text, masked_binary = row
    return Vector(
        bytes.fromhex(key),
        mask,
        type_oid,
        typmod,
        text.encode(),
        bytes.fromhex(binary),
        None if masked_text is None else masked_text.encode(),
        None if masked_binary is None else bytes.fromhex(masked_binary),
    )


RULES: tuple[Any, ...] = (
    "redact", "hash", "digits",
    {"constant": "7"}, {"constant": "2001-02-03"},
    {"partial": [0, 4, "*"]}, {"partial": [1, 1, "•"]},
    {"tokenize": "digits"}, {"tokenize": "alnum"},
    {"round": "10000"}, {"round": "0.5"},
    {"truncate": "year"}, {"truncate": "month"}, {"truncate": "day"}, {"truncate": "hour"},
    {"shift_days": 30}, {"shift_days": 1},
    {"scrub": ["email", "phone", "ssn", "credit_card", "iban", "ip", "url", "mac"]},
    {"json": {"$.address": "redact", "$.contacts[*].email": {"fake": "email"}, "$..n": {"round": "100"}}},
)  # fmt: skip
FAKED = ((oids.TEXT, -1, "Alice Example"), (oids.VARCHAR, 24, "Bob"))
INPUTS: tuple[tuple[int, int, tuple[str, ...]], ...] = (
    (oids.TEXT, -1, ("", "Alice Example", "José 名前", "+49 (0)30 1234-567", "4111-1111-1111-1111", "123-45-6789",
                     "AB12",
                     "write bob@x.com (10.1.2.3) or call 555-123-4567 about GB82 WEST 1234 5698 7654 32 http://x.y",
                     '{"address": "x", "contacts": [{"email": "a@b.c"}], "n": 149}')),
    (oids.VARCHAR, 16, ("Alice Example",)),
    (oids.BPCHAR, 12, ("Alice   ", "1234    ")),
    (oids.INT2, -1, ("5", "-5", "32767")),
    (oids.INT4, -1, ("0", "5", "12345", "2147483647", "-2147483648")),
    (oids.INT8, -1, ("5", "9223372036854775807")),
    (oids.OID, -1, ("4294967295",)),
    (oids.NUMERIC, -1, ("5.00", "-12345.678", "0.001", "1234567890123456789012345678901234567890", "NaN")),
    (oids.NUMERIC, NUMERIC_10_2, ("15000.50",)),
    (oids.FLOAT4, -1, ("1.5", "-3.4028235e+38")),
    (oids.FLOAT8, -1, ("5", "0.1", "1e+300", "NaN")),
    (oids.BOOL, -1, ("t", "f")),
    (oids.DATE, -1, ("1980-05-17", "0044-03-15 BC", "infinity")),
    (oids.TIMESTAMP, -1, ("1980-05-17 10:20:30.5",)),
    (oids.TIMESTAMPTZ, -1, ("1980-05-17 10:20:30.5+00",)),
    (oids.TIME, -1, ("10:20:30",)),
    (oids.TIMETZ, -1, ("10:20:30+02",)),
    (oids.INTERVAL, -1, ("1 year 2 mons 3 days 04:05:06",)),
    (oids.UUID, -1, ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",)),
    (oids.INET, -1, ("192.168.1.5/24", "2001:db8::7")),
    (oids.CIDR, -1, ("10.0.0.0/8",)),
    (oids.MACADDR, -1, ("08:00:2b:01:02:03",)),
    (oids.MACADDR8, -1, ("08:00:2b:01:02:03:04:05",)),
    (oids.JSON, -1, ('{ "address":"x","contacts":[{"email":"a@b.c"}, null],"n":149.0 }',)),
    (oids.JSONB, -1, ('{"n": 149.0, "address": {"street": "x"}, "contacts": {"email": "a@b.c"}}',)),
    (oids.BYTEA, -1, ("\\x00ff",)),
    (MOOD, -1, ("sad", "happy")),
    (1009, -1, ('{a,"b c",NULL}',)),
    (1007, -1, ("{{1,2},{3,NULL}}",)),
    (MOODS, -1, ("{sad,happy}",)),
)  # fmt: skip
ELEMENT = {**oids.ELEMENT_OF_ARRAY, MOODS: MOOD}
PROVIDERS = (
    "name", "first_name", "last_name", "email", "user_name", "phone_number", "address", "street_address", "city",
    "country", "state", "postcode", "company", "job", "ssn", "credit_card_number", "iban", "ipv4", "ipv6",
    "mac_address", "uuid4",
    "date_of_birth", "date_time", "time", "url", "domain_name", "sentence", "word", "random_int", "latitude", "boolean",
    "license_plate", "ean13",
)  # fmt: skip
FAKED_TYPES = {
    "ipv4": oids.INET, "ipv6": oids.INET, "mac_address": oids.MACADDR, "uuid4": oids.UUID, "date_of_birth": oids.DATE,
    "date_time": oids.TIMESTAMPTZ, "time": oids.TIME, "random_int": oids.INT4, "latitude": oids.FLOAT8,
    "boolean": oids.BOOL, "ean13": oids.NUMERIC,
}  # fmt: skip
KEYS = (bytes(range(32)), b"pgproxy masking key of 32 bytes!")


def _binary(type_oid: int, text: bytes) -> bytes:
    if type_oid in ELEMENT:
        count = 4 if type_oid == 1007 else len(text.strip(b"{}").split(b","))
        dimensions = ((2, 1), (2, 1)) if type_oid == 1007 else ((count, 1),)
        elements: list[bytes] = []

        def take(element: bytes) -> bytes:
            elements.append(_binary(ELEMENT[type_oid], element))
            return element

        arrays.map_text(text, take)
        has_null = len(elements) < count
        body = b"".join(len(e).to_bytes(4, "big") + e for e in elements) + b"\xff\xff\xff\xff" * (count - len(elements))
        head = (len(dimensions), int(has_null), ELEMENT[type_oid], *(n for pair in dimensions for n in pair))
        return b"".join(number.to_bytes(4, "big") for number in head) + body
    codec = builtin.codec(type_oid, {})
    if codec is None:
        return text
    if codec.same_in_both:
        return text
    return codec.to_binary(codec.from_text(text))


def _wanted() -> Iterator[tuple[bytes, Any, int, int, str]]:
    for key in KEYS:
        for rule in RULES:
            for type_oid, typmod, texts in INPUTS:
                for text in texts if key == KEYS[0] else texts[:1]:
                    yield key, rule, type_oid, typmod, text
        for name in PROVIDERS:
            for type_oid, typmod, text in FAKED:
                yield key, {"fake": name}, type_oid, typmod, text
            if name in FAKED_TYPES:
                of_type = FAKED_TYPES[name]
                yield from (
                    (key, {"fake": name}, oid, typmod, texts[0]) for oid, typmod, texts in INPUTS if oid == of_type
                )


def main() -> None:
    rows = json.loads(FILE.read_text()) if FILE.exists() else []
    there = {json.dumps(row[:5]) for row in rows}
    for key, rule, type_oid, typmod, text in _wanted():
        row: list[Any] = [key.hex(), rule, type_oid, typmod, text]
        if json.dumps(row) in there:
            continue
        there.add(json.dumps(row))
        keys, mask, binary = MaskingKeys(key), mask_of(rule), _binary(type_oid, text.encode())
        results = [
            mask_function(mask, type_oid, typmod, code, TYPES, keys, {})(value)
            for code, value in ((0, text.encode()), (1, binary))
        ]
        if results != [None, None] or rule == "redact":
            as_text, as_binary = results
            row += [
                binary.hex(),
                None if as_text is None else as_text.decode(),
                None if as_binary is None else as_binary.hex(),
            ]
            rows.append(row)
    FILE.write_text("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()

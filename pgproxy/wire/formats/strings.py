"""Text types, enums, json, bytea, uuid: values whose text format is the value itself or its digits.

The proxy speaks UTF8 with the server, whatever the client's encoding is.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from pgproxy.wire.formats.codec import Codec, Family


def _decode(data: bytes) -> str:
    return data.decode("utf-8")


def _encode(value: str) -> bytes:
    if "\0" in value:
        raise ValueError("NUL in text")
    return value.encode("utf-8")


TEXT = Codec(Family.TEXT, _decode, _encode, _decode, _encode, str, same_in_both=True)


def _bpchar_from(data: bytes) -> str:
    return data.decode("utf-8").rstrip(" ")


BPCHAR = Codec(Family.TEXT, _bpchar_from, _encode, _bpchar_from, _encode, str, same_in_both=True)
"""Trailing spaces are no part of a char(n) value; whoever knows the length pads again."""


def enum_codec(labels: tuple[str, ...]) -> Codec:
    def check(value: str) -> str:
        if value not in labels:
            raise ValueError("no label")
        return value

    def decode(data: bytes) -> str:
        return check(data.decode("utf-8"))

    def encode(value: str) -> bytes:
        return check(value).encode("utf-8")

    return Codec(Family.ENUM, decode, encode, decode, encode, str, same_in_both=True)


def canonical_json(text: str) -> str:
    """Equal for equal jsonb values: no spaces, sorted keys, numbers without needless zeros, last duplicate key wins."""
    parsed = json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_no_constant)
    return json.dumps(parsed, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)


def _no_constant(text: str) -> Any:
    raise ValueError("no JSON")


def _plain(value: Decimal) -> list[str]:
    # A list that no JSON number is: a number must not have the canonical text of the string with its digits.
    sign, digits, exponent = value.as_tuple()
    significant = "".join(map(str, digits)).lstrip("0")
    kept = significant.rstrip("0")
    if not kept:
        return ["number", "0"]
    return ["number", f"{'-' if sign else ''}{kept}e{int(exponent) + len(significant) - len(kept)}"]


def check_json(text: str) -> str:
    """The text itself. Raises ValueError where it is no JSON; the codecs take what comes from the server on trust."""
    json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_no_constant)
    return text


def _jsonb_from_binary(data: bytes) -> str:
    if data[:1] != b"\x01":
        raise ValueError("unknown jsonb version")
    return data[1:].decode("utf-8")


JSON = Codec(Family.JSON, _decode, _encode, _decode, _encode, canonical_json, same_in_both=True)
JSONB = Codec(Family.JSON, _decode, _encode, _jsonb_from_binary, lambda value: b"\x01" + _encode(value), canonical_json)

_ESCAPED = re.compile(rb"\\(\\|[0-3][0-7][0-7])")


def _bytea_from_text(data: bytes) -> bytes:
    """Both settings of bytea_output: `\\x` and hex digits, or printable bytes with `\\ooo` and `\\\\`."""
    if data[:2] == b"\\x":
        return bytes.fromhex(data[2:].decode("ascii"))
    if b"\\" in _ESCAPED.sub(b"", data):
        raise ValueError("no bytea")
    return _ESCAPED.sub(lambda found: b"\\" if found[1] == b"\\" else bytes((int(found[1], 8),)), data)


BYTEA = Codec(
    Family.BYTES,
    _bytea_from_text,
    lambda value: b"\\x" + value.hex().encode(),
    bytes,
    bytes,
    bytes.hex,
)

_UUID = re.compile(r"[0-9a-f]{32}")


def _uuid_from_text(data: bytes) -> bytes:
    digits = data.decode("ascii").lower().strip("{}").replace("-", "")
    if not _UUID.fullmatch(digits):
        raise ValueError("no uuid")
    return bytes.fromhex(digits)


def uuid_text(value: bytes) -> str:
    digits = value.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _uuid_from_binary(data: bytes) -> bytes:
    if len(data) != 16:
        raise ValueError("no uuid")
    return bytes(data)


UUID = Codec(Family.UUID, _uuid_from_text, lambda value: uuid_text(value).encode(), _uuid_from_binary, bytes, uuid_text)

"""Passwords as SCRAM sees them: RFC 4013 SASLprep with PostgreSQL's deviations.

PostgreSQL never rejects a password over SASLprep: whatever cannot be prepared is used as its raw bytes, ASCII is not
touched at all, and the forbidden characters are looked for before the normalization rather than after it. Verifiers
come from its catalog and clients are built on its library, so this does the same.

Source: RFC 3454, RFC 4013; PostgreSQL `src/common/saslprep.c`.
"""

from __future__ import annotations

import stringprep
import unicodedata

_FORBIDDEN = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
    stringprep.in_table_a1,
)


def prepare(password: str | bytes) -> bytes:
    """The bytes that PBKDF2 gets for this password."""
    raw = password.encode("utf-8", "surrogateescape") if isinstance(password, str) else password
    if raw.isascii():
        return raw
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw
    mapped = "".join(map(_map, text))
    if not mapped or any(table(char) for char in mapped for table in _FORBIDDEN) or not _bidi_holds(mapped):
        return raw
    return unicodedata.normalize("NFKC", mapped).encode()


def _map(char: str) -> str:
    # U+200B is in both tables; PostgreSQL makes it a space.
    if stringprep.in_table_c12(char):
        return " "
    return "" if stringprep.in_table_b1(char) else char


def _bidi_holds(text: str) -> bool:
    """RFC 3454 section 6: right-to-left text is not mixed with left-to-right and begins and ends right-to-left."""
    if not any(map(stringprep.in_table_d1, text)):
        return True
    if any(map(stringprep.in_table_d2, text)):
        return False
    return stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])

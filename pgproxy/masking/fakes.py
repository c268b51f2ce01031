"""`{fake: PROVIDER}`: from 32 keyed bytes to a believable value, by a frozen list or a formula.

Names are Faker's. A provider either chooses from a list (values may repeat) or builds from the keyed bytes (`email`,
`user_name` and `uuid4` differ for different values). No key and no real value comes here.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from pgproxy.masking.checkdigits import iban_with_check_digits, luhn_digit
from pgproxy.masking.words import list_names, words
from pgproxy.wire.formats.calendar import day_number
from pgproxy.wire.formats.codec import Family
from pgproxy.wire.formats.datetimes import clock_text, date_text

Make = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Provider:
    make: Make
    """32 keyed bytes → UTF-8 text of the fake."""
    longest: int
    """Most characters that it can give."""
    families: frozenset[Family] = frozenset()
    """Types besides text that every one of its values is a value of."""


class UnknownProvider(ValueError):
    """No provider of that name; the message suggests the nearest."""


def _number(keyed: bytes, start: int, below: int) -> int:
    return int.from_bytes(keyed[start : start + 8], "big") % below


def _from_list(name: str) -> Provider:
    entries = words(name)
    count = len(entries)

    def make(keyed: bytes) -> bytes:
        return entries[int.from_bytes(keyed[:8], "big") % count]

    return Provider(make, max(len(entry.decode("utf-8")) for entry in entries))


def _login_parts() -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """First and last names in lower case, letters only."""
    first, last = (
        tuple(bytes(byte for byte in word.lower() if 0x61 <= byte <= 0x7A) for word in words(name))
        for name in ("first_name", "last_name")
    )
    return first, last


def _email() -> Provider:
    first, last = _login_parts()
    first_count, last_count = len(first), len(last)
    domains = (b"@example.com", b"@example.net", b"@example.org")

    def make(keyed: bytes) -> bytes:
        # 48 bits after the names, and the names too: some 68 bits keep different addresses apart.
        return b"%b.%b.%b%b" % (
            first[(keyed[0] << 8 | keyed[1]) % first_count],
            last[(keyed[2] << 8 | keyed[3]) % last_count],
            keyed[4:10].hex().encode(),
            domains[keyed[10] % 3],
        )

    return Provider(make, max(map(len, first)) + max(map(len, last)) + 26)


def _user_name() -> Provider:
    first, last = _login_parts()

    def make(keyed: bytes) -> bytes:
        names = first[_number(keyed, 0, len(first))] + last[_number(keyed, 8, len(last))]
        return names + keyed[16:20].hex().encode()

    return Provider(make, max(map(len, first)) + max(map(len, last)) + 8)


def _digits(keyed: bytes, count: int) -> str:
    return f"{int.from_bytes(keyed[8:32], 'big') % 10**count:0{count}d}"


def _phone_number(keyed: bytes) -> str:
    digits = _digits(keyed, 6)
    return f"({200 + _number(keyed, 0, 800)}) 555-{digits[:4]}"


def _ssn(keyed: bytes) -> str:
    # 9xx is no area of a real number.
    digits = _digits(keyed, 8)
    return f"9{digits[:2]}-{digits[2:4]}-{digits[4:8]}"


def _credit_card_number(keyed: bytes) -> str:
    digits = "4" + _digits(keyed, 14)
    return digits + luhn_digit(digits)


def _iban(keyed: bytes) -> str:
    return iban_with_check_digits("GB", "PGPX" + _digits(keyed, 14))


def _ipv4(keyed: bytes) -> str:
    return f"10.{keyed[0]}.{keyed[1]}.{keyed[2]}"


def _ipv6(keyed: bytes) -> str:
    groups = ":".join(f"{keyed[at] << 8 | keyed[at + 1]:x}" for at in range(0, 12, 2))
    return f"2001:db8:{groups}"


def _uuid4(keyed: bytes) -> str:
    return uuid4_text(keyed)


def uuid4_text(keyed: bytes) -> str:
    value = uuid4_bytes(keyed).hex()
    return f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"


def uuid4_bytes(keyed: bytes) -> bytes:
    return keyed[:6] + bytes((keyed[6] & 0x0F | 0x40, keyed[7], keyed[8] & 0x3F | 0x80)) + keyed[9:16]


def _mac_address(keyed: bytes) -> str:
    return (bytes((keyed[0] & 0xFC | 0x02,)) + keyed[1:6]).hex(":")


_BIRTHS = day_number(1935, 1, 1), day_number(2006, 1, 1)
_DATES = day_number(1970, 1, 1), day_number(2025, 1, 1)


def _date_between(first: int, end: int) -> Callable[[bytes], str]:
    return lambda keyed: date_text(first + _number(keyed, 0, end - first))


def _time(keyed: bytes) -> str:
    return clock_text(_number(keyed, 8, 86_400) * 1_000_000)


def _decimal(greatest: int, places: int) -> Callable[[bytes], str]:
    """From -greatest up to greatest, always with `places` digits after the point."""

    def make(keyed: bytes) -> str:
        unit = 10**places
        value = _number(keyed, 0, 2 * greatest * unit + 1) - greatest * unit
        return f"{'-' if value < 0 else ''}{abs(value) // unit}.{abs(value) % unit:0{places}d}"

    return make


def _word(name: str, keyed: bytes, start: int) -> str:
    entries = words(name)
    return entries[_number(keyed, start, len(entries))].decode()


def _domain_name(keyed: bytes) -> str:
    name = "".join(filter(str.isalpha, _word("last_name", keyed, 0).lower()))
    return f"{name}-{keyed[8:12].hex()}.example.{('com', 'net', 'org')[keyed[12] % 3]}"


def _url(keyed: bytes) -> str:
    return f"https://{_domain_name(keyed)}/"


def _license_plate(keyed: bytes) -> str:
    letters = "".join(chr(0x41 + keyed[at] % 26) for at in range(3))
    return f"{letters}-{_digits(keyed, 4)}"


def _ean13(keyed: bytes) -> str:
    digits = _digits(keyed, 12)
    total = sum(int(digit) * (3 if index % 2 else 1) for index, digit in enumerate(digits))
    return digits + str(-total % 10)


def _formula(make: Callable[[bytes], str], longest: int, *families: Family) -> Provider:
    return Provider(lambda keyed: make(keyed).encode("ascii"), longest, frozenset(families))


_NUMBERS = (Family.NUMERIC, Family.FLOAT)
_DATE_TYPES = (Family.DATE, Family.TIMESTAMP, Family.TIMESTAMPTZ)

_FORMULAS: Mapping[str, Callable[[], Provider]] = {
    "email": _email,
    "user_name": _user_name,
    "phone_number": lambda: _formula(_phone_number, 14),
    "basic_phone_number": lambda: _formula(_phone_number, 14),
    "ssn": lambda: _formula(_ssn, 11),
    "credit_card_number": lambda: _formula(_credit_card_number, 16, Family.NUMERIC),
    "iban": lambda: _formula(_iban, 22),
    "ipv4": lambda: _formula(_ipv4, 15, Family.INET),
    "ipv6": lambda: _formula(_ipv6, 39, Family.INET),
    "mac_address": lambda: _formula(_mac_address, 17, Family.MAC),
    "uuid4": lambda: _formula(_uuid4, 36, Family.UUID),
    "date_of_birth": lambda: _formula(_date_between(*_BIRTHS), 10, *_DATE_TYPES),
    "date": lambda: _formula(_date_between(*_DATES), 10, *_DATE_TYPES),
    "time": lambda: _formula(_time, 8, Family.TIME, Family.TIMETZ),
    "date_time": lambda: _formula(
        lambda keyed: f"{_date_between(*_DATES)(keyed)} {_time(keyed)}", 19, Family.TIMESTAMP, Family.TIMESTAMPTZ
    ),
    "latitude": lambda: _formula(_decimal(90, 6), 10, *_NUMBERS),
    "longitude": lambda: _formula(_decimal(180, 6), 11, *_NUMBERS),
    "pydecimal": lambda: _formula(_decimal(1_000_000, 2), 11, *_NUMBERS),
    "pyfloat": lambda: _formula(_decimal(1_000_000, 2), 11, *_NUMBERS),
    "random_int": lambda: _formula(lambda keyed: str(_number(keyed, 0, 10_000)), 4, Family.INTEGER, *_NUMBERS),
    "pyint": lambda: _formula(lambda keyed: str(_number(keyed, 0, 10_000)), 4, Family.INTEGER, *_NUMBERS),
    "random_digit": lambda: _formula(lambda keyed: str(_number(keyed, 0, 10)), 1, Family.INTEGER, *_NUMBERS),
    "year": lambda: _formula(lambda keyed: str(1970 + _number(keyed, 0, 55)), 4, Family.INTEGER, *_NUMBERS),
    "boolean": lambda: _formula(lambda keyed: "true" if keyed[0] & 1 else "false", 5, Family.BOOL),
    "domain_name": lambda: _formula(_domain_name, 40),
    "url": lambda: _formula(_url, 50),
    "license_plate": lambda: _formula(_license_plate, 8),
    "ean13": lambda: _formula(_ean13, 13, Family.NUMERIC),
    "ean": lambda: _formula(_ean13, 13, Family.NUMERIC),
    "building_number": lambda: _formula(lambda keyed: str(1 + _number(keyed, 0, 9_999)), 4, Family.INTEGER, *_NUMBERS),
}

_SAME = {
    "safe_email": "email",
    "free_email": "email",
    "company_email": "email",
    "ascii_email": "email",
    "ascii_safe_email": "email",
    "ascii_free_email": "email",
    "ascii_company_email": "email",
    "zipcode": "postcode",
    "zip": "postcode",
    "phone": "phone_number",
    "ipv4_private": "ipv4",
    "uri": "url",
    "state_name": "state",
}


def canonical_name(name: str) -> str:
    """Providers that are the same list or formula share a mask domain."""
    return _SAME.get(name, name)


@cache
def known_providers() -> tuple[str, ...]:
    """Every provider that a rule may name, sorted."""
    return tuple(sorted(list_names() | _FORMULAS.keys() | _SAME.keys()))


@cache
def provider(name: str) -> Provider:
    """Raises UnknownProvider."""
    name = canonical_name(name)
    if name in _FORMULAS:
        return _FORMULAS[name]()
    if name in list_names():
        return _from_list(name)
    near = difflib.get_close_matches(name, known_providers(), n=1)
    suggestion = f"; did you mean {near[0]!r}?" if near else ""
    raise UnknownProvider(f"unknown Faker provider {name!r}{suggestion}")

"""Check digits: Luhn (ISO/IEC 7812) and IBAN (ISO 13616)."""

from __future__ import annotations


def _luhn_sum(digits: str) -> int:
    """Of digits without their check digit: the last one counts double."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 if index % 2 else 2)
        total += value - 9 if value > 9 else value
    return total


def luhn_digit(digits: str) -> str:
    """The digit that makes a number pass when put behind it."""
    return str(-_luhn_sum(digits) % 10)


def passes_luhn(digits: str) -> bool:
    return len(digits) > 1 and luhn_digit(digits[:-1]) == digits[-1]


def _remainder(country: str, account: str, check: str) -> int:
    return int("".join(str(int(character, 36)) for character in account + country + check)) % 97


def iban_with_check_digits(country: str, account: str) -> str:
    return f"{country}{98 - _remainder(country, account, '00'):02d}{account}"


def passes_iban(iban: str) -> bool:
    """`iban` in upper case, without spaces."""
    return 15 <= len(iban) <= 34 and _remainder(iban[:2], iban[4:], iban[2:4]) == 1

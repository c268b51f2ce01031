"""FF1 against the sample vectors that NIST published for SP 800-38G."""

from __future__ import annotations

import pytest

from pgproxy.masking.ff1 import FF1

NUMERALS = "0123456789abcdefghijklmnopqrstuvwxyz"
K128 = "2B7E151628AED2A6ABF7158809CF4F3C"
K192 = K128 + "EF4359D8D580AA4F"
K256 = K192 + "7F036D6F04FC6A94"
TWEAK10 = "39383736353433323130"
TWEAK36 = "3737373770717273373737"
DIGITS, WORD = "0123456789", "0123456789abcdefghi"

SAMPLES = (
    (K128, 10, "", DIGITS, "2433477484"),
    (K128, 10, TWEAK10, DIGITS, "6124200773"),
    (K128, 36, TWEAK36, WORD, "a9tv40mll9kdu509eum"),
    (K192, 10, "", DIGITS, "2830668132"),
    (K192, 10, TWEAK10, DIGITS, "2496655549"),
    (K192, 36, TWEAK36, WORD, "xbj3kv35jrawxv32ysr"),
    (K256, 10, "", DIGITS, "6657667009"),
    (K256, 10, TWEAK10, DIGITS, "1001623463"),
    (K256, 36, TWEAK36, WORD, "xs8a0azh2avyalyzuwd"),
)


@pytest.mark.parametrize(("key", "radix", "tweak", "plain", "cipher"), SAMPLES)
def test_nist_samples(key: str, radix: int, tweak: str, plain: str, cipher: str) -> None:
    ff1 = FF1(bytes.fromhex(key), radix)
    length = len(plain)
    assert ff1.encrypt(int(plain, radix), length, bytes.fromhex(tweak)) == int(cipher, radix)
    assert ff1.decrypt(int(cipher, radix), length, bytes.fromhex(tweak)) == int(plain, radix)


@pytest.mark.parametrize("length", (6, 7, 19, 57, 120, 300))
def test_long_and_odd_lengths_come_back(length: int) -> None:
    """From 57 digits on, the round function needs more than one block."""
    ff1 = FF1(bytes(16), 10)
    number = int("7" * length)
    assert ff1.decrypt(ff1.encrypt(number, length), length) == number

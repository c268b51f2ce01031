"""FF1, format-preserving encryption with AES. Source: NIST SP 800-38G, algorithms 7 and 8, and its sample vectors.

Numbers instead of numeral strings: NUM_radix and STR_m_radix of the standard happen once, at the ends, since the
rounds only ever use the halves as numbers. Who calls keeps radix ** length at or above `MINIMUM_DOMAIN`.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

MINIMUM_DOMAIN = 1_000_000
"""radix ** length must not be smaller (SP 800-38G Revision 1, 5.1)."""
ROUNDS = 10


class FF1:
    __slots__ = ("_encrypt_block", "_lengths", "radix")

    def __init__(self, key: bytes, radix: int) -> None:
        if not 2 <= radix <= 2**16:
            raise ValueError("radix out of range")
        self.radix = radix
        # ECB of single blocks is the block cipher itself, which is what the standard builds its CBC-MAC from.
        self._encrypt_block = Cipher(AES(key), ECB()).encryptor().update  # noqa: S305
        self._lengths: dict[tuple[int, int], tuple[bytes, int, int]] = {}

    def encrypt(self, numerals: int, length: int, tweak: bytes = b"") -> int:
        """`numerals`: the string of `length` numerals as one number, most significant first."""
        moduli = self._moduli(length)
        a, b = divmod(numerals, moduli[1])
        for i in range(ROUNDS):
            a, b = b, (a + self._round(i, b, length, tweak)) % moduli[i % 2]
        return a * moduli[1] + b

    def decrypt(self, numerals: int, length: int, tweak: bytes = b"") -> int:
        moduli = self._moduli(length)
        a, b = divmod(numerals, moduli[1])
        for i in reversed(range(ROUNDS)):
            a, b = (b - self._round(i, a, length, tweak)) % moduli[i % 2], a
        return a * moduli[1] + b

    def _moduli(self, length: int) -> tuple[int, int]:
        u = length // 2
        return self.radix**u, self.radix ** (length - u)

    def _round(self, i: int, half: int, length: int, tweak: bytes) -> int:
        """y of steps 6.i to 6.v."""
        first, half_bytes, d = self._constants(length, len(tweak))
        padding = -(len(tweak) + half_bytes + 1) % 16
        q = tweak + bytes(padding) + bytes((i,)) + half.to_bytes(half_bytes, "big")
        block = first
        for at in range(0, len(q), 16):
            block = self._encrypt_block(_xor(block, q[at : at + 16]))
        s = block
        counter = 1
        while len(s) < d:
            s += self._encrypt_block(_xor(block, counter.to_bytes(16, "big")))
            counter += 1
        return int.from_bytes(s[:d], "big")

    def _constants(self, length: int, tweak_bytes: int) -> tuple[bytes, int, int]:
        """(the encrypted block P, b, d): the same for all values of one length."""
        known = self._lengths.get((length, tweak_bytes))
        if known is None:
            u = length // 2
            b = -(-(self._moduli(length)[1] - 1).bit_length() // 8)
            d = 4 * -(-b // 4) + 4
            p = bytes((1, 2, 1)) + self.radix.to_bytes(3, "big") + bytes((10, u % 256))
            p += length.to_bytes(4, "big") + tweak_bytes.to_bytes(4, "big")
            known = self._lengths[length, tweak_bytes] = (self._encrypt_block(p), b, d)
        return known


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(16, "big")

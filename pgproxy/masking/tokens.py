"""`tokenize`: reversible, same length, same places; a permutation of all values of one shape.

The characters of the alphabet are taken out, permuted as one string, and put back where they were; all others stay.
Strings of at least a million possibilities go through FF1; shorter ones through a keyed shuffle of the whole domain,
since a Feistel cipher is weak there (SP 800-38G Revision 1, 5.1).
"""

from __future__ import annotations

import unicodedata
from array import array
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from pgproxy.masking.ff1 import FF1, MINIMUM_DOMAIN
from pgproxy.masking.keys import MaskingKeys

ALPHABETS = {
    "digits": "0123456789",
    "alnum": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "hex": "0123456789abcdef",
}
LONGEST = 1024
"""Characters of the alphabet in one value; the arithmetic grows with the square of it."""


class Permutation:
    """A keyed permutation of the strings of each length over one alphabet."""

    __slots__ = ("_ff1", "_key", "_shuffles", "_values", "alphabet")

    def __init__(self, key: bytes, alphabet: str) -> None:
        self.alphabet = alphabet
        self._values = {character: value for value, character in enumerate(alphabet)}
        self._key = key
        self._ff1 = FF1(key, len(alphabet))
        self._shuffles: dict[int, tuple[array[int], array[int]]] = {}

    def forward(self, text: str) -> str:
        """Raises KeyError for a character outside the alphabet."""
        return self._permute(text, self._ff1.encrypt, 0)

    def backward(self, text: str) -> str:
        return self._permute(text, self._ff1.decrypt, 1)

    def _permute(self, text: str, cipher: Callable[[int, int], int], direction: int) -> str:
        length = len(text)
        number = self._number(text)
        if len(self.alphabet) ** length >= MINIMUM_DOMAIN:
            return self._string(cipher(number, length), length)
        return self._string(self._shuffle(length)[direction][number], length)

    def _number(self, text: str) -> int:
        if len(self.alphabet) == 10:
            return int(text)
        radix, values, number = len(self.alphabet), self._values, 0
        for character in text:
            number = number * radix + values[character]
        return number

    def _string(self, number: int, length: int) -> str:
        if len(self.alphabet) == 10:
            return f"{number:0{length}d}"
        radix, out = len(self.alphabet), []
        for _ in range(length):
            number, value = divmod(number, radix)
            out.append(self.alphabet[value])
        return "".join(reversed(out))

    def _shuffle(self, length: int) -> tuple[array[int], array[int]]:
        """The whole permutation of a small domain and its inverse, made once (a tenth of a second at most)."""
        known = self._shuffles.get(length)
        if known is None:
            size = len(self.alphabet) ** length
            nonce = b"shuffle" + length.to_bytes(9, "big")
            stream = Cipher(AES(self._key), CTR(nonce)).encryptor().update(bytes(8 * size))
            there = array("I", range(size))
            for at in range(size - 1, 0, -1):
                other = int.from_bytes(stream[8 * at : 8 * at + 8], "big") % (at + 1)
                there[at], there[other] = there[other], there[at]
            back = array("I", bytes(there.itemsize * size))
            for at, value in enumerate(there):
                back[value] = at
            known = self._shuffles[length] = (there, back)
        return known


def permutation(keys: MaskingKeys, alphabet: str) -> Permutation:
    domain = f"tokenize:{alphabet}"
    return keys.once(domain, lambda: Permutation(keys.sub_key(domain), ALPHABETS[alphabet]))


def tokenize(keys: MaskingKeys, alphabet: str, value: str) -> str | None:
    """The token of a text; None where there is none: no character of the alphabet, too many, or a foreign letter."""
    return _replace(value, alphabet, permutation(keys, alphabet).forward)


def detokenize(keys: MaskingKeys, alphabet: str, token: str) -> str | None:
    """The text that `tokenize` gave this token for; None for what is no token."""
    return _replace(token, alphabet, permutation(keys, alphabet).backward)


def _replace(value: str, alphabet: str, permute: Callable[[str], str]) -> str | None:
    if value.isascii() and value.isdigit() and len(value) <= LONGEST:
        return permute(value)
    members = ALPHABETS[alphabet]
    plain: list[str] = []
    places: list[tuple[int, int]] = []  # (index, zero of the digit's script)
    for index, character in enumerate(value):
        if character in members:
            plain.append(character)
            places.append((index, 0))
        elif character.isascii():
            continue
        elif alphabet == "digits" and unicodedata.category(character) == "Nd":
            # Digits of other scripts are digits: they would carry the value otherwise.
            digit = unicodedata.decimal(character)
            plain.append(str(digit))
            places.append((index, ord(character) - digit))
        elif alphabet == "alnum" and unicodedata.category(character)[0] in "LNM":
            return None
    if not plain:
        # Nothing to permute: only punctuation and spaces may stay as they are.
        return value if value.isascii() and not any(character.isalnum() for character in value) else None
    if len(plain) > LONGEST:
        return None
    out = list(value)
    for (index, zero), character in zip(places, permute("".join(plain)), strict=True):
        out[index] = chr(zero + int(character)) if zero else character
    return "".join(out)

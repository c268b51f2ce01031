"""From the masking key to what masks draw from: version 1, HMAC-SHA256, frozen.

A mask domain is a mask with its parameters ("hash", "fake:name", "tokenize:digits"): equal values under equal masks
agree wherever they are stored, and two domains share nothing. Nothing here knows masks or types. No cache of values: it
would keep clear values in memory for the gain of a microsecond each.

    sub-key(domain) = HMAC-SHA256(masking_key, "pgproxy mask 1" NUL domain)
    draw(domain, v) = HMAC-SHA256(sub-key(domain), v)       v: the canonical text of the value, UTF-8
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any, TypeVar

KEY_BYTES = 32
_LABEL = b"pgproxy mask 1\x00"
_BLOCK_BYTES = 64
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))

Draw = Callable[[bytes], bytes]
"""A value's bytes → its 32 keyed bytes."""

T = TypeVar("T")


def hmac_sha256(key: bytes) -> Draw:
    """HMAC-SHA256 under one key, with the two key blocks hashed once (2.5 times as fast as `hmac.digest`)."""
    block = key.ljust(_BLOCK_BYTES, b"\0")
    inner_start = hashlib.sha256(block.translate(_INNER))
    outer_start = hashlib.sha256(block.translate(_OUTER))
    copy_inner, copy_outer = inner_start.copy, outer_start.copy

    def draw(value: bytes) -> bytes:
        inner = copy_inner()
        inner.update(value)
        outer = copy_outer()
        outer.update(inner.digest())
        return outer.digest()

    return draw


class MaskingKeys:
    """Every sub-key of one masking key, made when first asked for.

    Raises ValueError (without the key) unless the key has 32 bytes.
    """

    __slots__ = ("_draws", "_made", "_masking_key")

    def __init__(self, masking_key: bytes) -> None:
        if len(masking_key) != KEY_BYTES:
            raise ValueError(f"the masking key must have {KEY_BYTES} bytes")
        self._masking_key = bytes(masking_key)
        self._draws: dict[str, Draw] = {}
        self._made: dict[str, Any] = {}

    def __repr__(self) -> str:
        return "MaskingKeys(…)"

    def sub_key(self, domain: str) -> bytes:
        return hmac.digest(self._masking_key, _LABEL + domain.encode("utf-8"), "sha256")

    def draw(self, domain: str) -> Draw:
        known = self._draws.get(domain)
        if known is None:
            known = self._draws[domain] = hmac_sha256(self.sub_key(domain))
        return known

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` gave the first time for this name: for ciphers and tables that are costly to set up."""
        if name not in self._made:
            self._made[name] = make()
        made: T = self._made[name]
        return made

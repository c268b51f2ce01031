from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgproxy.masking.keys import MaskingKeys, hmac_sha256
from tests.masking.every_mask import KEYS


@given(st.binary(max_size=200), st.binary(min_size=32, max_size=32))
def test_draw_is_hmac_sha256(value: bytes, key: bytes) -> None:
    assert hmac_sha256(key)(value) == hmac.new(key, value, hashlib.sha256).digest()


def test_version_1_of_the_derivation_is_frozen() -> None:
    sub_key = hmac.new(bytes(range(32)), b"pgproxy mask 1\0hash", hashlib.sha256).digest()
    assert KEYS.sub_key("hash") == sub_key
    assert KEYS.draw("hash")(b"alice") == hmac.new(sub_key, b"alice", hashlib.sha256).digest()


def test_domains_and_keys_share_nothing() -> None:
    other = MaskingKeys(bytes(32))
    draws = {KEYS.draw("hash")(b"v"), KEYS.draw("digits")(b"v"), other.draw("hash")(b"v"), KEYS.draw("fake:name")(b"v")}
    assert len(draws) == 4


@pytest.mark.parametrize("length", (0, 16, 31, 33, 64))
def test_a_key_of_another_length_is_refused_without_showing_it(length: int) -> None:
    with pytest.raises(ValueError, match="must have 32 bytes") as refusal:
        MaskingKeys(b"s" * length)
    assert "sss" not in str(refusal.value)


def test_the_key_is_not_in_the_representation() -> None:
    assert repr(MaskingKeys(b"k" * 32)) == "MaskingKeys(…)"

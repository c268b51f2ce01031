from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgproxy.masking.functions import detokenize_function, mask_function
from pgproxy.masking.tokens import detokenize, permutation, tokenize
from pgproxy.policy.masks import Tokenize
from pgproxy.wire.formats import builtin, oids
from tests.masking.every_mask import KEYS


@pytest.mark.parametrize(
    ("alphabet", "length"), (("digits", 1), ("digits", 2), ("digits", 3), ("digits", 4), ("alnum", 2))
)
def test_short_values_are_a_permutation_of_all_of_their_length(alphabet: str, length: int) -> None:
    permuted = permutation(KEYS, alphabet)
    size = len(permuted.alphabet) ** length
    values = [permuted._string(number, length) for number in range(size)]
    tokens = [permuted.forward(value) for value in values]
    assert sorted(tokens) == sorted(values)
    assert [permuted.backward(token) for token in tokens] == values
    assert tokens != values


@pytest.mark.parametrize("alphabet", ("digits", "alnum"))
@given(text=st.text(alphabet="0123456789-() +.", max_size=40))
def test_token_and_back_keeps_the_shape(alphabet: str, text: str) -> None:
    token = tokenize(KEYS, alphabet, text)
    assert token is not None
    assert detokenize(KEYS, alphabet, token) == text
    assert [c.isalnum() for c in token] == [c.isalnum() for c in text]


@given(st.text(max_size=30))
def test_any_text_comes_back_or_has_no_token(text: str) -> None:
    for alphabet in ("digits", "alnum"):
        token = tokenize(KEYS, alphabet, text)
        if token is not None:
            assert detokenize(KEYS, alphabet, token) == text
            assert len(token) == len(text)


@pytest.mark.parametrize(
    ("alphabet", "value"),
    (
        ("digits", "unknown"),
        ("alnum", "José"),
        ("alnum", "٣٤"),
        ("digits", "½"),
        ("digits", "☎"),
        ("digits", "1" * 1025),
    ),
)
def test_what_would_show_through_has_no_token(alphabet: str, value: str) -> None:
    assert tokenize(KEYS, alphabet, value) is None


@pytest.mark.parametrize("value", ("", "-", " / "))
def test_values_without_letter_or_digit_stay(value: str) -> None:
    assert tokenize(KEYS, "digits", value) == value


def test_separators_do_not_change_the_token() -> None:
    plain, grouped = (tokenize(KEYS, "digits", v) for v in ("4111111111111111", "4111-1111-1111-1111"))
    assert plain is not None and grouped is not None
    assert grouped.replace("-", "") == plain


def test_digits_of_other_scripts_are_digits() -> None:
    token = tokenize(KEYS, "digits", "٠١٢٣٤٥-6")
    assert token is not None and token.isascii() is False
    assert detokenize(KEYS, "digits", token) == "٠١٢٣٤٥-6"


def reversible(type_oid: int, typmod: int, value: bytes) -> tuple[bytes | None, bytes | None]:
    there = mask_function(Tokenize("digits"), type_oid, typmod, 0, {}, KEYS, {})
    back = detokenize_function(Tokenize("digits"), type_oid, typmod, 0, {}, KEYS, {})
    token = there(value)
    return token, None if token is None else back(token)


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_come_back_and_keep_sign_and_digits(number: int) -> None:
    token, back = reversible(oids.INT8, -1, b"%d" % number)
    assert token is not None
    assert back == b"%d" % number
    assert len(token) == len(back)
    assert (int(token) < 0) == (number < 0)


@given(st.integers(-(2**15), 2**15 - 1))
def test_small_integers_have_one_token_in_all_integer_types(number: int) -> None:
    tokens = {reversible(oid, -1, b"%d" % number) for oid in (oids.INT2, oids.INT4, oids.INT8, oids.NUMERIC)}
    assert len(tokens) == 1


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**8) + 1, max_value=10**8 - 1))
def test_numerics_come_back(number: object) -> None:
    modifier = (10 << 16 | 2) + 4
    codec = builtin.codec(oids.NUMERIC, {})
    assert codec is not None
    token, back = reversible(oids.NUMERIC, modifier, str(number).encode())
    assert token is not None and back is not None
    assert codec.from_text(back) == number


def test_a_uuid_comes_back() -> None:
    value = b"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    token, back = reversible(oids.UUID, -1, value)
    assert back == value != token

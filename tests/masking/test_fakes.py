from __future__ import annotations

import hashlib

import pytest

from pgproxy.masking import fakes
from pgproxy.masking.checkdigits import iban_with_check_digits, passes_iban, passes_luhn
from pgproxy.masking.functions import mask_function
from pgproxy.masking.words import list_names, words
from pgproxy.policy.masks import Fake
from pgproxy.wire.formats import builtin, oids
from pgproxy.wire.formats.codec import Family
from tests.masking.every_mask import KEYS

KEYED = tuple(hashlib.sha256(b"%d" % number).digest() for number in range(300))
TYPE_OF = {
    Family.NUMERIC: oids.NUMERIC,
    Family.INTEGER: oids.INT2,
    Family.FLOAT: oids.FLOAT8,
    Family.DATE: oids.DATE,
    Family.TIMESTAMP: oids.TIMESTAMP,
    Family.TIMESTAMPTZ: oids.TIMESTAMPTZ,
    Family.TIME: oids.TIME,
    Family.TIMETZ: oids.TIMETZ,
    Family.INET: oids.INET,
    Family.MAC: oids.MACADDR,
    Family.UUID: oids.UUID,
    Family.BOOL: oids.BOOL,
}


@pytest.mark.parametrize("name", fakes.known_providers())
def test_every_provider_gives_text_as_long_as_it_says_and_values_of_its_types(name: str) -> None:
    provider = fakes.provider(name)
    for keyed in KEYED:
        made = provider.make(keyed)
        assert 0 < len(made.decode("utf-8")) <= provider.longest
        for family in provider.families:
            codec = builtin.codec(TYPE_OF[family], {})
            assert codec is not None and codec.family is family
            codec.to_binary(codec.from_text(made))


@pytest.mark.parametrize("name", ("email", "user_name", "uuid4"))
def test_different_values_differ(name: str) -> None:
    mask = mask_function(Fake(name), oids.TEXT, -1, 0, {}, KEYS, {})
    assert len({mask(b"person%d@example.com" % number) for number in range(20_000)}) == 20_000


def test_names_of_providers_that_are_the_same_agree() -> None:
    masks = [mask_function(Fake(name), oids.TEXT, -1, 0, {}, KEYS, {}) for name in ("email", "safe_email")]
    assert masks[0](b"a@b") == masks[1](b"a@b")


def test_numbers_with_check_digits_pass() -> None:
    cards, ibans = fakes.provider("credit_card_number"), fakes.provider("iban")
    assert all(passes_luhn(cards.make(keyed).decode()) for keyed in KEYED)
    assert all(passes_iban(ibans.make(keyed).decode()) for keyed in KEYED)
    assert iban_with_check_digits("GB", "WEST12345698765432") == "GB82WEST12345698765432"
    assert passes_luhn("4111111111111111") and not passes_luhn("4111111111111112")


def test_an_unknown_provider_is_named_with_the_nearest() -> None:
    with pytest.raises(fakes.UnknownProvider, match="'emial'; did you mean 'email'"):
        fakes.provider("emial")


@pytest.mark.parametrize("name", sorted(list_names()))
def test_word_lists_have_no_doubles_and_no_empty_entries(name: str) -> None:
    entries = words(name)
    assert len(set(entries)) == len(entries) > 0
    assert all(entry.strip() for entry in entries)


def test_word_lists_are_the_frozen_ones() -> None:
    """A changed list changes masks that people joined on. Add lists under new names instead."""
    digest = hashlib.sha256()
    for name in FROZEN:
        digest.update(b"\0".join((name.encode(), *words(name))))
    assert digest.hexdigest() == FROZEN_SHA256


FROZEN = (
    "address", "bs", "catch_phrase", "city", "color_name", "company", "company_suffix", "country", "country_code",
    "currency_code", "currency_name", "file_name", "first_name", "first_name_female", "first_name_male",
    "first_name_nonbinary", "job", "language_name", "last_name", "mime_type", "name", "name_female", "name_male",
    "paragraph", "postcode", "prefix", "sentence", "state", "state_abbr", "street_address", "street_name", "suffix",
    "text", "timezone", "user_agent", "word",
)  # fmt: skip
FROZEN_SHA256 = "348cbca7eecf5f528f85dbe8deed14780d8a803dcd34311bf8333b64760e3ec3"

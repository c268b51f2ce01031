from __future__ import annotations

import hashlib
from typing import Any

import pytest

from pgproxy.login.saslprep import prepare
from pgproxy.login.scram import ScramClient, ScramExchange
from pgproxy.login.verifiers import Challenge, KeyCache, Verifier, derive_keys, read_credential

STORED = Verifier.from_password("pencil", bytes(range(16)), 4096).stored_form()


@pytest.fixture
def derivations(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The passwords that PBKDF2 ran for."""
    seen: list[bytes] = []
    real = hashlib.pbkdf2_hmac

    def counted(name: str, password: bytes, salt: bytes, iterations: int) -> bytes:
        seen.append(password)
        return real(name, password, salt, iterations)

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", counted)
    return seen


def test_stored_form_is_read_back() -> None:
    verifier = Verifier.parse(STORED)
    assert verifier == Verifier.from_password("pencil", bytes(range(16)), 4096)
    assert verifier.stored_form() == STORED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SCRAM-SHA-256$",
        STORED[:-1],
        STORED + "=",
        STORED + "\n",
        STORED.replace("$4096:", "$0:"),
        STORED.replace("$4096:", "$-1:"),
        STORED.replace("SHA-256", "SHA-512"),
        STORED.rpartition(":")[0] + ":AAAA",
        "SCRAM-SHA-256$4096:$" + STORED.rpartition("$")[2],
    ],
)
def test_malformed_verifier_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not a SCRAM-SHA-256 verifier$"):
        Verifier.parse(text)


def test_secrets_do_not_show_in_texts() -> None:
    verifier = Verifier.parse(STORED)
    keys = derive_keys("pencil", verifier.challenge)
    shown = f"{verifier} {verifier!r} {keys} {keys!r}"
    assert repr(verifier.stored_key) not in shown
    assert repr(keys.client) not in shown


def test_credential_is_plain_or_stored() -> None:
    challenge = Challenge(b"another salt 123")
    assert read_credential("pencil", challenge).challenge == challenge
    assert read_credential(STORED, challenge) == Verifier.parse(STORED)


@pytest.mark.parametrize("password", ["md5" + "0123456789abcdef" * 2, "SCRAM-SHA-256$4096:broken"])
def test_credential_that_only_looks_stored_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match=r"verifier|md5") as caught:
        read_credential(password, Challenge(b"salt"))
    assert password not in str(caught.value)


def test_upstream_role_costs_one_derivation(derivations: list[bytes]) -> None:
    verifier = Verifier.parse(STORED)
    cache = KeyCache()

    def log_in(password: str) -> None:
        ours = ScramExchange([verifier], user="app", channel_binding=None)
        theirs = ScramClient("app", password, offered=ours.mechanisms, channel_binding=None, keys=cache)
        theirs.verify(ours.final(theirs.final(ours.initial(theirs.mechanism, theirs.first()))))

    for _ in range(5):
        log_in("pencil")
    assert derivations == [b"pencil"]
    for _ in range(2):
        with pytest.raises(Exception, match="password authentication failed"):
            log_in("crayon")
    assert derivations == [b"pencil", b"crayon", b"crayon"]
    assert len(cache) == 1


def test_cache_tells_user_password_and_challenge_apart_and_is_bounded() -> None:
    cache = KeyCache(limit=2)
    one, two = Challenge(b"1", 1), Challenge(b"2", 1)
    keys = derive_keys("p", one)
    cache.keep("u", "p", one, keys)
    for user, password, challenge in [("v", "p", one), ("u", "q", one), ("u", "p", two)]:
        assert cache.find(user, password, challenge) is None
    assert cache.find("u", b"p", one) is keys
    cache.keep("u", "p", two, keys)
    assert cache.find("u", "p", one) is keys
    cache.keep("u", "q", one, keys)
    assert cache.find("u", "p", one) is keys
    assert cache.find("u", "p", two) is None


@pytest.mark.parametrize(
    ("password", "prepared"),
    [
        ("pencil", b"pencil"),
        ("\x07 bell", b"\x07 bell"),  # ASCII is left alone, even what the standard forbids
        ("I\u00adX", b"IX"),
        ("\u2168", b"IX"),
        ("\u00aa", b"a"),
        ("a\u00a0b", b"a b"),
        ("a\u200bb", b"a b"),
        ("\u00e9", "\u00e9".encode()),
        ("e\u0301", "\u00e9".encode()),
        ("\u00ad", "\u00ad".encode()),  # nothing would be left
        ("\u00e9\x07", "\u00e9\x07".encode()),  # forbidden
        ("\u0627" + "1", ("\u0627" + "1").encode()),  # right-to-left has to end so
        ("\u0627" + "1" + "\u0628", "\u06271\u0628".encode()),
        ("\u0627a\u0628", "\u0627a\u0628".encode()),
        ("\u0221\u2168", "\u0221\u2168".encode()),  # U+0221 is unassigned in Unicode 3.2
        ("\ue000\u2168", "\ue000\u2168".encode()),
    ],
)
def test_password_is_prepared_as_postgresql_does(password: str, prepared: bytes) -> None:
    assert prepare(password) == prepared
    assert prepare(password.encode()) == prepared


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"caf\xe9", b"\xed\xa0\x80"])
def test_password_that_is_no_utf8_is_used_as_it_is(raw: bytes) -> None:
    assert prepare(raw) == raw
    assert prepare(raw.decode("utf-8", "surrogateescape")) == raw


def test_equal_spellings_of_a_password_are_one(derivations: list[Any]) -> None:
    challenge = Challenge(b"salt", 1)
    assert derive_keys("e\u0301", challenge) == derive_keys("\u00e9", challenge)
